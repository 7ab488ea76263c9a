#include "audio/resample.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

namespace bridge::audio {
namespace {

constexpr double kTurn = 2 * std::numbers::pi;

std::vector<float> sine(double hz, int rate, std::size_t samples) {
    std::vector<float> x(samples);
    for (std::size_t i = 0; i < samples; ++i)
        x[i] = static_cast<float>(0.5 * std::sin(kTurn * hz * static_cast<double>(i) / rate));
    return x;
}

std::vector<float> streamed(Resampler& resampler, const std::vector<float>& in, std::size_t block) {
    std::vector<float> out;
    std::vector<float> piece(block);
    std::size_t at = 0;
    for (;;) {
        const auto wanted = resampler.needed(block);
        if (at + wanted > in.size()) return out;
        EXPECT_EQ(resampler.push(std::span(in).subspan(at, wanted)), wanted);
        at += wanted;
        EXPECT_EQ(resampler.pull(piece), block);
        out.insert(out.end(), piece.begin(), piece.end());
    }
}

// Amplitude in dB of one frequency, with a window that keeps others 90 dB away.
double db_at(const std::vector<float>& x, double hz, int rate, std::size_t from,
             std::size_t count) {
    double re = 0, im = 0, weight = 0;
    for (std::size_t i = 0; i < count; ++i) {
        const auto t = static_cast<double>(i) / static_cast<double>(count);
        const auto w = 0.35875 - 0.48829 * std::cos(kTurn * t) + 0.14128 * std::cos(2 * kTurn * t) -
                       0.01168 * std::cos(3 * kTurn * t);
        const auto angle = kTurn * hz * static_cast<double>(from + i) / rate;
        re += w * x[from + i] * std::cos(angle);
        im += w * x[from + i] * std::sin(angle);
        weight += w;
    }
    return 20 * std::log10(2 * std::hypot(re, im) / weight + 1e-12);
}

TEST(Resampler, PassesTheTelephoneBandAndKeepsItsImagesAway) {
    for (const int rate : {16000, 24000, 44100, 48000}) {
        for (const double hz : {100.0, 1000.0, 2500.0, 3400.0}) {
            Resampler resampler;
            resampler.prepare(8000, rate);
            const auto out =
                streamed(resampler, sine(hz, 8000, 16000), static_cast<std::size_t>(rate / 100));
            const auto from = static_cast<std::size_t>(rate / 4);
            const auto count = static_cast<std::size_t>(rate);
            const auto level = db_at(out, hz, rate, from, count) - 20 * std::log10(0.5);
            EXPECT_NEAR(level, 0.0, 1.0) << rate << ' ' << hz;
            for (int k = 1; 8000 * k - hz < rate / 2.0; ++k) {
                EXPECT_LT(db_at(out, 8000 * k - hz, rate, from, count) - 20 * std::log10(0.5), -70)
                    << rate << ' ' << hz;
            }
        }
    }
}

TEST(Resampler, HoldsBackLessThanThreeMilliseconds) {
    Resampler resampler;
    resampler.prepare(8000, 48000);
    std::vector<float> in(1600, 0.0F);
    in[800] = 1.0F;
    const auto out = streamed(resampler, in, 480);
    const auto peak = std::max_element(out.begin(), out.end()) - out.begin();
    EXPECT_NEAR(static_cast<double>(peak), (800 + resampler.delay_samples()) * 6, 1.0);
    EXPECT_LE(resampler.delay_samples() / 8, 3.0);
}

TEST(Resampler, ChangesItsRatioWithoutAClick) {
    Resampler resampler;
    resampler.prepare(8000, 48000);
    const auto in = sine(440, 8000, 40000);
    std::vector<float> out;
    std::vector<float> piece(480);
    std::size_t at = 0;
    for (int block = 0;; ++block) {
        resampler.set_correction(1.0 + 0.005 * std::sin(block * 0.05));
        const auto wanted = resampler.needed(480);
        if (at + wanted > in.size()) break;
        resampler.push(std::span(in).subspan(at, wanted));
        at += wanted;
        ASSERT_EQ(resampler.pull(piece), 480U);
        out.insert(out.end(), piece.begin(), piece.end());
    }
    const auto c = 2 * std::cos(kTurn * 440 / 48000);
    for (std::size_t i = 2000; i < out.size(); ++i)
        ASSERT_LT(std::abs(out[i] - c * out[i - 1] + out[i - 2]), 1e-4) << i;
}

TEST(Resampler, AsksForExactlyWhatItNeeds) {
    for (const int rate : {8000, 11025, 44100, 48000, 96000, 6000}) {
        Resampler resampler;
        resampler.prepare(8000, rate);
        std::vector<float> out(37);
        for (int i = 0; i < 2000; ++i) {
            resampler.set_correction(1.0 + 0.00001 * (i % 900 - 450));
            const std::vector<float> in(resampler.needed(out.size()), 0.25F);
            ASSERT_EQ(resampler.push(in), in.size());
            ASSERT_EQ(resampler.pull(out), out.size()) << rate;
        }
        EXPECT_NEAR(out.back(), 0.25F, 1e-4);
    }
}

TEST(Resample, KeepsAFileInItsPlace) {
    std::vector<std::int16_t> in(22050);
    for (std::size_t i = 0; i < in.size(); ++i)
        in[i] = static_cast<std::int16_t>(
            std::lrint(16000 * std::sin(kTurn * 500 * static_cast<double>(i) / 22050)));
    for (const int rate : {8000, 16000, 48000}) {
        const auto out = resample(in, 22050, rate);
        ASSERT_EQ(out.size(), static_cast<std::size_t>(rate));
        for (auto i = static_cast<std::size_t>(rate / 50);
             i < out.size() - static_cast<std::size_t>(rate / 50); ++i)
            ASSERT_NEAR(out[i], 16000 * std::sin(kTurn * 500 * static_cast<double>(i) / rate), 40)
                << rate << ' ' << i;
    }
}

TEST(Resample, RemovesWhatTheLowerRateCannotHold) {
    std::vector<std::int16_t> in(48000);
    for (std::size_t i = 0; i < in.size(); ++i)
        in[i] = static_cast<std::int16_t>(
            std::lrint(16000 * std::sin(kTurn * 5000 * static_cast<double>(i) / 48000)));
    const auto out = resample(in, 48000, 8000);
    for (std::size_t i = 200; i < out.size() - 200; ++i) ASSERT_LE(std::abs(out[i]), 16);
}

TEST(Resample, OfNothingIsNothing) {
    EXPECT_TRUE(resample({}, 44100, 8000).empty());
    const std::vector<std::int16_t> x{1, 2, 3};
    EXPECT_EQ(resample(x, 8000, 8000), x);
}

}  // namespace
}  // namespace bridge::audio
