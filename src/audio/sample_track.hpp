#pragma once
// The last second of a stream at its own rate, to be read at 8 kHz from any place and at any speed.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "audio/resample.hpp"

namespace bridge::audio {

/// Places are samples of the stream since it began, fractions allowed. One thread.
class SampleTrack {
public:
    /// A stream of `rate` Hz begins; what was there is forgotten. Allocates.
    void start(int rate);
    /// `position`: of the first of the samples. If it does not follow what is there, that is
    /// forgotten: a hole cannot be read across.
    void append(std::uint64_t position, std::span<const float> samples);
    /// Whether nothing was appended since the start or a hole.
    bool empty() const noexcept { return samples_.empty(); }
    /// The first place that is still there.
    double begin() const noexcept { return static_cast<double>(first_); }
    /// The place after the last that can be read: what the filter needs lies behind it.
    double end() const noexcept;
    /// Sample k of `out` is the sound at `place + k * step`; begin() <= place, and the last of them
    /// < end().
    void read(double place, double step, std::span<float> out) const noexcept;
    /// What lies before `place` is not read again.
    void forget(double place);
    int rate() const noexcept { return rate_; }

private:
    int rate_ = 0;
    Resampler resampler_;
    std::vector<float> samples_;  ///< with half a filter before first_
    std::uint64_t first_ = 0;
    std::size_t half_ = 0;
};

}  // namespace bridge::audio
