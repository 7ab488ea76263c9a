#include "audio/duplex_tap.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

namespace bridge::audio {
namespace {

using std::chrono::milliseconds;

Clock::Time moment_ms(int ms) {
    return Clock::Time{} + milliseconds(ms);
}

TEST(DuplexTap, KeepsTheTwoStreamsApart) {
    DuplexTap tap;
    DuplexTap::Block block;
    std::vector<float> samples;
    EXPECT_FALSE(tap.next_captured(block, samples));
    tap.captured(std::vector<float>(480, 0.25F), 48000, moment_ms(10), milliseconds(3));
    tap.played(std::vector<float>(441, -0.5F), 44100, moment_ms(12), milliseconds(20));
    ASSERT_TRUE(tap.next_captured(block, samples));
    EXPECT_EQ(samples, std::vector<float>(480, 0.25F));
    EXPECT_EQ(block.samples, 480U);
    EXPECT_EQ(block.sample_rate, 48000);
    EXPECT_EQ(block.now, moment_ms(10));
    EXPECT_EQ(block.latency, milliseconds(3));
    EXPECT_FALSE(tap.next_captured(block, samples));
    ASSERT_TRUE(tap.next_played(block, samples));
    EXPECT_EQ(samples, std::vector<float>(441, -0.5F));
    EXPECT_EQ(block.sample_rate, 44100);
    EXPECT_FALSE(tap.next_played(block, samples));
}

TEST(DuplexTap, HoldsASecondAndTellsWhereSamplesAreMissing) {
    DuplexTap tap;
    const std::vector<float> ten(160, 0.1F);  // 10 ms at 16 kHz
    for (int n = 0; n < 130; ++n) tap.captured(ten, 16000, moment_ms(10 * n), {});
    EXPECT_EQ(tap.dropped_captured(), 30U * 160U);
    DuplexTap::Block block;
    std::vector<float> samples;
    for (int n = 0; n < 100; ++n) {
        ASSERT_TRUE(tap.next_captured(block, samples));
        EXPECT_EQ(block.position, static_cast<std::uint64_t>(n) * 160);
    }
    EXPECT_FALSE(tap.next_captured(block, samples));
    tap.captured(ten, 16000, moment_ms(2000), {});
    ASSERT_TRUE(tap.next_captured(block, samples));
    EXPECT_EQ(block.position, 130U * 160U);
}

TEST(DuplexTap, MarksWhatComesAfterARestart) {
    DuplexTap tap;
    const std::vector<float> ten(80, 0.1F);
    DuplexTap::Block before, after;
    std::vector<float> samples;
    tap.captured(ten, 8000, moment_ms(0), {});
    tap.restarted();
    tap.captured(ten, 8000, moment_ms(500), {});
    tap.played(ten, 8000, moment_ms(500), {});
    ASSERT_TRUE(tap.next_captured(before, samples));
    ASSERT_TRUE(tap.next_captured(after, samples));
    EXPECT_EQ(after.opening, before.opening + 1);
    ASSERT_TRUE(tap.next_played(after, samples));
    EXPECT_EQ(after.opening, before.opening + 1);
}

TEST(DuplexTap, TakesNoRateThatNoCardHas) {
    DuplexTap tap;
    const std::vector<float> some(80, 0.1F);
    tap.captured(some, 0, moment_ms(0), {});
    tap.captured(some, 4000, moment_ms(0), {});
    tap.captured(some, 384000, moment_ms(0), {});
    tap.captured({}, 48000, moment_ms(0), {});
    DuplexTap::Block block;
    std::vector<float> samples;
    EXPECT_FALSE(tap.next_captured(block, samples));
}

TEST(DuplexTap, CarriesBothStreamsBetweenThreeThreads) {
    DuplexTap tap;
    constexpr int kBlocks = 4000;
    // The last one says that it is over; those before may be dropped, and are then missing in the
    // positions too.
    const auto produce = [&](auto push) {
        std::vector<float> samples;
        for (int n = 0; n < kBlocks; ++n) {
            samples.assign(static_cast<std::size_t>(40 + n % 90), static_cast<float>(n));
            push(samples, moment_ms(n));
            if (n % 50 == 49) std::this_thread::yield();
        }
    };
    std::atomic<int> done{0};
    std::thread input([&] {
        produce([&](const std::vector<float>& samples, Clock::Time now) {
            tap.captured(samples, 48000, now, {});
        });
        ++done;
    });
    std::thread output([&] {
        produce([&](const std::vector<float>& samples, Clock::Time now) {
            tap.played(samples, 48000, now, {});
        });
        ++done;
    });
    DuplexTap::Block block;
    std::vector<float> samples;
    int wrong = 0, seen = 0;
    const auto check = [&] {
        ++seen;
        const auto n = static_cast<int>(samples.front());
        if (samples.size() != block.samples || samples.front() != samples.back() ||
            block.now != moment_ms(n) || samples.size() != static_cast<std::size_t>(40 + n % 90))
            ++wrong;
    };
    for (;;) {
        const bool last = done == 2;
        bool any = false;
        while (tap.next_captured(block, samples)) {
            check();
            any = true;
        }
        while (tap.next_played(block, samples)) {
            check();
            any = true;
        }
        if (last && !any) break;
        if (!any) std::this_thread::yield();
    }
    input.join();
    output.join();
    EXPECT_EQ(wrong, 0);
    EXPECT_GT(seen, 100);
}

}  // namespace
}  // namespace bridge::audio
