#pragma once
// What a server under measurement tells the load driver, without a message: a file that both map.
// Written by the server's threads with relaxed atomics, read by the driver before and after the
// window.

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace bench {

/// Times from 1 µs to about a minute in steps of 1/16 of a power of two: an error of 6 % at most.
struct Histogram {
    static constexpr std::size_t kPerOctave = 16;
    static constexpr std::size_t kBins = 26 * kPerOctave;

    static std::size_t bin(std::uint64_t nanoseconds) {
        const auto units = nanoseconds / 64;  // a unit is 64 ns
        if (units < kPerOctave) return static_cast<std::size_t>(units);
        const auto octave = static_cast<std::size_t>(std::bit_width(units)) - 5;
        const auto inside = static_cast<std::size_t>(units >> octave) & (kPerOctave - 1);
        const auto at = (octave + 1) * kPerOctave + inside;
        return at < kBins ? at : kBins - 1;
    }
    /// The upper edge of a bin, in nanoseconds.
    static std::uint64_t upper(std::size_t bin) {
        if (bin < kPerOctave) return (bin + 1) * 64;
        const auto octave = bin / kPerOctave - 1;
        const auto inside = bin % kPerOctave;
        return ((kPerOctave + inside + 1) << octave) * 64;
    }

    std::array<std::atomic<std::uint64_t>, kBins> bins;
};

struct Table {
    static constexpr std::size_t kCalls = 16384;

    std::atomic<std::uint64_t> frames;       ///< that reached a sink
    std::atomic<std::uint64_t> wrong;        ///< without the driver's mark: the sound was changed
    std::atomic<std::uint64_t> lost;         ///< numbers left out
    std::atomic<std::uint64_t> reordered;    ///< numbers not higher than the last
    std::atomic<std::uint64_t> allocations;  ///< from the heap, by any thread
    std::atomic<std::uint64_t> longest_ns;   ///< since it was last set to 0
    Histogram latency;
    std::array<std::atomic<std::uint32_t>, kCalls> next;  ///< of each call: the number it waits for

    // Below here the layout is the bridge's and the driver's alone.
    Histogram first_latency;             ///< of call 0
    std::atomic<std::uint64_t> cutting;  ///< 1: the server cuts off what it says, now and then
    /// Of each call: how often it was cut off, and when that was last asked for.
    std::array<std::atomic<std::uint64_t>, kCalls> cuts, cut_ns;
    std::atomic<std::uint64_t> agents;  ///< streams to agents that have begun
};

/// Maps the file, which the driver's starter has made long enough. Ends the program if it cannot.
inline Table* map_table(const std::string& file) {
    const int descriptor = ::open(file.c_str(), O_RDWR | O_CLOEXEC);
    void* const memory = descriptor < 0 ? MAP_FAILED
                                        : ::mmap(nullptr, sizeof(Table), PROT_READ | PROT_WRITE,
                                                 MAP_SHARED, descriptor, 0);
    if (memory == MAP_FAILED) {
        std::perror(("cannot map " + file).c_str());
        std::exit(2);
    }
    ::close(descriptor);
    return static_cast<Table*>(memory);
}

}  // namespace bench
