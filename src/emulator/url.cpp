#include "emulator/url.hpp"

#include <algorithm>
#include <cctype>

namespace bridge::emulator {

std::string Url::authority() const {
    std::string out = host.find(':') == std::string::npos ? host : "[" + host + "]";
    if (!port.empty()) out += ":" + port;
    return out;
}

std::string Url::str() const {
    return scheme + "://" + authority() + target;
}

Result<Url> parse_url(std::string_view text) {
    const auto bad = [&](const char* why) {
        return fail(Errc::bad_field, "'" + std::string(text) + "' is not a URL: " + why);
    };
    const auto colon = text.find("://");
    if (colon == std::string_view::npos || colon == 0) return bad("it has no scheme");
    Url url;
    for (const char c : text.substr(0, colon)) {
        if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '+' && c != '-' && c != '.') {
            return bad("its scheme has a character that no scheme has");
        }
        url.scheme += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
    auto rest = text.substr(colon + 3);
    for (const char c : rest) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte <= 0x20 || byte == 0x7f) return bad("it holds white space");
    }
    if (const auto hash = rest.find('#'); hash != std::string_view::npos) {
        url.fragment = rest.substr(hash + 1);
        rest = rest.substr(0, hash);
    }
    const auto slash = rest.find_first_of("/?");
    auto authority = rest.substr(0, slash);
    if (slash != std::string_view::npos) url.target = rest.substr(slash);
    if (const auto at = authority.rfind('@'); at != std::string_view::npos) {
        url.userinfo = authority.substr(0, at);
        authority = authority.substr(at + 1);
    }
    if (!authority.empty() && authority.front() == '[') {
        const auto close = authority.find(']');
        if (close == std::string_view::npos) return bad("its address has no closing bracket");
        url.host = authority.substr(1, close - 1);
        authority = authority.substr(close + 1);
    } else {
        url.host = authority.substr(0, authority.find(':'));
        authority = authority.substr(url.host.size());
    }
    if (url.host.empty()) return bad("it has no host");
    if (!authority.empty()) {
        if (authority.front() != ':') return bad("its host is followed by something else");
        url.port = authority.substr(1);
        const bool digits = std::all_of(url.port.begin(), url.port.end(),
                                        [](unsigned char c) { return std::isdigit(c) != 0; });
        if (url.port.empty() || !digits || url.port.size() > 5 || std::stoi(url.port) > 65535) {
            return bad("its port is not a number up to 65535");
        }
    }
    return url;
}

bool is_web_url(std::string_view text) {
    const auto url = parse_url(text);
    return url && (url->scheme == "http" || url->scheme == "https");
}

std::string resolve_url(const std::string& base, const std::string& reference) {
    const auto colon = reference.find("://");
    if (colon != std::string::npos && colon < reference.find_first_of("/?#")) return reference;
    const auto from = parse_url(base);
    if (!from) return reference;
    const auto root = from->scheme + "://" + from->authority();
    if (reference.empty()) return from->str();
    if (reference.substr(0, 2) == "//") return from->scheme + ":" + reference;
    if (reference.front() == '/') return root + reference;
    auto path = from->path();
    if (reference.front() == '?') return root + path + reference;
    if (reference.front() == '#') return root + from->target + reference;
    const auto last = path.rfind('/');
    path = last == std::string::npos ? "/" : path.substr(0, last + 1);
    return root + path + reference;
}

std::string signed_form(const Url& url) {
    auto signed_url = url;
    if (signed_url.scheme == "https") signed_url.port.clear();
    return signed_url.str();
}

bool is_loopback_host(std::string_view host) {
    if (host == "localhost" || host == "::1" || host == "[::1]") return true;
    return host.substr(0, 4) == "127." &&
           host.find_first_not_of("0123456789.") == std::string_view::npos;
}

}  // namespace bridge::emulator
