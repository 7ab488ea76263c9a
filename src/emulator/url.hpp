#pragma once
// URLs as Twilio treats them: kept byte for byte, resolved against a document, stripped of what is
// not sent, and in the form that is signed.

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace bridge::emulator {

struct Url {
    std::string scheme;    ///< lower case
    std::string userinfo;  ///< "name:password", still encoded
    std::string host;      ///< as written; IPv6 without its brackets
    std::string port;      ///< digits, or empty
    std::string target;    ///< path and query, exactly as written; may be empty
    std::string fragment;  ///< without "#"

    std::string path() const { return target.substr(0, target.find('?')); }
    /// "host:port" with brackets where needed.
    std::string authority() const;
    /// Scheme, authority and target; neither userinfo nor fragment.
    std::string str() const;
};

/// An absolute URL with a host. Errors: bad_field.
Result<Url> parse_url(std::string_view text);
/// True if `text` is an absolute http or https URL whose host has no white space.
bool is_web_url(std::string_view text);
/// `reference` against the absolute URL `base` (RFC 3986, without merging "..").
std::string resolve_url(const std::string& base, const std::string& reference);
/// The URL as Twilio signs a webhook: no userinfo, no fragment, and for https no port either.
std::string signed_form(const Url& url);
/// localhost, 127.0.0.0/8 and ::1.
bool is_loopback_host(std::string_view host);

}  // namespace bridge::emulator
