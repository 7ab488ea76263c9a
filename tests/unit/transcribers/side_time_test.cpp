#include "transcribers/side_time.hpp"

#include <gtest/gtest.h>

namespace bridge::transcribers {
namespace {

TEST(SideTime, TheFirstSoundIsWhereItIsOnTheTimelineWithoutSilenceBeforeIt) {
    SideTime time;
    EXPECT_EQ(time.silence_to(4000), 0u);
    EXPECT_EQ(time.before(8000), 0u);
    time.sound(8000, 160);
    EXPECT_EQ(time.heard(), 160u);
    EXPECT_EQ(time.timeline(0), 8000u);
    EXPECT_EQ(time.timeline(159), 8159u);
}

TEST(SideTime, AShortGapIsHeardAsSilence) {
    SideTime time;
    time.sound(0, 160);
    EXPECT_EQ(time.before(320), 160u);
    time.sound(320, 160);
    EXPECT_EQ(time.heard(), 480u);
    EXPECT_EQ(time.timeline(320), 320u);
}

TEST(SideTime, OfALongPauseOnlyItsBeginningIsHeard) {
    SideTime time;
    time.sound(0, 160);
    const auto much = 100 * SideTime::kPause;
    EXPECT_EQ(time.silence_to(160 + 4000), 4000u);
    EXPECT_EQ(time.silence_to(much), SideTime::kPause - 4000);
    EXPECT_EQ(time.silence_to(2 * much), 0u);
    EXPECT_EQ(time.before(2 * much), 0u);
    time.sound(2 * much, 160);
    EXPECT_EQ(time.heard(), 320 + SideTime::kPause);
    EXPECT_EQ(time.timeline(159), 159u);
    EXPECT_EQ(time.timeline(160 + SideTime::kPause), 2 * much);
    EXPECT_EQ(time.timeline(160 + SideTime::kPause + 80), 2 * much + 80);
}

TEST(SideTime, ManyPausesKeepTheirPlaces) {
    SideTime time;
    std::uint64_t at = 0;
    for (int i = 0; i < 500; ++i, at += 80'000) time.sound(at, 800);
    const auto each = 800 + SideTime::kPause;
    for (std::uint64_t i = 0; i < 500; ++i)
        EXPECT_EQ(time.timeline(i * each + 5), i * 80'000 + 5) << i;
}

}  // namespace
}  // namespace bridge::transcribers
