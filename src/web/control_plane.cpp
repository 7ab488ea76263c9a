#include "web/control_plane.hpp"

#include <utility>

#include "web/problem.hpp"

namespace bridge::web {
namespace {

/// More than any route takes: those that take less say so themselves.
constexpr std::size_t kBodyBytes = 64 * 1024;

net::HttpResponse word(int status, std::string text) {
    auto response = net::respond(status, "text/plain; charset=utf-8", std::move(text) + "\n");
    response.headers.set("Cache-Control", "no-store");
    return response;
}

/// Takes as long for a wrong token as for the right one.
bool equal(std::string_view left, std::string_view right) {
    if (left.size() != right.size()) return false;
    unsigned difference = 0;
    for (std::size_t i = 0; i < left.size(); ++i) {
        difference |= static_cast<unsigned>(static_cast<unsigned char>(left[i])) ^
                      static_cast<unsigned>(static_cast<unsigned char>(right[i]));
    }
    return difference == 0;
}

bool is_for_this_host(const net::HttpRequest& request, std::string_view bound) {
    // A page of another site can make a browser ask, under a name that leads here (DNS rebinding).
    return is_own_host(request.headers.find("Host").value_or(""), bound);
}

boost::asio::awaitable<net::HttpResponse> at_once(net::HttpResponse response) {
    co_return response;
}

}  // namespace

bool is_own_host(std::string_view host, std::string_view bound) {
    auto name = host;
    if (name.starts_with('[')) {
        name = name.substr(0, name.find(']') + 1);
    } else {
        name = name.substr(0, name.find(':'));
    }
    return name == "localhost" || name == "127.0.0.1" || name == "[::1]" ||
           (!bound.empty() && name == bound);
}

bool is_own_origin(std::optional<std::string_view> origin, std::string_view host) {
    constexpr std::string_view kScheme = "http://";
    return !origin || (origin->starts_with(kScheme) && origin->substr(kScheme.size()) == host);
}

Result<std::shared_ptr<ControlPlane>> ControlPlane::listen(boost::asio::any_io_executor executor,
                                                           ControlOptions options) {
    std::shared_ptr<ControlPlane> plane(new ControlPlane(std::move(options)));
    net::HttpServerOptions server;
    // Nobody but the owner makes it keep more.
    server.limits.body_bytes_of = [weak = plane->weak_from_this()](const net::HttpRequest& head) {
        const auto self = weak.lock();
        const bool file = self && Sayings::is_play(head) && !self->refuses(head);
        return file ? Sayings::kMostBytes : kBodyBytes;
    };
    server.name = "control";
    server.host = plane->options_.host;
    server.port = plane->options_.port;
    const net::HttpHandler handler = [weak = plane->weak_from_this()](net::HttpRequest request) {
        const auto self = weak.lock();
        if (!self) return at_once(word(503, "stopping"));
        if (self->options_.api && Api::is_api(request.path()))
            return self->answer_api(std::move(request));
        return at_once(self->answer(request));
    };
    const net::UpgradeHandler upgrade = [weak = plane->weak_from_this()](net::Upgrade socket) {
        if (const auto self = weak.lock()) self->upgrade(std::move(socket));
    };
    auto listening = net::HttpServer::listen(std::move(executor), server, handler, upgrade);
    if (!listening) return tl::unexpected(listening.error());
    plane->server_ = std::move(*listening);
    return plane;
}

bool ControlPlane::has_token(const net::HttpRequest& request) const {
    const auto credentials = request.headers.find("Authorization").value_or("");
    constexpr std::string_view kBearer = "Bearer ";
    return credentials.starts_with(kBearer) &&
           equal(credentials.substr(kBearer.size()), options_.token.reveal());
}

std::optional<net::HttpResponse> ControlPlane::refuses(const net::HttpRequest& request) const {
    if (!is_for_this_host(request, options_.host))
        return problem(421, "wrong_host", "this is not the host you asked for");
    if (!is_own_origin(request.headers.find("Origin"), request.headers.find("Host").value_or("")))
        return problem(403, "wrong_origin", "a page of another site asks");
    if (has_token(request)) return std::nullopt;
    auto response = problem(401, "unauthorized", "the token of this instance is needed");
    response.headers.set("WWW-Authenticate", "Bearer");
    return response;
}

void ControlPlane::upgrade(net::Upgrade socket) const {
    if (auto refused = refuses(socket.head)) {
        net::refuse(std::move(socket), std::move(*refused));
    } else if (options_.audio) {
        options_.audio->serve(std::move(socket));
    } else {
        net::refuse(std::move(socket),
                    problem(404, "not_found", "there is no WebSocket at this address"));
    }
}

boost::asio::awaitable<net::HttpResponse> ControlPlane::answer_api(net::HttpRequest request) const {
    if (auto refused = refuses(request)) return at_once(std::move(*refused));
    return Api::answer(options_.api, std::move(request));
}

net::HttpResponse ControlPlane::answer(const net::HttpRequest& request) const {
    if (!is_for_this_host(request, options_.host))
        return word(421, "this is not the host you asked for");
    const auto path = request.path();
    const bool known = path == "/healthz" || path == "/readyz" || path == "/metrics";
    if (!known) return word(404, "not found");
    if (request.method != "GET" && request.method != "HEAD") {
        auto response = word(405, "GET");
        response.headers.set("Allow", "GET, HEAD");
        return response;
    }
    if (path == "/healthz") return word(200, "ok");
    if (path == "/readyz") {
        return draining_.load(std::memory_order_relaxed) ? word(503, "draining")
                                                         : word(200, "ready");
    }
    if (!has_token(request)) {
        auto response = word(401, "the token of this instance is needed");
        response.headers.set("WWW-Authenticate", "Bearer");
        return response;
    }
    auto response =
        net::respond(200, "text/plain; version=0.0.4; charset=utf-8", options_.metrics());
    response.headers.set("Cache-Control", "no-store");
    return response;
}

}  // namespace bridge::web
