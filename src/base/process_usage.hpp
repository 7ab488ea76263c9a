#pragma once
// What this process takes from the machine. Linux tells everything, other systems the CPU time.

#include <cstdint>
#include <optional>

namespace bridge {

struct ProcessUsage {
    double cpu_seconds = 0;  ///< user and system, all threads
    std::optional<std::uint64_t> resident_bytes;
    std::optional<std::uint64_t> open_files;  ///< descriptors
    std::optional<std::uint64_t> threads;
};

/// Reads them now: a few system calls, one for each open descriptor. Thread: any.
ProcessUsage process_usage();

}  // namespace bridge
