#include "audio/time_cut.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <vector>

namespace bridge::audio {
namespace {

TEST(TimeCut, CutsAWholeNumberOfPeriods) {
    std::vector<float> x(600);
    for (std::size_t i = 0; i < x.size(); ++i)
        x[i] = static_cast<float>(std::sin(2 * std::numbers::pi * static_cast<double>(i) / 64));
    EXPECT_EQ(best_cut(x, 50, 160) % 64, 0U);
    EXPECT_EQ(best_cut(x, 100, 150), 128U);
}

TEST(TimeCut, FindsHowLongAPauseLasts) {
    std::vector<float> x(800, 0.0005F);
    for (std::size_t i = 400; i < 800; ++i) x[i] = 0.3F;
    EXPECT_EQ(quiet_run(x, 0.3F), 400U);
    EXPECT_EQ(quiet_run(std::span(x).subspan(400), 0.3F), 0U);
    EXPECT_EQ(quiet_run({}, 0.3F), 0U);
}

}  // namespace
}  // namespace bridge::audio
