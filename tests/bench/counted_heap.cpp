// Counts what a server takes from the heap: every way into glibc's allocator, Asio's aligned_alloc
// included. Linked into the servers that are measured; elsewhere than on glibc nothing is counted.

#include "tests/bench/counted_heap.hpp"

#include <cerrno>
#include <cstddef>
#include <cstdlib>

namespace bench {
namespace {

std::atomic<std::uint64_t> before_table{0};

}  // namespace

std::atomic<std::uint64_t>* heap_counter = &before_table;

}  // namespace bench

#if defined(__GLIBC__)
extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* memory, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);

static void count_one() {
    bench::heap_counter->fetch_add(1, std::memory_order_relaxed);
}

void* malloc(std::size_t size) noexcept {
    count_one();
    return __libc_malloc(size);
}
void* calloc(std::size_t count, std::size_t size) noexcept {
    count_one();
    return __libc_calloc(count, size);
}
void* realloc(void* memory, std::size_t size) noexcept {
    count_one();
    return __libc_realloc(memory, size);
}
void* memalign(std::size_t alignment, std::size_t size) noexcept {
    count_one();
    return __libc_memalign(alignment, size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept {
    count_one();
    return __libc_memalign(alignment, size);
}
int posix_memalign(void** memory, std::size_t alignment, std::size_t size) noexcept {
    count_one();
    *memory = __libc_memalign(alignment, size);
    return *memory == nullptr ? ENOMEM : 0;
}
}
#endif
