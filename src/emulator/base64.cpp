#include "emulator/base64.hpp"

#include <array>

namespace bridge::emulator {
namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::uint8_t kNotALetter = 64;

constexpr std::array<std::uint8_t, 256> reverse_alphabet() {
    std::array<std::uint8_t, 256> table{};
    table.fill(kNotALetter);
    for (std::uint8_t value = 0; value < 64; ++value) {
        table[static_cast<unsigned char>(kAlphabet[value])] = value;
    }
    return table;
}

constexpr auto kValues = reverse_alphabet();

}  // namespace

std::string base64_encode(std::span<const std::uint8_t> bytes) {
    std::string text;
    text.reserve((bytes.size() + 2) / 3 * 4);
    for (std::size_t at = 0; at < bytes.size(); at += 3) {
        const std::size_t left = bytes.size() - at;
        std::uint32_t group = static_cast<std::uint32_t>(bytes[at]) << 16U;
        if (left > 1) group |= static_cast<std::uint32_t>(bytes[at + 1]) << 8U;
        if (left > 2) group |= bytes[at + 2];
        text += kAlphabet[(group >> 18U) & 63U];
        text += kAlphabet[(group >> 12U) & 63U];
        text += left > 1 ? kAlphabet[(group >> 6U) & 63U] : '=';
        text += left > 2 ? kAlphabet[group & 63U] : '=';
    }
    return text;
}

std::optional<std::vector<std::uint8_t>> base64_decode(std::string_view text) {
    if (text.size() % 4 != 0) return std::nullopt;
    std::vector<std::uint8_t> bytes;
    bytes.reserve(text.size() / 4 * 3);
    for (std::size_t at = 0; at < text.size(); at += 4) {
        std::size_t letters = 4;
        if (at + 4 == text.size() && text[at + 3] == '=') letters = text[at + 2] == '=' ? 2 : 3;
        std::uint32_t group = 0;
        for (std::size_t k = 0; k < 4; ++k) {
            std::uint32_t value = 0;
            if (k < letters) {
                value = kValues[static_cast<unsigned char>(text[at + k])];
                if (value == kNotALetter) return std::nullopt;
            }
            group = (group << 6U) | value;
        }
        if (letters == 2 && (group & 0xFFFFU) != 0) return std::nullopt;
        if (letters == 3 && (group & 0xFFU) != 0) return std::nullopt;
        bytes.push_back(static_cast<std::uint8_t>(group >> 16U));
        if (letters > 2) bytes.push_back(static_cast<std::uint8_t>(group >> 8U));
        if (letters > 3) bytes.push_back(static_cast<std::uint8_t>(group));
    }
    return bytes;
}

}  // namespace bridge::emulator
