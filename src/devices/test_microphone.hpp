#pragma once
// `devices test`: a few seconds of a microphone, taken and measured as a call would get them.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "audio/level.hpp"
#include "audio/microphone.hpp"
#include "base/result.hpp"

namespace bridge::devices {

/// What a meter shows.
struct MicMoment {
    std::chrono::milliseconds at{0};         ///< since the first sound
    float level_dbfs = audio::kSilenceDbfs;  ///< of the last 100 ms
    float peak_dbfs = audio::kSilenceDbfs;   ///< of the same
    bool clipped = false;                    ///< something was, since the moment before
};

struct MicReport {
    /// At the end; what it counts is of this time only. `level_dbfs` and `raw_level_dbfs` are of
    /// the last 100 ms.
    audio::MicStats mic;
    float level_dbfs = audio::kSilenceDbfs;           ///< RMS of all of it
    float peak_dbfs = audio::kSilenceDbfs;            ///< largest sample
    float raw_peak_level_dbfs = audio::kSilenceDbfs;  ///< loudest 100 ms as captured
    /// Of 100 ms as captured, the quietest tenth.
    float noise_floor_dbfs = audio::kSilenceDbfs;
    /// Median of the time from the callback that brought a frame's last sample to when a call would
    /// have taken the frame. The device's own latency comes before it.
    double way_ms = 0;
    std::vector<std::int16_t> samples;  ///< 8 kHz
};

/// Takes `length` of what the microphone gives from now on and calls `each` after every frame. What
/// comes in the first 300 ms is left out: it has the end of what was played before. Blocks for as
/// long, and 2 s longer at most. Errors: device_failed (it brings nothing, or stopped bringing).
Result<MicReport> listen(const std::shared_ptr<audio::Microphone>& microphone,
                         std::chrono::milliseconds length = std::chrono::seconds(3),
                         const std::function<void(const MicMoment&)>& each = {});

}  // namespace bridge::devices
