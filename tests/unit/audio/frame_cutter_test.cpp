#include "audio/frame_cutter.hpp"

#include <gtest/gtest.h>

#include <numeric>
#include <vector>

namespace bridge::audio {
namespace {

using std::chrono::milliseconds;

struct Cut {
    FrameCutter cutter;
    std::vector<AudioFrame> frames;
    void pcm(const std::vector<std::int16_t>& samples, int at) {
        cutter.write_pcm(samples, milliseconds(at),
                         [this](const AudioFrame& frame) { frames.push_back(frame); });
    }
};

std::vector<std::int16_t> counting(int from, std::size_t count) {
    std::vector<std::int16_t> samples(count);
    std::iota(samples.begin(), samples.end(), static_cast<std::int16_t>(from));
    return samples;
}

TEST(FrameCutter, PassesWholeFramesWithTheirTime) {
    Cut cut;
    cut.pcm(counting(0, 160), 5);
    cut.pcm(counting(160, 160), 25);
    ASSERT_EQ(cut.frames.size(), 2U);
    EXPECT_EQ(cut.frames[0].at.count(), 5);
    EXPECT_EQ(cut.frames[1].at.count(), 25);
    EXPECT_EQ(cut.frames[1].pcm[0], 160);
}

TEST(FrameCutter, CutsAnyLengthWithoutLosingASample) {
    for (const std::size_t length : {1U, 7U, 80U, 159U, 161U, 240U, 400U, 1000U}) {
        Cut cut;
        std::size_t sent = 0;
        while (sent < 8000) {
            const auto count = std::min<std::size_t>(length, 8000 - sent);
            cut.pcm(counting(static_cast<int>(sent), count), static_cast<int>(sent / 8));
            sent += count;
        }
        ASSERT_EQ(cut.frames.size(), 50U) << length;
        EXPECT_EQ(cut.cutter.jumps(), 0U);
        for (std::size_t n = 0; n < 50; ++n) {
            EXPECT_EQ(cut.frames[n].at.count(), static_cast<int>(n) * 20);
            for (std::size_t i = 0; i < kFrameSamples; ++i)
                ASSERT_EQ(cut.frames[n].pcm[i], static_cast<int>(n * 160 + i)) << length;
        }
    }
}

TEST(FrameCutter, DecodesMulaw) {
    FrameCutter cutter;
    std::vector<std::uint8_t> bytes(160, 0xD5);
    std::vector<AudioFrame> frames;
    cutter.write_mulaw(bytes, milliseconds(0),
                       [&](const AudioFrame& frame) { frames.push_back(frame); });
    ASSERT_EQ(frames.size(), 1U);
    EXPECT_EQ(frames[0].pcm[159], 716);
}

TEST(FrameCutter, PadsWhatWaitsAtAWideHole) {
    Cut cut;
    cut.pcm(counting(1, 100), 0);
    cut.pcm(counting(1000, 160), 60);
    ASSERT_EQ(cut.frames.size(), 2U);
    EXPECT_EQ(cut.frames[0].at.count(), 0);
    EXPECT_EQ(cut.frames[0].pcm[99], 100);
    EXPECT_EQ(cut.frames[0].pcm[100], 0);
    EXPECT_EQ(cut.frames[1].at.count(), 60);
    EXPECT_EQ(cut.frames[1].pcm[0], 1000);
    EXPECT_EQ(cut.cutter.jumps(), 1U);
}

TEST(FrameCutter, DiscardsWhatWaitsWhenTimeGoesBack) {
    Cut cut;
    cut.pcm(counting(1, 400), 1000);
    cut.pcm(counting(5, 160), 0);
    ASSERT_EQ(cut.frames.size(), 3U);
    EXPECT_EQ(cut.frames[2].at.count(), 0);
    EXPECT_EQ(cut.frames[2].pcm[0], 5);
    EXPECT_EQ(cut.cutter.discarded(), 80U);
}

TEST(FrameCutter, TakesRoundingOfTimestampsForWhatItIs) {
    Cut cut;
    for (int n = 0; n < 100; ++n) cut.pcm(counting(0, 160), n * 20 + (n % 3));
    EXPECT_EQ(cut.frames.size(), 100U);
    EXPECT_EQ(cut.frames[99].at.count(), 1980);
    EXPECT_EQ(cut.cutter.jumps(), 0U);
}

TEST(FrameCutter, FlushPadsAndResetForgets) {
    Cut cut;
    cut.pcm(counting(1, 10), 0);
    EXPECT_EQ(cut.cutter.waiting(), 10U);
    cut.cutter.flush([&](const AudioFrame& frame) { cut.frames.push_back(frame); });
    ASSERT_EQ(cut.frames.size(), 1U);
    EXPECT_EQ(cut.frames[0].pcm[10], 0);
    cut.pcm(counting(1, 10), 20);
    cut.cutter.reset();
    EXPECT_EQ(cut.cutter.waiting(), 0U);
    cut.cutter.flush([&](const AudioFrame&) { FAIL(); });
}

}  // namespace
}  // namespace bridge::audio
