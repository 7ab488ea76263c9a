#include "tests/support/sound_compare.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <vector>

namespace bridge::sound {
namespace {

/// Something like speech: syllables of 180 ms with changing pitch and colour, pauses between them.
std::vector<float> babble(double seconds) {
    const auto count = static_cast<std::size_t>(seconds * kRate);
    std::vector<float> out(count);
    std::uint32_t noise = 12345;
    double phase = 0;
    for (std::size_t i = 0; i < count; ++i) {
        const double t = static_cast<double>(i) / kRate;
        const auto syllable = static_cast<int>(t / 0.23);
        const double inside = t - syllable * 0.23;
        noise = noise * 1664525U + 1013904223U;
        const double breath = static_cast<double>(noise >> 16U) / 32768.0 - 1.0;
        phase += 2 * std::numbers::pi * (110.0 + 23.0 * (syllable % 5) + 60.0 * inside) / kRate;
        double voice = 0;
        for (int harmonic = 1; harmonic <= 12; ++harmonic)
            voice += std::sin(harmonic * phase) / (1.0 + std::abs(harmonic - 3 - syllable % 4));
        const double shape = inside < 0.18 ? std::sin(std::numbers::pi * inside / 0.18) : 0.0;
        out[i] = static_cast<float>(0.08 * shape * (voice + 0.2 * breath));
    }
    return out;
}

std::vector<float> delayed(const std::vector<float>& samples, double by_ms) {
    std::vector<float> out(static_cast<std::size_t>(by_ms * kRate / 1000.0), 0.0F);
    out.insert(out.end(), samples.begin(), samples.end());
    out.insert(out.end(), kRate / 2, 0.0F);
    return out;
}

std::size_t index(double milliseconds) {
    return static_cast<std::size_t>(milliseconds * kRate / 1000.0);
}

TEST(SoundCompare, FindsACleanDelayedCopyAsItIs) {
    const auto source = through_telephone({kRate, babble(2.6)});
    const auto verdict = compare(source, delayed(source, 137), {});
    EXPECT_GE(verdict.windows, 9);
    EXPECT_GT(verdict.median, 0.9999);
    EXPECT_GT(verdict.min, 0.9999);
    EXPECT_NEAR(verdict.start_offset_ms, 137, 0.05);
    EXPECT_LT(verdict.lag_wander_ms, 0.1);
    EXPECT_LT(verdict.longest_gap_ms, 1.5);
    EXPECT_NEAR(verdict.recording_rms_dbfs, verdict.source_rms_dbfs, 0.01);
    EXPECT_GT(verdict.first_sound_ms, 137);
    EXPECT_LT(verdict.first_sound_ms, 160);
}

TEST(SoundCompare, IsContentWithTheSameSpeechQuieterAndFromAnotherResampler) {
    const auto speech = babble(2);
    auto heard = resample(resample(speech, kRate, 8000), 8000, kRate);
    for (auto& sample : heard) sample *= 0.5F;
    const auto verdict = compare(through_telephone({kRate, speech}), delayed(heard, 60), {});
    EXPECT_GT(verdict.median, 0.98);
    EXPECT_GT(verdict.min, 0.95);
    EXPECT_LT(verdict.longest_gap_ms, 3);
    EXPECT_NEAR(verdict.source_rms_dbfs - verdict.recording_rms_dbfs, 6.02, 0.2);
}

TEST(SoundCompare, FindsAHoleOf25Milliseconds) {
    const auto source = through_telephone({kRate, babble(2.6)});
    auto heard = delayed(source, 80);
    const double where = 4 * 0.23 * 1000 + 75;  // in the middle of a syllable
    std::fill_n(heard.begin() + static_cast<std::ptrdiff_t>(index(80 + where)), index(25), 0.0F);
    const auto verdict = compare(source, heard, {});
    EXPECT_NEAR(verdict.longest_gap_ms, 25, 2);
    EXPECT_NEAR(verdict.gap_at_ms, where, 2);
    EXPECT_LT(verdict.min, 0.999);
}

TEST(SoundCompare, FindsSilencePushedInBetween) {
    const auto source = through_telephone({kRate, babble(2.6)});
    auto heard = delayed(source, 80);
    const double where = 6 * 0.23 * 1000 + 75;
    heard.insert(heard.begin() + static_cast<std::ptrdiff_t>(index(80 + where)), index(25), 0.0F);
    const auto verdict = compare(source, heard, {});
    EXPECT_GT(verdict.longest_gap_ms, 20);
    EXPECT_GT(verdict.lag_wander_ms, 24);  // the window across it may say a little more
}

TEST(SoundCompare, FindsAShiftOf15Milliseconds) {
    const auto source = through_telephone({kRate, babble(2.6)});
    auto heard = delayed(source, 80);
    const auto where = heard.begin() + static_cast<std::ptrdiff_t>(index(80 + 1380));  // in a pause
    heard.insert(where, index(15), 0.0F);
    const auto verdict = compare(source, heard, {});
    EXPECT_NEAR(verdict.lag_wander_ms, 15, 0.5);
    EXPECT_GT(verdict.median, 0.98);
}

TEST(SoundCompare, DoesNotTakeNoiseOrSilenceForSpeech) {
    const auto source = through_telephone({kRate, babble(2)});
    auto noise = source;
    std::uint32_t state = 99;
    for (auto& sample : noise) {
        state = state * 1664525U + 1013904223U;
        sample = static_cast<float>(state >> 16U) / 327680.0F - 0.1F;
    }
    EXPECT_LT(compare(source, noise, {}).median, 0.4);
    const auto nothing = compare(source, std::vector<float>(source.size()), {});
    EXPECT_LT(nothing.median, 0.1);
    EXPECT_LT(nothing.first_sound_ms, 0);
    EXPECT_GT(nothing.longest_gap_ms, 100);
}

TEST(SoundCompare, LeavesOutWhatItIsToldTo) {
    const auto source = through_telephone({kRate, babble(2.6)});
    auto heard = delayed(source, 80);
    std::fill_n(heard.begin(), index(80 + 900), 0.0F);
    EXPECT_LT(compare(source, heard, {}).min, 0.5);
    Options options;
    options.from_ms = 1000;
    const auto verdict = compare(source, heard, options);
    EXPECT_GT(verdict.min, 0.999);
    EXPECT_NEAR(verdict.start_offset_ms, 80, 0.05);
}

TEST(SoundCompare, ItsMuLawIsTheTelephonesMuLaw) {
    // A full-scale and a small value, at 8 kHz so that no filter comes between.
    std::vector<float> steps(8000, 1000.0F / 32768.0F);
    const auto out = through_telephone({8000, steps});
    EXPECT_NEAR(out[kRate / 2] * 32768.0F, 988.0F, 2.0F);  // 1000 codes as CE, which decodes to 988
}

}  // namespace
}  // namespace bridge::sound
