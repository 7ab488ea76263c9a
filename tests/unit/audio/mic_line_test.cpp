#include "audio/mic_line.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <numeric>
#include <thread>
#include <vector>

namespace bridge::audio {
namespace {

using std::chrono::milliseconds;

Clock::Time at_ms(int ms) {
    return Clock::Time{} + milliseconds(ms);
}

std::vector<std::int16_t> counting(std::size_t count, int from = 0) {
    std::vector<std::int16_t> samples(count);
    std::iota(samples.begin(), samples.end(), static_cast<std::int16_t>(from));
    return samples;
}

TEST(MicLine, GivesNothingBeforeAWholeFrameIsThere) {
    MicLine line;
    MicFrame frame;
    EXPECT_FALSE(line.read(frame));
    line.write(counting(159), at_ms(1));
    EXPECT_FALSE(line.read(frame));
    EXPECT_EQ(line.waiting(), 159U);
    line.write(counting(1, 159), at_ms(2));
    ASSERT_TRUE(line.read(frame));
    EXPECT_EQ(std::vector(frame.pcm.begin(), frame.pcm.end()), counting(160));
    EXPECT_EQ(line.waiting(), 0U);
    EXPECT_EQ(line.reads(), 3U);
    EXPECT_EQ(line.misses(), 2U);
}

TEST(MicLine, TellsWhenTheLastSampleOfAFrameWasCaptured) {
    MicLine line;
    MicFrame frame;
    for (int block = 0; block < 5; ++block)
        line.write(counting(100, block * 100), at_ms(10 + block));
    ASSERT_TRUE(line.read(frame));  // 0–159 ends in the second block
    EXPECT_EQ(frame.captured, at_ms(11));
    ASSERT_TRUE(line.read(frame));  // 160–319 in the fourth
    EXPECT_EQ(frame.captured, at_ms(13));
    ASSERT_TRUE(line.read(frame));  // 320–479 in the fifth
    EXPECT_EQ(frame.captured, at_ms(14));
    EXPECT_FALSE(line.read(frame));
    line.write(counting(300, 500), at_ms(20));
    ASSERT_TRUE(line.read(frame));
    EXPECT_EQ(frame.captured, at_ms(20));
    EXPECT_EQ(frame.pcm[0], 480);
}

TEST(MicLine, DropsTheNewestWhenItIsFullAndCountsThem) {
    MicLine line;
    for (int block = 0; block < 25; ++block) line.write(counting(160, block * 160), at_ms(block));
    EXPECT_EQ(line.waiting(), 3200U);  // 400 ms
    EXPECT_EQ(line.dropped_samples(), 800U);
    MicFrame frame;
    for (int block = 0; block < 20; ++block) {
        ASSERT_TRUE(line.read(frame));
        EXPECT_EQ(frame.pcm[0], block * 160);
        EXPECT_EQ(frame.captured, at_ms(block));
    }
    EXPECT_FALSE(line.read(frame));
    line.write(counting(160, 9000), at_ms(99));
    ASSERT_TRUE(line.read(frame));
    EXPECT_EQ(frame.pcm[0], 9000);
    EXPECT_EQ(frame.captured, at_ms(99));
}

TEST(MicLine, FlushThrowsAwayWhatWaitsAndNothingElse) {
    MicLine line;
    line.write(counting(500), at_ms(1));
    line.flush();
    EXPECT_EQ(line.waiting(), 0U);
    line.write(counting(160, 7), at_ms(2));
    MicFrame frame;
    ASSERT_TRUE(line.read(frame));
    EXPECT_EQ(frame.pcm[0], 7);
    EXPECT_EQ(frame.captured, at_ms(2));
}

TEST(MicLine, CarriesEverySampleAndItsTimeBetweenTwoThreads) {
    MicLine line;
    constexpr int kFrames = 3000;
    // Each sample carries the number of its block of 80, and so does the time.
    std::thread writer([&] {
        std::vector<std::int16_t> samples(80);
        for (int block = 0; block < 2 * kFrames;) {
            if (line.waiting() + samples.size() > 3200) {
                std::this_thread::yield();
                continue;
            }
            std::fill(samples.begin(), samples.end(), static_cast<std::int16_t>(block));
            line.write(samples, at_ms(block));
            ++block;
        }
    });
    MicFrame frame;
    int wrong = 0;
    for (int n = 0; n < kFrames;) {
        if (!line.read(frame)) {
            std::this_thread::yield();
            continue;
        }
        if (frame.pcm[0] != 2 * n || frame.pcm[159] != 2 * n + 1 ||
            frame.captured != at_ms(2 * n + 1))
            ++wrong;
        ++n;
    }
    writer.join();
    EXPECT_EQ(wrong, 0);
    EXPECT_EQ(line.dropped_samples(), 0U);
}

}  // namespace
}  // namespace bridge::audio
