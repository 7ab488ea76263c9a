#include "emulator/dtmf.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <random>
#include <string>

#include "emulator/mulaw.hpp"
#include "emulator/persona.hpp"

namespace bridge::emulator {
namespace {

using std::chrono::milliseconds;

std::string detected(std::vector<std::uint8_t> sound) {
    sound.resize((sound.size() + 159) / 160 * 160, kMulawSilence);
    DtmfDetector detector;
    std::string digits;
    for (std::size_t at = 0; at < sound.size(); at += 160) {
        if (const auto digit =
                detector.hear(std::span<const std::uint8_t, 160>(sound.data() + at, 160))) {
            digits += *digit;
        }
    }
    return digits;
}

TEST(Dtmf, FindsEveryDigitItMakes) {
    EXPECT_EQ(detected(dtmf_tones("0123456789*#ABCD")), "0123456789*#ABCD");
}

TEST(Dtmf, CountsARepeatedDigitAsOftenAsItIsPressed) {
    EXPECT_EQ(detected(dtmf_tones("1155500")), "1155500");
}

TEST(Dtmf, WaitsHalfASecondForW) {
    const auto digit = dtmf_tones("1").size();
    EXPECT_EQ(digit, 1600U);
    EXPECT_EQ(dtmf_tones("1w").size(), digit + 4000);
    EXPECT_EQ(dtmf_tones("x").size(), 0U);
    EXPECT_EQ(detected(dtmf_tones("1ww1")), "11");
}

TEST(Dtmf, FindsShortTonesWhereverTheyBegin) {
    for (std::size_t offset = 0; offset < 160; offset += 7) {
        std::vector<std::uint8_t> sound(offset, kMulawSilence);
        const auto tone = dtmf_tone('5', milliseconds(40));
        sound.insert(sound.end(), tone.begin(), tone.end());
        sound.insert(sound.end(), 400, kMulawSilence);
        EXPECT_EQ(detected(sound), "5") << offset;
    }
}

TEST(Dtmf, FindsSoftTonesInNoise) {
    std::mt19937 random(7);
    std::normal_distribution<double> noise(0, 60);
    auto sound = dtmf_tones("42#");
    for (auto& byte : sound) {
        byte = mulaw_encode(
            static_cast<std::int16_t>(mulaw_decode(byte) / 10 + static_cast<int>(noise(random))));
    }
    EXPECT_EQ(detected(sound), "42#");
}

TEST(Dtmf, HearsNoDigitInSpeechToneOrSilence) {
    const auto speech = synthesize(
        "Please enter your four digit code, then press the pound key. One two three four five.");
    ASSERT_TRUE(speech);
    EXPECT_EQ(detected(*speech), "");
    EXPECT_EQ(detected(std::vector<std::uint8_t>(8000, kMulawSilence)), "");
    for (const double hz : {440.0, 697.0, 1000.0, 1209.0, 2000.0}) {
        std::vector<std::uint8_t> tone(8000);
        for (std::size_t k = 0; k < tone.size(); ++k) {
            const double phase = 2 * std::numbers::pi * hz * static_cast<double>(k) / 8000;
            tone[k] = mulaw_encode(static_cast<std::int16_t>(10000 * std::sin(phase)));
        }
        EXPECT_EQ(detected(tone), "") << hz;
    }
}

TEST(Dtmf, MakesItsTonesWithoutClipping) {
    for (const auto byte : dtmf_tone('D', milliseconds(100))) {
        EXPECT_LT(std::abs(static_cast<int>(mulaw_decode(byte))), 24000);
    }
}

}  // namespace
}  // namespace bridge::emulator
