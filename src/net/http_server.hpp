#pragma once
// An HTTP/1.1 server for webhooks and the emulator's REST API. A request that asks for a WebSocket
// is not answered here: its head and its socket are handed to the upgrade handler.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/result.hpp"
#include "net/http_message.hpp"
#include "net/tls.hpp"

namespace bridge::net {

namespace asio = boost::asio;

struct HttpLimits {
    std::size_t head_bytes = 16 * 1024;
    std::size_t body_bytes = 256 * 1024;
    /// Instead, where it is set: what this request may have, by its head alone.
    std::function<std::size_t(const HttpRequest& head)> body_bytes_of{};
    /// From the first wait to the whole head; also how long an idle connection is kept.
    std::chrono::milliseconds head_time{10000};
    std::chrono::milliseconds body_time{10000};
    std::chrono::milliseconds write_time{10000};
    /// A client that takes nothing of a BodyStream for so long is cut off.
    std::chrono::milliseconds stream_time{5000};
    std::chrono::milliseconds handshake_time{5000};  ///< TLS, from the first byte to the last
    /// With more, the one that has waited for a request longest is closed; if all are being
    /// answered, the new one.
    std::size_t connections = 2048;
};

struct HttpServerOptions {
    std::string name = "http";       ///< in the log
    std::string host = "127.0.0.1";  ///< address or name; "0.0.0.0" and "::" listen everywhere
    std::uint16_t port = 0;          ///< 0: any free port
    bool reuse_port = false;  ///< several listeners share the port, one on each io thread (Linux)
    HttpLimits limits;
    std::shared_ptr<TlsIdentity> tls;  ///< null: plain HTTP
};

/// A request to become a WebSocket, not answered yet. `socket` is connected and has nothing pending
/// but `leftover`, the bytes that came after the head.
struct Upgrade {
    HttpRequest head;
    asio::ip::tcp::socket socket;
    std::string leftover;
    std::unique_ptr<TlsSession> tls{};  ///< null: plain. Goes where the socket's descriptor goes
};

using HttpHandler = std::function<asio::awaitable<HttpResponse>(HttpRequest)>;
using UpgradeHandler = std::function<void(Upgrade)>;

/// Thread: everything runs on the executor given, which one thread runs.
class HttpServer {
public:
    /// Binds and listens. Errors: `exists` when the port is taken (the message says which and what
    /// setting names it is up to the caller), bad_config for an address that is none of ours, io.
    static Result<std::shared_ptr<HttpServer>> listen(asio::any_io_executor executor,
                                                      HttpServerOptions options,
                                                      HttpHandler handler,
                                                      UpgradeHandler upgrade = {});
    virtual ~HttpServer() = default;
    virtual std::uint16_t port() const = 0;
    /// Starts accepting. Thread: the executor's.
    virtual void start() = 0;
    /// Stops accepting and closes idle connections; those with a request in hand finish it.
    virtual void stop() = 0;
};

/// Writes a short HTTP answer on the socket of an upgrade that is refused, and closes it.
void refuse(Upgrade upgrade, HttpResponse response);

}  // namespace bridge::net
