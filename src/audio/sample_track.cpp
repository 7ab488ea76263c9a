#include "audio/sample_track.hpp"

#include <algorithm>

#include "audio/frame.hpp"

namespace bridge::audio {

void SampleTrack::start(int rate) {
    if (rate != rate_) resampler_.prepare(rate, kSampleRate, 0);
    rate_ = rate;
    half_ = resampler_.taps() / 2;
    samples_.clear();
    samples_.reserve(static_cast<std::size_t>(rate) * 2);
    first_ = 0;
}

void SampleTrack::append(std::uint64_t position, std::span<const float> samples) {
    if (samples.empty()) return;
    if (!empty() && position != first_ + (samples_.size() - half_)) samples_.clear();
    if (empty()) {
        samples_.assign(half_, 0.0F);  // silence before the first sample
        first_ = position;
    }
    samples_.insert(samples_.end(), samples.begin(), samples.end());
    const auto second = static_cast<std::size_t>(rate_);
    if (samples_.size() > second + second / 2) forget(static_cast<double>(first_ + second / 2));
}

double SampleTrack::end() const noexcept {
    if (empty()) return begin();
    return static_cast<double>(first_ + samples_.size()) - 2 * static_cast<double>(half_);
}

void SampleTrack::read(double place, double step, std::span<float> out) const noexcept {
    resampler_.sample(samples_, place - begin() + static_cast<double>(half_), step, out);
}

// Moved in big steps, so that a sample is not moved with every frame.
void SampleTrack::forget(double place) {
    if (place < begin() + static_cast<double>(rate_) / 4) return;
    const auto count = std::min(static_cast<std::size_t>(place - begin()),
                                samples_.size() - std::min(samples_.size(), 2 * half_));
    samples_.erase(samples_.begin(), samples_.begin() + static_cast<std::ptrdiff_t>(count));
    first_ += count;
}

}  // namespace bridge::audio
