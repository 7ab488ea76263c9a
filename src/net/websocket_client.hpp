#pragma once
// A WebSocket client (Beast), plain or TLS: the emulator's media streams, agents' sockets.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "net/http_message.hpp"
#include "net/server_websocket.hpp"

namespace bridge::net {

struct WebSocketTarget {
    std::string url;      ///< ws://… or wss://…, path and query as they are
    Headers headers;      ///< added to the handshake, e.g. X-Twilio-Signature
    std::string ca_file;  ///< extra trust for wss, PEM; empty: the system's
    std::chrono::milliseconds connect_timeout{5000};
    std::chrono::milliseconds handshake_timeout{5000};
    std::size_t message_bytes = 1024 * 1024;
    std::size_t outbox_bytes = 1024 * 1024;
    /// The kernel's buffers for what is sent and received; 0: as the system likes. A small one for
    /// sending makes `outbox_bytes()` tell soon that the peer does not read.
    int send_buffer = 0, receive_buffer = 0;
};

/// Why a connection could not be opened, in enough detail to say which of Twilio's errors it is.
/// A server that accepts the connection and never answers the handshake is `connect_timeout` as
/// well: seen from a caller there was no answer. A TLS handshake that takes too long is `tls`.
struct ConnectFailure {
    enum class Stage {
        bad_url,
        resolve,
        connect_refused,
        connect_timeout,
        unreachable,
        tls,
        handshake
    } stage;
    int http_status = 0;  ///< with `handshake`: what came instead of 101 (0: not HTTP, or closed)
    std::string message;
};

struct ReceivedMessage {
    bool text = true;
    std::string payload;
};

/// Thread: one; the executor it was connected on.
class WebSocketClient {
public:
    static asio::awaitable<tl::expected<std::shared_ptr<WebSocketClient>, ConnectFailure>> connect(
        asio::any_io_executor executor, WebSocketTarget target);
    virtual ~WebSocketClient() = default;

    /// The next message. Errors: connection_lost (no close frame), cancelled (clean close; see
    /// `end`), protocol, too_large. After an error the socket is done.
    virtual asio::awaitable<Result<ReceivedMessage>> receive() = 0;
    /// Queues; false when the outbox is full or the socket is done.
    virtual bool send(std::string_view text) = 0;
    virtual bool send_binary(std::string_view bytes) = 0;
    /// Close handshake, bounded by two seconds. `receive` then ends.
    virtual void close(std::uint16_t code, std::string_view reason) = 0;
    /// Cuts the TCP connection without a close frame, by RST.
    virtual void abort() = 0;
    /// The same by FIN.
    virtual void hang_up() = 0;
    /// For clients that play a dead peer: nothing more is read, answered or sent, and the TCP
    /// connection stays. `receive` ends with connection_lost; `abort` still works.
    virtual void freeze() = 0;
    /// For clients that play a slow peer: what is sent from now on leaves in frames of so many
    /// bytes, with a pause after each.
    virtual void trickle(std::size_t bytes, std::chrono::milliseconds pause) = 0;
    /// The peer has broken the protocol, it has been told so, and it has not hung up yet: `receive`
    /// will not return before it does.
    virtual bool broken_by_peer() const = 0;
    virtual WebSocketEnd end() const = 0;
    /// Bytes queued and not yet taken by the kernel.
    virtual std::size_t outbox_bytes() const = 0;
};

}  // namespace bridge::net
