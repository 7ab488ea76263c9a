#pragma once
// A WebSocket whose handshake is over, seen from either end. Messages come in batches, by callback;
// what is sent in one turn of the event loop leaves in one write. No extensions.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.hpp"

namespace bridge::net {

struct WebSocketMessage {
    bool text = true;
    std::string_view payload;  ///< valid during the callback only
};

/// A message that may be kept.
struct ReceivedMessage {
    bool text = true;
    std::string payload;
};

struct WebSocketLimits {
    std::size_t message_bytes = 256 * 1024;      ///< longer: closed with 1009
    std::size_t outbox_bytes = 512 * 1024;       ///< fuller: send() refuses
    std::chrono::milliseconds close_time{2000};  ///< wait this long for the peer's close frame
    /// Frames of every kind, and bytes, from the peer within a second; more: closed with 1008. 0:
    /// no limit.
    std::size_t frames_per_second = 0;
    std::size_t bytes_per_second = 0;
};

/// How a connection ended. `code` 1006: without a close frame.
struct WebSocketEnd {
    std::uint16_t code = 1006;
    std::string reason;
    bool by_peer = true;  ///< the peer began the close, or vanished
    std::string
        fault;  ///< what the peer did wrong, if that is why ("control frame over 125 bytes")
    bool silent = false;  ///< the peer did not hang up: nothing came from it for too long
};

struct WebSocketStats {
    std::uint64_t messages_in = 0, bytes_in = 0, messages_out = 0, bytes_out = 0, refused_out = 0;
};

/// Thread: the executor of the socket, one thread. Callbacks may call any member.
class WebSocket {
public:
    using OnBatch = std::function<void(std::span<const WebSocketMessage>)>;
    using OnEnd = std::function<void(const WebSocketEnd&)>;

    virtual ~WebSocket() = default;

    /// Starts reading. `on_end` is called exactly once, last.
    virtual void start(OnBatch on_batch, OnEnd on_end) = 0;
    /// Queues one text message; it leaves at the end of this turn of the loop. False: the outbox is
    /// full or the connection is closing; nothing was queued.
    virtual bool send(std::string_view text) = 0;
    /// The same for a binary message.
    virtual bool send_binary(std::string_view bytes) = 0;
    /// Sends a close frame, waits for the peer's (bounded), then ends. Harmless when repeated.
    virtual void close(std::uint16_t code, std::string_view reason) = 0;
    /// Sends a ping; the answer moves `last_heard`.
    virtual void ping() = 0;
    /// When anything last came from the peer.
    virtual Clock::Time last_heard() const = 0;
    virtual WebSocketStats stats() const = 0;
};

}  // namespace bridge::net
