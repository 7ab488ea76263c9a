#pragma once
// What comes out of a telephone line: people, noise, tones, clicks. All of it the same every time.

extern "C" {
#include <flite/flite.h>
cst_voice* register_cmu_us_slt(const char* voxdir);  // Flite has no header for its voices
}

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <numbers>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "audio/frame.hpp"
#include "audio/mulaw.hpp"
#include "audio/resample.hpp"
#include "audio/tone.hpp"
#include "audio/wav.hpp"

namespace bridge::audio::sounds {

using Signal = std::vector<float>;  ///< -1..1 at 8 kHz

inline std::size_t samples(double ms) {
    return static_cast<std::size_t>(ms * 8);
}

inline float amplitude(double dbfs) {
    return static_cast<float>(std::pow(10, dbfs / 20));
}

/// Of each whole frame.
inline std::vector<double> energies(const Signal& signal) {
    std::vector<double> out(signal.size() / kFrameSamples, 0.0);
    for (std::size_t i = 0; i < out.size() * kFrameSamples; ++i)
        out[i / kFrameSamples] += static_cast<double>(signal[i]) * static_cast<double>(signal[i]) /
                                  static_cast<double>(kFrameSamples);
    return out;
}

/// Mean square of the frames in which there is something, as ITU-T P.56 does it in principle.
inline double active_energy(const Signal& signal) {
    const auto all = energies(signal);
    const auto most = all.empty() ? 0.0 : *std::max_element(all.begin(), all.end());
    double sum = 0, count = 0;
    for (const auto energy : all) {
        if (energy < most / 300) continue;
        sum += energy;
        ++count;
    }
    return count > 0 ? sum / count : 0;
}

inline Signal at_level(Signal signal, double dbfs) {
    const auto gain = std::pow(10, dbfs / 20) / std::sqrt(active_energy(signal) + 1e-12);
    for (auto& x : signal) x = static_cast<float>(static_cast<double>(x) * gain);
    return signal;
}

/// `voice` above 1 is a smaller person, below a bigger one.
inline Signal spoken(const std::string& text, double dbfs = -20, double voice = 1) {
    static cst_voice* const slt = [] {
        flite_init();
        return register_cmu_us_slt(nullptr);
    }();
    auto* wave = flite_text_to_wave(text.c_str(), slt);
    const std::vector<std::int16_t> wide(wave->samples, wave->samples + wave->num_samples);
    const auto rate = static_cast<int>(wave->sample_rate * voice);
    delete_wave(wave);
    Signal out;
    for (const auto x : resample(wide, rate, kSampleRate))
        out.push_back(static_cast<float>(x) / 32768.0F);
    return at_level(std::move(out), dbfs);
}

/// The prompts of alsa-utils, spoken by a woman; none where they are not installed.
inline std::vector<Signal> recorded(double dbfs) {
    const std::filesystem::path folder = "/usr/share/sounds/alsa";
    std::vector<Signal> out;
    for (const auto* name : {"Front_Center", "Front_Left", "Front_Right", "Rear_Center",
                             "Rear_Left", "Rear_Right", "Side_Left", "Side_Right"}) {
        const auto file = read_sound(folder / (std::string(name) + ".wav"));
        if (!file) return {};
        Signal signal;
        for (const auto x : resample(file->samples, file->sample_rate, kSampleRate))
            signal.push_back(static_cast<float>(x) / 32768.0F);
        out.push_back(at_level(std::move(signal), dbfs));
    }
    return out;
}

class Noise {
public:
    explicit Noise(unsigned seed = 1) : random_(seed) {}

    Signal white(double ms, double dbfs) {
        Signal out(samples(ms));
        for (auto& x : out) x = normal_(random_) * amplitude(dbfs);
        return out;
    }
    /// 3 dB less for each octave (Paul Kellet's filter).
    Signal pink(double ms, double dbfs) {
        Signal out(samples(ms));
        for (auto& x : out) {
            const auto white = normal_(random_);
            pole_[0] = 0.99765F * pole_[0] + 0.0990460F * white;
            pole_[1] = 0.96300F * pole_[1] + 0.2965164F * white;
            pole_[2] = 0.57000F * pole_[2] + 1.0526913F * white;
            x = (pole_[0] + pole_[1] + pole_[2] + 0.1848F * white) * 0.43F * amplitude(dbfs);
        }
        return out;
    }
    double between(double from, double to) {
        return std::uniform_real_distribution<double>(from, to)(random_);
    }

private:
    std::mt19937 random_;
    std::normal_distribution<float> normal_;
    std::array<float, 3> pole_{};
};

inline void add(Signal& to, double at_ms, const Signal& what) {
    const auto at = samples(at_ms);
    for (std::size_t i = 0; i < what.size() && at + i < to.size(); ++i) to[at + i] += what[i];
}

/// Sines that begin together; `dbfs` is each one's.
inline Signal tones(std::initializer_list<double> hz, double ms, double dbfs) {
    Signal out(samples(ms), 0.0F);
    for (const auto each : hz) Tone(each, static_cast<double>(amplitude(dbfs)) * 1.414).add(out);
    return out;
}

/// What the line leaves of it: mu-law, in frames.
inline std::vector<AudioFrame> frames(const Signal& signal) {
    std::vector<AudioFrame> out(signal.size() / kFrameSamples);
    for (std::size_t n = 0; n < out.size(); ++n) {
        out[n].at = kFrameTime * n;
        for (std::size_t i = 0; i < kFrameSamples; ++i) {
            const auto x =
                std::clamp(signal[n * kFrameSamples + i] * 32768.0F, -32000.0F, 32000.0F);
            out[n].pcm[i] = decode_mulaw(encode_mulaw(static_cast<std::int16_t>(std::lrint(x))));
        }
    }
    return out;
}

}  // namespace bridge::audio::sounds
