#include "audio/level.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace bridge::audio {
namespace {

/// Halves of squares add up in 32 bits for so many samples, which the compiler does for several at
/// once.
constexpr std::size_t kFitsInt = 4096;

std::int64_t energy_of(std::span<const std::int16_t> samples) noexcept {
    std::int64_t sum = 0;
    while (!samples.empty()) {
        const auto part = samples.first(std::min(kFitsInt, samples.size()));
        samples = samples.subspan(part.size());
        std::int32_t high = 0, low = 0;
        for (const auto sample : part) {
            const std::int32_t square = std::int32_t{sample} * sample;
            high += square >> 16;
            low += square & 0xFFFF;
        }
        sum += (std::int64_t{high} << 16) + low;
    }
    return sum;
}

int peak_of(std::span<const std::int16_t> samples) noexcept {
    std::int16_t lowest = 0, highest = 0;
    for (const auto sample : samples) {
        lowest = std::min(lowest, sample);
        highest = std::max(highest, sample);
    }
    return std::max(-int{lowest}, int{highest});
}

float rms_to_dbfs(std::int64_t energy, std::size_t samples) noexcept {
    if (samples == 0 || energy == 0) return kSilenceDbfs;
    const auto mean = static_cast<double>(energy) / static_cast<double>(samples);
    return std::max(kSilenceDbfs,
                    static_cast<float>(10.0 * std::log10(mean / (32768.0 * 32768.0))));
}

float peak_to_dbfs(int peak) noexcept {
    if (peak == 0) return kSilenceDbfs;
    return std::max(kSilenceDbfs, static_cast<float>(20.0 * std::log10(peak / 32768.0)));
}

}  // namespace

float rms_dbfs(std::span<const std::int16_t> samples) noexcept {
    return rms_to_dbfs(energy_of(samples), samples.size());
}

float peak_dbfs(std::span<const std::int16_t> samples) noexcept {
    return peak_to_dbfs(peak_of(samples));
}

void LevelMeter::write(const AudioFrame& frame) noexcept {
    energy_[next_] = energy_of(frame.pcm);
    peak_[next_] = peak_of(frame.pcm);
    next_ = (next_ + 1) % kWindowFrames;
    filled_ = std::min(filled_ + 1, kWindowFrames);
}

float LevelMeter::rms_dbfs() const noexcept {
    return rms_to_dbfs(std::accumulate(energy_.begin(), energy_.end(), std::int64_t{0}),
                       filled_ * kFrameSamples);
}

float LevelMeter::peak_dbfs() const noexcept {
    return peak_to_dbfs(*std::max_element(peak_.begin(), peak_.end()));
}

}  // namespace bridge::audio
