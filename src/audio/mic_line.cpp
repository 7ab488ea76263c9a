#include "audio/mic_line.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace bridge::audio {
namespace {

constexpr auto kReachSamples = static_cast<std::uint64_t>(MicTrack::kReach.count()) * kSamplesPerMs;

/// Of a counter that one thread writes.
void add(std::atomic<std::uint64_t>& counter, std::uint64_t more) noexcept {
    counter.store(counter.load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
}

}  // namespace

// The words are atomic because a reader that was held up may read what is overwritten meanwhile: it
// then finds out (`read`), and until then nothing undefined has happened.

void MicTrack::put(std::uint64_t at, std::int16_t sample) noexcept {
    auto& word = words_[at % kRing / kInWord];
    std::array<std::int16_t, kInWord> four;
    auto bits = word.load(std::memory_order_relaxed);
    std::memcpy(four.data(), &bits, sizeof bits);
    four[at % kInWord] = sample;
    std::memcpy(&bits, four.data(), sizeof bits);
    word.store(bits, std::memory_order_relaxed);
}

void MicTrack::write(std::span<const std::int16_t> samples, Clock::Time captured) noexcept {
    if (samples.empty()) return;
    auto at = written_.load(std::memory_order_relaxed);
    const auto end = at + samples.size();
    // The block first: a reader that sees samples must find out when they were captured.
    const auto count = block_count_.load(std::memory_order_relaxed);
    auto& block = blocks_[count % kBlocks];
    block.end.store(end, std::memory_order_relaxed);
    block.captured.store(captured.time_since_epoch().count(), std::memory_order_relaxed);
    block_count_.store(count + 1, std::memory_order_release);
    // Nothing of this is seen before what was told of earlier blocks.
    std::atomic_thread_fence(std::memory_order_release);
    for (; !samples.empty() && at % kInWord != 0; samples = samples.subspan(1))
        put(at++, samples.front());
    for (; samples.size() >= kInWord; samples = samples.subspan(kInWord), at += kInWord) {
        std::uint64_t bits = 0;
        std::memcpy(&bits, samples.data(), sizeof bits);
        words_[at % kRing / kInWord].store(bits, std::memory_order_relaxed);
    }
    for (; !samples.empty(); samples = samples.subspan(1)) put(at++, samples.front());
    written_.store(end, std::memory_order_release);
}

bool MicTrack::read(std::uint64_t from, std::span<std::int16_t, kFrameSamples> out) const noexcept {
    constexpr auto kWords = kFrameSamples / kInWord + 1;
    std::array<std::uint64_t, kWords> words;
    const auto first = from / kInWord;
    const auto count = (from + kFrameSamples - 1) / kInWord - first + 1;
    const auto start = static_cast<std::size_t>(first % words_.size());
    const auto to_end = std::min<std::size_t>(count, words_.size() - start);
    for (std::size_t i = 0; i < to_end; ++i)
        words[i] = words_[start + i].load(std::memory_order_relaxed);
    for (auto i = to_end; i < count; ++i)
        words[i] = words_[i - to_end].load(std::memory_order_relaxed);
    std::memcpy(out.data(),
                reinterpret_cast<const char*>(words.data()) + from % kInWord * sizeof(out[0]),
                out.size_bytes());
    // The writer is at most one block beyond what it has told.
    std::atomic_thread_fence(std::memory_order_acquire);
    return written_.load(std::memory_order_relaxed) - from <= kRing / 2;
}

Clock::Time MicTrack::captured(std::uint64_t end) const noexcept {
    const auto count = block_count_.load(std::memory_order_acquire);
    auto found = Clock::Duration::rep{0};
    // Of the block that holds that sample: nearly always the newest.
    for (std::uint64_t back = 1; back <= std::min<std::uint64_t>(count, kBlocks / 2); ++back) {
        const auto& block = blocks_[(count - back) % kBlocks];
        if (block.end.load(std::memory_order_relaxed) < end) break;
        found = block.captured.load(std::memory_order_relaxed);
    }
    return Clock::Time(Clock::Duration(found));
}

void MicLine::follow(std::shared_ptr<const MicTrack> track) noexcept {
    track_ = std::move(track);
    left_at_.store(std::numeric_limits<std::uint64_t>::max(), std::memory_order_relaxed);
    taken_.store(track_->written(), std::memory_order_relaxed);
}

void MicLine::leave() noexcept {
    if (track_) left_at_.store(end(), std::memory_order_relaxed);
}

std::uint64_t MicLine::end() const noexcept {
    if (!track_) return 0;
    return std::min(track_->written(), left_at_.load(std::memory_order_relaxed));
}

bool MicLine::read(MicFrame& frame) noexcept {
    add(reads_, 1);
    for (;;) {
        catch_up();
        if (waiting() < kFrameSamples) {
            add(misses_, 1);
            return false;
        }
        const auto from = taken_.load(std::memory_order_relaxed);
        if (!track_->read(from, frame.pcm)) continue;  // this thread was held up meanwhile
        taken_.store(from + kFrameSamples, std::memory_order_relaxed);
        frame.captured = track_->captured(from + kFrameSamples);
        return true;
    }
}

/// What is out of reach is lost.
void MicLine::catch_up() noexcept {
    if (!track_) return;
    const auto behind = track_->written() - taken_.load(std::memory_order_relaxed);
    if (behind <= kReachSamples) return;
    add(dropped_, behind - kReachSamples);
    add(taken_, behind - kReachSamples);
}

void MicLine::flush() noexcept {
    taken_.store(end(), std::memory_order_relaxed);
}

std::size_t MicLine::waiting() const noexcept {
    const auto taken = taken_.load(std::memory_order_relaxed);
    const auto last = end();
    return last > taken ? std::min(last - taken, kReachSamples) : 0;
}

}  // namespace bridge::audio
