#include "devices/self_clock.hpp"

#include <gtest/gtest.h>

#include <condition_variable>
#include <vector>

namespace bridge::devices {
namespace {

using std::chrono::milliseconds;

TEST(SelfClock, CatchesUpAfterAStallAndKeepsItsGrid) {
    const Clock::Time begin{std::chrono::hours(5)};
    auto deadline = begin;
    // 300 ms late: the deadlines missed are all due at once, on the old grid.
    const auto late = begin + milliseconds(300);
    int blocks = 0;
    while (deadline <= late) {
        deadline = next_deadline(deadline, late);
        ++blocks;
    }
    EXPECT_EQ(blocks, 31);
    EXPECT_EQ(deadline, begin + milliseconds(310));
}

TEST(SelfClock, GoesOnFromNowAfterTheMachineSlept) {
    const Clock::Time begin{std::chrono::hours(5)};
    const auto woke = begin + std::chrono::hours(1);
    EXPECT_EQ(next_deadline(begin, woke), woke);
}

TEST(SelfClock, RunsBlocksInRealTimeUntilItIsStopped) {
    std::mutex mutex;
    std::condition_variable changed;
    std::vector<Clock::Time> times;
    SelfClock clock([&](Clock::Time now) {
        const std::lock_guard lock(mutex);
        times.push_back(now);
        changed.notify_all();
    });
    EXPECT_FALSE(clock.running());
    const auto begin = std::chrono::steady_clock::now();
    clock.start();
    clock.start();
    EXPECT_TRUE(clock.running());
    {
        std::unique_lock lock(mutex);
        ASSERT_TRUE(
            changed.wait_for(lock, std::chrono::seconds(20), [&] { return times.size() >= 20; }));
    }
    clock.stop();
    clock.stop();
    EXPECT_FALSE(clock.running());
    const auto count = times.size();
    EXPECT_GE(times[19] - begin, milliseconds(200));  // never before its time
    EXPECT_EQ(times.size(), count);
}

}  // namespace
}  // namespace bridge::devices
