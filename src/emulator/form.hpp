#pragma once
// application/x-www-form-urlencoded, for REST requests that come in and webhooks that go out.

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bridge::emulator {

/// Decoded names and values in their order; a name may come more than once.
using Fields = std::vector<std::pair<std::string, std::string>>;

/// "+" is a space, "%XX" a byte; a "%" that is followed by anything else stands for itself.
Fields parse_form(std::string_view text);
std::string encode_form(const Fields& fields);
/// Everything but letters, digits and "-._~" as %XX.
std::string percent_encode(std::string_view text);
std::string percent_decode(std::string_view text);

/// The first value of that name.
std::optional<std::string> find_field(const Fields& fields, std::string_view name);
/// The first value of that name, or `otherwise` where it is missing or empty.
std::string field_or(const Fields& fields, std::string_view name, std::string otherwise = {});
std::vector<std::string> all_fields(const Fields& fields, std::string_view name);

}  // namespace bridge::emulator
