#pragma once
// Samples that wait: a ring that grows to what it once had to hold and then allocates no more. Once
// empty it begins at its front again, so that a queue that never holds much stays in a few lines of
// the cache.

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

    void push(std::span<const std::int16_t> samples) {
        reserve(size_ + samples.size());
        while (!samples.empty()) {
            const auto end = (first_ + size_) % ring_.size();
            const auto part = std::min(samples.size(), ring_.size() - end);
            std::copy_n(samples.begin(), part, ring_.begin() + static_cast<std::ptrdiff_t>(end));
            size_ += part;
            samples = samples.subspan(part);
        }
    }

    /// Returns how many there were.
    std::size_t pop(std::span<std::int16_t> out) noexcept {
        const auto count = std::min(out.size(), size_);
        for (std::size_t done = 0; done < count;) {
            const auto part = std::min(count - done, ring_.size() - first_);
            std::copy_n(ring_.begin() + static_cast<std::ptrdiff_t>(first_), part,
                        out.begin() + static_cast<std::ptrdiff_t>(done));
            first_ = (first_ + part) % ring_.size();
            done += part;
        }
        shrink(count);
        return count;
    }

    /// Forgets the oldest, count <= size().
    void drop(std::size_t count) noexcept {
        if (ring_.empty()) return;
        first_ = (first_ + count) % ring_.size();
        shrink(count);
    }

private:
    void shrink(std::size_t count) noexcept {
        size_ -= count;
        if (size_ == 0) first_ = 0;
    }

    void reserve(std::size_t wanted) {
        if (wanted <= ring_.size()) return;
        auto capacity = std::max<std::size_t>(ring_.size(), 2048);
        while (capacity < wanted) capacity *= 2;
        std::vector<std::int16_t> larger(capacity);
        const auto count = pop(larger);
        ring_ = std::move(larger);
        first_ = 0;
        size_ = count;
    }

    std::vector<std::int16_t> ring_;
    std::size_t first_ = 0;
    std::size_t size_ = 0;
};

}  // namespace bridge::call
