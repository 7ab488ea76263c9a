#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "base/clock.hpp"

namespace bridge {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

TEST(VirtualClock, StandsStillUntilItIsTold) {
    VirtualClock clock;
    const auto start = clock.now();
    bool fired = false;
    clock.after(milliseconds(0), [&] { fired = true; });
    EXPECT_FALSE(fired);
    EXPECT_EQ(clock.now(), start);
    clock.advance(milliseconds(0));
    EXPECT_TRUE(fired);
}

TEST(VirtualClock, RunsEachTimerAtItsOwnTimeInOrder) {
    VirtualClock clock;
    const auto start = clock.now();
    std::vector<Clock::Duration> seen;
    for (const int ms : {30, 10, 20}) {
        clock.after(milliseconds(ms), [&] { seen.push_back(clock.now() - start); });
    }
    clock.advance(hours(1));
    EXPECT_EQ(seen,
              (std::vector<Clock::Duration>{milliseconds(10), milliseconds(20), milliseconds(30)}));
    EXPECT_EQ(clock.now() - start, hours(1));
}

TEST(VirtualClock, TimersOfOneInstantRunInTheOrderTheyWereSet) {
    VirtualClock clock;
    std::vector<int> order;
    for (int i = 0; i < 5; ++i) clock.after(milliseconds(5), [&order, i] { order.push_back(i); });
    clock.advance(milliseconds(5));
    EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4}));
}

TEST(VirtualClock, ATimerSetByAHandlerRunsInTheSameAdvanceIfItIsDue) {
    VirtualClock clock;
    int beats = 0;
    std::function<void()> beat = [&] {
        ++beats;
        clock.after(milliseconds(20), [&] { beat(); });
    };
    clock.after(milliseconds(20), [&] { beat(); });
    clock.advance(milliseconds(100));
    EXPECT_EQ(beats, 5);
    EXPECT_EQ(clock.pending(), 1U);
}

TEST(VirtualClock, AHandlerMayCancelItselfAndOthers) {
    VirtualClock clock;
    int fired = 0;
    Clock::TimerId first = Clock::kNoTimer;
    Clock::TimerId second = Clock::kNoTimer;
    first = clock.after(milliseconds(1), [&] {
        ++fired;
        clock.cancel(first);
        clock.cancel(second);
    });
    second = clock.after(milliseconds(1), [&] { ++fired; });
    clock.advance(milliseconds(10));
    EXPECT_EQ(fired, 1);
    EXPECT_EQ(clock.pending(), 0U);
}

TEST(VirtualClock, ATimerInThePastDoesNotTurnTheClockBack) {
    VirtualClock clock;
    const auto start = clock.now();
    Clock::Time seen{};
    clock.at(start - hours(1), [&] { seen = clock.now(); });
    clock.advance(milliseconds(1));
    EXPECT_EQ(seen, start);
}

}  // namespace
}  // namespace bridge
