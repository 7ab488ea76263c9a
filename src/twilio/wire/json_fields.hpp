#pragma once
// Reading Twilio's REST answers defensively: numbers may be strings, anything may be null or
// missing.

#include <boost/json/object.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace bridge::twilio {

/// Nothing unless the text is one JSON object. Never throws.
std::optional<boost::json::object> parse_json_object(std::string_view text);
/// Empty if missing, null or neither text nor a number.
std::string text_field(const boost::json::object& object, std::string_view name);
/// A whole number, written as a number or as text.
std::optional<std::int64_t> number_field(const boost::json::object& object, std::string_view name);

}  // namespace bridge::twilio
