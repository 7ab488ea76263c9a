#include "twilio/wire/form.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace bridge::twilio {
namespace {

int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

std::string decode(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '+') {
            out.push_back(' ');
        } else if (text[i] == '%' && i + 2 < text.size() && hex_value(text[i + 1]) >= 0 &&
                   hex_value(text[i + 2]) >= 0) {
            out.push_back(static_cast<char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2])));
            i += 2;
        } else {
            out.push_back(text[i]);
        }
    }
    return out;
}

bool unreserved(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

void encode(std::string_view text, bool form, std::string& out) {
    static constexpr std::string_view kHex = "0123456789ABCDEF";
    for (const auto c : text) {
        if (unreserved(c)) {
            out.push_back(c);
        } else if (form && c == ' ') {
            out.push_back('+');
        } else {
            const auto byte = static_cast<unsigned char>(c);
            out.push_back('%');
            out.push_back(kHex[byte >> 4U]);
            out.push_back(kHex[byte & 15U]);
        }
    }
}

}  // namespace

std::optional<std::string_view> Form::find(std::string_view name) const {
    const auto found = std::find_if(pairs_.begin(), pairs_.end(),
                                    [name](const Pair& pair) { return pair.first == name; });
    if (found == pairs_.end()) return std::nullopt;
    return found->second;
}

Result<Form> parse_form(std::string_view text, FormLimits limits) {
    if (text.size() > limits.bytes) {
        return fail(Errc::too_large,
                    fmt::format("form: {} bytes, at most {} are read", text.size(), limits.bytes));
    }
    Form form;
    while (!text.empty()) {
        const auto end = std::min(text.find('&'), text.size());
        const auto pair = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (pair.empty()) continue;
        if (form.pairs().size() == limits.pairs) {
            return fail(Errc::too_large,
                        fmt::format("form: more than {} parameters", limits.pairs));
        }
        const auto equals = pair.find('=');
        form.add(decode(pair.substr(0, equals)), equals == std::string_view::npos
                                                     ? std::string()
                                                     : decode(pair.substr(equals + 1)));
    }
    return form;
}

std::string format_form(const Form& form) {
    std::string out;
    for (const auto& [name, value] : form.pairs()) {
        if (!out.empty()) out.push_back('&');
        encode(name, true, out);
        out.push_back('=');
        encode(value, true, out);
    }
    return out;
}

std::string percent_encode(std::string_view text) {
    std::string out;
    encode(text, false, out);
    return out;
}

}  // namespace bridge::twilio
