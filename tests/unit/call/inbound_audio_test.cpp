#include "call/inbound_audio.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace bridge::call {
namespace {

using namespace std::chrono_literals;

struct Fixture {
    MediaStats stats;
    InboundAudio audio{stats};
    VirtualClock clock;
    std::vector<audio::AudioFrame> frames;

    void send(std::uint64_t sequence, std::int64_t timestamp, std::size_t bytes = 160) {
        const std::vector<std::uint8_t> mulaw(bytes, 0x80);
        audio.media(
            input::Media{1, sequence, std::chrono::milliseconds(timestamp), Track::inbound, mulaw},
            clock.now(), [&](const audio::AudioFrame& frame) { frames.push_back(frame); });
    }
};

TEST(InboundAudio, PassesACleanStreamFrameByFrame) {
    Fixture f;
    for (std::uint64_t i = 0; i < 100; ++i) {
        f.send(i + 2, static_cast<std::int64_t>(i) * 20 + 5);
        f.clock.advance(20ms);
    }
    ASSERT_EQ(f.frames.size(), 100U);
    EXPECT_EQ(f.frames[0].pcm[0], 32124);
    EXPECT_EQ(f.frames[1].at - f.frames[0].at, 20ms);
    EXPECT_EQ(
        f.stats.gaps + f.stats.duplicates + f.stats.missed_messages + f.stats.late + f.stats.stalls,
        0U);
}

TEST(InboundAudio, CountsAGapByTheCarriersTime) {
    Fixture f;
    f.send(2, 0);
    f.send(3, 20);
    f.send(6, 100);  // 60 ms are missing
    EXPECT_EQ(f.stats.gaps, 1U);
    EXPECT_EQ(f.stats.lost_ms, 60U);
    EXPECT_EQ(f.stats.missed_messages, 2U);
    ASSERT_EQ(f.frames.size(), 3U);
    EXPECT_EQ(f.frames[2].at, 100ms);
}

TEST(InboundAudio, DropsWhatItHasSeenBefore) {
    Fixture f;
    f.send(2, 0);
    f.send(2, 0);
    f.send(3, 20);
    f.send(2, 0);
    EXPECT_EQ(f.stats.duplicates, 2U);
    EXPECT_EQ(f.frames.size(), 2U);
}

TEST(InboundAudio, CountsStallsAndWhatCameLateAfterThem) {
    Fixture f;
    f.send(2, 0);
    f.clock.advance(20ms);
    f.send(3, 20);
    f.clock.advance(500ms);
    for (std::uint64_t i = 0; i < 25; ++i)
        f.send(i + 4, 40 + static_cast<std::int64_t>(i) * 20);  // the backlog, at once
    EXPECT_EQ(f.stats.stalls, 1U);
    EXPECT_NEAR(f.stats.longest_stall_ms, 500.0, 1.0);
    EXPECT_GT(f.stats.late, 15U);
    EXPECT_EQ(f.stats.gaps, 0U);
    EXPECT_EQ(f.frames.size(), 27U);
}

TEST(InboundAudio, TakesMessagesOfAnyLength) {
    Fixture f;
    std::int64_t timestamp = 0;
    std::size_t bytes = 0;
    std::uint64_t sequence = 2;
    for (const std::size_t length : {80U, 400U, 8U, 160U, 1000U, 72U}) {
        f.send(sequence++, timestamp, length);
        timestamp += static_cast<std::int64_t>(length / 8);
        bytes += length;
    }
    EXPECT_EQ(f.frames.size(), bytes / 160);
    EXPECT_EQ(f.stats.gaps, 0U);
    for (std::size_t i = 1; i < f.frames.size(); ++i)
        EXPECT_EQ(f.frames[i].at - f.frames[i - 1].at, 20ms);
}

TEST(InboundAudio, DoesNotTakeADriftingClockForLateness) {
    Fixture f;
    for (std::uint64_t i = 0; i < 30000; ++i) {  // ten minutes, the sender 300 ppm slow
        f.send(i + 2, static_cast<std::int64_t>(i) * 20);
        f.clock.advance(std::chrono::nanoseconds(20'006'000));
    }
    EXPECT_EQ(f.stats.late, 0U);
}

}  // namespace
}  // namespace bridge::call
