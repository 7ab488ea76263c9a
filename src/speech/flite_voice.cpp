#include "speech/flite_voice.hpp"

extern "C" {
#include <flite/flite.h>
cst_voice* register_cmu_us_slt(const char* voxdir);  // Flite has no header for its voices
}

#include <algorithm>
#include <cmath>
#include <memory>
#include <mutex>
#include <span>

#include "audio/frame.hpp"
#include "audio/resample.hpp"
#include "base/flite_turn.hpp"

namespace bridge::speech {
namespace {

constexpr std::size_t kLongestText = 4096;
constexpr double kPeak = 0.6 * 32767;  // speech at about −16 dBFS, clear of mu-law's coarse end

struct WaveDeleter {
    void operator()(cst_wave* wave) const { delete_wave(wave); }
};

}  // namespace

Result<std::vector<std::int16_t>> synthesize(const std::string& text) {
    if (text.size() > kLongestText)
        return fail(Errc::too_large, "a text to speak has " + std::to_string(text.size()) +
                                         " characters; the limit is " +
                                         std::to_string(kLongestText));
    const std::lock_guard lock(flite_turn());
    static cst_voice* const voice = [] {
        flite_init();
        return register_cmu_us_slt(nullptr);
    }();
    if (voice == nullptr) return fail(Errc::internal, "Flite's voice slt could not be loaded");
    const std::unique_ptr<cst_wave, WaveDeleter> wave(flite_text_to_wave(text.c_str(), voice));
    if (!wave || wave->sample_rate <= 0 || wave->num_channels != 1 || wave->num_samples <= 0)
        return fail(Errc::internal, "Flite made no sound of the text");
    const std::span<const std::int16_t> wide(wave->samples,
                                             static_cast<std::size_t>(wave->num_samples));
    auto out = audio::resample(wide, wave->sample_rate, audio::kSampleRate);
    int peak = 0;
    for (const auto sample : out) peak = std::max(peak, std::abs(int{sample}));
    if (peak == 0) return fail(Errc::internal, "Flite made no sound of the text");
    for (auto& sample : out) sample = static_cast<std::int16_t>(std::lrint(sample * kPeak / peak));
    return out;
}

}  // namespace bridge::speech
