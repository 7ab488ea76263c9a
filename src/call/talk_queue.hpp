#pragma once
// What a guest says, on its way from the network to the call's slot: pieces of any length in, 20 ms
// out in each slot.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "audio/frame.hpp"

namespace bridge::call {

/// The rule of the microphone: after a stall more than 40 ms of backlog is dropped, oldest first.
/// Whoever sends longer pieces has as much more waiting as its longest piece. No allocation.
class TalkQueue {
public:
    static constexpr std::size_t kBacklog = 40 * audio::kSamplesPerMs;
    static constexpr std::size_t kCapacity = 400 * audio::kSamplesPerMs;

    void push(std::span<const std::int16_t> samples) noexcept {
        if (samples.size() > kCapacity) {
            dropped_ += samples.size() - kCapacity;
            samples = samples.last(kCapacity);
        }
        longest_ = std::max(longest_, samples.size());
        if (size_ + samples.size() > kCapacity) drop(size_ + samples.size() - kCapacity);
        for (const auto sample : samples) ring_[(first_ + size_++) % kCapacity] = sample;
    }

    /// The next 20 ms; false: they are not there yet.
    bool pull(audio::AudioFrame& frame) noexcept {
        const auto most = kBacklog + std::max(longest_, audio::kFrameSamples);
        while (size_ > most) drop(std::min(size_ - most, audio::kFrameSamples));
        if (size_ < audio::kFrameSamples) return false;
        for (auto& sample : frame.pcm) {
            sample = ring_[first_];
            first_ = (first_ + 1) % kCapacity;
        }
        size_ -= audio::kFrameSamples;
        return true;
    }

    void clear() noexcept { first_ = size_ = longest_ = 0; }
    std::size_t waiting() const noexcept { return size_; }
    std::uint64_t dropped() const noexcept { return dropped_; }

private:
    void drop(std::size_t samples) noexcept {
        first_ = (first_ + samples) % kCapacity;
        size_ -= samples;
        dropped_ += samples;
    }

    std::array<std::int16_t, kCapacity> ring_{};
    std::size_t first_ = 0, size_ = 0, longest_ = 0;
    std::uint64_t dropped_ = 0;
};

}  // namespace bridge::call
