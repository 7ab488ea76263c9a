#pragma once
// The server side of a WebSocket, on a socket whose HTTP head has been read: our own RFC 6455
// framing on Asio (framed_socket.hpp), because it is the media path.

#include <memory>

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

    /// Answers 101 and takes the connection over. `check` must have passed.
    static std::shared_ptr<ServerWebSocket> accept(Upgrade upgrade, WebSocketLimits limits);
};

}  // namespace bridge::net
