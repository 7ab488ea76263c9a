#pragma once
// Samples that wait, and behind them those that were taken and may be wanted back: a ring that
// grows to what it once had to hold and then allocates no more. Once empty it begins at its front
// again, so that a queue that never holds much stays in a few lines of the cache.
//
//   ── kept ──▶│── size ──▶          kept: taken already, `put_back` makes them wait again
//           first_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace bridge::call {

/// Thread: one.
class SampleQueue {
public:
    std::size_t size() const noexcept { return size_; }
    std::size_t kept() const noexcept { return kept_; }

    void push(std::span<const std::int16_t> samples) {
        reserve(kept_ + size_ + samples.size());
        while (!samples.empty()) {
            const auto end = (first_ + size_) % ring_.size();
            const auto part = std::min(samples.size(), ring_.size() - end);
            std::copy_n(samples.begin(), part, ring_.begin() + static_cast<std::ptrdiff_t>(end));
            size_ += part;
            samples = samples.subspan(part);
        }
    }

    /// Takes the oldest that wait, and keeps them. Returns how many there were.
    std::size_t pop(std::span<std::int16_t> out) noexcept {
        const auto count = std::min(out.size(), size_);
        copy(first_, out.first(count));
        if (count > 0) first_ = (first_ + count) % ring_.size();
        size_ -= count;
        kept_ += count;
        return count;
    }

    /// Of those that were taken the newest are kept, at most `most`.
    void keep(std::size_t most) noexcept {
        kept_ = std::min(kept_, most);
        if (size_ + kept_ == 0) first_ = 0;
    }

    /// The newest of those that are kept wait again, count <= kept().
    void put_back(std::size_t count) noexcept {
        if (count == 0) return;
        first_ = (first_ + ring_.size() - count) % ring_.size();
        kept_ -= count;
        size_ += count;
    }

    /// Forgets the oldest that wait, count <= size(), and all that are kept.
    void drop(std::size_t count) noexcept {
        if (ring_.empty()) return;
        first_ = (first_ + count) % ring_.size();
        size_ -= count;
        keep(0);
    }

private:
    void copy(std::size_t from, std::span<std::int16_t> out) const noexcept {
        while (!out.empty()) {
            const auto part = std::min(out.size(), ring_.size() - from);
            std::copy_n(ring_.begin() + static_cast<std::ptrdiff_t>(from), part, out.begin());
            from = (from + part) % ring_.size();
            out = out.subspan(part);
        }
    }

    void reserve(std::size_t wanted) {
        if (wanted <= ring_.size()) return;
        auto capacity = std::max<std::size_t>(ring_.size(), 512);
        while (capacity < wanted) capacity *= 2;
        std::vector<std::int16_t> larger(capacity);
        if (!ring_.empty()) {
            const auto oldest = (first_ + ring_.size() - kept_) % ring_.size();
            copy(oldest, std::span(larger).first(kept_ + size_));
        }
        ring_ = std::move(larger);
        first_ = kept_;
    }

    std::vector<std::int16_t> ring_;
    std::size_t first_ = 0;  ///< of those that wait
    std::size_t size_ = 0, kept_ = 0;
};

}  // namespace bridge::call
