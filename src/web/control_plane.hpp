#pragma once
// The plane for you, not for the internet: is the program well, what does it count, and its API.
// Bound to loopback. A browser page of another site cannot reach it: the Host must be this
// machine's, and an Origin, if there is one, the plane's own.
//
//   GET /healthz   "ok" while the program answers                     no token
//   GET /readyz    "ready", or 503 "draining" once it takes no calls  no token
//   GET /metrics   Prometheus' text format                            Authorization: Bearer TOKEN
//   /api/v1/…      the calls (api.hpp)                                Authorization: Bearer TOKEN

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/secret.hpp"
#include "net/http_server.hpp"
#include "web/api.hpp"
#include "web/audio_door.hpp"

namespace bridge::web {

struct ControlOptions {
    std::string host = "127.0.0.1";
    std::uint16_t port = 8080;
    Secret token;
    std::function<std::string()> metrics;  ///< the text of /metrics. Thread: the server's
    std::shared_ptr<Api> api;              ///< null: none. On the server's thread
    std::shared_ptr<AudioDoor> audio{};    ///< null: nobody listens from outside
};

/// Thread: the executor's, for every member but `drain`.
class ControlPlane : public std::enable_shared_from_this<ControlPlane> {
public:
    /// Listens; `start` serves. Errors: exists (port taken), io.
    static Result<std::shared_ptr<ControlPlane>> listen(boost::asio::any_io_executor executor,
                                                        ControlOptions options);
    void start() { server_->start(); }
    void stop() { server_->stop(); }
    std::uint16_t port() const { return server_->port(); }
    /// New calls are refused from now on: /readyz says so. Thread: any.
    void drain() { draining_.store(true, std::memory_order_relaxed); }

private:
    explicit ControlPlane(ControlOptions options) : options_(std::move(options)) {}
    net::HttpResponse answer(const net::HttpRequest& request) const;
    /// Whether the request may have what only the owner may, a WebSocket too; else the answer: 421,
    /// 403 or 401.
    std::optional<net::HttpResponse> refuses(const net::HttpRequest& request) const;
    void upgrade(net::Upgrade socket) const;
    boost::asio::awaitable<net::HttpResponse> answer_api(net::HttpRequest request) const;
    bool has_token(const net::HttpRequest& request) const;

    const ControlOptions options_;
    std::atomic<bool> draining_{false};
    std::shared_ptr<net::HttpServer> server_;
};

/// Whether a request comes from no page, or from one that `host`, the Host header, served.
bool is_own_origin(std::optional<std::string_view> origin, std::string_view host);
/// Whether a Host header names this machine's loopback interface, or `bound`, with any port.
bool is_own_host(std::string_view host, std::string_view bound);

}  // namespace bridge::web
