#include "net/beast_websocket.hpp"

#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include <algorithm>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/websocket/ssl.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <deque>
#include <utility>

#include "net/awaiting.hpp"
#include "net/websocket_dial.hpp"

namespace bridge::net {
namespace {

namespace beast = boost::beast;
namespace websocket = boost::beast::websocket;
namespace ssl = boost::asio::ssl;
using asio::ip::tcp;
using boost::system::error_code;
using Stage = ConnectFailure::Stage;
using BeastConnected = tl::expected<std::shared_ptr<BeastWebSocket>, ConnectFailure>;

constexpr std::chrono::seconds kCloseTime{2};

using Plain = websocket::stream<tcp::socket>;
using Tls = websocket::stream<ssl::stream<tcp::socket>>;

tcp::socket& tcp_of(Plain& stream) {
    return stream.next_layer();
}
tcp::socket& tcp_of(Tls& stream) {
    return stream.next_layer().next_layer();
}

template <class Stream>
class Client final : public BeastWebSocket, public std::enable_shared_from_this<Client<Stream>> {
public:
    template <class... A>
    Client(const WebSocketTarget& target, std::shared_ptr<ssl::context> trust, A&&... stream)
        : trust_(std::move(trust)),
          stream_(std::forward<A>(stream)...),
          close_timer_(stream_.get_executor()),
          piece_timer_(stream_.get_executor()),
          outbox_limit_(target.outbox_bytes) {
        stream_.read_message_max(target.message_bytes);
        stream_.auto_fragment(false);
    }

    Stream& stream() { return stream_; }

    static asio::awaitable<BeastConnected> open(std::shared_ptr<Client> self, WebSocketUrl url,
                                                WebSocketTarget target) {
        auto& stream = self->stream_;
        websocket::stream_base::timeout limit;
        limit.handshake_timeout = target.handshake_timeout;
        limit.idle_timeout = websocket::stream_base::none();
        limit.keep_alive_pings = false;
        stream.set_option(limit);
        stream.set_option(websocket::stream_base::decorator(
            [headers = target.headers](websocket::request_type& request) {
                for (const auto& [name, value] : headers.fields()) request.insert(name, value);
            }));
        websocket::response_type response;
        auto [error] = co_await stream.async_handshake(response, url.authority, url.target, kTuple);
        if (error == beast::error::timeout) {
            co_return connect_failure(Stage::connect_timeout,
                                      url.authority + " did not answer the WebSocket handshake");
        }
        if (error == websocket::error::upgrade_declined) {
            const auto status = static_cast<int>(response.result_int());
            co_return connect_failure(Stage::handshake,
                                      url.authority +
                                          " answered the WebSocket handshake with HTTP " +
                                          std::to_string(status),
                                      status);
        }
        if (error) {
            co_return connect_failure(
                Stage::handshake,
                url.authority + ": the WebSocket handshake failed: " + error.message());
        }
        limit.handshake_timeout = kCloseTime;  // Beast uses it for the close handshake as well
        stream.set_option(limit);
        co_return self;
    }

    asio::awaitable<Result<ReceivedMessage>> receive() override {
        return receive_one(this->shared_from_this());
    }

    bool send(std::string_view text) override { return queue(text, true); }
    bool send_binary(std::string_view bytes) override { return queue(bytes, false); }

    void close(std::uint16_t code, std::string_view reason) override {
        if (closing_ || done_) return;
        closing_ = true;
        end_.code = code;
        end_.reason = reason.substr(0, 123);
        end_.by_peer = false;
        if (!writing_) start_close();
        // Sends that are still queued leave first, but not for ever.
        close_timer_.expires_after(kCloseTime);
        close_timer_.async_wait([self = this->shared_from_this()](const error_code& error) {
            if (!error && !self->done_) self->cut(false);
        });
    }

    void abort() override {
        if (done_) return;
        if (!closing_) end_ = WebSocketEnd{};
        end_.code = 1006;
        end_.by_peer = false;
        cut(true);
    }

    void hang_up() override {
        if (done_) return;
        end_.by_peer = false;
        cut(false);
    }

    void freeze() override {
        if (done_) return;
        frozen_ = true;
        error_code ignored;
        tcp_of(stream_).cancel(ignored);
    }

    void trickle(std::size_t bytes, std::chrono::milliseconds pause) override {
        piece_bytes_ = bytes;
        piece_pause_ = pause;
    }

    bool broken_by_peer() const override {
        return !done_ && !closing_ && !frozen_ && !stream_.is_open() && !close_frame_came();
    }

