#include "audio/echo_guard.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "audio/tone.hpp"

namespace bridge::audio {
namespace {

using std::chrono::milliseconds;

const Clock::Time kBegin = Clock::Time(std::chrono::hours(1));

AudioFrame at_dbfs(float dbfs) {
    Tone tone(400, std::pow(10.0, static_cast<double>(dbfs + 3.01F) / 20));
    AudioFrame frame;
    tone.fill(frame.pcm);
    return frame;
}

/// We speak at −20 dBFS for so long; what comes at the same time is `returns` above or below that.
Clock::Time talk(EchoGuard& guard, int frames, float returns_db, Clock::Time now) {
    for (int n = 0; n < frames; ++n) {
        guard.spoke(at_dbfs(-20), now);
        guard.least_dbfs(now);
        guard.heard(-20 + returns_db);
        now += kFrameTime;
    }
    return now;
}

TEST(EchoGuard, AsksForNothingWhileWeAreSilent) {
    EchoGuard guard;
    EXPECT_EQ(guard.least_dbfs(kBegin), kSilenceDbfs);
    guard.spoke(at_dbfs(-60), kBegin);
    EXPECT_EQ(guard.least_dbfs(kBegin), kSilenceDbfs);
}

TEST(EchoGuard, AsksForMoreFromWhenWeAreHeardUntilItsReach) {
    EchoGuard guard;
    guard.spoke(at_dbfs(-20), kBegin + milliseconds(200));
    EXPECT_EQ(guard.least_dbfs(kBegin), kSilenceDbfs);
    EXPECT_NEAR(guard.least_dbfs(kBegin + milliseconds(200)), -34, 0.2);
    EXPECT_NEAR(guard.least_dbfs(kBegin + milliseconds(800)), -34, 0.2);
    EXPECT_EQ(guard.least_dbfs(kBegin + milliseconds(820)), kSilenceDbfs);
}

TEST(EchoGuard, ForgetsWhatWasCutOff) {
    EchoGuard guard;
    guard.spoke(at_dbfs(-20), kBegin + milliseconds(200));
    guard.spoke(at_dbfs(-30), kBegin + milliseconds(100));
    guard.cut(kBegin + milliseconds(150));
    EXPECT_NEAR(guard.least_dbfs(kBegin + milliseconds(300)), -44, 0.2);
}

TEST(EchoGuard, LearnsHowMuchComesBack) {
    EchoGuard clean;
    auto now = talk(clean, 60, -60, kBegin);
    EXPECT_EQ(clean.loss_db(), EchoGuard::kMostLossDb);
    EXPECT_NEAR(clean.least_dbfs(now), -50, 0.2);

    EchoGuard bad;
    now = talk(bad, 60, -16, kBegin);
    EXPECT_NEAR(bad.loss_db(), 16, 0.2);
    EXPECT_NEAR(bad.least_dbfs(now), -30, 0.2);
}

TEST(EchoGuard, IsNotMisledBySomebodyWhoTalksOverUs) {
    EchoGuard guard;
    auto now = talk(guard, 100, -60, kBegin);
    now = talk(guard, 100, 5, now);
    EXPECT_EQ(guard.loss_db(), EchoGuard::kMostLossDb);
    talk(guard, 400, 5, now);
    EXPECT_EQ(guard.loss_db(), EchoGuard::kLeastLossDb) << "never less: that is no echo";
}

}  // namespace
}  // namespace bridge::audio
