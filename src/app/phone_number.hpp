#pragma once
// Checks what a user typed as a phone number, and says what is wrong with it in words that help.

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace bridge::app {

/// E.164: "+", country code, 8 to 15 digits in all. Errors: bad_field, with the usual mistake named
/// and, where it is clear, the number as it should be written.
Result<std::string> parse_phone_number(std::string_view text);

/// What may be called: an E.164 number, `sip:user@host` or `client:name`.
Result<std::string> parse_target(std::string_view text);

}  // namespace bridge::app
