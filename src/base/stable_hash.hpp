#pragma once
// A hash that is the same in every run, on every machine and with every standard library, which
// std::hash does not promise: for choices that a replay must make again.

#include <cstdint>
#include <string_view>

namespace bridge {

/// FNV-1a, 64 bits. Not for secrets, nor against somebody who looks for collisions.
constexpr std::uint64_t stable_hash(std::string_view text) noexcept {
    std::uint64_t hash = 0xcbf29ce484222325U;
    for (const char letter : text) {
        hash ^= static_cast<unsigned char>(letter);
        hash *= 0x100000001b3U;
    }
    return hash;
}

}  // namespace bridge
