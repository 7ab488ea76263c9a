#pragma once
// The crossing from a sound card's callbacks to the microphone's thread: what was captured, and
// what was played meanwhile, each with the time of its callback. It outlives the device: a card
// that is reopened goes on with the same tap.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/clock.hpp"

namespace bridge::audio {

/// Two rings of a second each, for one producer (a device's callback) and one consumer (the
/// microphone's thread) each. What does not fit is dropped, newest first, and counted.
class DuplexTap {
public:
    DuplexTap();
    ~DuplexTap();
    DuplexTap(const DuplexTap&) = delete;
    DuplexTap& operator=(const DuplexTap&) = delete;

    /// A block of the input, mono, -1..1, at `sample_rate` Hz (8,000 to 192,000). `now`: when the
    /// callback runs. `latency`: how much earlier the card says the last sample was in the air, 0
    /// if it does not say. Thread: the input's callback. Realtime-safe.
    void captured(std::span<const float> samples, int sample_rate, Clock::Time now,
                  Clock::Duration latency) noexcept;
    /// The same for a block of the output; `latency`: how much later its first sample will be
    /// heard. Thread: the output's callback. Realtime-safe.
    void played(std::span<const float> samples, int sample_rate, Clock::Time now,
                Clock::Duration latency) noexcept;
    /// What comes next does not continue what came before: the device was opened anew. Thread: the
    /// device's owner, while no callback runs.
    void restarted() noexcept;

    /// A block and where it stands in its stream.
    struct Block {
        std::uint64_t position = 0;  ///< samples of this stream before it, dropped ones included
        std::size_t samples = 0;
        int sample_rate = 0;
        std::uint32_t opening = 0;  ///< counts `restarted`
        Clock::Time now{};
        Clock::Duration latency{};
    };
    /// The oldest captured block that waits; its samples replace what `samples` held, which does
    /// not allocate once it has had room for the longest block. False: none. Thread: the
    /// microphone's.
    bool next_captured(Block& block, std::vector<float>& samples);
    /// The same of what was played.
    bool next_played(Block& block, std::vector<float>& samples);
    /// Samples of the input that found no room. Thread: any.
    std::uint64_t dropped_captured() const noexcept;

private:
    struct Stream;
    struct State;
    const std::unique_ptr<State> state_;
};

}  // namespace bridge::audio
