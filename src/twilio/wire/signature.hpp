#pragma once
// X-Twilio-Signature: proof that a webhook or a WebSocket upgrade comes from someone who knows the
// account's Auth Token (twilio.com/docs/usage/security).

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.hpp"
#include "twilio/wire/form.hpp"

namespace bridge::twilio {

/// base64(HMAC-SHA1(token, url + sorted parameters)). Parameters are sorted by name in byte order;
/// repeated values of a name are sorted and counted once; empty values add the name alone.
std::string compute_signature(const Secret& token, std::string_view url, const Form& parameters);

/// The address in parts, as far as signatures care.
struct SplitUrl {
    std::string scheme;  ///< as written
    std::string host;    ///< without userinfo and port; an IPv6 address with its brackets
    std::string port;    ///< empty: none written
    std::string target;  ///< path and query; empty if the URL ends with the host
};
std::optional<SplitUrl> split_url(std::string_view url);

/// Every form in which Twilio may have signed a request for `url` (which comes from configuration,
/// never from the request's own headers): userinfo and fragment dropped; with the port written,
/// without any, and with the default one. A port that was not configured is never invented but for
/// the default.
std::vector<std::string> webhook_url_candidates(std::string_view url);

/// The same for the upgrade of a media stream: schemes wss and https (ws and http for a plain-text
/// base too), each with and without a trailing slash. The first is the documented one.
std::vector<std::string> upgrade_url_candidates(std::string_view url);

/// The candidate that `signature` was made for with one of the tokens, if any. Takes the same time
/// wherever signatures differ, and tries every candidate and token always.
std::optional<std::string> matching_url(std::string_view signature, std::span<const Secret> tokens,
                                        std::span<const std::string> candidates,
                                        const Form& parameters);

/// The value of `bodySHA256` in a query string, if there is one: then the body is not a form, and
/// must hash to this.
std::optional<std::string> body_hash_parameter(std::string_view query);
/// True if `body` has that SHA-256, in hex of either case.
bool body_hash_matches(std::string_view hex, std::string_view body);

}  // namespace bridge::twilio
