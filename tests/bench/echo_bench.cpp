// Prints how well echo is taken out in a synthetic room, and what it costs. Not judged here:
// tests/unit/audio/mic_path_test.cpp does that.
//
//   bench_echo [speex|webrtc]

#include <fmt/format.h>

#include <chrono>
#include <ctime>
#include <string_view>
#include <vector>

#include "audio/mic_chain.hpp"
#include "tests/unit/audio/mic_simulation.hpp"

namespace bridge::audio {
namespace {

using simulation::Ms;

double cpu_us() {
    timespec now{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

void room(Ms delay, MicOptions options) {
    options.gain_control = false;  // it would count as echo that came back
    simulation::MicScene scene;
    scene.options = options;
    scene.length = 30000;
    scene.far = simulation::looped(simulation::far_speech(), scene.length);
    scene.echo_delay = [delay](Ms) { return delay; };
    const auto alone = simulation::simulate(scene);

    scene.near = simulation::looped(simulation::near_speech(), scene.length, 15000);
    scene.options.gain_control = true;
    const auto both = simulation::simulate(scene);
    const auto alike = simulation::likeness(scene.near, both.heard, 16000, 28000);
    fmt::print("{:>6.0f} {:>10.1f} {:>10.1f} {:>10.1f} {:>10.1f} {:>12.3f} {:>10.0f} {:>9.1f}\n",
               delay, alone.erle(0, 3000), alone.erle(3000, 10000), alone.erle(10000, 20000),
               alone.erle(20000, 30000), alike, alone.stats.echo_delay_ms,
               alone.age_quantile(0.99, 3000));
}

void cost(const char* what, const MicOptions& options) {
    MicChain chain(options);
    const auto far = simulation::looped(simulation::far_speech(), 20000);
    std::array<std::int16_t, kFrameSamples> near{}, reference{};
    constexpr std::size_t kFrames = 1000;
    const auto begin = cpu_us();
    for (std::size_t n = 0; n < kFrames; ++n) {
        for (std::size_t i = 0; i < kFrameSamples; ++i) {
            reference[i] = static_cast<std::int16_t>(far[n * kFrameSamples + i] * 32767);
            near[i] =
                static_cast<std::int16_t>(n > 0 ? far[(n - 1) * kFrameSamples + i] * 16000 : 0);
        }
        chain.process(near, reference);
    }
    fmt::print("{:<34} {:>7.1f} us of CPU for 20 ms\n", what,
               (cpu_us() - begin) / static_cast<double>(kFrames));
}

int run(std::string_view engine) {
    MicOptions options;
    if (engine == "webrtc") {
        if (!has_webrtc()) {
            fmt::print(stderr, "this build has no WebRTC\n");
            return 1;
        }
        options.engine = MicOptions::EchoEngine::webrtc;
    }
    fmt::print("echo return loss enhancement in dB ({}), room of -6 dB\n", engine);
    fmt::print("{:>6} {:>10} {:>10} {:>10} {:>10} {:>12} {:>10} {:>9}\n", "delay", "0-3 s",
               "3-10 s", "10-20 s", "20-30 s", "double talk", "found ms", "age p99");
    for (const Ms delay : {20.0, 60.0, 120.0, 200.0}) room(delay, options);

    cost("the chain, all of it", options);
    auto some = options;
    some.noise_suppression = some.gain_control = some.high_pass = false;
    cost("echo cancellation alone", some);
    some.echo_cancellation = false;
    some.noise_suppression = true;
    cost("noise suppression alone", some);

    simulation::MicScene scene;
    scene.options = options;
    scene.length = 20000;
    scene.far = simulation::looped(simulation::far_speech(), scene.length);
    scene.echo_gain = 0;
    scene.noise = 0;
    const auto begin = cpu_us();
    simulation::simulate(scene);
    fmt::print("{:<34} {:>7.1f} us of CPU for 20 ms\n", "the whole path at 48 kHz, simulation too",
               (cpu_us() - begin) / 1000);
    return 0;
}

}  // namespace
}  // namespace bridge::audio

int main(int argc, char** argv) {
    return bridge::audio::run(argc > 1 ? argv[1] : "speex");
}
