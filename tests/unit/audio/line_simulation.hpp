#pragma once
// A source, a network and a sound card around a SpeakerLine, all on one virtual clock: hours of a
// call in seconds, and the same every time.

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <functional>
#include <vector>

#include "audio/speaker_line.hpp"
#include "base/clock.hpp"

namespace bridge::audio::simulation {

/// ms since the start of the run.
using Ms = double;

struct Frame {
    Ms at = 0;       ///< carrier time
    Ms arrival = 0;  ///< when it is written
};

struct Scene {
    int rate = 48000;
    double device_ppm = 0;  ///< the sound card's crystal: positive is fast
    Ms length = 5000;
    Ms first_block = 3.7;  ///< of the device, so that frames and blocks do not coincide
    std::function<double(double seconds)> signal;  ///< of the source, by carrier time, -1..1
    PlayoutOptions options{};
    std::function<Ms(int block)>
        device_lateness;                      ///< how much later than its time block n is asked for
    std::function<bool(Ms due)> device_gone;  ///< that block is never asked for
    std::function<void(SpeakerLine&, Ms now)> each_block;
    bool keep_output = true;
};

struct Latency {
    Ms at;  ///< when
    Ms latency;
    Ms depth;
};

struct Outcome {
    std::vector<float> output;  ///< at the device's rate
    std::vector<Latency> latencies;
    PlayoutStats stats;
    Ms first_arrival = 0;

    Ms latency_quantile(double q) const {
        std::vector<Ms> all;
        for (const auto& one : latencies) all.push_back(one.latency);
        if (all.empty()) return -1;
        std::sort(all.begin(), all.end());
        return all[std::min(all.size() - 1,
                            static_cast<std::size_t>(q * static_cast<double>(all.size())))];
    }
};

/// 50 frames a second, all on time, `way` ms after their carrier time.
inline std::vector<Frame> steady(Ms length, Ms way = 40) {
    std::vector<Frame> frames;
    for (Ms at = 0; at < length; at += 20) frames.push_back({at, at + way});
    return frames;
}

inline Outcome simulate(std::vector<Frame> frames, const Scene& run) {
    VirtualClock clock;
    const auto begin = clock.now();
    const auto time_of = [&](Ms ms) {
        return begin + std::chrono::duration_cast<Clock::Duration>(
                           std::chrono::duration<double, std::milli>(ms));
    };
    SpeakerLine line(clock, run.options);
    line.prepare(run.rate);
    std::stable_sort(frames.begin(), frames.end(),
                     [](const Frame& a, const Frame& b) { return a.arrival < b.arrival; });

    Outcome outcome;
    if (!frames.empty()) outcome.first_arrival = frames.front().arrival;
    const auto block = static_cast<std::size_t>(run.rate / 100);
    std::vector<float> out(block);
    std::size_t next = 0;
    const auto block_ms = 10.0 / (1.0 + run.device_ppm * 1e-6);
    Ms now = 0;
    double last_latency = -1;
    for (int n = 0;; ++n) {
        const auto due = run.first_block + n * block_ms;
        if (due > run.length) break;
        if (run.device_gone && run.device_gone(due)) continue;
        now = std::max(now, due + (run.device_lateness ? run.device_lateness(n) : 0));
        while (next < frames.size() && frames[next].arrival <= now) {
            const auto& from = frames[next++];
            clock.advance_to(time_of(from.arrival));
            AudioFrame frame;
            frame.at = std::chrono::milliseconds(std::llround(from.at));
            for (std::size_t i = 0; i < kFrameSamples; ++i)
                frame.pcm[i] = static_cast<std::int16_t>(std::lrint(
                    run.signal(from.at / 1000 + static_cast<double>(i) / kSampleRate) * 32767));
            line.write(frame);
        }
        clock.advance_to(time_of(now));
        std::fill(out.begin(), out.end(), 0.0F);
        line.render(out.data(), block, run.rate, time_of(now));
        if (run.each_block) run.each_block(line, now);
        if (run.keep_output) outcome.output.insert(outcome.output.end(), out.begin(), out.end());
        const auto stats = line.stats();
        if (stats.latency_ms != last_latency || n % 2 == 0)
            outcome.latencies.push_back({now, stats.latency_ms, stats.depth_ms});
        last_latency = stats.latency_ms;
    }
    // The time before anything was played says nothing.
    std::erase_if(outcome.latencies, [](const Latency& one) { return one.latency == 0; });
    outcome.stats = line.stats();
    return outcome;
}

/// A pure tone at -6 dBFS.
inline std::function<double(double)> sine(double hz) {
    return [hz](double t) { return 0.5 * std::sin(2 * 3.14159265358979323846 * hz * t); };
}

/// Like speech: a gliding voice with harmonics, in syllables of different loudness with pauses
/// between.
inline double speechlike(double t) {
    constexpr double kTurn = 2 * 3.14159265358979323846;
    const auto syllable = std::floor(t / 0.22);
    const auto within = t / 0.22 - syllable;
    const auto seed = std::sin(syllable * 12.9898) * 43758.5453;
    const auto chance = seed - std::floor(seed);
    if (chance < 0.2) return 0.0;
    const auto envelope =
        std::pow(std::sin(3.14159265358979323846 * within), 0.6) * (0.3 + 0.5 * chance);
    // The phase is the integral of a pitch of 110 … 130 Hz that glides.
    const auto phase = 120 * t + 10 / (kTurn * 0.7) * (1 - std::cos(kTurn * 0.7 * t));
    double sum = 0;
    for (int k = 1; k <= 24; ++k) {
        const auto formant =
            std::exp(-std::pow((k * 120 - 500.0 - 300 * chance) / 350, 2)) +
            0.5 * std::exp(-std::pow((k * 120 - 1500.0 - 700 * (1 - chance)) / 300, 2)) + 0.02;
        sum += formant * std::sin(kTurn * k * phase + k * k);
    }
    return envelope * sum * 0.09;
}

}  // namespace bridge::audio::simulation
