#include "emulator/personas/speech_detector.hpp"

#include "emulator/mulaw.hpp"

namespace bridge::emulator {

using std::chrono::milliseconds;

void SpeechDetector::hear(const MulawFrame& frame) {
    constexpr double kLoud = 184;  // −45 dBFS
    constexpr milliseconds kFrame{20};
    constexpr milliseconds kGap{300};
    if (mulaw_rms(frame) >= kLoud) {
        if (speech_ > milliseconds::zero()) speech_ += silence_;  // the gap before was part of it
        speech_ += kFrame;
        silence_ = milliseconds::zero();
        return;
    }
    silence_ += kFrame;
    if (silence_ >= kGap) speech_ = milliseconds::zero();
}

}  // namespace bridge::emulator
