#include "tests/support/realtime_server.hpp"

#include <utility>

namespace bridge::test {
namespace {

net::asio::awaitable<net::HttpResponse> not_here(net::HttpRequest) {
    co_return net::respond(404, "text/plain", "a WebSocket only");
}

}  // namespace

RealtimeServer::RealtimeServer(Clock& clock, RealtimeServiceOptions options)
    : clock_(clock), options_(std::move(options)) {}

Result<std::shared_ptr<RealtimeServer>> RealtimeServer::listen(
    boost::asio::any_io_executor executor, Clock& clock, RealtimeServiceOptions options) {
    auto server = std::make_shared<RealtimeServer>(clock, std::move(options));
    net::HttpServerOptions http;
    http.name = "realtime service";
    http.port = server->options_.port;
    const std::weak_ptr<RealtimeServer> weak = server;
    auto listening =
        net::HttpServer::listen(std::move(executor), http, &not_here, [weak](net::Upgrade upgrade) {
            const auto self = weak.lock();
            if (self) self->upgrade(std::move(upgrade));
        });
    if (!listening) return tl::unexpected(listening.error());
    server->http_ = std::move(*listening);
    return server;
}

void RealtimeServer::upgrade(net::Upgrade upgrade) {
    ++asked_;
    const auto& head = upgrade.head;
    int status = options_.handshake_status;
    if (status == 0 && !net::ServerWebSocket::check(head)) status = 400;
    if (status == 0 && head.path() != "/v1/realtime") status = 404;
    if (status == 0 && head.headers.find("Authorization") != "Bearer " + options_.key) status = 401;
    if (status != 0) {
        net::refuse(std::move(upgrade), net::respond(status, "application/json", "{}"));
        return;
    }
    const bool known = head.query() == "model=" + options_.model;
    auto talk = std::make_shared<RealtimeTalk>(clock_, options_, script_,
                                               static_cast<int>(talks_.size()) + 1);
    talks_.push_back(talk);
    talk->start(std::move(upgrade), known);
}

void RealtimeServer::stop() {
    http_->stop();
    for (const auto& talk : talks_) talk->close(1001, "the service stops");
}

}  // namespace bridge::test
