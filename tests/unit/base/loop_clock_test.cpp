#include "base/loop_clock.hpp"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <random>
#include <vector>

namespace bridge {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

/// The loop ends by itself when no timer is left.
class LoopClockTest : public testing::Test {
protected:
    void run() { loop_.run_for(seconds(10)); }

    boost::asio::io_context loop_{1};
    LoopClock clock_{loop_.get_executor()};
};

TEST_F(LoopClockTest, FiresOnceAndNotBeforeItsTime) {
    const auto when = clock_.now() + microseconds(3500);
    std::vector<Clock::Time> fired;
    clock_.at(when, [&] { fired.push_back(clock_.now()); });
    run();
    ASSERT_EQ(fired.size(), 1U);
    EXPECT_GE(fired[0], when);
}

TEST_F(LoopClockTest, ATimerInThePastFiresFromTheLoopAndNotFromInsideAt) {
    bool fired = false;
    clock_.at(clock_.now() - seconds(5), [&] { fired = true; });
    EXPECT_FALSE(fired);
    run();
    EXPECT_TRUE(fired);
}

TEST_F(LoopClockTest, FiresInTheOrderOfTheTimesNotOfTheCalls) {
    const auto base = clock_.now() + milliseconds(2);
    std::vector<int> order;
    clock_.at(base + microseconds(300), [&] { order.push_back(3); });
    clock_.at(base + microseconds(100), [&] { order.push_back(1); });
    clock_.at(base + microseconds(200), [&] { order.push_back(2); });
    clock_.at(base + milliseconds(20), [&] { order.push_back(4); });
    run();
    EXPECT_EQ(order, (std::vector<int>{1, 2, 3, 4}));
}

TEST_F(LoopClockTest, NeverFiresEarlyWithThousandsOfTimersOverSeveralTurnsOfTheWheel) {
    constexpr int kTimers = 3000;
    std::minstd_rand random(7);
    std::uniform_int_distribution<int> delay_us(0, 1'300'000);  // the wheel turns in 1024 ms
    int fired = 0;
    int early = 0;
    for (int i = 0; i < kTimers; ++i) {
        const auto when = clock_.now() + microseconds(delay_us(random));
        clock_.at(when, [&, when] {
            ++fired;
            if (clock_.now() < when) ++early;
        });
    }
    run();
    EXPECT_EQ(fired, kTimers);
    EXPECT_EQ(early, 0);
}

TEST_F(LoopClockTest, ACancelledTimerStaysSilent) {
    bool fired = false;
    const auto timer = clock_.after(milliseconds(3), [&] { fired = true; });
    clock_.cancel(timer);
    bool other = false;
    clock_.after(milliseconds(6), [&] { other = true; });
    run();
    EXPECT_FALSE(fired);
    EXPECT_TRUE(other);
}

TEST_F(LoopClockTest, WithEverythingCancelledNothingKeepsTheLoopAlive) {
    const auto timer = clock_.after(std::chrono::hours(1), [] { FAIL(); });
    clock_.cancel(timer);
    loop_.run_for(seconds(5));
    EXPECT_TRUE(loop_.stopped());
}

TEST_F(LoopClockTest, CancellingTwiceOrAfterTheFactOrNonsenseIsHarmless) {
    const auto timer = clock_.after(milliseconds(1), [] {});
    run();
    clock_.cancel(timer);
    clock_.cancel(timer);
    clock_.cancel(Clock::kNoTimer);
    clock_.cancel(0x1234567800000001ULL);
}

TEST_F(LoopClockTest, AnOldIdDoesNotCancelTheTimerThatTookItsPlace) {
    const auto old = clock_.after(milliseconds(1), [] {});
    clock_.cancel(old);
    bool fired = false;
    clock_.after(milliseconds(1), [&] { fired = true; });
    clock_.cancel(old);
    run();
    EXPECT_TRUE(fired);
}

TEST_F(LoopClockTest, AHandlerMayCancelAnotherTimerOfTheSameTurn) {
    const auto when = clock_.now() + milliseconds(3);
    int fired = 0;
    std::array<Clock::TimerId, 2> timers{};
    timers[0] = clock_.at(when, [&] {
        ++fired;
        clock_.cancel(timers[1]);
    });
    timers[1] = clock_.at(when, [&] {
        ++fired;
        clock_.cancel(timers[0]);
    });
    run();
    EXPECT_EQ(fired, 1);
}

TEST_F(LoopClockTest, AHandlerMayCancelItselfAndStartOthers) {
    int fired = 0;
    Clock::TimerId self = Clock::kNoTimer;
    self = clock_.after(milliseconds(1), [&] {
        ++fired;
        clock_.cancel(self);
        // More than there were, so that the clock's table moves while a handler runs.
        for (int i = 0; i < 100; ++i) clock_.after(milliseconds(1), [&] { ++fired; });
    });
    run();
    EXPECT_EQ(fired, 101);
}

TEST_F(LoopClockTest, AChainOfTimersKeepsItsPace) {
    constexpr int kBeats = 25;
    const auto start = clock_.now();
    auto next = start;
    int beats = 0;
    int early = 0;
    std::function<void()> beat = [&] {
        if (clock_.now() < next) ++early;
        if (++beats == kBeats) return;
        next += milliseconds(2);
        clock_.at(next, [&] { beat(); });
    };
    clock_.at(next, [&] { beat(); });
    run();
    EXPECT_EQ(beats, kBeats);
    EXPECT_EQ(early, 0);
    EXPECT_GE(clock_.now() - start, milliseconds(2 * (kBeats - 1)));
}

TEST_F(LoopClockTest, AnEarlierTimerOvertakesOneThatTheLoopAlreadyWaitsFor) {
    std::vector<int> order;
    clock_.after(milliseconds(200), [&] { order.push_back(2); });
    loop_.poll();  // the loop's own timer is armed for the late one
    const auto start = clock_.now();
    Clock::Time first{};
    clock_.after(milliseconds(2), [&] {
        order.push_back(1);
        first = clock_.now();
    });
    run();
    EXPECT_EQ(order, (std::vector<int>{1, 2}));
    EXPECT_LT(first - start, milliseconds(150));
}

TEST_F(LoopClockTest, TakesUpAgainAfterItStoodStill) {
    int fired = 0;
    clock_.after(milliseconds(1), [&] { ++fired; });
    run();
    loop_.restart();
    const auto when = clock_.now() + milliseconds(2);
    Clock::Time at{};
    clock_.at(when, [&] {
        ++fired;
        at = clock_.now();
    });
    run();
    EXPECT_EQ(fired, 2);
    EXPECT_GE(at, when);
}

}  // namespace
}  // namespace bridge