    WebSocketEnd end() const override { return end_; }
    std::size_t outbox_bytes() const override { return queued_bytes_; }

private:
    struct Outgoing {
        bool text = true;
        std::string payload;
    };

    static asio::awaitable<Result<ReceivedMessage>> receive_one(std::shared_ptr<Client> self) {
        if (self->done_ || self->frozen_) co_return self->ended();
        auto [error, size] = co_await self->stream_.async_read(self->buffer_, kTuple);
        if (!error) {
            ReceivedMessage message;
            message.text = self->stream_.got_text();
            message.payload = beast::buffers_to_string(self->buffer_.data());
            self->buffer_.clear();
            co_return message;
        }
        self->read_failed(error);
        co_return self->ended();
    }

    /// Once the close frame is here the rest is manners: some servers leave the TCP connection
    /// open, some end TLS without its own goodbye.
    bool close_frame_came() const { return stream_.reason().code != 0; }

    static bool is_protocol_error(const error_code& error) {
        return error != websocket::error::closed &&
               error.category() ==
                   websocket::make_error_code(websocket::error::bad_opcode).category();
    }

    void read_failed(const error_code& error) {
        if (done_ || frozen_) return;
        const bool told = close_frame_came() && !is_protocol_error(error);
        if (error == websocket::error::closed || told) {
            closed_cleanly_ = true;
            close_timer_.cancel();
            if (!closing_) {
                const auto& reason = stream_.reason();
                // Beast says 0 for a close frame without a code; the RFC's word is 1005.
                end_.code = reason.code == 0 ? std::uint16_t{1005} : reason.code;
                end_.reason = std::string(reason.reason.data(), reason.reason.size());
                end_.by_peer = true;
            }
            done_ = true;
            return;
        }
        end_code_ = Errc::connection_lost;
        if (error == websocket::error::message_too_big) {
            end_code_ = Errc::too_large;
            end_.fault = "message too long";
        } else if (is_protocol_error(error)) {
            end_code_ = Errc::protocol;
            end_.fault = error.message();
        }
        if (!closing_) {
            end_.by_peer = true;
            end_.reason = error.message();
        }
        end_.code = 1006;
        cut(false);
    }

    tl::unexpected<Error> ended() const {
        if (closed_cleanly_) {
            return fail(Errc::cancelled, "the WebSocket was closed with " +
                                             std::to_string(end_.code) +
                                             (end_.reason.empty() ? "" : ": " + end_.reason));
        }
        return fail(end_code_, end_.reason.empty() ? "the WebSocket was cut" : end_.reason);
    }

    bool queue(std::string_view payload, bool text) {
        if (done_ || closing_ || frozen_) return false;
        if (queued_bytes_ + payload.size() > outbox_limit_) return false;
        queued_bytes_ += payload.size();
        outbox_.push_back({text, std::string(payload)});
        if (!writing_) write_next();
        return true;
    }

    void write_next() {
        if (done_) return;
        if (outbox_.empty()) {
            writing_ = false;
            if (closing_) start_close();
            return;
        }
        writing_ = true;
        stream_.text(outbox_.front().text);
        if (piece_bytes_ > 0) {
            write_piece(0);
            return;
        }
        stream_.async_write(asio::buffer(outbox_.front().payload),
                            [self = this->shared_from_this()](
                                const error_code& error, std::size_t) { self->written(error); });
    }

    /// The part of the first message that begins at `from`, then the others.
    void write_piece(std::size_t from) {
        const auto& payload = outbox_.front().payload;
        const auto size = std::min(piece_bytes_, payload.size() - from);
        const bool last = from + size == payload.size();
        stream_.async_write_some(
            last, asio::buffer(payload.data() + from, size),
            [self = this->shared_from_this(), last, next = from + size](const error_code& error,
                                                                        std::size_t) {
                if (error || last || self->done_ || self->outbox_.empty()) {
                    self->written(error);
                    return;
                }
                self->piece_timer_.expires_after(self->piece_pause_);
                self->piece_timer_.async_wait([self, next](const error_code& stopped) {
                    if (!stopped && !self->done_ && !self->outbox_.empty()) self->write_piece(next);
                });
            });
    }

    void written(const error_code& error) {
        if (!outbox_.empty()) {
            queued_bytes_ -= outbox_.front().payload.size();
            outbox_.pop_front();
        }
        if (error) {
            // The reader learns why; nothing more can be sent.
            writing_ = true;
            outbox_.clear();
            queued_bytes_ = 0;
            return;
        }
        write_next();
    }

