#include "audio/mic_line.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <numeric>
#include <span>
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

/// A track with one line on it.
struct Mic {
    Mic() { line.follow(track); }
    void write(std::span<const std::int16_t> samples, Clock::Time captured) {
        track->write(samples, captured);
    }
    const std::shared_ptr<MicTrack> track = std::make_shared<MicTrack>();
    MicLine line;
    MicFrame frame;
};

TEST(MicLine, GivesNothingBeforeAWholeFrameIsThere) {
    Mic mic;
    EXPECT_FALSE(mic.line.read(mic.frame));
    mic.write(counting(159), at_ms(1));
    EXPECT_FALSE(mic.line.read(mic.frame));
    EXPECT_EQ(mic.line.waiting(), 159U);
    mic.write(counting(1, 159), at_ms(2));
    ASSERT_TRUE(mic.line.read(mic.frame));
    EXPECT_EQ(std::vector(mic.frame.pcm.begin(), mic.frame.pcm.end()), counting(160));
    EXPECT_EQ(mic.line.waiting(), 0U);
    EXPECT_EQ(mic.line.reads(), 3U);
    EXPECT_EQ(mic.line.misses(), 2U);
}

TEST(MicLine, WithoutATrackHasNothing) {
    MicLine line;
    MicFrame frame;
    line.leave();
    line.flush();
    EXPECT_FALSE(line.read(frame));
    EXPECT_EQ(line.waiting(), 0U);
}

TEST(MicLine, TellsWhenTheLastSampleOfAFrameWasCaptured) {
    Mic mic;
    for (int block = 0; block < 5; ++block)
        mic.write(counting(100, block * 100), at_ms(10 + block));
    ASSERT_TRUE(mic.line.read(mic.frame));  // 0–159 ends in the second block
    EXPECT_EQ(mic.frame.captured, at_ms(11));
    ASSERT_TRUE(mic.line.read(mic.frame));  // 160–319 in the fourth
    EXPECT_EQ(mic.frame.captured, at_ms(13));
    ASSERT_TRUE(mic.line.read(mic.frame));  // 320–479 in the fifth
    EXPECT_EQ(mic.frame.captured, at_ms(14));
    EXPECT_FALSE(mic.line.read(mic.frame));
    mic.write(counting(300, 500), at_ms(20));
    ASSERT_TRUE(mic.line.read(mic.frame));
    EXPECT_EQ(mic.frame.captured, at_ms(20));
    EXPECT_EQ(mic.frame.pcm[0], 480);
}

TEST(MicLine, TakesPiecesOfAnyLengthRoundAndRoundTheTrack) {
    Mic mic;
    const auto all = counting(30000);
    std::size_t read = 0;
    for (std::size_t at = 0, n = 0; at < all.size(); ++n) {
        const auto length = std::min<std::size_t>(1 + n * 7 % 331, all.size() - at);
        mic.write(std::span(all).subspan(at, length), at_ms(static_cast<int>(n)));
        at += length;
        while (mic.line.read(mic.frame)) {
            ASSERT_TRUE(std::equal(mic.frame.pcm.begin(), mic.frame.pcm.end(),
                                   all.begin() + static_cast<std::ptrdiff_t>(read)))
                << read;
            read += kFrameSamples;
        }
    }
    EXPECT_EQ(read, all.size() / kFrameSamples * kFrameSamples);
    EXPECT_EQ(mic.line.dropped_samples(), 0U);
}

TEST(MicLine, LosesTheOldestIfNobodyComesAndCountsThem) {
    Mic mic;
    for (int block = 0; block < 25; ++block) mic.write(counting(160, block * 160), at_ms(block));
    EXPECT_EQ(mic.line.waiting(), 3200U);  // 400 ms
    for (int block = 5; block < 25; ++block) {
        ASSERT_TRUE(mic.line.read(mic.frame));
        EXPECT_EQ(mic.frame.pcm[0], block * 160);
        EXPECT_EQ(mic.frame.captured, at_ms(block));
    }
    EXPECT_EQ(mic.line.dropped_samples(), 800U);
    EXPECT_FALSE(mic.line.read(mic.frame));
    mic.write(counting(160, 9000), at_ms(99));
    ASSERT_TRUE(mic.line.read(mic.frame));
    EXPECT_EQ(mic.frame.pcm[0], 9000);
    EXPECT_EQ(mic.frame.captured, at_ms(99));
}

TEST(MicLine, FlushThrowsAwayWhatWaitsAndNothingElse) {
    Mic mic;
    mic.write(counting(500), at_ms(1));
    mic.line.flush();
    EXPECT_EQ(mic.line.waiting(), 0U);
    mic.write(counting(160, 7), at_ms(2));
    ASSERT_TRUE(mic.line.read(mic.frame));
    EXPECT_EQ(mic.frame.pcm[0], 7);
    EXPECT_EQ(mic.frame.captured, at_ms(2));
}

TEST(MicLine, HasWhatCameBetweenFollowingAndLeaving) {
    Mic mic;
    mic.write(counting(160), at_ms(1));
    MicLine late;
    late.follow(mic.track);
    EXPECT_EQ(late.waiting(), 0U);
    mic.write(counting(160, 160), at_ms(2));
    late.leave();
    mic.write(counting(160, 320), at_ms(3));
    EXPECT_EQ(late.waiting(), 160U);
    ASSERT_TRUE(late.read(mic.frame));
    EXPECT_EQ(mic.frame.pcm[0], 160);
    EXPECT_FALSE(late.read(mic.frame));
    EXPECT_EQ(mic.line.waiting(), 480U) << "the other one goes on";
}

TEST(MicTrack, CarriesEverySampleAndItsTimeToTwoReaders) {
    constexpr int kFrames = 3000;
    const auto track = std::make_shared<MicTrack>();
    std::array<MicLine, 2> lines;
    for (auto& line : lines) line.follow(track);
    // Each sample carries the number of its block of 80, and so does the time.
    std::thread writer([&] {
        std::vector<std::int16_t> samples(80);
        for (int block = 0; block < 2 * kFrames;) {
            if (std::max(lines[0].waiting(), lines[1].waiting()) + samples.size() > 3200) {
                std::this_thread::yield();
                continue;
            }
            std::fill(samples.begin(), samples.end(), static_cast<std::int16_t>(block));
            track->write(samples, at_ms(block));
            ++block;
        }
    });
    const auto read = [](MicLine& line, int& wrong) {
        MicFrame frame;
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
    };
    std::array<int, 2> wrong{};
    std::thread other([&] { read(lines[1], wrong[1]); });
    read(lines[0], wrong[0]);
    other.join();
    writer.join();
    EXPECT_EQ(wrong[0], 0);
    EXPECT_EQ(wrong[1], 0);
    for (const auto& line : lines) EXPECT_EQ(line.dropped_samples(), 0U);
}

TEST(MicTrack, TellsAReaderThatComesTooLate) {
    MicTrack track;
    std::array<std::int16_t, kFrameSamples> pcm{};
    for (int block = 0; block < 20; ++block) track.write(counting(160), at_ms(block));
    EXPECT_TRUE(track.read(0, pcm));
    for (int block = 0; block < 40; ++block) track.write(counting(160), at_ms(block));
    EXPECT_FALSE(track.read(0, pcm));
}

}  // namespace
}  // namespace bridge::audio
