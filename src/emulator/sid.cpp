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

bool is_sip_uri(std::string_view text) {
    const auto begins = [&](std::string_view scheme) {
        return text.substr(0, scheme.size()) == scheme;
    };
    if (!begins("sip:") && !begins("sips:")) return false;
    const auto at = text.find('@');
    const auto blank = text.find_first_of(" \t\r\n<>\"");
    return blank == std::string_view::npos && at != std::string_view::npos &&
           at > text.find(':') + 1 && at + 1 < text.size() && text.size() <= 255;
}

bool is_client(std::string_view text) {
    constexpr std::string_view kScheme = "client:";
    return text.substr(0, kScheme.size()) == kScheme && text.size() > kScheme.size() &&
           text.size() <= 255 && text.find_first_of(" \t\r\n") == std::string_view::npos;
}

bool is_address(std::string_view text) {
    return is_e164(text) || is_sip_uri(text) || is_client(text);
}

std::string persona_key(const std::string& address) {
    if (!is_sip_uri(address)) return address;
    return address.substr(0, address.find_first_of(";?", address.find('@')));
}

std::string formatted_number(const std::string& number) {
    if (number.size() != 12 || number.substr(0, 2) != "+1") return number;
    return "(" + number.substr(2, 3) + ") " + number.substr(5, 3) + "-" + number.substr(8);
}

}  // namespace bridge::emulator
