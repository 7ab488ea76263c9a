#pragma once
// The way to a WebSocket server, up to the TCP connection: what both clients share.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "net/websocket_target.hpp"

namespace bridge::net {

namespace asio = boost::asio;

/// A ws:// or wss:// URL in its parts.
struct WebSocketUrl {
    bool tls = false;
    std::string host;       ///< without the brackets of an IPv6 address
    std::string authority;  ///< for the Host field: the port only if it is not the scheme's own
    std::uint16_t port = 0;
    std::string target;  ///< path and query, byte for byte
    bool is_address = false;
};

tl::unexpected<ConnectFailure> connect_failure(ConnectFailure::Stage stage, std::string message,
                                               int http_status = 0);

/// Errors: bad_url, with what is wrong in it.
tl::expected<WebSocketUrl, ConnectFailure> parse_websocket_url(std::string_view text);

/// Cancels a socket's operations when the time is up. On the stack of the coroutine that waits.
class Deadline {
public:
    Deadline(asio::ip::tcp::socket& socket, std::chrono::milliseconds time)
        : state_(std::make_shared<State>(State{&socket})), timer_(socket.get_executor(), time) {
        timer_.async_wait([state = state_](const boost::system::error_code& error) {
            if (error || state->socket == nullptr) return;
            state->passed = true;
            boost::system::error_code ignored;
            state->socket->cancel(ignored);
        });
    }
    ~Deadline() { state_->socket = nullptr; }
    Deadline(const Deadline&) = delete;
    Deadline& operator=(const Deadline&) = delete;
    bool passed() const { return state_->passed; }

private:
    struct State {
        asio::ip::tcp::socket* socket = nullptr;
        bool passed = false;
    };
    std::shared_ptr<State> state_;
    asio::steady_timer timer_;
};

/// Finds the host and connects to it, one address after another, within the target's time.
asio::awaitable<tl::expected<asio::ip::tcp::socket, ConnectFailure>> connect_tcp(
    asio::any_io_executor executor, WebSocketUrl url, WebSocketTarget target);

}  // namespace bridge::net
