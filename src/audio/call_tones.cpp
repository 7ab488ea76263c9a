#include "audio/call_tones.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <numbers>
#include <optional>
#include <utility>

#include "audio/frame.hpp"
#include "audio/tone.hpp"

namespace bridge::audio {
namespace {

constexpr std::size_t kToneEdge = 5 * kSamplesPerMs;

/// Fades the first and last 5 ms.
void soften(std::span<double> sound) {
    for (std::size_t i = 0; i < kToneEdge && i < sound.size(); ++i) {
        const auto gain = static_cast<double>(i) / static_cast<double>(kToneEdge);
        sound[i] *= gain;
        sound[sound.size() - 1 - i] *= gain;
    }
}

std::vector<std::int16_t> to_pcm(std::span<const double> sound) {
    std::vector<std::int16_t> out(sound.size());
    std::transform(sound.begin(), sound.end(), out.begin(), [](double value) {
        return static_cast<std::int16_t>(std::lrint(std::clamp(value, -1.0, 1.0) * 32767.0));
    });
    return out;
}

std::vector<std::int16_t> make_ringback() {
    constexpr std::size_t kOn = 2000 * kSamplesPerMs;
    constexpr std::size_t kAll = 6000 * kSamplesPerMs;
    std::vector<double> sound(kOn);
    Tone low(440, 0.1);  // each −20 dBFS: the level of a line's own tones
    Tone high(480, 0.1);
    for (auto& sample : sound) sample = low.next() + high.next();
    soften(sound);
    sound.resize(kAll);
    return to_pcm(sound);
}

// --- hold music: eight chords, each broken into eight notes that ring on over the next ones

constexpr double kNoteSeconds = 0.3;
constexpr std::size_t kNote = static_cast<std::size_t>(kNoteSeconds * kSampleRate);
constexpr std::size_t kRingOn = 5 * kNote;  ///< a note is gone after this long
using Chord = std::array<int, 4>;           ///< MIDI notes, the lowest first
constexpr std::array<Chord, 8> kChords{{{60, 64, 67, 71},
                                        {57, 60, 64, 67},
                                        {53, 57, 60, 64},
                                        {55, 59, 62, 69},
                                        {52, 59, 64, 67},
                                        {57, 60, 64, 72},
                                        {50, 57, 60, 65},
                                        {55, 59, 62, 65}}};
constexpr std::array<std::size_t, 8> kPattern{0, 1, 2, 3, 2, 1, 3, 2};

void pluck(std::vector<double>& into, std::size_t at, int note, double loudness) {
    const auto hz = 440.0 * std::pow(2.0, (note - 69) / 12.0);
    constexpr double kAttack = 0.012 * kSampleRate;
    for (std::size_t i = 0; i < kRingOn; ++i) {
        const auto time = static_cast<double>(i) / kSampleRate;
        const auto turn = 2.0 * std::numbers::pi * hz * time;
        const auto rise = std::min(1.0, static_cast<double>(i) / kAttack);
        const auto fall =
            std::exp(-2.8 * time) * (1.0 - static_cast<double>(i) / static_cast<double>(kRingOn));
        const auto tone = std::sin(turn) + 0.35 * std::sin(2 * turn) * std::exp(-3.0 * time) +
                          0.12 * std::sin(3 * turn) * std::exp(-6.0 * time);
        // The loop's end rings on over its beginning: no seam is heard.
        into[(at + i) % into.size()] += loudness * rise * fall * tone;
    }
}

std::vector<std::int16_t> make_music() {
    std::vector<double> sound(kChords.size() * kPattern.size() * kNote);
    for (std::size_t chord = 0; chord < kChords.size(); ++chord) {
        for (std::size_t step = 0; step < kPattern.size(); ++step) {
            const auto loudness = step == 0 ? 0.11 : step == 4 ? 0.09 : 0.07;
            pluck(sound, (chord * kPattern.size() + step) * kNote, kChords[chord][kPattern[step]],
                  loudness);
        }
    }
    return to_pcm(sound);
}

}  // namespace

std::unique_ptr<SampleSource> ringback_tone() {
    static const Samples tone = std::make_shared<const std::vector<std::int16_t>>(make_ringback());
    return std::make_unique<PcmSource>(tone, true);
}

Samples hold_music() {
    static const Samples music = std::make_shared<const std::vector<std::int16_t>>(make_music());
    return music;
}

namespace {

/// Something said once, then a loop.
class ThenLoop final : public SampleSource {
public:
    ThenLoop(Samples first, Samples loop) : loop_(std::move(loop), true) {
        if (first) first_.emplace(std::move(first), false);
    }
    std::size_t read(std::span<std::int16_t> out) override {
        std::size_t done = 0;
        if (first_) {
            done = first_->read(out);
            if (done < out.size()) first_.reset();
        }
        return done + (done < out.size() ? loop_.read(out.subspan(done)) : 0);
    }

private:
    std::optional<PcmSource> first_;
    PcmSource loop_;
};

std::vector<std::int16_t> make_pips() {
    constexpr std::size_t kPip = 120 * kSamplesPerMs;
    constexpr std::size_t kSecond = 170 * kSamplesPerMs;
    std::vector<double> sound(4000 * kSamplesPerMs);
    for (const auto& [at, hz] : {std::pair<std::size_t, double>{0, 523.25}, {kSecond, 659.25}}) {
        const std::span<double> pip(sound.data() + at, kPip);
        Tone tone(hz, 0.06);
        for (auto& sample : pip) sample = tone.next();
        soften(pip);
    }
    return to_pcm(sound);
}

}  // namespace

std::unique_ptr<SampleSource> comfort_tone(Samples first) {
    static const Samples pips = std::make_shared<const std::vector<std::int16_t>>(make_pips());
    return std::make_unique<ThenLoop>(std::move(first), pips);
}

std::vector<std::int16_t> voicemail_beep() {
    std::vector<double> sound(400 * kSamplesPerMs);
    Tone tone(1000, 0.2);
    for (auto& sample : sound) sample = tone.next();
    soften(sound);
    sound.insert(sound.begin(), 300 * kSamplesPerMs, 0.0);
    return to_pcm(sound);
}

}  // namespace bridge::audio
