#include "audio/concealer.hpp"

#include <algorithm>
#include <cmath>

namespace bridge::audio {
namespace {

constexpr std::size_t kTemplate = 160;    // 20 ms are compared
constexpr std::size_t kStepSamples = 20;  // over which the step at the seam is levelled out

}  // namespace

void Concealer::hear(std::span<const float> played) noexcept {
    if (played.size() >= kHistory) played = played.last(kHistory);
    const auto kept = static_cast<std::ptrdiff_t>(kHistory - played.size());
    std::copy(history_.end() - kept, history_.end(), history_.begin());
    std::copy(played.begin(), played.end(), history_.begin() + kept);
}

void Concealer::start(bool brief) noexcept {
    made_ = 0;
    hold_ = brief ? 0 : kHold;
    fade_ = brief ? kShortFade : kSilentAfter - kHold;

    // The lag at which the last 20 ms resemble what came before them most.
    const auto* end = history_.data() + kHistory;
    const auto* last = end - kTemplate;
    double best = -1;
    length_ = kMaxPeriod;
    double energy = 0;
    for (std::size_t i = 0; i < kTemplate; ++i) {
        const double x = *(last + i - kMinPeriod);
        energy += x * x;
    }
    for (std::size_t lag = kMinPeriod; lag <= kMaxPeriod; ++lag) {
        float sum = 0;
        const auto* earlier = last - lag;
        for (std::size_t i = 0; i < kTemplate; ++i) sum += last[i] * earlier[i];
        const auto likeness = static_cast<double>(sum) / std::sqrt(energy + 1e-9);
        if (likeness > best) {
            best = likeness;
            length_ = lag;
        }
        // The window moves back by one sample.
        const double in = *(earlier - 1);
        const double out = *(earlier + kTemplate - 1);
        energy = std::max(0.0, energy + in * in - out * out);
    }

    // One period, its end blended into what came before its beginning, so that it can be repeated.
    const auto* from = end - length_;
    std::copy_n(from, length_, period_.begin());
    const auto blend = length_ / 4;
    for (std::size_t i = 0; i < blend; ++i) {
        const auto g = static_cast<float>(i + 1) / static_cast<float>(blend + 1);
        auto& x = period_[length_ - blend + i];
        x = x * (1.0F - g) + *(from - blend + i) * g;
    }
    step_ = *(end - 1) - *(from - 1);
}

std::size_t Concealer::conceal(std::span<float> out) noexcept {
    std::size_t sounding = 0;
    for (auto& x : out) {
        if (faded()) {
            x = 0;
            continue;
        }
        auto gain = 1.0F;
        if (made_ >= hold_)
            gain = 1.0F - static_cast<float>(made_ - hold_ + 1) / static_cast<float>(fade_ + 1);
        auto value = period_[made_ % length_];
        if (made_ < kStepSamples)
            value +=
                step_ * (1.0F - static_cast<float>(made_ + 1) / static_cast<float>(kStepSamples));
        x = value * gain;
        ++made_;
        ++sounding;
    }
    return sounding;
}

}  // namespace bridge::audio
