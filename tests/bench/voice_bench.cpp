// Prints what listening for voice costs for each frame of 20 ms. Not judged here.
//
//   bench_voice

#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <vector>

#include "audio/voice_detector.hpp"
#include "tests/unit/audio/telephone_sounds.hpp"

namespace bridge::audio {
namespace {

double cpu_ns() {
    timespec now{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

void cost(const char* what, const sounds::Signal& signal) {
    const auto frames = sounds::frames(signal);
    double best = 1e12;
    std::size_t active = 0;
    for (int round = 0; round < 20; ++round) {
        VoiceDetector detector;
        active = 0;
        const auto begin = cpu_ns();
        for (const auto& frame : frames) active += detector.hear(frame).active ? 1 : 0;
        best = std::min(best, (cpu_ns() - begin) / static_cast<double>(frames.size()));
    }
    fmt::print("{:<10} {:>6.0f} ns of CPU for 20 ms, {:>3.0f} % of it voice\n", what, best,
               100.0 * static_cast<double>(active) / static_cast<double>(frames.size()));
}

}  // namespace
}  // namespace bridge::audio

int main() {
    using namespace bridge::audio;
    sounds::Noise noise;
    const auto speech = sounds::spoken(
        "My name is Charlotte, and I have a question about my invoice from last week, which seems "
        "to be wrong in several places. Can you tell me when the next train leaves for the city?");
    auto noisy = noise.pink(static_cast<double>(speech.size()) / 8, -40);
    sounds::add(noisy, 0, speech);
    cost("silence", sounds::Signal(80000, 0.0F));
    cost("noise", noise.white(10000, -40));
    cost("tone", sounds::tones({440, 480}, 10000, -20));
    cost("speech", noisy);
    return 0;
}
