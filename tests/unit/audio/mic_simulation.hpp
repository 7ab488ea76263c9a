#pragma once
// A room with somebody in it, a loudspeaker, a microphone, their cards and a call, all on one
// virtual clock: minutes of a microphone in seconds, and the same every time.

extern "C" {
#include <flite/flite.h>
cst_voice* register_cmu_us_slt(const char* voxdir);  // Flite has no header for its voices
}

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "audio/mic_path.hpp"
#include "audio/resample.hpp"

namespace bridge::audio::simulation {

using Ms = double;
using Signal = std::vector<float>;  ///< -1..1 at 8 kHz

inline double energy_of(const Signal& signal, Ms from, Ms to) {
    const auto end = std::min(signal.size(), static_cast<std::size_t>(to * 8));
    double sum = 0;
    for (auto i = static_cast<std::size_t>(from * 8); i < end; ++i)
        sum += static_cast<double>(signal[i]) * signal[i];
    return sum;
}

/// Real speech, as Flite says it. `voice` above 1 is a smaller person, below a bigger one.
inline Signal spoken(const std::string& text, double voice, double rms_dbfs) {
    static cst_voice* const slt = [] {
        flite_init();
        return register_cmu_us_slt(nullptr);
    }();
    auto* wave = flite_text_to_wave(text.c_str(), slt);
    const std::vector<std::int16_t> wide(wave->samples, wave->samples + wave->num_samples);
    const auto rate = static_cast<int>(wave->sample_rate * voice);
    delete_wave(wave);
    Signal signal;
    double sum = 0, count = 1;
    for (const auto x : resample(wide, rate, kSampleRate)) {
        signal.push_back(static_cast<float>(x) / 32768.0F);
        if (std::abs(x) < 300) continue;
        sum += static_cast<double>(signal.back()) * signal.back();
        ++count;
    }
    const auto gain = std::pow(10, rms_dbfs / 20) / std::sqrt(sum / count + 1e-12);
    for (auto& x : signal) x = std::clamp(static_cast<float>(x * gain), -0.99F, 0.99F);
    return signal;
}

inline const Signal& far_speech() {
    static const auto speech = spoken(
        "Good morning, and thank you for calling. We have looked at your order from last week, and "
        "I am afraid that two of the seven boxes were sent to the wrong address. They should be "
        "with you by Thursday at the latest. Is there anything else that I can do for you today? "
        "If you like, I can give you the number of the driver, who knows the road better than we "
        "do. Please hold the line for a moment while I find it.",
        1.0, -18);
    return speech;
}

inline const Signal& near_speech() {
    static const auto speech = spoken(
        "Oh, that is quite all right. I was wondering about it, since my neighbour found a big "
        "parcel at her door. No, Thursday is fine. What I really wanted to ask is whether you "
        "could change the delivery time, because nobody is at home before five o'clock.",
        0.82, -22);
    return speech;
}

/// Repeated up to a length.
inline Signal looped(const Signal& signal, Ms length, Ms from = 0) {
    Signal out(static_cast<std::size_t>(length * 8), 0.0F);
    for (auto i = static_cast<std::size_t>(from * 8); i < out.size(); ++i)
        out[i] = signal[(i - static_cast<std::size_t>(from * 8)) % signal.size()];
    return out;
}

struct MicScene {
    Ms length = 10000;
    int mic_rate = 48000;
    int speaker_rate = 48000;
    double mic_ppm = 0;  ///< the card's crystal: positive is fast
    double speaker_ppm = 0;
    Signal far;   ///< what is played
    Signal near;  ///< what is spoken at the microphone
    std::function<Ms(Ms)> echo_delay = [](Ms) { return Ms{60}; };
    double echo_gain = 0.5;
    double noise = 1e-4;  ///< RMS at the microphone
    MicOptions options{};
    Ms reported_latency = 0;
    Ms slot = 7.3;  ///< of the call, in every 20 ms
    std::function<Ms(int)> callback_late = [](int) { return Ms{0}; };  ///< both cards' nth block
    std::function<Ms(Ms)> thread_late = [](Ms) { return Ms{0}; };      ///< of the step due then
    std::function<bool(Ms)> card_gone = [](Ms) { return false; };      ///< no callback then
    std::function<void(MicPath&, DuplexTap&, Ms)> each_slot;
    /// A restart at that time, with the card's rate from then on; 0: none.
    Ms restart_at = 0;
    int rate_after = 0;
};

struct MicOutcome {
    Signal heard;     ///< what the call took; silence where nothing was there
    Signal captured;  ///< what the microphone heard, by the card's clock, 8 kHz
    struct Taken {
        Ms at = 0;
        Ms age = 0;
        Ms waiting = 0;  ///< in the line, before it was taken
    };
    std::vector<Taken> taken;
    int missed = 0;  ///< slots after the first frame that found none
    MicStats stats;
    std::uint64_t dropped = 0;  ///< by the reader, of its backlog

