#pragma once
// Where a call's next turn will look. Hundreds of calls push each other out of the cache between two
// frames of one; what a turn touches lies in some twenty objects that point at each other, and each
// first touch waits for memory. Told beforehand, the machine fetches all of it at once.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace bridge {

/// A list of places, never read through: an address that is stale does no harm, it only helps
/// nobody. Thread: one.
class HotLines {
public:
    static constexpr std::size_t kLine = 64;  // bytes of the cache that come together

    void clear() noexcept { count_ = 0; }
    /// What does not fit is left out.
    void add(const void* from, std::size_t bytes) noexcept {
        if (count_ == places_.size() || bytes == 0) return;
        const auto first = reinterpret_cast<std::uintptr_t>(from) & ~(kLine - 1);
        const auto end = reinterpret_cast<std::uintptr_t>(from) + bytes;
        // Addresses of lines end in zeros: how many lines there are fits there.
        places_[count_++] = first | std::min((end - first + kLine - 1) / kLine, kLine - 1);
    }
    /// From the beginning of one member or object to that of another behind it.
    void add_between(const void* from, const void* to) noexcept {
        add(from, static_cast<std::size_t>(static_cast<const char*>(to) -
                                           static_cast<const char*>(from)));
    }
    /// An object made by make_shared: the counts of its owners lie in front of it.
    void add_shared(const void* object, std::size_t bytes) noexcept {
        constexpr std::size_t kCounts = 16;
        if (object) add(static_cast<const char*>(object) - kCounts, bytes + kCounts);
    }

    /// How many lines of the cache are named.
    std::size_t lines() const noexcept {
        std::size_t sum = 0;
        for (std::size_t i = 0; i < count_; ++i) sum += places_[i] & (kLine - 1);
        return sum;
    }

    /// Fetches the list itself, then what it names.
    void prefetch_list() const noexcept {
        const auto* at = reinterpret_cast<const char*>(this);
        for (std::size_t i = 0; i < sizeof(*this); i += kLine) __builtin_prefetch(at + i);
    }
    void prefetch() const noexcept {
        for (std::size_t i = 0; i < count_; ++i) {
            const auto lines = places_[i] & (kLine - 1);
            const auto* at = reinterpret_cast<const char*>(places_[i] - lines);
            for (std::size_t line = 0; line < lines; ++line) __builtin_prefetch(at + line * kLine);
        }
    }

private:
    std::size_t count_ = 0;
    std::array<std::uintptr_t, 31> places_{};
};

}  // namespace bridge
