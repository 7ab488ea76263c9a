#pragma once
// A WebSocket client, plain or TLS: agents' sockets. It speaks with the same framing as the media
// path's servers (framed_socket.hpp); a message costs neither a coroutine nor memory if it is taken
// by callback.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "base/result.hpp"
#include "net/websocket.hpp"
#include "net/websocket_target.hpp"

namespace bridge::net {

namespace asio = boost::asio;

/// Letting go of the last reference cuts the connection, unless `close` was called: then the
/// goodbye goes on without it. Thread: one; the executor it was connected on, an io_context's.
class WebSocketClient {
public:
    static asio::awaitable<tl::expected<std::shared_ptr<WebSocketClient>, ConnectFailure>> connect(
        asio::any_io_executor executor, WebSocketTarget target);
    virtual ~WebSocketClient() = default;

    /// Messages by callback, from the next turn of the loop on; `on_end` is called exactly once,
    /// last. Instead of `receive`, never both.
    virtual void start(WebSocket::OnBatch on_batch, WebSocket::OnEnd on_end) = 0;
    /// The next message. Errors: connection_lost (no close frame), timed_out (nothing came for
    /// `silence_limit`), cancelled (clean close; see `end`), protocol, too_large. After an error
    /// the socket is done. A `receive` that is cancelled itself loses nothing.
    virtual asio::awaitable<Result<ReceivedMessage>> receive() = 0;
    /// Queues; it leaves at the end of this turn of the loop. False when the outbox is full or the
    /// socket is done.
    virtual bool send(std::string_view text) = 0;
    virtual bool send_binary(std::string_view bytes) = 0;
    /// Close handshake, bounded by two seconds. `receive` then ends.
    virtual void close(std::uint16_t code, std::string_view reason) = 0;
    /// Cuts the TCP connection without a close frame, by RST.
    virtual void abort() = 0;
    /// How it ended, once it has.
    virtual WebSocketEnd end() const = 0;
    virtual WebSocketStats stats() const = 0;
    /// Bytes queued and not yet taken by the kernel.
    virtual std::size_t outbox_bytes() const = 0;
};

}  // namespace bridge::net
