#pragma once
// Base64 (RFC 4648, section 4) with small tables: the payload of every media message goes through
// here.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace bridge {

/// Characters that `bytes` bytes become, padding included.
constexpr std::size_t base64_length(std::size_t bytes) {
    return (bytes + 2) / 3 * 4;
}
/// Bytes that `characters` characters can become at most.
constexpr std::size_t base64_capacity(std::size_t characters) {
    return characters / 4 * 3;
}

/// Writes `base64_length(bytes.size())` characters to `out` and returns the end. Does not allocate.
char* encode_base64(std::span<const std::uint8_t> bytes, char* out) noexcept;
std::string encode_base64(std::span<const std::uint8_t> bytes);

/// Reads padded base64 of the standard alphabet. `out` has room for `base64_capacity(text.size())`
/// bytes; returns how many were written, or nothing if the text is not base64 (wrong length, a
/// character outside the alphabet, padding in the wrong place, bits left over). Does not allocate.
std::optional<std::size_t> decode_base64(std::string_view text, std::uint8_t* out) noexcept;

}  // namespace bridge
