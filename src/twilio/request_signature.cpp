#include "twilio/request_signature.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "twilio/wire/signature.hpp"

namespace bridge::twilio {
namespace {

/// A header's value, if it is fit to be shown in a log.
std::string_view host_header(const net::HttpRequest& request, std::string_view name) {
    const auto value = request.headers.find(name).value_or("");
    const bool good = !value.empty() && value.size() <= 255 &&
                      std::all_of(value.begin(), value.end(), [](char c) {
                          return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                                 (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_' ||
                                 c == ':' || c == '[' || c == ']';
                      });
    return good ? value : std::string_view{};
}

}  // namespace

std::vector<std::string> known_webhook_urls(const SharedUrl& url, std::string_view target) {
    std::vector<std::string> all;
    for (const auto& known : *url.known()) {
        for (auto& one : webhook_url_candidates(known.url(known.below_base(target))))
            all.push_back(std::move(one));
    }
    return all;
}

std::vector<std::string> known_media_urls(const SharedUrl& url, std::string_view token) {
    std::vector<std::string> all;
    for (const auto& known : *url.known()) {
        for (auto& one : upgrade_url_candidates(known.media_url(token)))
            all.push_back(std::move(one));
    }
    return all;
}

std::string likely_cause(const net::HttpRequest& request, std::string_view secure_scheme,
                         std::string_view target, const Form& parameters,
                         std::string_view signature, std::span<const Secret> tokens) {
    if (signature.size() != 28)
        return "the signature has not the form of Twilio's; something else sent this";
    // Only to explain: if the signature fits the name the request came under, PUBLIC_URL is what is
    // wrong.
    for (const auto name : {"X-Forwarded-Host", "X-Original-Host", "Host"}) {
        const auto host = host_header(request, name);
        if (host.empty()) continue;
        const auto url = fmt::format("{}://{}{}", secure_scheme, host, target);
        const auto candidates =
            secure_scheme == "wss" ? upgrade_url_candidates(url) : webhook_url_candidates(url);
        if (matching_url(signature, tokens, candidates, parameters)) {
            return fmt::format("it was made for https://{}: set PUBLIC_URL to that", host);
        }
        auto plain = candidates;
        for (auto& one : plain)
            one = (secure_scheme == "wss" ? "ws" : "http") + one.substr(one.find("://"));
        if (matching_url(signature, tokens, plain, parameters)) {
            return fmt::format(
                "it was made for http://{}: have the number and PUBLIC_URL say https", host);
        }
    }
    return "TWILIO_AUTH_TOKEN is not the account's primary Auth Token, PUBLIC_URL is not the "
           "address Twilio was given, or "
           "a proxy changed the request";
}

}  // namespace bridge::twilio
