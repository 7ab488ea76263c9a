#include "audio/concealer.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

namespace bridge::audio {
namespace {

std::vector<float> sine(double hz, std::size_t samples) {
    std::vector<float> x(samples);
    for (std::size_t i = 0; i < samples; ++i)
        x[i] = static_cast<float>(
            0.5 * std::sin(2 * std::numbers::pi * hz * static_cast<double>(i) / 8000));
    return x;
}

float largest_step(const std::vector<float>& x, std::size_t from, std::size_t to) {
    float largest = 0;
    for (auto i = from; i < to; ++i) largest = std::max(largest, std::abs(x[i] - x[i - 1]));
    return largest;
}

TEST(Concealer, GoesOnWhereTheSoundStopped) {
    for (const double hz : {80.0, 133.0, 210.0, 440.0}) {
        Concealer concealer;
        auto x = sine(hz, 1000);
        concealer.hear(x);
        concealer.start(false);
        std::vector<float> made(80);
        EXPECT_EQ(concealer.conceal(made), 80U);
        const auto natural = largest_step(x, 1, 1000);
        x.insert(x.end(), made.begin(), made.end());
        EXPECT_LT(largest_step(x, 1000, 1080), natural * 1.3) << hz;
        // It is the same tone, at the same level.
        double there = 0, here = 0;
        for (std::size_t i = 0; i < 80; ++i) {
            there += x[920 + i] * x[920 + i];
            here += made[i] * made[i];
        }
        EXPECT_NEAR(here / there, 1.0, 0.35) << hz;
    }
}

TEST(Concealer, FadesToSilenceIn60Ms) {
    Concealer concealer;
    concealer.hear(sine(200, 1000));
    concealer.start(false);
    std::vector<float> made(800);
    EXPECT_EQ(concealer.conceal(made), Concealer::kSilentAfter);
    EXPECT_TRUE(concealer.faded());
    EXPECT_LT(std::abs(made[Concealer::kSilentAfter - 1]), 0.01F);
    for (std::size_t i = Concealer::kSilentAfter; i < made.size(); ++i) ASSERT_EQ(made[i], 0.0F);
}

TEST(Concealer, FadesFastAtTheEndOfAStream) {
    Concealer concealer;
    concealer.hear(sine(200, 1000));
    concealer.start(true);
    std::vector<float> made(80);
    EXPECT_EQ(concealer.conceal(made), Concealer::kShortFade);
}

TEST(Concealer, MakesSilenceOfSilence) {
    Concealer concealer;
    concealer.start(false);
    std::vector<float> made(480, 9.0F);
    concealer.conceal(made);
    for (const auto x : made) ASSERT_EQ(x, 0.0F);
}

}  // namespace
}  // namespace bridge::audio
