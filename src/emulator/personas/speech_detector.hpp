#pragma once
// Tells speech from silence by energy: enough for a clean emulated line.

#include <chrono>

#include "emulator/persona.hpp"

namespace bridge::emulator {

class SpeechDetector {
public:
    void hear(const MulawFrame& frame);
    /// Forgets what was heard; both times below start at zero.
    void reset() { *this = SpeechDetector(); }

    /// How long the present stretch of speech has lasted; gaps under 300 ms belong to it.
    std::chrono::milliseconds speech() const { return speech_; }
    /// Time since speech was last heard, or since the beginning.
    std::chrono::milliseconds silence() const { return silence_; }

private:
    std::chrono::milliseconds speech_{0}, silence_{0};
};

}  // namespace bridge::emulator
