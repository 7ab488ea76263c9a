#include "audio/tone.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <vector>

namespace bridge::audio {
namespace {

double power_at(const std::vector<std::int16_t>& x, double hz) {
    double re = 0, im = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
        const auto angle = 2 * std::numbers::pi * hz * static_cast<double>(i) / kSampleRate;
        re += x[i] * std::cos(angle);
        im += x[i] * std::sin(angle);
    }
    return (re * re + im * im) / static_cast<double>(x.size() * x.size());
}

TEST(Tone, RunsOnAcrossCalls) {
    Tone whole(437, 0.5);
    Tone parts(437, 0.5);
    std::vector<std::int16_t> a(1000), b(1000);
    whole.fill(a);
    for (std::size_t at = 0; at < 1000; at += 125) parts.fill(std::span(b).subspan(at, 125));
    EXPECT_EQ(a, b);
}

TEST(Tone, ChangesFrequencyWithoutAJump) {
    Tone tone(300, 0.9);
    double last = tone.next();
    for (int i = 0; i < 4000; ++i) {
        if (i % 500 == 0) tone.set_frequency(300 + i / 10.0);
        const auto next = tone.next();
        ASSERT_LT(std::abs(next - last), 0.9 * 2 * std::numbers::pi * 700 / kSampleRate);
        last = next;
    }
}

TEST(Dtmf, PutsEveryKeyOnItsTwoFrequencies) {
    for (const char key : std::string("0123456789*#ABCDd")) {
        const auto pair = dtmf_pair(key);
        ASSERT_TRUE(pair) << key;
        DtmfTone tone(*pair, 0.8);
        std::vector<std::int16_t> x(1600);
        tone.fill(x);
        for (const double hz : {697.0, 770.0, 852.0, 941.0, 1209.0, 1336.0, 1477.0, 1633.0}) {
            const bool mine = hz == pair->low_hz || hz == pair->high_hz;
            EXPECT_EQ(power_at(x, hz) > 1e6, mine) << key << ' ' << hz;
        }
    }
    EXPECT_EQ(dtmf_pair('5')->low_hz, 770);
    EXPECT_EQ(dtmf_pair('5')->high_hz, 1336);
    EXPECT_FALSE(dtmf_pair('x'));
}

}  // namespace
}  // namespace bridge::audio
