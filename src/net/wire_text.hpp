#pragma once
// Reading what services send, and cleaning what is sent or shown: any field may be missing,
// of the wrong type or huge. No coroutine in here, so that fuzz targets can link it.

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/secret.hpp"

namespace bridge::net {

/// Nothing unless the text is one JSON object, nested no deeper than 32. Never throws.
std::optional<boost::json::object> parse_object(std::string_view text);

/// Empty if it is missing or not a string. Valid as long as the object.
std::string_view text_field(const boost::json::object& object, std::string_view name);
/// Null if it is missing or not an object.
const boost::json::object* object_field(const boost::json::object& object, std::string_view name);
/// Nothing if it is missing or not a whole number of 64 bits.
std::optional<std::int64_t> integer_field(const boost::json::object& object, std::string_view name);

/// Nothing if it is missing or not a finite number.
std::optional<double> number_field(const boost::json::object& object, std::string_view name);
/// Null if it is missing or not an array.
const boost::json::array* array_field(const boost::json::object& object, std::string_view name);

/// The same text as valid UTF-8, at most `most_bytes` long: a text message that is none would end
/// the session. What is wrong becomes "?"; no character is cut in half.
std::string valid_text(std::string_view text, std::size_t most_bytes);

/// A service's own words for people: one line, at most 200 bytes, and `secret` replaced by "***"
/// should it be in there.
std::string quoted(std::string_view text, const Secret& secret);

/// For one part of a URL's query: everything but letters, digits and "-._~" as %XX.
std::string percent_encoded(std::string_view text);

}  // namespace bridge::net
