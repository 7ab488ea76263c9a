#pragma once
// Several calls on one device: up to 64 lines, summed in the device's callback.

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "audio/speaker_line.hpp"
#include "base/clock.hpp"

namespace bridge::devices {

/// The callback takes no lock: it reads an atomic pointer for each slot. A line is let go only when
/// no callback that may have read its pointer is still running.
class LineMixer {
public:
    static constexpr std::size_t kSlots = 64;

    /// Prepares the line for the rate and mixes it in. Adding a line twice changes nothing.
    /// False: all slots are taken. Thread: any but the callback's.
    bool attach(std::shared_ptr<audio::SpeakerLine> line, int sample_rate);
    /// After this returns, the callback no longer touches the line. Thread: any but the callback's.
    void detach(const std::shared_ptr<audio::SpeakerLine>& line);
    std::size_t size() const;

    /// Overwrites `out` with the sum of all lines, mono, in -1..1, softly limited.
    /// Thread: the one device callback. Realtime-safe.
    void render(std::span<float> out, int sample_rate, Clock::Time now) noexcept;
    /// The same to two channels of one length, for a device that has them while a line is panned.
    void render(std::span<float> left, std::span<float> right, int sample_rate,
                Clock::Time now) noexcept;
    /// In the last block a line sounded elsewhere than in the middle, or is to. Thread: the
    /// callback.
    bool panned() const noexcept { return panned_; }
    /// The same as 16-bit samples.
    void render(std::span<std::int16_t> out, int sample_rate, Clock::Time now) noexcept;

private:
    void wait_for_callback() noexcept;
    template <class Render>
    void for_each_line(Render render) noexcept;

    std::array<std::atomic<audio::SpeakerLine*>, kSlots> slots_{};
    std::atomic<std::uint64_t> passes_{0};  ///< odd: a callback is inside render
    bool panned_ = false;                   ///< the callback's
    mutable std::mutex mutex_;              ///< of owners_; several io threads attach and detach
    std::array<std::shared_ptr<audio::SpeakerLine>, kSlots> owners_;
    std::vector<std::shared_ptr<audio::SpeakerLine>>
        stuck_;  ///< the callback hung while it may have held these
};

/// Linear up to 0.9, then bending towards 1, which it never exceeds. Realtime-safe.
float soft_limit(float x) noexcept;

}  // namespace bridge::devices
