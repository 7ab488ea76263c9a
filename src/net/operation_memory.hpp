#pragma once
// Memory for Asio's operations that lies in the object that starts them.

#include <array>
#include <cstddef>
#include <new>

namespace bridge::net {

/// Room for one pending operation. Each kind of operation is pending at most once per socket, so
/// its memory is part of the socket; anything larger than expected comes from the heap.
class OperationMemory {
public:
    void* allocate(std::size_t size) {
        if (used_ || size > room_.size()) return ::operator new(size);
        used_ = true;
        return room_.data();
    }
    void release(void* memory) {
        if (memory == room_.data()) {
            used_ = false;
        } else {
            ::operator delete(memory);
        }
    }

private:
    alignas(std::max_align_t) std::array<std::byte, 256> room_{};
    bool used_ = false;
};

template <class T>
struct OperationAllocator {
    using value_type = T;
    explicit OperationAllocator(OperationMemory& from) : memory(&from) {}
    template <class U>
    OperationAllocator(const OperationAllocator<U>& other) : memory(other.memory) {}
    T* allocate(std::size_t count) { return static_cast<T*>(memory->allocate(sizeof(T) * count)); }
    void deallocate(T* pointer, std::size_t) { memory->release(pointer); }
    template <class U>
    bool operator==(const OperationAllocator<U>& other) const {
        return memory == other.memory;
    }
    OperationMemory* memory;
};
}  // namespace bridge::net
