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
/// "sip:name@host" or "sips:…", with whatever parameters.
bool is_sip_uri(std::string_view text);
/// "client:name".
bool is_client(std::string_view text);
/// Whatever can be called: a number in E.164, a SIP URI, a client.
bool is_address(std::string_view text);
/// The address that a persona or a fault is given to: a SIP URI without parameters and headers.
std::string persona_key(const std::string& address);
/// "(555) 123-4567" for North America, anything else as it is.
std::string formatted_number(const std::string& number);

}  // namespace bridge::emulator
