#include "audio/duplex_tap.hpp"

#include <algorithm>
#include <atomic>

#include "audio/spsc_ring.hpp"

namespace bridge::audio {
namespace {

constexpr int kLeastRate = 8000;
constexpr int kMostRate = 192000;
constexpr std::size_t kBlocks = 1000;  // a second of 1 ms blocks

}  // namespace

struct DuplexTap::Stream {
    Stream() : samples(kMostRate), blocks(kBlocks) {}

    void push(std::span<const float> with, int sample_rate, Clock::Time now,
              Clock::Duration latency) noexcept;
    bool next(Block& block, std::vector<float>& out);

    SpscRing<float> samples;
    SpscRing<Block> blocks;
    std::uint64_t position = 0;             // the callback's
    std::atomic<std::uint32_t> opening{0};  ///< written while no callback runs
    std::atomic<std::uint64_t> dropped{0};
};

struct DuplexTap::State {
    Stream captured;
    Stream played;
};

void DuplexTap::Stream::push(std::span<const float> with, int sample_rate, Clock::Time now,
                             Clock::Duration latency) noexcept {
    if (with.empty() || sample_rate < kLeastRate || sample_rate > kMostRate) return;
    const Block block{position, with.size(), sample_rate, opening.load(std::memory_order_relaxed),
                      now,      latency};
    position += with.size();
    const auto second = static_cast<std::size_t>(sample_rate);
    const auto waiting = samples.size();
    // The samples first: a reader that sees the block finds them. There is room for its record
    // since nobody else writes.
    if (waiting + with.size() > second || blocks.size() == blocks.capacity() ||
        !samples.push_all(with)) {
        dropped.fetch_add(with.size(), std::memory_order_relaxed);
        return;
    }
    blocks.push(block);
}

bool DuplexTap::Stream::next(Block& block, std::vector<float>& out) {
    if (blocks.size() == 0) return false;
    block = blocks.peek(0);
    out.resize(block.samples);
    samples.pop_all(out);
    blocks.pop();
    return true;
}

DuplexTap::DuplexTap() : state_(std::make_unique<State>()) {}
DuplexTap::~DuplexTap() = default;

void DuplexTap::captured(std::span<const float> samples, int sample_rate, Clock::Time now,
                         Clock::Duration latency) noexcept {
    state_->captured.push(samples, sample_rate, now, latency);
}

void DuplexTap::played(std::span<const float> samples, int sample_rate, Clock::Time now,
                       Clock::Duration latency) noexcept {
    state_->played.push(samples, sample_rate, now, latency);
}

void DuplexTap::restarted() noexcept {
    state_->captured.opening.fetch_add(1);
    state_->played.opening.fetch_add(1);
}

bool DuplexTap::next_captured(Block& block, std::vector<float>& samples) {
    return state_->captured.next(block, samples);
}

bool DuplexTap::next_played(Block& block, std::vector<float>& samples) {
    return state_->played.next(block, samples);
}

std::uint64_t DuplexTap::dropped_captured() const noexcept {
    return state_->captured.dropped.load(std::memory_order_relaxed);
}

}  // namespace bridge::audio
