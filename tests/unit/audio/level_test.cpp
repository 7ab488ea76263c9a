#include "audio/level.hpp"

#include <gtest/gtest.h>

#include "audio/tone.hpp"

namespace bridge::audio {
namespace {

AudioFrame tone_frame(double amplitude) {
    Tone tone(1000, amplitude);
    AudioFrame frame;
    tone.fill(frame.pcm);
    return frame;
}

TEST(Level, OfAFullSineIsThreeDbBelowFullScale) {
    const auto frame = tone_frame(1.0);
    EXPECT_NEAR(rms_dbfs(frame.pcm), -3.01, 0.02);
    EXPECT_NEAR(peak_dbfs(frame.pcm), 0.0, 0.01);
}

TEST(Level, OfSilenceIsTheFloor) {
    const AudioFrame frame;
    EXPECT_EQ(rms_dbfs(frame.pcm), kSilenceDbfs);
    EXPECT_EQ(peak_dbfs({}), kSilenceDbfs);
    EXPECT_EQ(LevelMeter{}.rms_dbfs(), kSilenceDbfs);
}

TEST(LevelMeter, LooksBackAHundredMilliseconds) {
    LevelMeter meter;
    meter.write(tone_frame(0.5));
    EXPECT_NEAR(meter.rms_dbfs(), -9.03, 0.05);
    for (int i = 0; i < 4; ++i) meter.write({});
    EXPECT_NEAR(meter.rms_dbfs(), -9.03 - 6.99, 0.05);
    EXPECT_NEAR(meter.peak_dbfs(), -6.02, 0.05);
    meter.write({});
    EXPECT_EQ(meter.rms_dbfs(), kSilenceDbfs);
}

}  // namespace
}  // namespace bridge::audio
