#include "net/wire_text.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <cmath>
#include <limits>

namespace bridge::net {

namespace json = boost::json;

namespace {

constexpr std::size_t kQuotedBytes = 200;

const json::value* field(const json::object& object, std::string_view name) {
    return object.if_contains({name.data(), name.size()});
}

/// Bytes of the character that begins at `text`, 0 if none does (RFC 3629: no surrogates, nothing
/// longer than needed, nothing above U+10FFFF).
std::size_t character_bytes(std::string_view text) {
    const auto byte = [text](std::size_t i) {
        return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
    };
    const auto between = [](unsigned value, unsigned low, unsigned high) {
        return value >= low && value <= high;
    };
    const auto first = byte(0);
    if (first < 0x80) return 1;
    const bool second = between(byte(1), 0x80, 0xBF);
    if (between(first, 0xC2, 0xDF)) return second ? 2 : 0;
    const bool third = between(byte(2), 0x80, 0xBF);
    if (first == 0xE0) return between(byte(1), 0xA0, 0xBF) && third ? 3 : 0;
    if (first == 0xED) return between(byte(1), 0x80, 0x9F) && third ? 3 : 0;
    if (between(first, 0xE1, 0xEF)) return second && third ? 3 : 0;
    const bool fourth = between(byte(3), 0x80, 0xBF);
    if (first == 0xF0) return between(byte(1), 0x90, 0xBF) && third && fourth ? 4 : 0;
    if (first == 0xF4) return between(byte(1), 0x80, 0x8F) && third && fourth ? 4 : 0;
    return between(first, 0xF1, 0xF3) && second && third && fourth ? 4 : 0;
}

}  // namespace

std::optional<json::object> parse_object(std::string_view text) {
    boost::system::error_code error;
    auto value = json::parse({text.data(), text.size()}, error);
    if (error || !value.is_object()) return std::nullopt;
    return std::move(value.get_object());
}

std::string_view text_field(const json::object& object, std::string_view name) {
    const auto* value = field(object, name);
    if (value == nullptr || !value->is_string()) return {};
    return {value->get_string().data(), value->get_string().size()};
}

const json::object* object_field(const json::object& object, std::string_view name) {
    const auto* value = field(object, name);
    return value == nullptr ? nullptr : value->if_object();
}

std::optional<std::int64_t> integer_field(const json::object& object, std::string_view name) {
    const auto* value = field(object, name);
    if (value == nullptr) return std::nullopt;
    if (value->is_int64()) return value->get_int64();
    constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    if (value->is_uint64() && value->get_uint64() <= kMost) {
        return static_cast<std::int64_t>(value->get_uint64());
    }
    return std::nullopt;
}

std::optional<double> number_field(const json::object& object, std::string_view name) {
    const auto* value = field(object, name);
    if (value == nullptr || !value->is_number()) return std::nullopt;
    const auto number = value->to_number<double>();
    return std::isfinite(number) ? std::optional(number) : std::nullopt;
}

const json::array* array_field(const json::object& object, std::string_view name) {
    const auto* value = field(object, name);
    return value == nullptr ? nullptr : value->if_array();
}

std::string valid_text(std::string_view text, std::size_t most_bytes) {
    std::string out;
    out.reserve(std::min(text.size(), most_bytes));
    while (!text.empty()) {
        const auto bytes = character_bytes(text);
        if (out.size() + std::max<std::size_t>(bytes, 1) > most_bytes) break;
        if (bytes == 0) {
            out.push_back('?');
        } else {
            out.append(text.substr(0, bytes));
        }
        text.remove_prefix(std::max<std::size_t>(bytes, 1));
    }
    return out;
}

std::string quoted(std::string_view text, const Secret& secret) {
    // Replaced before it is cut, so that no half of it is left.
    std::string all(text);
    if (!secret.empty()) {
        for (auto at = all.find(secret.reveal()); at != std::string::npos;
             at = all.find(secret.reveal(), at + 3)) {
            all.replace(at, secret.reveal().size(), "***");
        }
    }
    auto line = valid_text(all, kQuotedBytes);
    for (auto& c : line) {
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = ' ';
    }
    return line;
}

std::string percent_encoded(std::string_view text) {
    static constexpr std::string_view kHex = "0123456789ABCDEF";
    static constexpr std::string_view kPlain =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    std::string out;
    for (const char c : text) {
        if (kPlain.find(c) != std::string_view::npos) {
            out.push_back(c);
            continue;
        }
        const auto byte = static_cast<unsigned char>(c);
        out.push_back('%');
        out.push_back(kHex[byte >> 4U]);
        out.push_back(kHex[byte & 15U]);
    }
    return out;
}

}  // namespace bridge::net
