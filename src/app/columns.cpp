#include "app/columns.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

namespace bridge::app {
namespace {

struct Character {
    char32_t code = 0;
    std::size_t bytes = 1;
    bool valid = true;
};

/// The first character of `text`, which is not empty (RFC 3629).
Character first_of(std::string_view text) {
    const auto byte = [&](std::size_t at) { return static_cast<std::uint8_t>(text[at]); };
    const auto lead = byte(0);
    if (lead < 0x80) return {lead, 1, true};
    const std::size_t bytes = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead < 0xC2 || lead > 0xF4 || text.size() < bytes) return {lead, 1, false};
    char32_t code = lead & (0xFFU >> (bytes + 1));
    for (std::size_t at = 1; at < bytes; ++at) {
        if ((byte(at) & 0xC0U) != 0x80) return {lead, 1, false};
        code = code << 6U | (byte(at) & 0x3FU);
    }
    const bool too_long = (bytes == 3 && code < 0x800) || (bytes == 4 && code < 0x10000);
    const bool none = (code >= 0xD800 && code <= 0xDFFF) || code > 0x10FFFF;
    if (too_long || none) return {lead, 1, false};
    return {code, bytes, true};
}

struct Range {
    char32_t first, last;
};

template <std::size_t n>
bool is_in(const std::array<Range, n>& ranges, char32_t code) {
    return std::any_of(ranges.begin(), ranges.end(), [code](const Range& range) {
        return code >= range.first && code <= range.last;
    });
}

// Unicode's marks and East Asian widths, as far as names and words of calls are written in them.
constexpr std::array<Range, 14> kNoColumn{{{0x0300, 0x036F},
                                           {0x0483, 0x0489},
                                           {0x0591, 0x05BD},
                                           {0x0610, 0x061A},
                                           {0x064B, 0x065F},
                                           {0x093C, 0x093C},
                                           {0x0E34, 0x0E3A},
                                           {0x0E47, 0x0E4E},
                                           {0x1AB0, 0x1AFF},
                                           {0x200B, 0x200D},
                                           {0x20D0, 0x20FF},
                                           {0xFE00, 0xFE0F},
                                           {0xFE20, 0xFE2F},
                                           {0xE0100, 0xE01EF}}};
constexpr std::array<Range, 13> kTwoColumns{{{0x1100, 0x115F},
                                             {0x2E80, 0x303E},
                                             {0x3041, 0x33FF},
                                             {0x3400, 0x4DBF},
                                             {0x4E00, 0x9FFF},
                                             {0xA000, 0xA4CF},
                                             {0xAC00, 0xD7A3},
                                             {0xF900, 0xFAFF},
                                             {0xFE30, 0xFE6F},
                                             {0xFF00, 0xFF60},
                                             {0xFFE0, 0xFFE6},
                                             {0x1F300, 0x1FAFF},
                                             {0x20000, 0x3FFFD}}};
/// Controls, line and paragraph separators, and what turns the direction of writing.
constexpr std::array<Range, 7> kObeyed{{{0x00, 0x1F},
                                        {0x7F, 0x9F},
                                        {0x061C, 0x061C},
                                        {0x200E, 0x200F},
                                        {0x2028, 0x202E},
                                        {0x2066, 0x206F},
                                        {0xFEFF, 0xFEFF}}};

/// The bytes of a colour ("\x1b[32m") that `text` begins with; 0: it begins with none.
std::size_t color_bytes(std::string_view text) {
    if (text.substr(0, 2) != "\x1b[") return 0;
    const auto end = text.find_first_not_of("0123456789;", 2);
    return end != std::string_view::npos && text[end] == 'm' ? end + 1 : 0;
}

std::size_t width_of(const Character& character) {
    if (!character.valid) return 1;
    if (is_in(kNoColumn, character.code)) return 0;
    return is_in(kTwoColumns, character.code) ? 2 : 1;
}

}  // namespace

std::size_t columns_of(std::string_view text) {
    std::size_t columns = 0;
    while (!text.empty()) {
        if (const auto color = color_bytes(text); color > 0) {
            text.remove_prefix(color);
            continue;
        }
        const auto character = first_of(text);
        columns += width_of(character);
        text.remove_prefix(character.bytes);
    }
    return columns;
}

std::string visible(std::string_view text, bool unicode) {
    std::string out;
    out.reserve(text.size());
    while (!text.empty()) {
        const auto character = first_of(text);
        const bool shown = character.valid && !is_in(kObeyed, character.code) &&
                           (unicode || character.code < 0x80);
        if (shown) {
            out += text.substr(0, character.bytes);
        } else if (character.code == '\n' || character.code == '\t') {
            out += ' ';
        } else {
            out += unicode ? "\uFFFD" : "?";
        }
        text.remove_prefix(character.bytes);
    }
    return out;
}

std::string_view last_columns(std::string_view text, std::size_t columns) {
    auto wide = columns_of(text);
    while (wide > columns) {
        const auto character = first_of(text);
        wide -= width_of(character);
        text.remove_prefix(character.bytes);
    }
    // A mark whose letter is gone would be drawn over what stands before.
    while (!text.empty() && width_of(first_of(text)) == 0) text.remove_prefix(first_of(text).bytes);
    return text;
}

}  // namespace bridge::app
