#include "audio/stream_clock.hpp"

#include <algorithm>
#include <cmath>

namespace bridge::audio {
namespace {

constexpr std::size_t kLeastWindows = 10;
constexpr double kStep = 0.008;  // s: this far off the line, the card has lost time

}  // namespace

void StreamClock::reset(int rate) noexcept {
    *this = StreamClock{};
    rate_ = rate;
}

void StreamClock::callback(std::uint64_t place, double now) noexcept {
    const auto media = static_cast<double>(place) / rate_;
    const auto late = now - media;
    if (!seen_) {
        seen_ = true;
        window_begin_ = media;
        least_ = {media, late};
        late_ = late;
        base_ = media;
        return;
    }
    if (media - window_begin_ >= 1) {
        close_window();
        window_begin_ = media;
        least_ = {media, late};
    } else if (late < least_.late) {
        least_ = {media, late};
    }
    if (held_ == 0) late_ = std::min(late_, least_.late);
}

void StreamClock::close_window() noexcept {
    ++closed_;
    if (held_ > 0) {
        // One window may be late altogether (the machine stood still); two in a row: it is so now.
        const auto off = least_.late - (late_ + slope_ * (least_.media - base_));
        if (std::abs(off) > kStep && ++strays_ < 2) return;
        if (std::abs(off) > kStep) held_ = next_ = 0;
    }
    strays_ = 0;
    points_[next_] = least_;
    next_ = (next_ + 1) % kWindows;
    held_ = std::min(held_ + 1, kWindows);
    fit();
}

// Least squares. The slope waits for enough of them; until then the last ones say where we are.
void StreamClock::fit() noexcept {
    double media = 0, late = 0;
    for (std::size_t i = 0; i < held_; ++i) {
        media += points_[i].media;
        late += points_[i].late;
    }
    media /= static_cast<double>(held_);
    late /= static_cast<double>(held_);
    if (held_ < kLeastWindows) {
        const auto& last = points_[(next_ + kWindows - 1) % kWindows];
        base_ = last.media;
        late_ = last.late;
        return;
    }
    double across = 0, both = 0;
    for (std::size_t i = 0; i < held_; ++i) {
        across += (points_[i].media - media) * (points_[i].media - media);
        both += (points_[i].media - media) * (points_[i].late - late);
    }
    slope_ = both / across;
    double rest = 0;
    for (std::size_t i = 0; i < held_; ++i) {
        const auto off = points_[i].late - late - slope_ * (points_[i].media - media);
        rest += off * off;
    }
    uncertainty_ = std::sqrt(rest / static_cast<double>(held_ - 2) / across);
    base_ = media;
    late_ = late;
}

double StreamClock::time_of(double place) const noexcept {
    const auto media = place / rate_;
    return media + late_ + slope_ * (media - base_);
}

double StreamClock::place_at(double time) const noexcept {
    // time = media + late + slope (media − base)
    return (time - late_ + slope_ * base_) / (1 + slope_) * rate_;
}

}  // namespace bridge::audio
