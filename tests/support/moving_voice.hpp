#pragma once
// The simplest sound that a voice activity detector must take for a voice: a buzz whose pitch
// moves.

#include <cmath>
#include <cstdint>

#include "audio/frame.hpp"

namespace bridge::test {

class MovingVoice {
public:
    /// 20 ms at so much amplitude; 0 is silence.
    audio::AudioFrame frame(std::int16_t level) {
        audio::AudioFrame out;
        for (auto& sample : out.pcm) {
            const double hz = 130 + 25 * std::sin(6.28 * 2.5 * seconds_);
            seconds_ += 1.0 / audio::kSampleRate;
            phase_ += hz / audio::kSampleRate;
            phase_ -= std::floor(phase_);
            // A pulse and what rings after it, as in a throat.
            const double buzz = std::exp(-6 * phase_) * std::cos(6.28 * 5 * phase_);
            sample = static_cast<std::int16_t>(level * buzz);
        }
        return out;
    }

private:
    double seconds_ = 0, phase_ = 0;
};

}  // namespace bridge::test
