#pragma once
// A WebSocket client in Beast's framing, for the emulator: it can play a broken peer, and what our
// own framing says is heard by somebody else's.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string_view>
#include <tl/expected.hpp>

#include "base/result.hpp"
#include "net/websocket.hpp"
#include "net/websocket_target.hpp"

namespace bridge::net {

namespace asio = boost::asio;

/// Thread: one; the executor it was connected on.
class BeastWebSocket {
public:
    static asio::awaitable<tl::expected<std::shared_ptr<BeastWebSocket>, ConnectFailure>> connect(
        asio::any_io_executor executor, WebSocketTarget target);
    virtual ~BeastWebSocket() = default;

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
