#pragma once
// Who may ask the control plane. A program shows the token; the page shows a cookie that it got for
// the token once. A page of another site has neither, cannot use the cookie from where it is
// (Origin), and does not reach the plane under a name of its own (Host).
//
//   request ─▶ Host is ours? ─421 ─▶ Origin is ours? ─403 ─▶ token or cookie? ─401 ─▶ route

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/secret.hpp"
#include "net/http_message.hpp"

namespace bridge::web {

struct DoorOptions {
    std::string host = "127.0.0.1";  ///< that the plane is bound to
    bool tls = false;
    Secret token;    ///< of programs
    Secret session;  ///< what the cookie holds: never the token itself
    /// With `tls`: whether the certificate is for that name; empty: for none.
    std::function<bool(const std::string& name)> certified{};
};

/// Thread: the control plane's.
class Door {
public:
    explicit Door(DoorOptions options) : options_(std::move(options)) {}
    /// The plane's port is part of the cookie's name: cookies do not tell ports apart.
    void opened(std::uint16_t port);
    std::uint16_t port() const { return port_; }

    /// Whether the request may have what only the owner may; else the answer: 421, 403 or 401. For
    /// requests that become a WebSocket too.
    std::optional<net::HttpResponse> refuses(const net::HttpRequest& request) const;
    /// The same without asking for token or cookie.
    std::optional<net::HttpResponse> refuses_place(const net::HttpRequest& request) const;

    bool is_token(std::string_view text) const;
    /// Values of Set-Cookie: the session begins, and ends.
    std::string cookie() const;
    std::string no_cookie() const;

private:
    bool has_cookie(const net::HttpRequest& request) const;
    std::string cookie_name() const;
    std::string cookie_end() const;

    const DoorOptions options_;
    std::uint16_t port_ = 0;
};

/// Whether a request comes from no page, or from one that `host`, the Host header, served.
bool is_own_origin(std::optional<std::string_view> origin, std::string_view host, bool tls);
/// Whether a Host header names this machine's loopback interface, or `bound`, with any port.
bool is_own_host(std::string_view host, std::string_view bound);
/// Host header without its port.
std::string_view name_in(std::string_view host);

}  // namespace bridge::web
