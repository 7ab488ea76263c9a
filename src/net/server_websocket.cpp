#include "net/server_websocket.hpp"

#include <utility>

#include "net/framed_socket.hpp"
#include "net/websocket_handshake.hpp"

namespace bridge::net {

Result<> ServerWebSocket::check(const HttpRequest& head) {
    return check_handshake(head);
}

HttpResponse ServerWebSocket::refusal(const HttpRequest& head) {
    return handshake_refusal(head);
}

std::shared_ptr<ServerWebSocket> ServerWebSocket::accept(Upgrade upgrade, WebSocketLimits limits,
                                                         std::size_t kernel_bytes) {
    if (kernel_bytes > 0) {
        boost::system::error_code ignored;
        upgrade.socket.set_option(
            asio::socket_base::send_buffer_size(static_cast<int>(kernel_bytes)), ignored);
    }
    const auto key = upgrade.head.headers.find("Sec-WebSocket-Key").value_or("");
    auto answer = std::string(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Accept: ");
    answer += accept_key(key);
    answer += "\r\n\r\n";
    auto socket = std::make_shared<FramedSocket>(
        FrameParser::Side::server,
        FramedLink{std::move(upgrade.socket), std::move(upgrade.tls), std::move(upgrade.leftover)},
        limits);
    socket->answer(answer);
    return socket;
}

}  // namespace bridge::net