    Ms age_quantile(double q, Ms from = 0, Ms to = 1e12) const {
        std::vector<Ms> all;
        for (const auto& one : taken)
            if (one.at >= from && one.at < to) all.push_back(one.age);
        if (all.empty()) return -1;
        std::sort(all.begin(), all.end());
        return all[std::min(all.size() - 1,
                            static_cast<std::size_t>(q * static_cast<double>(all.size())))];
    }
    double erle(Ms from, Ms to) const {
        return 10 * std::log10(energy_of(captured, from, to) / (energy_of(heard, from, to) + 1e-9));
    }
};

/// How alike two signals are at their best lag (0 to `lags` ms), within a window.
inline double likeness(const Signal& said, const Signal& heard, Ms from, Ms to, Ms lags = 120) {
    double best = 0;
    const auto begin = static_cast<std::size_t>(from * 8);
    const auto end = std::min(static_cast<std::size_t>(to * 8), said.size());
    for (std::size_t lag = 0; lag < static_cast<std::size_t>(lags * 8); ++lag) {
        double both = 0, one = 1e-9, other = 1e-9;
        for (auto i = begin; i < end && i + lag < heard.size(); ++i) {
            both += static_cast<double>(said[i]) * heard[i + lag];
            one += static_cast<double>(said[i]) * said[i];
            other += static_cast<double>(heard[i + lag]) * heard[i + lag];
        }
        best = std::max(best, both / std::sqrt(one * other));
    }
    return best;
}

// The sound between the samples. Sources are far below half of any card's rate but 8 kHz, where
// whole samples are met unless clocks differ.
inline float between(const Signal& source, double place) {
    if (place < 0) return 0;
    const auto at = static_cast<std::size_t>(place);
    if (at + 2 >= source.size() || at < 1) return 0;
    // Catmull-Rom.
    const auto f = static_cast<float>(place - static_cast<double>(at));
    const float a = source[at - 1], b = source[at], c = source[at + 1], d = source[at + 2];
    return b + 0.5F * f * (c - a + f * (2 * a - 5 * b + 4 * c - d + f * (3 * (b - c) + d - a)));
}

inline Signal at_rate(const Signal& signal, int rate) {
    if (rate == kSampleRate) return signal;
    Resampler resampler;
    resampler.prepare(kSampleRate, rate, 2048);
    resampler.align();
    Signal out;
    std::vector<float> made(16384);
    auto padded = signal;
    padded.resize(padded.size() + 200, 0.0F);
    for (std::size_t at = 0; at < padded.size(); at += 1024) {
        resampler.push(
            std::span(padded).subspan(at, std::min<std::size_t>(1024, padded.size() - at)));
        const auto got = resampler.pull(made);
        out.insert(out.end(), made.begin(), made.begin() + static_cast<std::ptrdiff_t>(got));
    }
    return out;
}

inline MicOutcome simulate(const MicScene& scene) {
    const Clock::Time begin{std::chrono::hours(1)};
    const auto time_of = [&](Ms ms) {
        return begin + std::chrono::duration_cast<Clock::Duration>(
                           std::chrono::duration<double, std::milli>(ms));
    };
    const auto tap = std::make_shared<DuplexTap>();
    MicPath path(tap, scene.options);
    auto line = std::make_shared<MicLine>();
    path.attach(line);

    const auto played = at_rate(scene.far, scene.speaker_rate);
    auto said = at_rate(scene.near, scene.mic_rate);
    auto mic_rate = scene.mic_rate;
    const double speaker_rate = scene.speaker_rate * (1 + scene.speaker_ppm * 1e-6);
    std::mt19937 random(11);
    std::normal_distribution<float> hiss(0, static_cast<float>(scene.noise));
    // A few reflections, the direct way first.
    constexpr std::pair<Ms, double> kWays[] = {{0, 1.0}, {7.3, -0.4}, {16.1, 0.25}, {31.7, -0.12}};

    MicOutcome outcome;
    std::vector<float> block;
    Signal native;
    Ms speaker_begin = 1.3, mic_begin = 4.1;
    int speaker_block = 0, mic_block = 0;
    Ms next_step = 0, next_slot = scene.slot;
    Ms last_speaker = 0, last_mic = 0, last_step = 0;
    bool restarted = false, first = true;
    const auto later = [&](Ms due, Ms late, Ms last) { return std::max(due + late, last); };
    for (;;) {
        // A block of the speaker is asked for when its first sample is due, one of the microphone
        // comes when its last one is there.
        const auto speaker_due =
            speaker_begin + speaker_block * 10 / (1 + scene.speaker_ppm * 1e-6);
        const auto mic_due = mic_begin + (mic_block + 1) * 10 / (1 + scene.mic_ppm * 1e-6);
        const auto speaker_at =
            later(speaker_due, scene.callback_late(speaker_block), last_speaker);
        const auto mic_at = later(mic_due, scene.callback_late(mic_block + 1000000), last_mic);
        const auto step_at = later(next_step, scene.thread_late(next_step), last_step);
        const auto now = std::min({speaker_at, mic_at, step_at, next_slot});
        if (now > scene.length) break;
        if (scene.restart_at > 0 && !restarted && now >= scene.restart_at) {
            restarted = true;
            tap->restarted();
            mic_rate = scene.rate_after;
            said = at_rate(scene.near, mic_rate);
            mic_begin = now;
            mic_block = 0;
            continue;
        }
        if (now == speaker_at) {
            last_speaker = now;
            const auto n = static_cast<std::size_t>(scene.speaker_rate / 100);
            block.assign(n, 0.0F);
            const auto at = static_cast<std::size_t>(speaker_block) * n;
            for (std::size_t i = 0; i < n && at + i < played.size(); ++i) block[i] = played[at + i];
            ++speaker_block;
            if (!scene.card_gone(now))
                tap->played(block, scene.speaker_rate, time_of(now),
                            time_of(scene.reported_latency) - begin);
        } else if (now == mic_at) {
            last_mic = now;
            const auto n = static_cast<std::size_t>(mic_rate / 100);
            const double rate = mic_rate * (1 + scene.mic_ppm * 1e-6);
            block.assign(n, 0.0F);
            for (std::size_t i = 0; i < n; ++i) {
                const auto t =
                    mic_begin + (static_cast<double>(mic_block) * static_cast<double>(n) +
                                 static_cast<double>(i)) *
                                    1000 / rate;
                double x = hiss(random) + between(said, t / 1000 * mic_rate);
                const auto delay = scene.echo_delay(t);
                if (!scene.far.empty() && scene.echo_gain > 0)
                    for (const auto& [more, gain] : kWays)
                        x += scene.echo_gain * gain *
                             between(played,
                                     (t - delay - more - speaker_begin) / 1000 * speaker_rate);
                block[i] = std::clamp(static_cast<float>(x), -1.0F, 1.0F);
            }
            ++mic_block;
            native.insert(native.end(), block.begin(), block.end());
            if (!scene.card_gone(now)) tap->captured(block, mic_rate, time_of(now), {});
        } else if (now == step_at) {
            last_step = now;
            path.step(time_of(now));
            // Steps that were missed are not made up for.
            next_step = (std::floor(now / 5) + 1) * 5;
        } else {
            next_slot += 20;
            MicFrame frame;
            const auto waiting = static_cast<Ms>(line->waiting()) / 8;
            while (line->waiting() > 320 + kFrameSamples && line->read(frame))
                outcome.dropped += kFrameSamples;
            if (line->read(frame)) {
                first = false;
                for (const auto x : frame.pcm)
                    outcome.heard.push_back(static_cast<float>(x) / 32768.0F);
                outcome.taken.push_back(
                    {now,
                     std::chrono::duration<double, std::milli>(time_of(now) - frame.captured)
                         .count(),
                     waiting});
            } else {
                outcome.heard.insert(outcome.heard.end(), kFrameSamples, 0.0F);
                if (!first) ++outcome.missed;
            }
            if (scene.each_slot) scene.each_slot(path, *tap, now);
        }
    }
    outcome.stats = path.stats();
    if (scene.restart_at == 0) {
        std::vector<std::int16_t> whole(native.size());
        for (std::size_t i = 0; i < native.size(); ++i)
            whole[i] = static_cast<std::int16_t>(std::lrint(native[i] * 32767));
        for (const auto x : resample(whole, scene.mic_rate, kSampleRate))
            outcome.captured.push_back(static_cast<float>(x) / 32768.0F);
    }
    return outcome;
}

}  // namespace bridge::audio::simulation
