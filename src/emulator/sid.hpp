#pragma once
// Twilio's names for things: SIDs, and telephone numbers.

#include <string>
#include <string_view>

namespace bridge::emulator {

/// `prefix` ("CA", "MZ", …) and 32 random hexadecimal digits.
std::string new_sid(std::string_view prefix);
/// True for `prefix` followed by 32 lower-case hexadecimal digits.
bool is_sid(std::string_view text, std::string_view prefix);
/// E.164: "+", a digit from 1 to 9, and one to fourteen digits more.
bool is_e164(std::string_view text);
/// "(555) 123-4567" for North America, anything else as it is.
std::string formatted_number(const std::string& number);

}  // namespace bridge::emulator
