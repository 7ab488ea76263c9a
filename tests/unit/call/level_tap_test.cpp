#include "call/level_tap.hpp"

#include <gtest/gtest.h>

namespace bridge::call {
namespace {

using namespace std::chrono_literals;

audio::AudioFrame frame(std::int16_t peak) {
    audio::AudioFrame out;
    out.pcm[7] = peak;
    return out;
}

Clock::Time at(std::chrono::milliseconds time) {
    return Clock::Time(time);
}

TEST(LevelTap, ShowsThePeakOfEachFrameWhereItLies) {
    LevelTap tap;
    for (int i = 0; i < 5; ++i) {
        tap.far(at(1000ms + i * 20ms), frame(static_cast<std::int16_t>(i * 4096)));
        tap.near(at(1000ms + i * 20ms), frame(static_cast<std::int16_t>(-i * 8192)));
    }
    const auto window = tap.read(LevelTap::slot_of(at(1000ms)));
    for (std::size_t i = 0; i < 5; ++i) {
        EXPECT_FLOAT_EQ(window.far[i], static_cast<float>(i) / 8);
        EXPECT_FLOAT_EQ(window.near[i], static_cast<float>(i) / 4);
    }
    EXPECT_FALSE(window.far_clipped);
    EXPECT_TRUE(window.near_clipped);
}

TEST(LevelTap, SpreadsABurstAndBridgesASingleGap) {
    LevelTap tap;
    tap.far(at(1000ms), frame(16384));
    tap.far(at(1040ms), frame(16384));  // nothing in the slot between
    tap.far(at(1041ms), frame(16384));  // early for its own
    const auto window = tap.read(LevelTap::slot_of(at(1000ms)));
    EXPECT_EQ(window.far, (std::array<float, 5>{0.5F, 0.5F, 0.5F, 0.5F, 0}));
}

TEST(LevelTap, ForgetsWhatIsNotHeardAfterAll) {
    LevelTap tap;
    for (int i = 0; i < 5; ++i) tap.near(at(1000ms + i * 20ms), frame(16384));
    tap.forget_near(at(1040ms));
    EXPECT_EQ(tap.read(LevelTap::slot_of(at(1000ms))).near,
              (std::array<float, 5>{0.5F, 0.5F, 0, 0, 0}));
}

TEST(LevelTap, ShowsNothingOfLongAgo) {
    LevelTap tap;
    tap.far(at(1000ms), frame(16384));
    EXPECT_EQ(tap.read(LevelTap::slot_of(at(1000ms)) + LevelTap::kSlots).far,
              (std::array<float, 5>{}));
}

}  // namespace
}  // namespace bridge::call
