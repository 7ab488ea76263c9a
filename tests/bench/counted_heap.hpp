#pragma once
#include <atomic>
#include <cstdint>

namespace bench {

/// Where allocations are counted; a server points it to its table.
extern std::atomic<std::uint64_t>* heap_counter;

}  // namespace bench
