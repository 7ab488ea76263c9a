#pragma once
// Why a signature did not match, as far as it can be told: for the one line in the log that saves
// an hour. Nothing here ever accepts a request.

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.hpp"
#include "net/http_message.hpp"
#include "twilio/public_url.hpp"
#include "twilio/wire/form.hpp"

namespace bridge::twilio {

/// Every address for which a webhook that asks for `target` may have been signed: under the public
/// address of now, and under those before it.
std::vector<std::string> known_webhook_urls(const SharedUrl& url, std::string_view target);

/// The same for the upgrade of the media socket with that token.
std::vector<std::string> known_media_urls(const SharedUrl& url, std::string_view token);

/// The most likely cause, with the fix. `secure_scheme` is "https" or "wss"; `target` is what was
/// asked for.
std::string likely_cause(const net::HttpRequest& request, std::string_view secure_scheme,
                         std::string_view target, const Form& parameters,
                         std::string_view signature, std::span<const Secret> tokens);

}  // namespace bridge::twilio
