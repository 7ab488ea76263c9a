#include "audio/playout_buffer.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace bridge::audio {
namespace {

TEST(PlayoutBuffer, KeepsASmallTargetForACleanStream) {
    PlayoutBuffer buffer(128);
    for (int n = 0; n < 300; ++n) buffer.arrived(n * 20, n * 20 + 500);
    EXPECT_LE(buffer.target_ms(), 40);
    EXPECT_GE(buffer.target_ms(), PlayoutBuffer::kFloorMs);
    EXPECT_EQ(buffer.jitter_ms(), 0);
    EXPECT_EQ(buffer.delay_ms(1000, 1530), 30);
}

TEST(PlayoutBuffer, GrowsItsTargetWithTheJitterUpToTheCeiling) {
    for (const double jitter : {40.0, 80.0, 400.0}) {
        PlayoutBuffer buffer(128);
        for (int n = 0; n < 300; ++n)
            buffer.arrived(n * 20, n * 20 + std::fmod(n * 0.618, 1.0) * jitter);
        if (jitter < 100) {
            EXPECT_GE(buffer.target_ms(), jitter);
            EXPECT_LE(buffer.target_ms(), jitter + 30);
            EXPECT_NEAR(buffer.jitter_ms(), jitter * 0.95, jitter * 0.06);
        }
        EXPECT_LE(buffer.target_ms(), 128);
    }
}

TEST(PlayoutBuffer, DoesNotTakeOneStallForJitter) {
    PlayoutBuffer buffer(128);
    for (int n = 0; n < 300; ++n) {
        const double on_time = n * 20;
        buffer.arrived(on_time, n >= 200 && n < 215 ? 4300 : on_time);
    }
    EXPECT_LT(buffer.target_ms(), 45);
}

TEST(PlayoutBuffer, FollowsAWayThatGotLongerForGood) {
    PlayoutBuffer buffer(128);
    for (int n = 0; n < 100; ++n) buffer.arrived(n * 20, n * 20);
    for (int n = 100; n < 200; ++n) buffer.arrived(n * 20, n * 20 + 5000);
    EXPECT_NEAR(buffer.delay_ms(4000, 9030), 30, 1);
    EXPECT_LT(buffer.target_ms(), 45);
}

TEST(PlayoutBuffer, SteersGentlyAndNeverMoreThanThreeInAThousand) {
    PlayoutBuffer buffer(128);
    buffer.arrived(0, 0);
    double media = 0;
    double last = 1;
    buffer.resumed(media, 60, 10);
    for (int n = 0; n < 3000; ++n) {
        const double now = 60 + n * 10;
        if (n % 2 == 0) buffer.arrived(n * 10, n * 10);
        buffer.played(media, now, 10);
        EXPECT_LE(std::abs(buffer.correction() - 1), PlayoutBuffer::kMaxCorrection + 1e-12);
        EXPECT_LE(std::abs(buffer.correction() - last), 0.0001);
        last = buffer.correction();
        media += 10 * buffer.correction();
    }
    EXPECT_NEAR(buffer.excess_ms(), 0, 2.0);
}

}  // namespace
}  // namespace bridge::audio
