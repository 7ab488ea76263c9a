#pragma once
// The Clock of an io thread: a wheel of 1 ms slots turned by one Asio timer. A thousand calls that
// each wait for their next 20 ms frame cost one wake-up a millisecond at most, and no heap.

#include <array>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <vector>

#include "base/clock.hpp"

namespace bridge {

/// Thread: the one thread that runs `executor`. Timers never fire early; they fire at most one slot
/// (1 ms) and the loop's own delay late.
class LoopClock final : public Clock {
public:
    explicit LoopClock(boost::asio::any_io_executor executor);
    ~LoopClock() override;
    LoopClock(const LoopClock&) = delete;
    LoopClock& operator=(const LoopClock&) = delete;

    Time now() const override { return std::chrono::steady_clock::now(); }
    TimerId at(Time when, std::function<void()> fire) override;
    void cancel(TimerId timer) override;

private:
    static constexpr std::size_t kSlots = 1024;
    static constexpr std::uint32_t kNone = 0xffffffffU;

    /// Of a slot's list. Apart from the entries: to walk along them waits for no memory.
    struct Link {
        std::uint32_t next = kNone;
        std::uint32_t previous = kNone;
    };
    /// A line of the cache each.
    struct alignas(64) Entry {
        Time when;
        std::function<void()> fire;
        std::uint32_t generation = 0;
        std::uint32_t slot = 0;
        bool live = false;
    };

    std::int64_t tick_of(Time when) const;
    void link(std::uint32_t index, std::int64_t tick);
    void unlink(std::uint32_t index);
    void arm();
    void turn();

    boost::asio::steady_timer timer_;
    const Time origin_;            ///< a whole millisecond of the steady clock, as every tick is
    std::int64_t turned_to_ = 0;   ///< every slot up to and including this tick has been served
    std::int64_t armed_for_ = -1;  ///< the tick the Asio timer waits for; -1: not waiting
    std::size_t live_count_ = 0;
    std::array<std::uint32_t, kSlots> heads_;
    std::vector<Entry> entries_;
    std::vector<Link> links_;  ///< one for each entry
    std::vector<std::uint32_t> free_;
    std::vector<std::uint32_t> due_;  ///< scratch of turn()
};

}  // namespace bridge
