#pragma once
// Where a WebSocket is to be opened, and why that did not succeed.

#include <chrono>
#include <cstddef>
#include <string>

#include "net/http_message.hpp"

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
    /// So often a ping is sent; 0: never. With `silence_limit`: a peer from which nothing came for
    /// so long (not even an answer to a ping) is gone, though its connection stands; 0: it may be
    /// silent for ever. Not for BeastWebSocket.
    std::chrono::milliseconds ping_interval{0}, silence_limit{0};
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

}  // namespace bridge::net
