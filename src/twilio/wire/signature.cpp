#include "twilio/wire/signature.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdint>

#include "base/base64.hpp"

namespace bridge::twilio {
namespace {

const unsigned char* bytes_of(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}

std::string lower(std::string_view text) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return out;
}

std::string sign(const Secret& token, std::string_view signed_text) {
    std::array<std::uint8_t, EVP_MAX_MD_SIZE> mac{};
    unsigned int length = 0;
    HMAC(EVP_sha1(), token.reveal().data(), static_cast<int>(token.reveal().size()),
         bytes_of(signed_text), signed_text.size(), mac.data(), &length);
    return encode_base64(std::span<const std::uint8_t>(mac.data(), length));
}

std::string signed_parameters(const Form& parameters) {
    auto pairs = parameters.pairs();
    std::sort(pairs.begin(), pairs.end());
    pairs.erase(std::unique(pairs.begin(), pairs.end()), pairs.end());
    std::string out;
    for (const auto& [name, value] : pairs) out += name + value;
    return out;
}

bool same(std::string_view a, std::string_view b) {
    return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string_view default_port(std::string_view scheme) {
    return scheme == "https" || scheme == "wss" ? "443" : "80";
}

void add_once(std::vector<std::string>& urls, std::string url) {
    if (std::find(urls.begin(), urls.end(), url) == urls.end()) urls.push_back(std::move(url));
}

}  // namespace

std::string compute_signature(const Secret& token, std::string_view url, const Form& parameters) {
    return sign(token, std::string(url) + signed_parameters(parameters));
}

std::optional<SplitUrl> split_url(std::string_view url) {
    url = url.substr(0, url.find('#'));
    const auto colon = url.find("://");
    if (colon == std::string_view::npos || colon == 0) return std::nullopt;
    SplitUrl out;
    out.scheme = std::string(url.substr(0, colon));
    url.remove_prefix(colon + 3);
    const auto end = std::min(url.find_first_of("/?"), url.size());
    auto authority = url.substr(0, end);
    out.target = std::string(url.substr(end));
    if (const auto at = authority.rfind('@'); at != std::string_view::npos)
        authority.remove_prefix(at + 1);
    const auto bracket = authority.rfind(']');
    const auto port = authority.find(':', bracket == std::string_view::npos ? 0 : bracket);
    out.host = std::string(authority.substr(0, port));
    if (port != std::string_view::npos) out.port = std::string(authority.substr(port + 1));
    if (out.host.empty()) return std::nullopt;
    return out;
}

std::vector<std::string> webhook_url_candidates(std::string_view url) {
    std::vector<std::string> out;
    const auto parts = split_url(url);
    if (!parts) return out;
    const auto start = parts->scheme + "://" + parts->host;
    if (!parts->port.empty()) add_once(out, start + ":" + parts->port + parts->target);
    add_once(out, start + parts->target);
    if (parts->port.empty()) {
        add_once(out, start + ":" + std::string(default_port(parts->scheme)) + parts->target);
    }
    return out;
}

std::vector<std::string> upgrade_url_candidates(std::string_view url) {
    std::vector<std::string> out;
    const auto parts = split_url(url);
    if (!parts) return out;
    const auto scheme = lower(parts->scheme);
    const bool plain = scheme == "http" || scheme == "ws";
    std::vector<std::string> schemes = {"wss", "https"};
    if (plain) schemes = {"ws", "http", "wss", "https"};
    std::vector<std::string> hosts;
    if (!parts->port.empty()) hosts.push_back(parts->host + ":" + parts->port);
    hosts.push_back(parts->host);
    if (parts->port.empty() || parts->port == default_port(scheme)) {
        add_once(hosts, parts->host + ":" + std::string(default_port(scheme)));
    }
    // Twilio's own checkers add port 80 to whatever is not https.
    if (parts->port.empty() && !plain) hosts.push_back(parts->host + ":80");
    for (const auto& host : hosts) {
        for (const auto& one : schemes) {
            add_once(out, one + "://" + host + parts->target);
            if (parts->target.find('?') == std::string::npos && !parts->target.ends_with('/')) {
                add_once(out, one + "://" + host + parts->target + "/");
            }
        }
    }
    return out;
}

std::optional<std::string> matching_url(std::string_view signature, std::span<const Secret> tokens,
                                        std::span<const std::string> candidates,
                                        const Form& parameters) {
    const auto tail = signed_parameters(parameters);
    std::optional<std::string> match;
    for (const auto& candidate : candidates) {
        for (const auto& token : tokens) {
            if (token.empty()) continue;
            if (same(sign(token, candidate + tail), signature) && !match) match = candidate;
        }
    }
    return match;
}

std::optional<std::string> body_hash_parameter(std::string_view query) {
    const auto form = parse_form(query);
    if (!form) return std::nullopt;
    const auto hash = form->find("bodySHA256");
    if (!hash) return std::nullopt;
    return std::string(*hash);
}

bool body_hash_matches(std::string_view hex, std::string_view body) {
    std::array<std::uint8_t, EVP_MAX_MD_SIZE> hash{};
    unsigned int length = 0;
    if (EVP_Digest(body.data(), body.size(), hash.data(), &length, EVP_sha256(), nullptr) != 1)
        return false;
    static constexpr std::string_view kHex = "0123456789abcdef";
    std::string expected;
    for (unsigned int i = 0; i < length; ++i) {
        expected.push_back(kHex[hash[i] >> 4U]);
        expected.push_back(kHex[hash[i] & 15U]);
    }
    return same(expected, lower(hex));
}

}  // namespace bridge::twilio
