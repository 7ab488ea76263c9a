#include "net/http_server.hpp"

#include <algorithm>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/string_body.hpp>
#include <cerrno>
#include <cstring>
#include <exception>
#include <optional>
#include <unordered_set>
#include <utility>

#include "base/log.hpp"
#include "base/spawn.hpp"
#include "net/awaiting.hpp"
#include "net/http_connection.hpp"
#include "net/tls_handshakes.hpp"

namespace bridge::net {
namespace {

namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;

constexpr std::chrono::milliseconds kAcceptPause{100};
constexpr int kStreamBuffer = 64 * 1024;

/// Sends the beginning of an answer, and resets the connection.
asio::awaitable<void> break_off(ConnectionPtr connection, std::string head, std::string body) {
    co_await write_all(connection, std::move(head), std::move(body));
    connection->expire_never();
    error_code ignored;
    connection->socket.set_option(tcp::socket::linger(true, 0), ignored);
    connection->socket.close(ignored);
}

struct HeadError {
    int status = 0;  ///< 0: close without an answer
    std::string message;
};

HeadError head_error(const error_code& error, bool anything_came) {
    if (error == http::error::header_limit || error == http::error::buffer_overflow) {
        return {431, "the request's head is too large\n"};
    }
    if (error == http::error::body_limit) return {413, "the request's body is too large\n"};
    if (error == asio::error::timed_out) {
        return {anything_came ? 408 : 0, "the request did not arrive in time\n"};
    }
    if (error.category() == http::make_error_code(http::error::end_of_stream).category()) {
        return {400, "not an HTTP request: " + error.message() + "\n"};
    }
    return {};  // the client is gone
}

/// "5, 5", or the field twice: legal, sent by nobody honest, and read in two ways by two servers.
bool has_doubtful_length(const http::fields& head) {
    if (head.count(http::field::content_length) > 1) return true;
    return head[http::field::content_length].find_first_not_of("0123456789") !=
           beast::string_view::npos;
}

class Server final : public HttpServer, public std::enable_shared_from_this<Server> {
public:
    Server(tcp::acceptor acceptor, HttpServerOptions options, HttpHandler handler,
           UpgradeHandler upgrade)
        : acceptor_(std::move(acceptor)),
          pause_(acceptor_.get_executor()),
          options_(std::move(options)),
          handler_(std::move(handler)),
          upgrade_(std::move(upgrade)) {
        error_code ignored;
        port_ = acceptor_.local_endpoint(ignored).port();
    }

    ~Server() override {
        if (handshakes_) handshakes_->stop();
    }

    std::uint16_t port() const override { return port_; }

    void start() override {
        if (options_.tls) {
            TlsHandshakes::Options handshakes;
            handshakes.name = options_.name;
            handshakes.time = options_.limits.handshake_time;
            handshakes_ = std::make_shared<TlsHandshakes>(
                acceptor_.get_executor(), options_.tls, std::move(handshakes),
                [weak = weak_from_this()](tcp::socket socket, std::unique_ptr<TlsSession> session) {
                    if (const auto self = weak.lock())
                        self->serve_new(std::move(socket), std::move(session));
                });
        }
        spawn(acceptor_.get_executor(), options_.name + " server", accept_loop(shared_from_this()));
    }

    void stop() override {
        if (stopped_) return;
        stopped_ = true;
        error_code ignored;
        acceptor_.close(ignored);
        pause_.cancel();
        if (handshakes_) handshakes_->stop();
        for (auto* connection : connections_) {
            if (connection->stream) connection->stream->stop();
            if (!connection->in_hand || connection->stream) connection->socket.close(ignored);
        }
    }

private:
    using Self = std::shared_ptr<Server>;

    static asio::awaitable<void> accept_loop(Self self) {
        bool failing = false;
        while (!self->stopped_) {
            auto [error, socket] = co_await self->acceptor_.async_accept(kTuple);
            if (self->stopped_) co_return;
            if (error == asio::error::connection_aborted) continue;
            if (error) {
                // Out of descriptors, most likely: the waiting connection stays in the kernel's
                // queue and would make every accept fail at once, so there is a pause.
                if (!failing) {
                    log::error("http", "{}: cannot accept on port {}: {}", self->options_.name,
                               self->port_, error.message());
                }
                failing = true;
                self->pause_.expires_after(kAcceptPause);
                co_await self->pause_.async_wait(kTuple);
                continue;
            }
            failing = false;
            if (self->handshakes_) {
                self->handshakes_->begin(std::move(socket));
            } else {
                self->serve_new(std::move(socket), nullptr);
            }
        }
    }

