#pragma once
// The few pieces of a message that the driver's side looks at.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace bench {

inline constexpr std::uint8_t kNoDigit = 64;

/// base64 to bytes; 0 if it is none, or does not fit.
inline std::size_t decode_base64(std::string_view text, std::span<std::uint8_t> out) {
    static const auto digits = [] {
        std::array<std::uint8_t, 256> made{};
        made.fill(kNoDigit);
        constexpr std::string_view kAlphabet =
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        for (std::size_t i = 0; i < kAlphabet.size(); ++i)
            made[static_cast<unsigned char>(kAlphabet[i])] = static_cast<std::uint8_t>(i);
        return made;
    }();
    if (text.empty() || text.size() % 4 != 0 || text.size() / 4 * 3 > out.size()) return 0;
    const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
    std::size_t size = 0;
    for (std::size_t i = 0; i < text.size(); i += 4) {
        std::uint32_t word = 0;
        for (std::size_t k = 0; k < 4; ++k) {
            auto digit = digits[static_cast<unsigned char>(text[i + k])];
            if (digit == kNoDigit) {
                if (i + k < text.size() - padding) return 0;
                digit = 0;
            }
            word = word << 6U | digit;
        }
        out[size++] = static_cast<std::uint8_t>(word >> 16U);
        out[size++] = static_cast<std::uint8_t>(word >> 8U);
        out[size++] = static_cast<std::uint8_t>(word);
    }
    return size - padding;
}

/// The string behind `key` (with its quotes and colon), without escapes.
inline std::string_view field(std::string_view text, std::string_view key) {
    const auto at = text.find(key);
    if (at == std::string_view::npos) return {};
    const auto begin = at + key.size();
    const auto end = text.find('"', begin);
    return end == std::string_view::npos ? std::string_view{} : text.substr(begin, end - begin);
}

}  // namespace bench
