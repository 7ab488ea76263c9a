#pragma once
// A ring between two threads: one writes, one reads, neither ever waits. The reader may look at
// what waits without taking it.

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <span>
#include <vector>

namespace bridge::audio {

/// Holds up to `capacity` values; its memory is taken once, in the constructor. Realtime-safe
/// after.
template <class T>
class SpscRing {
public:
    explicit SpscRing(std::size_t capacity) : slots_(capacity) {}

    std::size_t capacity() const noexcept { return slots_.size(); }
    /// Thread: any; exact for the two that use the ring.
    std::size_t size() const noexcept {
        const auto head = head_.load(std::memory_order_acquire);
        const auto tail = tail_.load(std::memory_order_acquire);
        return tail - head;
    }

    /// False: full. Thread: writer.
    bool push(const T& value) noexcept {
        const auto tail = tail_.load(std::memory_order_relaxed);
        if (tail - head_.load(std::memory_order_acquire) >= slots_.size()) return false;
        slots_[tail % slots_.size()] = value;
        tail_.store(tail + 1, std::memory_order_release);
        return true;
    }

    /// All of them, or none (false) if they do not fit together. Thread: writer.
    bool push_all(std::span<const T> values) noexcept {
        const auto tail = tail_.load(std::memory_order_relaxed);
        const auto used = tail - head_.load(std::memory_order_acquire);
        if (values.size() > slots_.size() - used) return false;
        const auto at = tail % slots_.size();
        const auto before_end = std::min(values.size(), slots_.size() - at);
        std::copy_n(values.begin(), before_end, slots_.begin() + static_cast<std::ptrdiff_t>(at));
        std::copy(values.begin() + static_cast<std::ptrdiff_t>(before_end), values.end(),
                  slots_.begin());
        tail_.store(tail + values.size(), std::memory_order_release);
        return true;
    }

    /// Fills `out` with the next values and gives their places back, out.size() <= size().
    /// Thread: reader.
    void pop_all(std::span<T> out) noexcept {
        const auto head = head_.load(std::memory_order_relaxed);
        const auto at = head % slots_.size();
        const auto before_end = std::min(out.size(), slots_.size() - at);
        const auto from = slots_.begin() + static_cast<std::ptrdiff_t>(at);
        std::copy_n(from, before_end, out.begin());
        std::copy_n(slots_.begin(), out.size() - before_end,
                    out.begin() + static_cast<std::ptrdiff_t>(before_end));
        head_.store(head + out.size(), std::memory_order_release);
    }

    /// The value `index` places behind the next one, index < size(). Thread: reader.
    T& peek(std::size_t index) noexcept {
        return slots_[(head_.load(std::memory_order_relaxed) + index) % slots_.size()];
    }
    /// Gives the next `count` values' places back, count <= size(). Thread: reader.
    void pop(std::size_t count = 1) noexcept {
        head_.store(head_.load(std::memory_order_relaxed) + count, std::memory_order_release);
    }

private:
    std::vector<T> slots_;
    alignas(64) std::atomic<std::size_t> head_{0};  ///< values taken so far
    alignas(64) std::atomic<std::size_t> tail_{0};  ///< values written so far
};

}  // namespace bridge::audio