    void serve_new(tcp::socket socket, std::unique_ptr<TlsSession> session) {
        if (stopped_ || !has_room()) return;  // the socket closes as it goes out of scope
        auto connection = std::make_shared<Connection>(std::move(socket), std::move(session));
        connections_.insert(connection.get());
        spawn(acceptor_.get_executor(), options_.name + " connection",
              serve(shared_from_this(), std::move(connection)));
    }

    /// When there are too many connections, the one that has been waiting for a request longest
    /// gives way: clients that say nothing, or only bit by bit, cannot lock out one that speaks.
    bool has_room() {
        if (connections_.size() < options_.limits.connections) {
            full_ = false;
            return true;
        }
        Connection* oldest = nullptr;
        for (auto* one : connections_) {
            if (one->in_hand) continue;
            if (oldest == nullptr || one->waiting_since < oldest->waiting_since) oldest = one;
        }
        if (!full_) {
            log::warning(
                "http", "{}: {} connections are open; {}", options_.name, connections_.size(),
                oldest == nullptr ? "more are closed at once"
                                  : "the one that is silent longest gives way to the next");
        }
        full_ = true;
        if (oldest == nullptr) return false;
        connections_.erase(oldest);
        error_code ignored;
        oldest->socket.close(ignored);
        return true;
    }

    static asio::awaitable<void> serve(Self self, ConnectionPtr connection) {
        const Membership membership{self, connection.get()};
        while (co_await serve_one(self, connection)) {
        }
        connection->expire_never();
    }

    /// Reads and answers one request; false when the connection is done.
    static asio::awaitable<bool> serve_one(Self self, ConnectionPtr connection) {
        const auto& limits = self->options_.limits;
        auto& parser = connection->parser.emplace();
        parser.header_limit(static_cast<std::uint32_t>(limits.head_bytes));
        if (limits.body_bytes_of) {
            parser.body_limit(boost::none);  // once its head is there
        } else {
            parser.body_limit(limits.body_bytes);
        }
        parser.eager(false);

        connection->waiting_since = std::chrono::steady_clock::now();
        connection->expire_in(limits.head_time);
        auto error = co_await read_head(connection);
        if (!error && has_doubtful_length(parser.get())) error = http::error::bad_content_length;
        if (!error && parser.is_header_done() && !parser.is_done()) {
            error = self->limit_body(*connection);
        }
        if (!error && parser.is_header_done() && !parser.is_done()) {
            connection->expire_in(limits.body_time);
            error = co_await read_body(connection);
        }
        connection->expire_never();
        if (error) {
            const bool anything_came = parser.got_some() || connection->buffer.size() > 0;
            auto failure = head_error(error, anything_came);
            if (failure.status == 0 || self->stopped_) co_return false;
            connection->expire_in(limits.write_time);
            auto response = respond(failure.status, "text/plain", std::move(failure.message));
            auto head = format_head(response, false, false);
            co_await write_all(connection, std::move(head), std::move(response.body));
            co_await hang_up(connection);
            co_return false;
        }
        const bool keep_alive = parser.keep_alive();
        auto request = take_request(parser.get(), connection->peer);
        if (self->upgrade_ && wants_websocket(request)) {
            self->hand_over(std::move(request), *connection);
            co_return false;
        }
        co_return co_await answer(self, connection, std::move(request), keep_alive);
    }

    /// What the request's own head allows it.
    error_code limit_body(Connection& connection) const {
        if (!options_.limits.body_bytes_of) return {};
        auto& parser = *connection.parser;
        const auto most = options_.limits.body_bytes_of(head_of(parser.get(), connection.peer));
        parser.body_limit(most);
        const auto announced = parser.content_length();
        if (announced && *announced > most) return http::error::body_limit;
        return {};
    }

    static asio::awaitable<error_code> read_head(ConnectionPtr connection) {
        auto& parser = *connection->parser;
        auto& buffer = connection->buffer;
        while (true) {
            if (!parser.got_some()) skip_empty_lines(buffer);
            if (buffer.size() > 0) {
                error_code error;
                buffer.consume(parser.put(buffer.data(), error));
                if (error && error != http::error::need_more) co_return error;
                if (parser.is_header_done()) co_return error_code{};
            }
            if (auto error = co_await read_more(connection)) co_return error;
        }
    }

    static asio::awaitable<error_code> read_body(ConnectionPtr connection) {
        auto& parser = *connection->parser;
        auto& buffer = connection->buffer;
        parser.eager(true);
        if (buffer.size() == 0 && parser.get().version() >= 11 &&
            beast::iequals(parser.get()[http::field::expect], "100-continue")) {
            std::string head = "HTTP/1.1 100 Continue\r\n\r\n";
            std::string body;
            auto error = co_await write_all(connection, std::move(head), std::move(body));
            if (error) co_return error;
        }
        while (!parser.is_done()) {
            if (buffer.size() > 0) {
                error_code error;
                const auto used = parser.put(buffer.data(), error);
                buffer.consume(used);
                if (error && error != http::error::need_more) co_return error;
                if (parser.is_done()) break;
                if (!error && used > 0) continue;
            }
            if (auto error = co_await read_more(connection)) co_return error;
        }
        co_return error_code{};
    }

