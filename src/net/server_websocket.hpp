#pragma once
// The server side of a WebSocket, on a socket whose HTTP head has been read: our own RFC 6455
// framing on Asio (framed_socket.hpp), because it is the media path.

#include <cstddef>
#include <memory>

#include "base/hot_lines.hpp"
#include "base/result.hpp"
#include "net/http_server.hpp"
#include "net/websocket.hpp"

namespace bridge::net {

class ServerWebSocket : public WebSocket {
public:
    /// Checks the handshake head (method, version 13, key) without answering. Errors: protocol,
    /// with the sentence for the log; the answer to send is 400, or 426 when only the version is
    /// wrong.
    static Result<> check(const HttpRequest& head);
    /// The answer for a head that `check` has refused: 400, or 426 when only the version is wrong.
    static HttpResponse refusal(const HttpRequest& head);

    /// Answers 101 and takes the connection over. `check` must have passed. `kernel_bytes`: what
    /// the kernel is to keep, about, of what the peer has not taken; 0: as the system has it.
    static std::shared_ptr<ServerWebSocket> accept(Upgrade upgrade, WebSocketLimits limits,
                                                   std::size_t kernel_bytes = 0);

    /// Bytes queued and not yet taken by the kernel.
    virtual std::size_t outbox_bytes() const = 0;
    /// What the callbacks will touch: it is fetched into the cache before they are called, while
    /// other sockets have their turn. Null: nothing is. It must be there until the end is told.
    virtual void expect(const HotLines* lines) = 0;
};

}  // namespace bridge::net
