#include "web/control_plane.hpp"

#include <utility>

#include "web/problem.hpp"

namespace bridge::web {
namespace {

/// More than any route takes: those that take less say so themselves.
constexpr std::size_t kPlaneBodyBytes = 64 * 1024;

net::HttpResponse word(int status, std::string text) {
    auto response = net::respond(status, "text/plain; charset=utf-8", std::move(text) + "\n");
    response.headers.set("Cache-Control", "no-store");
    return response;
}

boost::asio::awaitable<net::HttpResponse> at_once(net::HttpResponse response) {
    add_security_headers(response);
    co_return response;
}

/// The program's own pages beside the API.
bool is_plain(std::string_view path) {
    return path == "/healthz" || path == "/readyz" || path == "/metrics";
}

}  // namespace

Result<std::shared_ptr<ControlPlane>> ControlPlane::listen(boost::asio::any_io_executor executor,
                                                           ControlOptions options) {
    std::shared_ptr<ControlPlane> plane(new ControlPlane(std::move(options)));
    net::HttpServerOptions server;
    // Nobody but the owner makes it keep more.
    server.limits.body_bytes_of = [weak = plane->weak_from_this()](const net::HttpRequest& head) {
        const auto self = weak.lock();
        const bool file = self && Sayings::is_play(head) && !self->refuses(head);
        return file ? Sayings::kMostBytes : kPlaneBodyBytes;
    };
    server.name = "control";
    server.host = plane->options_.host;
    server.port = plane->options_.port;
    server.tls = plane->options_.tls;
    const net::HttpHandler handler = [weak = plane->weak_from_this()](net::HttpRequest request) {
        const auto self = weak.lock();
        if (!self) return at_once(word(503, "stopping"));
        if (auto refused = self->refuses(request)) return at_once(std::move(*refused));
        if (self->options_.api && Api::is_api(request.path()))
            return answer_api(self->options_.api, std::move(request));
        return at_once(self->answer(request));
    };
    const net::UpgradeHandler upgrade = [weak = plane->weak_from_this()](net::Upgrade socket) {
        if (const auto self = weak.lock()) self->upgrade(std::move(socket));
    };
    auto listening = net::HttpServer::listen(std::move(executor), server, handler, upgrade);
    if (!listening) return tl::unexpected(listening.error());
    plane->server_ = std::move(*listening);
    plane->options_.door->opened(plane->server_->port());
    return plane;
}

void ControlPlane::stop() {
    if (options_.api && options_.api->parts().events) options_.api->parts().events->stop();
    server_->stop();
}

std::optional<net::HttpResponse> ControlPlane::refuses(const net::HttpRequest& request) const {
    const auto path = request.path();
    const bool figures =
        path == "/metrics" && (request.method == "GET" || request.method == "HEAD");
    const bool closed = figures || (options_.api && Api::is_api(path) && !Api::is_open(request));
    return closed ? options_.door->refuses(request) : options_.door->refuses_place(request);
}

boost::asio::awaitable<net::HttpResponse> ControlPlane::answer_api(std::shared_ptr<Api> api,
                                                                   net::HttpRequest request) {
    auto answering = Api::answer(std::move(api), std::move(request));
    auto response = co_await std::move(answering);
    add_security_headers(response);
    co_return response;
}

/// Who may not is told so before anything else.
void ControlPlane::upgrade(net::Upgrade socket) const {
    auto refused = refuses(socket.head);
    if (!refused && options_.audio) return options_.audio->serve(std::move(socket));
    auto response = std::move(refused).value_or(
        problem(404, "not_found", "there is no WebSocket at this address"));
    add_security_headers(response);
    net::refuse(std::move(socket), std::move(response));
}

net::HttpResponse ControlPlane::answer(const net::HttpRequest& request) const {
    const auto path = request.path();
    if (!is_plain(path)) {
        if (options_.page) {
            if (auto file = options_.page->answer(request)) return std::move(*file);
        }
        return problem(404, "not_found", "there is nothing here");
    }
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
    auto response =
        net::respond(200, "text/plain; version=0.0.4; charset=utf-8", options_.metrics());
    response.headers.set("Cache-Control", "no-store");
    return response;
}

}  // namespace bridge::web