    /// Old clients send an empty line after a body (RFC 9112 section 2.2).
    static void skip_empty_lines(beast::flat_buffer& buffer) {
        while (buffer.size() >= 2 && std::memcmp(buffer.data().data(), "\r\n", 2) == 0) {
            buffer.consume(2);
        }
    }

    static HttpRequest take_request(http::request<http::string_body>& message, std::string peer) {
        auto request = head_of(message, std::move(peer));
        request.body = std::move(message.body());
        return request;
    }

    static HttpRequest head_of(const http::request<http::string_body>& message, std::string peer) {
        HttpRequest request;
        request.method = std::string(message.method_string());
        request.target = std::string(message.target());
        for (const auto& field : message) {
            request.headers.add(std::string(field.name_string()), std::string(field.value()));
        }
        request.peer = std::move(peer);
        request.version = message.version();
        return request;
    }

    static bool wants_websocket(const HttpRequest& request) {
        return request.headers.has_token("Connection", "upgrade") &&
               request.headers.has_token("Upgrade", "websocket");
    }

    void hand_over(HttpRequest request, Connection& connection) {
        log::debug("http", "{}: {} asks for a WebSocket", options_.name, connection.peer);
        std::string leftover = beast::buffers_to_string(connection.buffer.data());
        connections_.erase(&connection);
        upgrade_(Upgrade{std::move(request), std::move(connection.socket), std::move(leftover),
                         std::move(connection.tls)});
    }

    static asio::awaitable<bool> answer(Self self, ConnectionPtr connection, HttpRequest request,
                                        bool keep_alive) {
        connection->in_hand = true;
        const bool is_head = request.method == "HEAD";
        const bool http10 = request.version < 11;
        const auto method = request.method;
        const auto path = std::string(request.path());
        HttpResponse response;
        if (!http10 && !request.headers.find("Host")) {
            response = respond(400, "text/plain", "the request has no Host\n");
        } else if (wants_websocket(request)) {
            response = respond(404, "text/plain", "there is no WebSocket here\n");
        } else {
            response = co_await handle(self, std::move(request));
        }
        keep_alive = keep_alive && !self->stopped_;
        log::debug("http", "{}: {} {} {} -> {}, {} bytes", self->options_.name, connection->peer,
                   method, path, response.status, response.body.size());
        if (response.stream) keep_alive = false;  // its end is the connection's
        connection->expire_in(self->options_.limits.write_time);
        auto head = format_head(response, keep_alive, http10);
        if (response.stream && !is_head) {
            connection->stream = std::move(response.stream);
            co_await send_stream(self, connection, std::move(head));
            connection->stream.reset();
            co_return false;
        }
        const bool bodiless = is_head || response.status == 204 || response.status == 304;
        if (bodiless) response.body.clear();
        if (response.broken) {
            auto beginning = response.broken->head ? std::move(head) : std::string();
            response.body.resize(std::min(response.body.size(), response.broken->body_bytes));
            co_await break_off(connection, std::move(beginning), std::move(response.body));
            co_return false;
        }
        const auto error =
            co_await write_all(connection, std::move(head), std::move(response.body));
        connection->in_hand = false;
        if (error) co_return false;
        if (keep_alive && !self->stopped_) co_return true;
        co_await hang_up(connection);
        co_return false;
    }

    static asio::awaitable<void> send_stream(Self self, ConnectionPtr connection,
                                             std::string head) {
        const auto stream = connection->stream;
        error_code error;
        // What the kernel keeps for a client that does not read would hide that it does not.
        connection->socket.set_option(asio::socket_base::send_buffer_size(kStreamBuffer), error);
        std::string piece;
        error = co_await write_all(connection, std::move(head), std::move(piece));
        connection->expire_never();
        watch_for_end(connection);
        while (!error && !self->stopped_) {
            piece = co_await stream->next();
            if (piece.empty()) break;
            std::string nothing;
            connection->expire_in(self->options_.limits.stream_time);
            error = co_await write_all(connection, std::move(piece), std::move(nothing));
            if (error && connection->timed_out) {
                log::info("http", "{}: {} takes nothing and is cut off", self->options_.name,
                          connection->peer);
            }
            connection->expire_never();
        }
        stream->stop();
        error_code ignored;
        if (error || self->stopped_) {
            connection->socket.close(ignored);
            co_return;
        }
        co_await hang_up(connection);
    }

