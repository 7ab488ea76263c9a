#include "net/http_connection.hpp"

#include <array>
#include <boost/asio/write.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/status.hpp>
#include <span>
#include <utility>

#include "net/awaiting.hpp"

namespace bridge::net {
namespace {

namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;

// What a client still sends after an answer that ends its connection is read this long: closing on
// unread bytes resets the connection, and the reset can overtake the answer.
constexpr std::chrono::seconds kLinger{1};

std::string reason_phrase(int status) {
    const auto known = http::int_to_status(static_cast<unsigned>(status));
    return known == http::status::unknown ? "Status" : std::string(http::obsolete_reason(known));
}

/// A line feed in a value would start a header field of the sender's choice.
void append_value(std::string& out, std::string_view value) {
    for (const char c : value) out.push_back(c == '\r' || c == '\n' || c == '\0' ? ' ' : c);
}

bool same_text(std::string_view a, const char* b) {
    return beast::iequals(a, b);
}

}  // namespace

std::string format_head(const HttpResponse& response, bool keep_alive, bool http10) {
    std::string out = "HTTP/1.1 " + std::to_string(response.status) + " " +
                      reason_phrase(response.status) + "\r\n";
    for (const auto& [name, value] : response.headers.fields()) {
        // These are the server's to say, but for the length of a stream.
        if (same_text(name, "Content-Length") && !response.stream) continue;
        if (same_text(name, "Transfer-Encoding")) continue;
        if (same_text(name, "Connection") || same_text(name, "Server")) continue;
        append_value(out, name);
        out += ": ";
        append_value(out, value);
        out += "\r\n";
    }
    out += "Server: agentbridge\r\n";
    if (!response.stream && response.status >= 200 && response.status != 204 &&
        response.status != 304) {
        out += "Content-Length: " + std::to_string(response.body.size()) + "\r\n";
    }
    if (!keep_alive) out += "Connection: close\r\n";
    if (keep_alive && http10) out += "Connection: keep-alive\r\n";
    out += "\r\n";
    return out;
}

namespace {

std::string format_endpoint(const tcp::endpoint& endpoint) {
    const auto address = endpoint.address().to_string();
    return (endpoint.address().is_v6() ? "[" + address + "]" : address) + ":" +
           std::to_string(endpoint.port());
}

asio::awaitable<error_code> wait_for(ConnectionPtr connection, TlsSession::Wait what) {
    const auto direction =
        what == TlsSession::Wait::write ? tcp::socket::wait_write : tcp::socket::wait_read;
    auto [error] = co_await connection->socket.async_wait(direction, kTuple);
    co_return error;
}

asio::awaitable<error_code> read_more_tls(ConnectionPtr connection) {
    while (true) {
        const auto room = connection->buffer.prepare(4096);
        const auto step =
            connection->tls->read(std::span(static_cast<char*>(room.data()), room.size()));
        connection->buffer.commit(step.bytes);
        if (step.error || step.bytes > 0) co_return step.error;
        const auto what = step.wait;
        const auto error = co_await wait_for(connection, what);
        if (error) co_return error;
    }
}

asio::awaitable<error_code> write_all_tls(ConnectionPtr connection, std::string text) {
    std::size_t sent = 0;
    while (sent < text.size()) {
        const auto step = connection->tls->write(std::span<const char>(text).subspan(sent));
        if (step.error) co_return step.error;
        sent += step.bytes;
        if (step.bytes > 0) continue;
        const auto what = step.wait;
        const auto error = co_await wait_for(connection, what);
        if (error) co_return error;
    }
    co_return error_code{};
}

}  // namespace

Connection::Connection(tcp::socket connected, std::unique_ptr<TlsSession> session)
    : socket(std::move(connected)),
      tls(std::move(session)),
      timer(socket.get_executor()),
      waiting_since(std::chrono::steady_clock::now()) {
    error_code error;
    const auto endpoint = socket.remote_endpoint(error);
    if (!error) peer = format_endpoint(endpoint);
    socket.set_option(tcp::no_delay(true), error);
}

void Connection::expire_in(std::chrono::milliseconds time) {
    timed_out = false;
    timer.expires_after(time);
    timer.async_wait([self = shared_from_this()](const error_code& error) {
        // A wait that was already over when it was cancelled comes without an error.
        if (error || self->timer.expiry() > std::chrono::steady_clock::now()) return;
        self->timed_out = true;
        error_code ignored;
        self->socket.cancel(ignored);
    });
}

void Connection::expire_never() {
    timer.expires_at(std::chrono::steady_clock::time_point::max());
}

asio::awaitable<error_code> read_more(ConnectionPtr connection) {
    if (connection->timed_out) co_return asio::error::timed_out;
    error_code error;
    if (connection->tls) {
        error = co_await read_more_tls(connection);
    } else {
        auto [failure, got] =
            co_await connection->socket.async_read_some(connection->buffer.prepare(4096), kTuple);
        connection->buffer.commit(got);
        error = failure;
    }
    if (error && connection->timed_out) co_return asio::error::timed_out;
    co_return error;
}

asio::awaitable<error_code> write_all(ConnectionPtr connection, std::string head,
                                      std::string body) {
    if (connection->tls) {
        head += body;
        co_return co_await write_all_tls(connection, std::move(head));
    }
    const std::array<asio::const_buffer, 2> parts{asio::buffer(head), asio::buffer(body)};
    auto [error, sent] = co_await asio::async_write(connection->socket, parts, kTuple);
    co_return error;
}

asio::awaitable<void> hang_up(ConnectionPtr connection) {
    error_code error;
    if (connection->tls) connection->tls->say_goodbye();
    connection->socket.shutdown(tcp::socket::shutdown_send, error);
    connection->expire_in(kLinger);
    for (int i = 0; !error && i < 256; ++i) {
        connection->buffer.clear();
        error = co_await read_more(connection);
    }
    connection->expire_never();
    connection->socket.close(error);
}

}  // namespace bridge::net
