#pragma once
// How loud both sides of a call are, frame by frame, for meters elsewhere. It hangs on a call only
// while somebody looks; then a frame costs one pass over its samples.

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "audio/frame.hpp"
#include "base/clock.hpp"

namespace bridge::call {

/// Peaks lie in slots of 20 ms of time, the last 1.28 s of them. What goes to the phone lies where
/// it will be heard, which may be a little ahead. Thread: the call's for the writers, any for
/// `read`; lock-free.
class LevelTap {
public:
    static constexpr std::size_t kSlots = 64;
    static constexpr std::size_t kWindow = 5;
    using Slot = std::int64_t;  ///< time since the clock's epoch / 20 ms

    struct Window {
        std::array<float, kWindow> far{}, near{};  ///< 0 to 1
        bool far_clipped = false, near_clipped = false;
    };

    static Slot slot_of(Clock::Time time) noexcept { return time.time_since_epoch() / kSlotTime; }
    static constexpr std::chrono::milliseconds kSlotTime{20};

    /// A frame of the phone, just arrived. Frames that come in a burst lie behind each other.
    void far(Clock::Time now, const audio::AudioFrame& frame) noexcept;
    /// A frame that the phone will hear then.
    void near(Clock::Time heard_at, const audio::AudioFrame& frame) noexcept;
    /// What was to be heard from then on will not be.
    void forget_near(Clock::Time from) noexcept;

    /// The five slots from `first` on. A single slot that got nothing between two that did is as
    /// the one before: frames do not come to the millisecond.
    Window read(Slot first) const noexcept;

private:
    /// Slot number and peak in one word, so that both change at once.
    using Cells = std::array<std::atomic<std::uint64_t>, kSlots>;
    static void put(Cells& cells, Slot slot, std::uint64_t peak) noexcept;
    static std::uint64_t get(const Cells& cells, Slot slot) noexcept;
    static void read(const Cells& cells, Slot first, std::array<float, kWindow>& peaks,
                     bool& clipped) noexcept;

    Cells far_{}, near_{};
    Slot last_far_ = 0;
};

}  // namespace bridge::call
