// Speech for <Say> and for personas: Flite's female voice "slt", linked.

extern "C" {
#include <flite/flite.h>
cst_voice* register_cmu_us_slt(const char* voxdir);  // Flite has no header for its voices
}

#include <algorithm>
#include <cmath>
#include <list>
#include <memory>
#include <mutex>
#include <span>

#include "base/error.hpp"
#include "base/flite_turn.hpp"
#include "emulator/persona.hpp"
#include "emulator/resample.hpp"

namespace bridge::emulator {
namespace {

constexpr std::size_t kLongestText = 4096;      // Twilio's own limit for <Say>
constexpr std::size_t kRemembered = 64;         // texts; a few seconds are some ten kilobytes
constexpr double kTargetRms = 32768.0 * 0.158;  // −16 dBFS while it speaks
constexpr float kLoudest = 31000;               // the peak stays clear of mu-law's clip

struct WaveDeleter {
    void operator()(cst_wave* wave) const { delete_wave(wave); }
};
using Wave = std::unique_ptr<cst_wave, WaveDeleter>;

/// RMS of the parts that are speech: pauses would make a slow sentence loud.
double speech_rms(std::span<const float> samples) {
    constexpr std::size_t kBlock = 160;
    double sum = 0;
    std::size_t count = 0;
    for (std::size_t at = 0; at + kBlock <= samples.size(); at += kBlock) {
        double block = 0;
        for (const float sample : samples.subspan(at, kBlock))
            block += static_cast<double>(sample) * sample;
        if (block < 300.0 * 300.0 * kBlock) continue;
        sum += block;
        count += kBlock;
    }
    return count == 0 ? 0 : std::sqrt(sum / static_cast<double>(count));
}

void normalise(std::vector<float>& samples) {
    const double rms = speech_rms(samples);
    float peak = 1;
    for (const float sample : samples) peak = std::max(peak, std::abs(sample));
    if (rms <= 0) return;
    const float gain = std::min(static_cast<float>(kTargetRms / rms), kLoudest / peak);
    for (float& sample : samples) sample *= gain;
}

/// Flite begins and ends each text with a fifth of a second of silence; keep 20 ms of it.
void trim(std::vector<float>& samples) {
    constexpr std::size_t kKept = 160;
    const auto loud = [](float sample) { return std::abs(sample) > 250; };
    const auto first = std::find_if(samples.begin(), samples.end(), loud);
    if (first == samples.end()) return;
    const auto last = std::find_if(samples.rbegin(), samples.rend(), loud).base();
    const auto begin = static_cast<std::size_t>(first - samples.begin());
    const auto end = static_cast<std::size_t>(last - samples.begin());
    samples.resize(std::min(samples.size(), end + kKept));
    if (begin > kKept) {
        samples.erase(samples.begin(),
                      samples.begin() + static_cast<std::ptrdiff_t>(begin - kKept));
    }
}

Result<std::vector<std::uint8_t>> speak(const std::string& text) {
    static cst_voice* const voice = [] {
        flite_init();
        return register_cmu_us_slt(nullptr);
    }();
    if (voice == nullptr) return fail(Errc::internal, "Flite's voice slt could not be loaded");
    const Wave wave(flite_text_to_wave(text.c_str(), voice));
    if (!wave || wave->sample_rate <= 0 || wave->num_channels != 1) {
        return fail(Errc::internal, "Flite made no sound of the text");
    }
    std::vector<float> telephone;
    {
        std::vector<float> wide(wave->samples, wave->samples + wave->num_samples);
        ToTelephoneRate rate(wave->sample_rate);
        rate.write(wide, telephone);
        rate.finish(telephone);
    }
    trim(telephone);
    normalise(telephone);
    return mulaw_from_float(telephone);
}

struct Spoken {
    std::string text;
    std::vector<std::uint8_t> mulaw;
};

}  // namespace

Result<std::vector<std::uint8_t>> synthesize(const std::string& text) {
    static std::list<Spoken> remembered;  // the most recently used first; the turn guards it too
    const std::lock_guard lock(flite_turn());

    if (text.size() > kLongestText) {
        return fail(Errc::too_large, "a text to speak has " + std::to_string(text.size()) +
                                         " characters; the limit is " +
                                         std::to_string(kLongestText));
    }
    if (std::all_of(text.begin(), text.end(), [](unsigned char c) { return c <= ' '; })) {
        return std::vector<std::uint8_t>{};
    }
    const auto known = std::find_if(remembered.begin(), remembered.end(),
                                    [&](const Spoken& spoken) { return spoken.text == text; });
    if (known != remembered.end()) {
        remembered.splice(remembered.begin(), remembered, known);
        return known->mulaw;
    }
    auto mulaw = speak(text);
    if (!mulaw) return mulaw;
    remembered.push_front({text, *mulaw});
    if (remembered.size() > kRemembered) remembered.pop_back();
    return mulaw;
}

}  // namespace bridge::emulator
