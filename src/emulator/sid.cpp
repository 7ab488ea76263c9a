#include "emulator/sid.hpp"

#include <algorithm>

#include "base/ids.hpp"

namespace bridge::emulator {

std::string new_sid(std::string_view prefix) {
    static constexpr std::string_view kHex = "0123456789abcdef";
    std::string sid(prefix);
    for (const char byte : random_bytes(16)) {
        const auto value = static_cast<unsigned char>(byte);
        sid += kHex[value >> 4U];
        sid += kHex[value & 15U];
    }
    return sid;
}

bool is_sid(std::string_view text, std::string_view prefix) {
    return text.size() == prefix.size() + 32 && text.substr(0, prefix.size()) == prefix &&
           std::all_of(text.begin() + static_cast<std::ptrdiff_t>(prefix.size()), text.end(),
                       [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool is_e164(std::string_view text) {
    if (text.size() < 3 || text.size() > 16 || text[0] != '+' || text[1] == '0') return false;
    return std::all_of(text.begin() + 1, text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::string formatted_number(const std::string& number) {
    if (number.size() != 12 || number.substr(0, 2) != "+1") return number;
    return "(" + number.substr(2, 3) + ") " + number.substr(5, 3) + "-" + number.substr(8);
}

}  // namespace bridge::emulator
