#include "web/door.hpp"

#include <fmt/format.h>

#include <utility>

#include "web/problem.hpp"

namespace bridge::web {
namespace {

/// Takes as long for a wrong secret as for the right one.
bool equal(std::string_view left, std::string_view right) {
    if (left.size() != right.size()) return false;
    unsigned difference = 0;
    for (std::size_t i = 0; i < left.size(); ++i) {
        difference |= static_cast<unsigned>(static_cast<unsigned char>(left[i])) ^
                      static_cast<unsigned>(static_cast<unsigned char>(right[i]));
    }
    return difference == 0;
}

net::HttpResponse wrong_origin() {
    return problem(403, "wrong_origin", "a page of another site asks");
}

/// What may change something, or goes on for long in both directions.
bool is_more_than_a_look(const net::HttpRequest& request) {
    return (request.method != "GET" && request.method != "HEAD") ||
           request.headers.has_token("Upgrade", "websocket");
}

}  // namespace

std::string_view name_in(std::string_view host) {
    if (host.starts_with('[')) return host.substr(0, host.find(']') + 1);
    return host.substr(0, host.find(':'));
}

bool is_own_host(std::string_view host, std::string_view bound) {
    const auto name = name_in(host);
    return name == "localhost" || name == "127.0.0.1" || name == "[::1]" ||
           (!bound.empty() && (name == bound || name == fmt::format("[{}]", bound)));
}

bool is_own_origin(std::optional<std::string_view> origin, std::string_view host, bool tls) {
    const std::string_view scheme = tls ? "https://" : "http://";
    return !origin || (origin->starts_with(scheme) && origin->substr(scheme.size()) == host);
}

void Door::opened(std::uint16_t port) {
    port_ = port;
}

std::optional<net::HttpResponse> Door::refuses_place(const net::HttpRequest& request) const {
    const auto host = request.headers.find("Host").value_or("");
    // A page of another site can make a browser ask, under a name that leads here (DNS rebinding).
    if (!is_own_host(host, options_.host) &&
        !(options_.certified && options_.certified(std::string(name_in(host)))))
        return problem(421, "wrong_host",
                       "this program does not answer under that name; ask for 127.0.0.1");
    if (!is_own_origin(request.headers.find("Origin"), host, options_.tls)) return wrong_origin();
    return std::nullopt;
}

std::optional<net::HttpResponse> Door::refuses(const net::HttpRequest& request) const {
    if (auto refused = refuses_place(request)) return refused;
    if (const auto credentials = request.headers.find("Authorization")) {
        constexpr std::string_view kBearer = "Bearer ";
        if (credentials->starts_with(kBearer) && is_token(credentials->substr(kBearer.size())))
            return std::nullopt;
    } else if (has_cookie(request)) {
        // The browser sends the cookie whoever made it ask: the page must say where it is from.
        if (is_more_than_a_look(request) && !request.headers.find("Origin")) return wrong_origin();
        const auto site = request.headers.find("Sec-Fetch-Site").value_or("same-origin");
        if (site != "same-origin" && site != "none") return wrong_origin();
        return std::nullopt;
    }
    auto refused = problem(401, "unauthorized",
                           "the token of this instance is needed; it is in the link that "
                           "`agentbridge serve` printed");
    refused.headers.set("WWW-Authenticate", "Bearer");
    return refused;
}

bool Door::is_token(std::string_view text) const {
    return !options_.token.empty() && equal(text, options_.token.reveal());
}

std::string Door::cookie_name() const {
    return fmt::format("agentbridge_{}", port_);
}

std::string Door::cookie_end() const {
    return options_.tls ? "; HttpOnly; SameSite=Strict; Path=/; Secure"
                        : "; HttpOnly; SameSite=Strict; Path=/";
}

std::string Door::cookie() const {
    return cookie_name() + "=" + options_.session.reveal() + cookie_end();
}

std::string Door::no_cookie() const {
    return cookie_name() + "=; Max-Age=0" + cookie_end();
}

bool Door::has_cookie(const net::HttpRequest& request) const {
    if (options_.session.empty()) return false;
    const auto name = cookie_name();
    for (const auto& [field, value] : request.headers.fields()) {
        if (field != "Cookie" && field != "cookie") continue;
        std::string_view rest = value;
        while (!rest.empty()) {
            auto one = rest.substr(0, rest.find(';'));
            rest.remove_prefix(std::min(one.size() + 1, rest.size()));
            while (one.starts_with(' ')) one.remove_prefix(1);
            const auto equals = one.find('=');
            if (equals != std::string_view::npos && one.substr(0, equals) == name &&
                equal(one.substr(equals + 1), options_.session.reveal()))
                return true;
        }
    }
    return false;
}

}  // namespace bridge::web
