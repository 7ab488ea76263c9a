#pragma once
// One call's way from the microphone: cleaned 8 kHz samples, written by the microphone's thread,
// taken by the call's io thread 20 ms at a time in the call's own slot.

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <span>

#include "audio/frame.hpp"
#include "audio/spsc_ring.hpp"
#include "base/clock.hpp"

namespace bridge::audio {

/// 20 ms of the microphone.
struct MicFrame {
    std::array<std::int16_t, kFrameSamples> pcm{};
    Clock::Time captured{};  ///< when the device's callback brought its last sample
};

/// A single-producer single-consumer crossing; no lock, no allocation after construction.
class MicLine {
public:
    /// What fits. The reader drops what is too old long before (see OutboundLine); this bounds a
    /// reader that does not come at all.
    static constexpr std::chrono::milliseconds kCapacity{400};

    MicLine();

    /// Newest samples are dropped when the line is full, and counted. `captured`: when the callback
    /// that brought the last of them ran. Thread: the microphone's.
    void write(std::span<const std::int16_t> samples, Clock::Time captured) noexcept;
    /// The next 20 ms; false: not there yet, nothing is taken. Thread: io.
    bool read(MicFrame& frame) noexcept;
    /// Throws away what waits. Thread: io.
    void flush() noexcept;
    /// 8 kHz samples that wait. Thread: any.
    std::size_t waiting() const noexcept;
    /// Samples that did not fit. Thread: any.
    std::uint64_t dropped_samples() const noexcept;

    /// How often the reader came, and how often there was less than a frame. Thread: any.
    std::uint64_t reads() const noexcept;
    std::uint64_t misses() const noexcept;

private:
    struct Arrival {
        std::uint64_t end = 0;  ///< samples written up to and including this block
        Clock::Time captured{};
    };
    SpscRing<std::int16_t> samples_;
    SpscRing<Arrival> arrivals_;
    Clock::Time captured_of(std::uint64_t end) noexcept;

    std::uint64_t written_ = 0;  // writer's
    std::uint64_t taken_ = 0;    // reader's
    Clock::Time last_captured_{};
    std::atomic<std::uint64_t> dropped_{0};
    std::atomic<std::uint64_t> reads_{0};
    std::atomic<std::uint64_t> misses_{0};
};

}  // namespace bridge::audio
