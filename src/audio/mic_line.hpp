#pragma once
// The way from the microphone to the calls: cleaned 8 kHz samples, written once by the microphone's
// thread, taken by each call's io thread 20 ms at a time in the call's own slot.
//
//   MicPath ─▶ MicTrack (the last second, one for all) ─▶ MicLine of each call: its place on it

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>

#include "audio/frame.hpp"
#include "base/clock.hpp"

namespace bridge::audio {

/// 20 ms of the microphone.
struct MicFrame {
    std::array<std::int16_t, kFrameSamples> pcm{};
    Clock::Time captured{};  ///< when the device's callback brought its last sample
};

/// The last second of the microphone. However many calls listen, it is written once, and they share
/// its lines of the cache. One writer, any number of readers; nobody waits, nothing is allocated.
class MicTrack {
public:
    /// How far back a reader may read. What lies before it may be overwritten while it is read.
    static constexpr std::chrono::milliseconds kReach{400};

    /// `captured`: when the callback that brought the last of them ran. Thread: the microphone's.
    void write(std::span<const std::int16_t> samples, Clock::Time captured) noexcept;

    /// Samples written so far; those before it can be read. Thread: any.
    std::uint64_t written() const noexcept { return written_.load(std::memory_order_acquire); }
    /// The samples from `from` on, from + out.size() <= written(). False: they are too old, and may
    /// be others' by now. Thread: any.
    bool read(std::uint64_t from, std::span<std::int16_t, kFrameSamples> out) const noexcept;
    /// When the sample before `end` was captured, 0 < end <= written(), within reach. Thread: any.
    Clock::Time captured(std::uint64_t end) const noexcept;

private:
    static constexpr std::size_t kRing = 8192;   // samples
    static constexpr std::size_t kInWord = 4;    // samples: what is read and written at once
    static constexpr std::size_t kBlocks = 512;  // more than there are in reach of 2 ms each

    struct Block {
        std::atomic<std::uint64_t> end{0};  ///< samples written up to and including it
        std::atomic<Clock::Duration::rep> captured{0};
    };

    void put(std::uint64_t at, std::int16_t sample) noexcept;

    std::array<std::atomic<std::uint64_t>, kRing / kInWord> words_{};
    std::array<Block, kBlocks> blocks_{};
    std::atomic<std::uint64_t> block_count_{0};
    std::atomic<std::uint64_t> written_{0};
};

/// One call's place on the track.
class MicLine {
public:
    /// From now on it has what is captured. Thread: io, or before the first read.
    void follow(std::shared_ptr<const MicTrack> track) noexcept;
    /// Nothing more comes; what waits can be taken. Thread: any.
    void leave() noexcept;

    /// The next 20 ms; false: not there yet, nothing is taken. Whoever has not come for longer than
    /// MicTrack::kReach loses the oldest, and that is counted. Thread: io.
    bool read(MicFrame& frame) noexcept;
    /// Throws away what waits. Thread: io.
    void flush() noexcept;
    /// 8 kHz samples that wait. Thread: any.
    std::size_t waiting() const noexcept;
    /// Samples that were not taken in time. Thread: any.
    std::uint64_t dropped_samples() const noexcept {
        return dropped_.load(std::memory_order_relaxed);
    }

    /// How often the reader came, and how often there was less than a frame. Thread: any.
    std::uint64_t reads() const noexcept { return reads_.load(std::memory_order_relaxed); }
    std::uint64_t misses() const noexcept { return misses_.load(std::memory_order_relaxed); }

private:
    std::uint64_t end() const noexcept;
    void catch_up() noexcept;

    std::shared_ptr<const MicTrack> track_;
    std::atomic<std::uint64_t> left_at_{std::numeric_limits<std::uint64_t>::max()};
    // The reader's; others look at them.
    std::atomic<std::uint64_t> taken_{0};
    std::atomic<std::uint64_t> dropped_{0};
    std::atomic<std::uint64_t> reads_{0};
    std::atomic<std::uint64_t> misses_{0};
};

}  // namespace bridge::audio
