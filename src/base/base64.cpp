#include "base/base64.hpp"

#include <array>

namespace bridge {
namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::uint8_t kBad = 0x80;

constexpr std::array<std::uint8_t, 256> make_values() {
    std::array<std::uint8_t, 256> values{};
    for (auto& value : values) value = kBad;
    for (std::size_t i = 0; i < kAlphabet.size(); ++i) {
        values[static_cast<unsigned char>(kAlphabet[i])] = static_cast<std::uint8_t>(i);
    }
    return values;
}

constexpr auto kValues = make_values();

std::uint32_t value_of(char c) noexcept {
    return kValues[static_cast<unsigned char>(c)];
}

}  // namespace

char* encode_base64(std::span<const std::uint8_t> bytes, char* out) noexcept {
    const auto put = [&out](std::uint32_t six) { *out++ = kAlphabet[six & 63U]; };
    std::size_t i = 0;
    for (; i + 3 <= bytes.size(); i += 3) {
        const std::uint32_t group = static_cast<std::uint32_t>(bytes[i]) << 16U |
                                    static_cast<std::uint32_t>(bytes[i + 1]) << 8U | bytes[i + 2];
        put(group >> 18U);
        put(group >> 12U);
        put(group >> 6U);
        put(group);
    }
    if (const auto left = bytes.size() - i; left != 0) {
        std::uint32_t group = static_cast<std::uint32_t>(bytes[i]) << 16U;
        if (left == 2) group |= static_cast<std::uint32_t>(bytes[i + 1]) << 8U;
        put(group >> 18U);
        put(group >> 12U);
        if (left == 2) {
            put(group >> 6U);
        } else {
            *out++ = '=';
        }
        *out++ = '=';
    }
    return out;
}

std::string encode_base64(std::span<const std::uint8_t> bytes) {
    std::string out(base64_length(bytes.size()), '\0');
    encode_base64(bytes, out.data());
    return out;
}

std::optional<std::size_t> decode_base64(std::string_view text, std::uint8_t* out) noexcept {
    if (text.size() % 4 != 0) return std::nullopt;
    if (text.empty()) return 0;
    std::size_t padding = 0;
    if (text.back() == '=') padding = text[text.size() - 2] == '=' ? 2 : 1;
    const auto whole = text.size() - (padding == 0 ? 0 : 4);
    auto* const begin = out;
    std::uint32_t seen = 0;  // a bad character sets the high bit, checked once at the end
    for (std::size_t i = 0; i < whole; i += 4) {
        const auto a = value_of(text[i]), b = value_of(text[i + 1]), c = value_of(text[i + 2]),
                   d = value_of(text[i + 3]);
        seen |= a | b | c | d;
        const auto group = a << 18U | b << 12U | c << 6U | d;
        out[0] = static_cast<std::uint8_t>(group >> 16U);
        out[1] = static_cast<std::uint8_t>(group >> 8U);
        out[2] = static_cast<std::uint8_t>(group);
        out += 3;
    }
    if (padding != 0) {
        const auto a = value_of(text[whole]), b = value_of(text[whole + 1]);
        const auto c = padding == 1 ? value_of(text[whole + 2]) : 0U;
        seen |= a | b | c;
        const auto group = a << 18U | b << 12U | c << 6U;
        *out++ = static_cast<std::uint8_t>(group >> 16U);
        if (padding == 1) *out++ = static_cast<std::uint8_t>(group >> 8U);
        if ((padding == 2 ? group & 0xffffU : group & 0xffU) != 0) return std::nullopt;
    }
    if ((seen & kBad) != 0) return std::nullopt;
    return static_cast<std::size_t>(out - begin);
}

}  // namespace bridge
