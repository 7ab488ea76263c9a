#pragma once
// Brings quiet and loud voices to one level, and never lets them clip.

#include <cstdint>
#include <span>

#include "audio/frame.hpp"

namespace bridge::audio {

/// Learns from speech only: pauses, noise and echo leave the gain as it is. One thread.
class AutoGain {
public:
    static constexpr float kTargetDbfs = -20;  ///< RMS of speech
    static constexpr float kMostGainDb = 24;
    static constexpr float kLeastGainDb = -12;

    /// Changes 20 ms in place. `echo`: what is in it may be echo, nothing is learned from it.
    void apply(std::span<std::int16_t, kFrameSamples> frame, bool echo) noexcept;
    float gain_db() const noexcept { return gain_db_; }

private:
    float floor_db_ = -40;   ///< of noise; a pause shows what it is
    float speech_db_ = -26;  ///< of speech
    bool heard_ = false;
    float gain_db_ = 0;
    float gain_ = 1;  ///< at the end of the last frame, the limiter's doing included
};

}  // namespace bridge::audio
