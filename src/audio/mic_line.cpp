#include "audio/mic_line.hpp"

#include <algorithm>

namespace bridge::audio {
namespace {

constexpr auto kRingSamples = static_cast<std::size_t>(MicLine::kCapacity.count()) * kSamplesPerMs;
// Blocks are frames as a rule; a writer of 2 ms pieces fits as well.
constexpr std::size_t kRingBlocks = kRingSamples / (2 * kSamplesPerMs);

}  // namespace

MicLine::MicLine() : samples_(kRingSamples), arrivals_(kRingBlocks) {}

void MicLine::write(std::span<const std::int16_t> samples, Clock::Time captured) noexcept {
    const auto room = arrivals_.size() < arrivals_.capacity()
                          ? samples_.capacity() - samples_.size()
                          : std::size_t{0};
    const auto kept = samples.first(std::min(samples.size(), room));
    if (kept.size() < samples.size())
        dropped_.fetch_add(samples.size() - kept.size(), std::memory_order_relaxed);
    if (kept.empty()) return;
    // The record first: a reader that sees samples must find out when they were captured.
    written_ += kept.size();
    arrivals_.push({written_, captured});
    samples_.push_all(kept);
}

bool MicLine::read(MicFrame& frame) noexcept {
    reads_.fetch_add(1, std::memory_order_relaxed);
    if (samples_.size() < kFrameSamples) {
        misses_.fetch_add(1, std::memory_order_relaxed);
        return false;
    }
    samples_.pop_all(frame.pcm);
    taken_ += kFrameSamples;
    frame.captured = captured_of(taken_);
    return true;
}

void MicLine::flush() noexcept {
    const auto waiting = samples_.size();
    samples_.pop(waiting);
    taken_ += waiting;
    captured_of(taken_);
}

// Of the block that holds the sample before `end`; blocks that were taken whole are forgotten.
Clock::Time MicLine::captured_of(std::uint64_t end) noexcept {
    while (arrivals_.size() > 0) {
        const auto block = arrivals_.peek(0);
        if (block.end > end) return block.captured;
        last_captured_ = block.captured;
        arrivals_.pop();
        if (block.end == end) break;
    }
    return last_captured_;
}

std::size_t MicLine::waiting() const noexcept {
    return samples_.size();
}
std::uint64_t MicLine::dropped_samples() const noexcept {
    return dropped_.load(std::memory_order_relaxed);
}
std::uint64_t MicLine::reads() const noexcept {
    return reads_.load(std::memory_order_relaxed);
}
std::uint64_t MicLine::misses() const noexcept {
    return misses_.load(std::memory_order_relaxed);
}

}  // namespace bridge::audio
