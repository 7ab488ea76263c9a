#pragma once
// One connection of an HttpServer: plain or TLS, read and written by one coroutine at a time.
// Only http_server.cpp and http_connection.cpp include this.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "net/body_stream.hpp"
#include "net/http_message.hpp"
#include "net/tls.hpp"

namespace bridge::net {

namespace asio = boost::asio;

/// Reads stop when its time is up: `timed_out` stays set until the next `expire_in`.
struct Connection : std::enable_shared_from_this<Connection> {
    using Parser = boost::beast::http::request_parser<boost::beast::http::string_body>;

    explicit Connection(asio::ip::tcp::socket connected, std::unique_ptr<TlsSession> session = {});
    void expire_in(std::chrono::milliseconds time);
    void expire_never();

    asio::ip::tcp::socket socket;
    std::unique_ptr<TlsSession> tls;  ///< null: plain
    asio::steady_timer timer;
    boost::beast::flat_buffer buffer;
    std::optional<Parser> parser;  ///< of the request that is being read
    std::string peer;
    std::chrono::steady_clock::time_point waiting_since;  ///< for a request
    bool timed_out = false;
    bool in_hand = false;                ///< a request has been read and is not answered yet
    std::shared_ptr<BodyStream> stream;  ///< that is being sent; null: none
};

using ConnectionPtr = std::shared_ptr<Connection>;

/// Puts what comes next into `connection->buffer`. Its argument must be a named object (see
/// write_all).
asio::awaitable<boost::system::error_code> read_more(ConnectionPtr connection);

/// Its arguments must be named objects: g++ 12 copies the bytes of a temporary made in the awaiting
/// expression, and a short string then points into the wrong frame.
asio::awaitable<boost::system::error_code> write_all(ConnectionPtr connection, std::string head,
                                                     std::string body);

/// Ends a connection so that what was written arrives.
asio::awaitable<void> hang_up(ConnectionPtr connection);

/// Status line and header fields of an answer.
std::string format_head(const HttpResponse& response, bool keep_alive, bool http10);

}  // namespace bridge::net
