#pragma once
// Time comes from outside: everything in a call asks a Clock, so that a test (or a replay) can run
// hours of a call in milliseconds.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <unordered_map>
#include <utility>

namespace bridge {

/// Monotonic time and timers. Thread: the one that owns it (an io thread, or the test).
class Clock {
public:
    using Duration = std::chrono::nanoseconds;
    using Time = std::chrono::time_point<std::chrono::steady_clock, Duration>;
    using TimerId = std::uint64_t;
    static constexpr TimerId kNoTimer = 0;

    virtual ~Clock() = default;
    virtual Time now() const = 0;
    /// Calls `fire` once at `when` or as soon after as the thread gets to it, never from inside
    /// `at`. A lambda that captures one pointer and an integer does not allocate in steady state.
    virtual TimerId at(Time when, std::function<void()> fire) = 0;
    /// Forgets a timer; harmless when it has fired or never was.
    virtual void cancel(TimerId timer) = 0;

    TimerId after(Duration delay, std::function<void()> fire) {
        return at(now() + delay, std::move(fire));
    }
};

/// A clock that stands still until it is told to go on.
class VirtualClock final : public Clock {
public:
    Time now() const override { return now_; }

    TimerId at(Time when, std::function<void()> fire) override {
        const auto id = ++last_;
        where_.emplace(id, timers_.emplace(when, Timer{id, std::move(fire)}));
        return id;
    }

    void cancel(TimerId timer) override {
        const auto found = where_.find(timer);
        if (found == where_.end()) return;
        timers_.erase(found->second);
        where_.erase(found);
    }

    /// Runs every timer due on the way, in order, each at its own time.
    void advance(Duration by) { advance_to(now_ + by); }

    void advance_to(Time end) {
        while (!timers_.empty() && timers_.begin()->first <= end) {
            auto node = timers_.extract(timers_.begin());
            where_.erase(node.mapped().id);
            now_ = std::max(now_, node.key());
            node.mapped().fire();
        }
        now_ = std::max(now_, end);
    }

    std::size_t pending() const { return timers_.size(); }

private:
    struct Timer {
        TimerId id;
        std::function<void()> fire;
    };
    using Timers = std::multimap<Time, Timer>;

    Time now_{std::chrono::hours(1)};
    TimerId last_ = kNoTimer;
    Timers timers_;
    std::unordered_map<TimerId, Timers::iterator> where_;
};

}  // namespace bridge
