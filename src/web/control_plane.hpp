#pragma once
// The plane for you, not for the internet: is the program well, and what does it count. Bound to
// loopback. A browser page of another site cannot reach it: the Host must be this machine's.
//
//   GET /healthz   "ok" while the program answers                     no token
//   GET /readyz    "ready", or 503 "draining" once it takes no calls  no token
//   GET /metrics   Prometheus' text format                            Authorization: Bearer TOKEN

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/result.hpp"
#include "base/secret.hpp"
#include "net/http_server.hpp"

namespace bridge::web {

struct ControlOptions {
    std::string host = "127.0.0.1";
    std::uint16_t port = 8080;
    Secret token;
    std::function<std::string()> metrics;  ///< the text of /metrics. Thread: the server's
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

    const ControlOptions options_;
    std::atomic<bool> draining_{false};
    std::shared_ptr<net::HttpServer> server_;
};

/// Whether a Host header names this machine's loopback interface, or `bound`, with any port.
bool is_own_host(std::string_view host, std::string_view bound);

}  // namespace bridge::web