    /// A client that is gone is known at once, not with the next piece.
    static void watch_for_end(const ConnectionPtr& connection) {
        connection->socket.async_wait(tcp::socket::wait_read, [connection](
                                                                  const error_code& error) {
            char byte = 0;
            error_code ended;
            if (error || !connection->stream) return;
            connection->socket.receive(asio::buffer(&byte, 1), tcp::socket::message_peek, ended);
            if (ended) connection->stream->stop();
        });
    }

    static asio::awaitable<HttpResponse> handle(Self self, HttpRequest request) {
        const auto what = request.method + " " + std::string(request.path());
        try {
            co_return co_await self->handler_(std::move(request));
        } catch (const std::exception& e) {
            log::error("http", "{}: {} failed: {}", self->options_.name, what, e.what());
        }
        co_return respond(500, "text/plain", "internal error\n");
    }

    /// A connection is listed from its acceptance to its end, whichever way it ends.
    struct Membership {
        Self server;
        Connection* connection;
        Membership(Self of, Connection* one) : server(std::move(of)), connection(one) {}
        Membership(const Membership&) = delete;
        Membership& operator=(const Membership&) = delete;
        ~Membership() { server->connections_.erase(connection); }
    };

    tcp::acceptor acceptor_;
    asio::steady_timer pause_;
    const HttpServerOptions options_;
    const HttpHandler handler_;
    const UpgradeHandler upgrade_;
    std::uint16_t port_ = 0;
    bool stopped_ = false;
    bool full_ = false;
    std::shared_ptr<TlsHandshakes> handshakes_;
    std::unordered_set<Connection*> connections_;
};

Result<tcp::endpoint> find_address(const asio::any_io_executor& executor,
                                   const HttpServerOptions& options) {
    error_code error;
    const auto literal = asio::ip::make_address(options.host, error);
    if (!error) return tcp::endpoint(literal, options.port);
    tcp::resolver resolver(executor);
    const auto found = resolver.resolve(options.host, "", tcp::resolver::passive, error);
    if (error || found.empty()) {
        return fail(Errc::bad_config, "cannot listen on '" + options.host +
                                          "': neither an address nor a name this machine knows");
    }
    return tcp::endpoint(found.begin()->endpoint().address(), options.port);
}

Result<tcp::acceptor> open_acceptor(const asio::any_io_executor& executor,
                                    const HttpServerOptions& options) {
    const auto endpoint = find_address(executor, options);
    if (!endpoint) return tl::unexpected(endpoint.error());
    tcp::acceptor acceptor(executor);
    error_code error;
    acceptor.open(endpoint->protocol(), error);
    if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error && endpoint->address().is_v6()) {
        error_code ignored;  // some systems have IPv6 only
        acceptor.set_option(asio::ip::v6_only(false), ignored);
    }
#if defined(SO_REUSEPORT)
    if (!error && options.reuse_port) {
        const int on = 1;
        if (::setsockopt(acceptor.native_handle(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0) {
            error.assign(errno, boost::system::system_category());
        }
    }
#endif
    if (!error) acceptor.bind(*endpoint, error);
    if (!error) acceptor.listen(tcp::acceptor::max_listen_connections, error);
    if (!error) return acceptor;
    const auto where = options.host + " port " + std::to_string(options.port);
    if (error == asio::error::address_in_use) {
        return fail(Errc::exists, "cannot listen on " + where + ": the port is in use");
    }
    if (error == boost::system::errc::address_not_available) {
        return fail(Errc::bad_config,
                    "cannot listen on " + where + ": the address is none of this machine's");
    }
    return fail(Errc::io, "cannot listen on " + where + ": " + error.message());
}

asio::awaitable<void> write_refusal(ConnectionPtr connection, HttpResponse response) {
    connection->expire_in(std::chrono::seconds(10));
    auto head = format_head(response, false, false);
    const auto error = co_await write_all(connection, std::move(head), std::move(response.body));
    if (!error) co_await hang_up(connection);
    connection->expire_never();
}

}  // namespace

Result<std::shared_ptr<HttpServer>> HttpServer::listen(asio::any_io_executor executor,
                                                       HttpServerOptions options,
                                                       HttpHandler handler,
                                                       UpgradeHandler upgrade) {
    auto acceptor = open_acceptor(executor, options);
    if (!acceptor) return tl::unexpected(acceptor.error());
    return std::make_shared<Server>(std::move(*acceptor), std::move(options), std::move(handler),
                                    std::move(upgrade));
}

void refuse(Upgrade upgrade, HttpResponse response) {
    auto executor = upgrade.socket.get_executor();
    auto connection =
        std::make_shared<Connection>(std::move(upgrade.socket), std::move(upgrade.tls));
    spawn(std::move(executor), "refusal of an upgrade",
          write_refusal(std::move(connection), std::move(response)));
}

}  // namespace bridge::net
