#pragma once
// What a device's callback tells about itself, in atomics: the rest of the program may look any
// time.

#include <atomic>
#include <chrono>
#include <cstdint>

#include "base/clock.hpp"

namespace bridge::devices {

/// Thread: `beat` and `underflow` the device callback, the rest any. Realtime-safe.
class Heartbeat {
public:
    void beat(Clock::Time now) noexcept {
        const auto last = last_.exchange(now.time_since_epoch().count(), std::memory_order_relaxed);
        callbacks_.fetch_add(1, std::memory_order_relaxed);
        if (last == 0) return;
        const auto gap = now.time_since_epoch().count() - last;
        if (gap > longest_gap_.load(std::memory_order_relaxed))
            longest_gap_.store(gap, std::memory_order_relaxed);
    }
    /// The device says that it ran dry; of an input: that it ran over.
    void underflow() noexcept { underflows_.fetch_add(1, std::memory_order_relaxed); }
    /// A new start: the time since the last stop is no gap.
    void restart() noexcept { last_.store(0, std::memory_order_relaxed); }

    std::uint64_t callbacks() const noexcept { return callbacks_.load(std::memory_order_relaxed); }
    std::uint64_t underflows() const noexcept {
        return underflows_.load(std::memory_order_relaxed);
    }
    double longest_gap_ms() const noexcept {
        return static_cast<double>(longest_gap_.load(std::memory_order_relaxed)) / 1e6;
    }

private:
    std::atomic<std::int64_t> last_{0};
    std::atomic<std::int64_t> longest_gap_{0};
    std::atomic<std::uint64_t> callbacks_{0};
    std::atomic<std::uint64_t> underflows_{0};
};

}  // namespace bridge::devices
