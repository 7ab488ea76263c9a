#pragma once
// The request that asks for a WebSocket (RFC 6455 section 4): what it must have, and what answers
// it. No socket in here.

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "net/http_message.hpp"

namespace bridge::net {

/// Checks method, HTTP version, Host, Connection, Upgrade, key and WebSocket version. Errors:
/// protocol, with the sentence for the log.
Result<> check_handshake(const HttpRequest& head);
/// The answer for a head that was refused: 426 when only the version is wrong, else 400.
HttpResponse handshake_refusal(const HttpRequest& head);
/// The value of Sec-WebSocket-Accept.
std::string accept_key(std::string_view key);

}  // namespace bridge::net
