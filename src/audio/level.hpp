#pragma once
// How loud: RMS and peak in dB below full scale, over a sliding window.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "audio/frame.hpp"

namespace bridge::audio {

inline constexpr float kSilenceDbfs = -96.0F;  ///< what silence is shown as

/// RMS, a full-scale sine being -3.01 dBFS. Empty or silent: kSilenceDbfs.
float rms_dbfs(std::span<const std::int16_t> samples) noexcept;
/// Largest magnitude. Empty or silent: kSilenceDbfs.
float peak_dbfs(std::span<const std::int16_t> samples) noexcept;

/// Level of the last five frames (100 ms). No allocation, realtime-safe.
class LevelMeter {
public:
    static constexpr std::size_t kWindowFrames = 5;

    void write(const AudioFrame& frame) noexcept;
    float rms_dbfs() const noexcept;
    float peak_dbfs() const noexcept;
    void reset() noexcept { *this = LevelMeter{}; }

private:
    std::array<std::int64_t, kWindowFrames> energy_{};  ///< sum of squares of a frame
    std::array<int, kWindowFrames> peak_{};
    std::size_t next_ = 0;
    std::size_t filled_ = 0;
};

}  // namespace bridge::audio
