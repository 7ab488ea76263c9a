#pragma once
// The plane for you, not for the internet: is the program well, what does it count, its API, and
// the web page. Bound to loopback, or, with TLS, elsewhere.
//
//   GET /healthz   "ok" while the program answers                     open to all of this machine
//   GET /readyz    "ready", or 503 "draining" once it takes no calls  likewise
//   GET /metrics   Prometheus' text format                            token or session (door.hpp)
//   /api/v1/…      the calls (api.hpp)                                token or session
//   GET /…         the page (page.hpp)                                open: it holds no data

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "net/http_server.hpp"
#include "web/api.hpp"
#include "web/audio_door.hpp"
#include "web/door.hpp"
#include "web/page.hpp"

namespace bridge::web {

struct ControlOptions {
    std::string host = "127.0.0.1";
    std::uint16_t port = 8080;
    std::shared_ptr<net::TlsIdentity> tls;  ///< null: plain
    std::shared_ptr<Door> door;
    std::function<std::string()> metrics;  ///< the text of /metrics. Thread: the server's
    std::shared_ptr<Api> api;              ///< null: none. On the server's thread
    std::optional<Page> page{};            ///< nothing: no page
    std::shared_ptr<AudioDoor> audio{};    ///< null: nobody listens from outside
};

/// Thread: the executor's, for every member but `drain`.
class ControlPlane : public std::enable_shared_from_this<ControlPlane> {
public:
    /// Listens; `start` serves. Errors: exists (port taken), io.
    static Result<std::shared_ptr<ControlPlane>> listen(boost::asio::any_io_executor executor,
                                                        ControlOptions options);
    void start() { server_->start(); }
    void stop();
    std::uint16_t port() const { return server_->port(); }
    /// New calls are refused from now on: /readyz says so. Thread: any.
    void drain() { draining_.store(true, std::memory_order_relaxed); }

private:
    explicit ControlPlane(ControlOptions options) : options_(std::move(options)) {}
    /// Whether the request may have what it asks for; else the answer. For upgrades too.
    std::optional<net::HttpResponse> refuses(const net::HttpRequest& request) const;
    net::HttpResponse answer(const net::HttpRequest& request) const;
    static boost::asio::awaitable<net::HttpResponse> answer_api(std::shared_ptr<Api> api,
                                                                net::HttpRequest request);
    void upgrade(net::Upgrade socket) const;

    const ControlOptions options_;
    std::atomic<bool> draining_{false};
    std::shared_ptr<net::HttpServer> server_;
};

}  // namespace bridge::web
