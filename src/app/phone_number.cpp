#include "app/phone_number.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace bridge::app {
namespace {

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
bool is_letter(char c) {
    return std::isalpha(static_cast<unsigned char>(c)) != 0;
}

}  // namespace

Result<std::string> parse_phone_number(std::string_view text) {
    const auto bad = [&](std::string_view why) {
        return fail(Errc::bad_field, fmt::format("'{}' is not a phone number: {}", text, why));
    };
    if (text.empty())
        return fail(Errc::bad_field, "the phone number is empty; write it as +15551234567");
    if (std::any_of(text.begin(), text.end(), is_letter)) {
        return bad("it has letters; write the digits, as in +15551234567");
    }
    std::string digits;
    std::copy_if(text.begin(), text.end(), std::back_inserter(digits), is_digit);
    const bool plus = text.front() == '+';
    const bool only_digits = digits.size() == text.size() - (plus ? 1U : 0U);

    if (!plus && text.substr(0, 2) == "00" && digits.size() >= 10) {
        return bad(fmt::format("start with '+' in place of 00: +{}", digits.substr(2)));
    }
    if (!plus) {
        if (digits.size() == 10 && digits[0] != '0') {
            return bad(fmt::format(
                "the '+' and the country code are missing; in North America write +1{}", digits));
        }
        if (digits.size() >= 8 && digits[0] != '0') {
            return bad(
                fmt::format("the '+' and country code must come first; did you mean +{}?", digits));
        }
        return bad("it must start with '+' and the country code, as in +15551234567");
    }
    if (!only_digits) {
        if (digits.size() >= 8 && digits.size() <= 15) {
            return bad(fmt::format("no spaces, dashes or brackets; write +{}", digits));
        }
        return bad("only '+' and digits may be used, as in +15551234567");
    }
    if (digits.empty() || digits[0] == '0') return bad("no country code starts with 0");
    if (digits.size() < 8)
        return bad("it is too short; country code and number have at least 8 digits");
    if (digits.size() > 15)
        return bad("it is too long; country code and number have at most 15 digits");
    if (digits[0] == '1' && digits.size() != 11) {
        return bad(
            fmt::format("+1 (North America) is followed by 10 digits, not {}", digits.size() - 1));
    }
    return std::string(text);
}

Result<std::string> parse_target(std::string_view text) {
    const auto printable = [&] {
        return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c != '\x7f'; });
    };
    if (text.substr(0, 4) == "sip:" || text.substr(0, 5) == "sips:") {
        const auto at = text.find('@');
        if (!printable() || at == std::string_view::npos || at + 1 == text.size() ||
            text[at - 1] == ':') {
            return fail(Errc::bad_field,
                        fmt::format("'{}' is not a SIP address; write sip:user@host", text));
        }
        return std::string(text);
    }
    if (text.substr(0, 7) == "client:") {
        if (!printable() || text.size() == 7) {
            return fail(Errc::bad_field,
                        fmt::format("'{}' names no client; write client:name", text));
        }
        return std::string(text);
    }
    return parse_phone_number(text);
}

}  // namespace bridge::app
