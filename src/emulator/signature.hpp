#pragma once
// X-Twilio-Signature, as Twilio makes it (twilio.com/docs/usage/security).

#include <string>
#include <string_view>

#include "base/secret.hpp"
#include "emulator/form.hpp"

namespace bridge::emulator {

/// base64(HMAC-SHA1(token, url + every name and value of the form, sorted by name)). The values of
/// a name that comes more than once are sorted, each of them once. `fields` is empty for GET
/// requests and WebSocket upgrades; `url` is taken byte for byte.
std::string sign(const std::string& url, const Fields& fields, const Secret& token);

/// Standard alphabet with padding.
std::string to_base64(std::string_view bytes);

}  // namespace bridge::emulator
