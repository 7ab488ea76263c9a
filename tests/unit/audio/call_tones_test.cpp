#include "audio/call_tones.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <span>

#include "audio/dtmf_tones.hpp"
#include "audio/frame.hpp"
#include "audio/tone.hpp"

namespace bridge::audio {
namespace {

using Span = std::span<const std::int16_t>;

/// Level of one frequency in `sound`, as the amplitude of a sine, in dBFS.
double dbfs_at(Span sound, double hz) {
    double re = 0, im = 0;
    for (std::size_t i = 0; i < sound.size(); ++i) {
        const auto angle = 2 * std::numbers::pi * hz * static_cast<double>(i) / kSampleRate;
        re += sound[i] * std::cos(angle);
        im += sound[i] * std::sin(angle);
    }
    const auto amplitude = 2 * std::hypot(re, im) / static_cast<double>(sound.size());
    return 20 * std::log10(std::max(amplitude, 1e-3) / 32767.0);
}

int loudest(Span sound) {
    int most = 0;
    for (const auto sample : sound) most = std::max(most, std::abs(int{sample}));
    return most;
}

double rms_dbfs(Span sound) {
    double sum = 0;
    for (const auto sample : sound) sum += static_cast<double>(sample) * sample;
    return 10 * std::log10(sum / static_cast<double>(sound.size()) / 32767.0 / 32767.0);
}

TEST(DtmfTones, AreTheKeysPairAtTheirLevelsWithSilenceAfter) {
    const std::string_view keys = "0123456789*#ABCD";
    const auto sound = dtmf_tones(keys);
    ASSERT_EQ(sound.size(), keys.size() * 1600);
    for (std::size_t k = 0; k < keys.size(); ++k) {
        const auto on = Span(sound).subspan(k * 1600 + 80, 640);
        const auto off = Span(sound).subspan(k * 1600 + 800, 800);
        const auto pair = dtmf_pair(keys[k]);
        const auto low = dbfs_at(on, pair->low_hz), high = dbfs_at(on, pair->high_hz);
        EXPECT_NEAR(low, -8, 0.3) << keys[k];
        EXPECT_NEAR(high, -6, 0.3) << keys[k];
        EXPECT_EQ(loudest(off), 0);
        EXPECT_LT(loudest(on), 32767) << "it does not clip";
    }
}

TEST(DtmfTones, PauseWithW) {
    EXPECT_EQ(dtmf_tones("w").size(), 4000U);
    EXPECT_EQ(loudest(dtmf_tones("w")), 0);
    EXPECT_EQ(dtmf_tones("1w2").size(), 1600U + 4000U + 1600U);
    EXPECT_TRUE(dtmf_tones("x?").empty());
    EXPECT_TRUE(is_dial_key('w') && is_dial_key('#') && is_dial_key('d'));
    EXPECT_FALSE(is_dial_key('x') || is_dial_key('W') || is_dial_key(' ') || is_dial_key('\0'));
}

TEST(CallTones, TheRingingToneHasItsCadence) {
    const auto tone = ringback_tone();
    std::vector<std::int16_t> sound(12'000 * 8);
    ASSERT_EQ(tone->read(sound), sound.size());
    for (const std::size_t turn : {std::size_t{0}, std::size_t{48'000}}) {
        const auto on = Span(sound).subspan(turn + 800, 8000);
        EXPECT_NEAR(dbfs_at(on, 440), -20, 0.3);
        EXPECT_NEAR(dbfs_at(on, 480), -20, 0.3);
        EXPECT_EQ(loudest(Span(sound).subspan(turn + 16'000, 32'000)), 0);
    }
}

TEST(CallTones, TheMusicIsQuietSteadyAndHasNoSeam) {
    const auto music = hold_music();
    EXPECT_EQ(music, hold_music()) << "made once";
    EXPECT_NEAR(static_cast<double>(music->size()) / kSampleRate, 19.2, 0.1);
    EXPECT_LT(loudest(*music), 16'000);
    for (std::size_t at = 0; at + 8000 <= music->size(); at += 8000) {
        const auto level = rms_dbfs(Span(*music).subspan(at, 8000));
        EXPECT_GT(level, -30) << at;
        EXPECT_LT(level, -14) << at;
    }
    int step = 0;
    for (std::size_t i = 1; i < music->size(); ++i)
        step = std::max(step, std::abs((*music)[i] - (*music)[i - 1]));
    EXPECT_LE(std::abs(music->front() - music->back()), step);
    EXPECT_LT(step, 6000) << "no click";
}

TEST(CallTones, TheBeepComesAfterAPause) {
    const auto beep = voicemail_beep();
    EXPECT_EQ(beep.size(), 700U * 8U);
    EXPECT_EQ(loudest(Span(beep).first(2400)), 0);
    EXPECT_NEAR(dbfs_at(Span(beep).subspan(2800, 2400), 1000), -14, 0.3);
}

}  // namespace
}  // namespace bridge::audio
