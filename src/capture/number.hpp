#pragma once
// Numbers in a capture file: seven bits a byte, the lowest first, each but the last marked.

#include <cstddef>
#include <cstdint>

namespace bridge::capture {

inline constexpr std::size_t kLongestNumber = 10;

/// `out` has kLongestNumber bytes, or as many as `value` takes; where it ended.
inline std::uint8_t* put_number(std::uint64_t value, std::uint8_t* out) noexcept {
    while (value >= 0x80) {
        *out++ = static_cast<std::uint8_t>(value | 0x80U);
        value >>= 7U;
    }
    *out++ = static_cast<std::uint8_t>(value);
    return out;
}

}  // namespace bridge::capture