    void start_close() {
        websocket::close_reason reason(static_cast<websocket::close_code>(end_.code));
        reason.reason.assign(end_.reason.data(), end_.reason.size());
        stream_.async_close(reason, [self = this->shared_from_this()](const error_code& error) {
            self->close_done(error);
        });
    }

    void close_done(const error_code& error) {
        if (done_) return;
        if (!error || (close_frame_came() && !is_protocol_error(error))) {
            closed_cleanly_ = true;
            done_ = true;
            close_timer_.cancel();
        } else if (error != asio::error::operation_aborted) {
            end_.code = 1006;
            cut(false);
        }
    }

    /// Closes the TCP connection; `reset`: by RST, as a peer that died would.
    void cut(bool reset) {
        done_ = true;
        end_.code = 1006;
        close_timer_.cancel();
        piece_timer_.cancel();
        error_code ignored;
        auto& socket = tcp_of(stream_);
        if (reset) socket.set_option(tcp::socket::linger(true, 0), ignored);
        socket.close(ignored);
    }

    std::shared_ptr<ssl::context> trust_;  ///< outlives the stream
    Stream stream_;
    asio::steady_timer close_timer_;
    asio::steady_timer piece_timer_;
    std::size_t piece_bytes_ = 0;  ///< 0: whole messages
    std::chrono::milliseconds piece_pause_{0};
    const std::size_t outbox_limit_;
    beast::flat_buffer buffer_;
    std::deque<Outgoing> outbox_;
    std::size_t queued_bytes_ = 0;
    bool writing_ = false;
    bool closing_ = false;
    bool closed_cleanly_ = false;
    bool done_ = false;
    bool frozen_ = false;
    Errc end_code_ = Errc::connection_lost;
    WebSocketEnd end_;
};

tl::expected<std::shared_ptr<ssl::context>, ConnectFailure> make_trust(const std::string& ca_file) {
    auto context = std::make_shared<ssl::context>(ssl::context::tls_client);
    error_code error;
    context->set_options(ssl::context::no_tlsv1 | ssl::context::no_tlsv1_1, error);
    context->set_default_verify_paths(error);
    if (!ca_file.empty()) {
        context->load_verify_file(ca_file, error);
        if (error) {
            return connect_failure(
                Stage::tls, "cannot use the certificates in " + ca_file + ": " + error.message());
        }
    }
    context->set_verify_mode(ssl::verify_peer, error);
    return context;
}

asio::awaitable<BeastConnected> open_tls(tcp::socket socket, WebSocketUrl url,
                                         WebSocketTarget target) {
    auto trust = make_trust(target.ca_file);
    if (!trust) co_return tl::unexpected(trust.error());
    auto client = std::make_shared<Client<Tls>>(target, *trust, std::move(socket), **trust);
    auto& tls = client->stream().next_layer();
    if (!url.is_address) {
        // What the macro SSL_set_tlsext_host_name does, without its C cast.
        SSL_ctrl(tls.native_handle(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                 url.host.data());
    }
    error_code ignored;
    tls.set_verify_callback(ssl::host_name_verification(url.host), ignored);
    {
        const Deadline deadline(tls.next_layer(), target.handshake_timeout);
        auto [error] = co_await tls.async_handshake(ssl::stream_base::client, kTuple);
        if (deadline.passed()) {
            co_return connect_failure(Stage::tls,
                                      url.authority + " did not finish the TLS handshake");
        }
        if (error) {
            auto why = error.message();
            const auto verdict = SSL_get_verify_result(tls.native_handle());
            if (verdict != X509_V_OK) why = X509_verify_cert_error_string(verdict);
            co_return connect_failure(Stage::tls, url.authority + ": TLS failed: " + why);
        }
    }
    co_return co_await Client<Tls>::open(client, std::move(url), std::move(target));
}

asio::awaitable<BeastConnected> open_beast(asio::any_io_executor executor, WebSocketTarget target) {
    auto url = parse_websocket_url(target.url);
    if (!url) co_return tl::unexpected(url.error());
    auto socket = co_await connect_tcp(executor, *url, target);
    if (!socket) co_return tl::unexpected(socket.error());
    if (url->tls) co_return co_await open_tls(std::move(*socket), *url, std::move(target));
    auto client = std::make_shared<Client<Plain>>(target, nullptr, std::move(*socket));
    co_return co_await Client<Plain>::open(client, *url, std::move(target));
}

}  // namespace

asio::awaitable<BeastConnected> BeastWebSocket::connect(asio::any_io_executor executor,
                                                        WebSocketTarget target) {
    return open_beast(std::move(executor), std::move(target));
}

}  // namespace bridge::net
