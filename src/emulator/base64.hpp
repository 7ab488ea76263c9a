#pragma once
// Base64 (RFC 4648, standard alphabet, padded) of media payloads. The emulator's own.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bridge::emulator {

std::string base64_encode(std::span<const std::uint8_t> bytes);
/// Strict: whole groups of four, padding only at the end and only as much as is needed, unused bits
/// zero, no white space. Nothing if the text is not that. The empty text is no bytes.
std::optional<std::vector<std::uint8_t>> base64_decode(std::string_view text);

}  // namespace bridge::emulator
