#pragma once
// The clock of a device that has none: a thread that asks for a block every 10 ms, by absolute
// deadlines, so that an hour takes an hour whatever one wait costs.

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "base/clock.hpp"

namespace bridge::devices {

class SelfClock {
public:
    static constexpr std::chrono::milliseconds kBlock{10};
    /// Further behind than this (the machine slept) it does not catch up but goes on from now.
    static constexpr std::chrono::seconds kGiveUp{2};

    /// `block` makes 10 ms of sound; it runs on this clock's own thread.
    explicit SelfClock(std::function<void(Clock::Time now)> block);
    ~SelfClock();
    SelfClock(const SelfClock&) = delete;
    SelfClock& operator=(const SelfClock&) = delete;

    /// Thread: any but its own. `start` and `stop` may be repeated; after `stop` no block runs.
    void start();
    void stop();
    bool running() const;

private:
    void run();

    const std::function<void(Clock::Time now)> block_;
    mutable std::mutex mutex_;  ///< of stopping_ and thread_; not taken while a block is made
    std::condition_variable wake_;
    bool stopping_ = false;
    std::thread thread_;
};

/// The pure part of it: when the next block is due. `now`: after the last one.
Clock::Time next_deadline(Clock::Time last_deadline, Clock::Time now) noexcept;

}  // namespace bridge::devices
