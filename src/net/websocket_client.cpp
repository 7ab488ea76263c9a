#include "net/websocket_client.hpp"

#include <algorithm>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/this_coro.hpp>
#include <deque>
#include <utility>

#include "net/awaiting.hpp"
#include "net/framed_socket.hpp"
#include "net/tls_trust.hpp"
#include "net/websocket_dial.hpp"
#include "net/websocket_handshake.hpp"

namespace bridge::net {
namespace {

using boost::system::error_code;
using Stage = ConnectFailure::Stage;
using Connected = tl::expected<std::shared_ptr<WebSocketClient>, ConnectFailure>;
using std::chrono::milliseconds;

/// Received and not yet asked for: with more, the peer has to wait.
constexpr std::size_t kInboxMessages = 256;
constexpr std::size_t kInboxBytes = 1024 * 1024;
/// A timer that comes so late was kept by a loop that stood still. It has heard nobody meanwhile,
/// and judges after it has listened again.
constexpr milliseconds kStoodStill{500};
constexpr milliseconds kListenAgain{250};

class FramedClient final : public WebSocketClient,
                           public std::enable_shared_from_this<FramedClient> {
public:
    FramedClient(std::shared_ptr<FramedSocket> socket, asio::any_io_executor executor,
                 const WebSocketTarget& target)
        : socket_(std::move(socket)),
          bell_(executor),
          watch_(executor),
          ping_interval_(target.ping_interval),
          silence_limit_(target.silence_limit) {}

    ~FramedClient() override {
        if (started_) socket_->forget();
    }
    FramedClient(const FramedClient&) = delete;
    FramedClient& operator=(const FramedClient&) = delete;

    void start(WebSocket::OnBatch on_batch, WebSocket::OnEnd on_end) override {
        started_ = true;
        socket_->start(std::move(on_batch),
                       [this, on_end = std::move(on_end)](const WebSocketEnd& end) {
                           ended(end);
                           on_end(end);
                       });
        watch();
    }

    asio::awaitable<Result<ReceivedMessage>> receive() override {
        return receive_one(shared_from_this());
    }

    bool send(std::string_view text) override { return socket_->send(text); }
    bool send_binary(std::string_view bytes) override { return socket_->send_binary(bytes); }

    void close(std::uint16_t code, std::string_view reason) override {
        collect();  // the answer is waited for, also when nobody receives
        socket_->close(code, reason);
    }

    void abort() override {
        collect();
        socket_->abort();
    }

    WebSocketEnd end() const override { return end_; }
    WebSocketStats stats() const override { return socket_->stats(); }
    std::size_t outbox_bytes() const override { return socket_->outbox_bytes(); }

private:
    static asio::awaitable<Result<ReceivedMessage>> receive_one(
        std::shared_ptr<FramedClient> self) {
        self->collect();
        while (self->inbox_.empty() && !self->over_) {
            self->bell_.expires_at(asio::steady_timer::time_point::max());
            co_await self->bell_.async_wait(kTuple);
            const auto state = co_await asio::this_coro::cancellation_state;
            if (state.cancelled() != asio::cancellation_type::none) {
                co_return fail(Errc::cancelled, "waiting for a message was cancelled");
            }
        }
        if (self->inbox_.empty()) co_return self->why_it_ended();
        auto message = std::move(self->inbox_.front());
        self->inbox_.pop_front();
        self->inbox_bytes_ -= message.payload.size();
        if (self->inbox_.empty()) self->socket_->resume_reading();
        co_return message;
    }

    /// Lets messages come, for `receive`.
    void collect() {
        if (std::exchange(started_, true)) return;
        socket_->start([this](std::span<const WebSocketMessage> batch) { put_aside(batch); },
                       [this](const WebSocketEnd& end) {
                           ended(end);
                           bell_.cancel();
                       });
        watch();
    }

    void put_aside(std::span<const WebSocketMessage> batch) {
        for (const auto& message : batch) {
            inbox_.push_back({message.text, std::string(message.payload)});
            inbox_bytes_ += message.payload.size();
        }
        if (inbox_.size() >= kInboxMessages || inbox_bytes_ >= kInboxBytes) {
            socket_->pause_reading();
        }
        bell_.cancel();
    }

    void ended(const WebSocketEnd& end) {
        over_ = true;
        end_ = end;
        watch_.cancel();
    }

    tl::unexpected<Error> why_it_ended() const {
        if (!end_.fault.empty()) {
            const auto code = end_.code == close_code::too_big ? Errc::too_large : Errc::protocol;
            return fail(code, end_.fault);
        }
        if (end_.silent) return fail(Errc::timed_out, end_.reason);
        if (end_.code == close_code::abnormal) {
            return fail(Errc::connection_lost,
                        end_.reason.empty() ? "the WebSocket was cut" : end_.reason);
        }
        return fail(Errc::cancelled, "the WebSocket was closed with " + std::to_string(end_.code) +
                                         (end_.reason.empty() ? "" : ": " + end_.reason));
    }

    // ---- a peer that is still there

    void watch() {
        pinged_ = std::chrono::steady_clock::now();
        if (ping_interval_.count() > 0 || silence_limit_.count() > 0) look_later();
    }

    void look_later() {
        auto next = Clock::Time::max();
        if (ping_interval_.count() > 0) next = pinged_ + ping_interval_;
        if (silence_limit_.count() > 0) {
            next = std::min(next, socket_->last_heard() + silence_limit_);
        }
        look_at(next);
    }

    void look_at(Clock::Time when) {
        watch_.expires_at(when);
        watch_.async_wait([weak = weak_from_this(), when](const error_code& error) {
            const auto self = weak.lock();
            if (!error && self && !self->over_) self->look(when);
        });
    }

    void look(Clock::Time due) {
        const auto now = std::chrono::steady_clock::now();
        if (now - due > kStoodStill) return look_at(now + kListenAgain);
        if (ping_interval_.count() > 0 && now - pinged_ >= ping_interval_) {
            pinged_ = now;
            socket_->ping();
        }
        if (silence_limit_.count() > 0 && now - socket_->last_heard() >= silence_limit_) {
            // It may well speak: we do not listen.
            if (socket_->reading_paused()) return look_at(now + kListenAgain);
            return socket_->give_up("nothing came from the peer for " +
                                    std::to_string(silence_limit_.count()) + " ms");
        }
        look_later();
    }

    const std::shared_ptr<FramedSocket> socket_;
    asio::steady_timer bell_;   ///< rings when the inbox or the end has something for `receive`
    asio::steady_timer watch_;  ///< the next ping or verdict
    const milliseconds ping_interval_, silence_limit_;
    Clock::Time pinged_{};
    std::deque<ReceivedMessage> inbox_;
    std::size_t inbox_bytes_ = 0;
    bool started_ = false;
    bool over_ = false;
    WebSocketEnd end_;
};

// ---- the handshake

using LinkPtr = std::shared_ptr<FramedLink>;

asio::awaitable<error_code> ready(LinkPtr link, TlsSession::Wait what) {
    const auto direction = what == TlsSession::Wait::write ? asio::ip::tcp::socket::wait_write
                                                           : asio::ip::tcp::socket::wait_read;
    auto [error] = co_await link->socket.async_wait(direction, kTuple);
    co_return error;
}

/// Without TLS a socket's own words for what TlsSession says.
TlsSession::Step step_of(std::size_t bytes, const error_code& error, TlsSession::Wait otherwise) {
    TlsSession::Step step;
    step.bytes = bytes;
    if (error == asio::error::would_block || error == asio::error::try_again) {
        step.wait = otherwise;
    } else {
        step.error = error;
    }
    return step;
}

TlsSession::Step read_once(FramedLink& link, std::span<char> into) {
    if (link.tls) return link.tls->read(into);
    error_code error;
    const auto got = link.socket.read_some(asio::buffer(into.data(), into.size()), error);
    return step_of(got, error, TlsSession::Wait::read);
}

TlsSession::Step write_once(FramedLink& link, std::span<const char> from) {
    if (link.tls) return link.tls->write(from);
    error_code error;
    const auto sent = link.socket.write_some(asio::buffer(from.data(), from.size()), error);
    return step_of(sent, error, TlsSession::Wait::write);
}

asio::awaitable<error_code> write_all(LinkPtr link, std::string text) {
    for (std::size_t sent = 0; sent < text.size();) {
        const auto step = write_once(*link, std::span<const char>(text).subspan(sent));
        if (step.error) co_return step.error;
        sent += step.bytes;
        if (step.wait != TlsSession::Wait::nothing) {
            const auto error = co_await ready(link, step.wait);
            if (error) co_return error;
        }
    }
    co_return error_code{};
}

/// What the server says to the request. What follows the head is the link's `leftover`.
struct Answer {
    error_code error;
    UpgradeAnswer head;
};

asio::awaitable<Answer> read_answer(LinkPtr link, std::string key, Headers asked) {
    Answer answer;
    std::string bytes;
    for (;;) {
        std::array<char, 4096> piece{};
        const auto step = read_once(*link, piece);
        answer.error = step.error;
        if (answer.error) co_return answer;
        if (step.wait != TlsSession::Wait::nothing) {
            answer.error = co_await ready(link, step.wait);
            if (answer.error) co_return answer;
            continue;
        }
        bytes.append(piece.data(), step.bytes);
        answer.head = judge_upgrade_answer(bytes, key, asked);
        if (answer.head.verdict == UpgradeAnswer::Verdict::unfinished) continue;
        link->leftover = bytes.substr(answer.head.head_bytes);
        co_return answer;
    }
}

asio::awaitable<tl::expected<LinkPtr, ConnectFailure>> open_tls(LinkPtr link, WebSocketUrl url,
                                                                WebSocketTarget target) {
    const auto trust = TlsTrust::load(target.ca_file);
    if (!trust) co_return connect_failure(Stage::tls, trust.error().message);
    link->tls = (*trust)->session(link->socket.native_handle(), url.host);
    const Deadline deadline(link->socket, target.handshake_timeout);
    for (;;) {
        const auto step = link->tls->handshake();
        if (step.error) {
            const auto& why = link->tls->failure();
            co_return connect_failure(Stage::tls, url.authority + ": TLS failed: " +
                                                      (why.empty() ? step.error.message() : why));
        }
        if (step.wait == TlsSession::Wait::nothing) co_return link;
        const auto error = co_await ready(link, step.wait);
        if (deadline.passed()) {
            co_return connect_failure(Stage::tls,
                                      url.authority + " did not finish the TLS handshake");
        }
        if (error) {
            co_return connect_failure(Stage::tls,
                                      url.authority + ": TLS failed: " + error.message());
        }
    }
}

asio::awaitable<tl::expected<LinkPtr, ConnectFailure>> upgrade(LinkPtr link, WebSocketUrl url,
                                                               WebSocketTarget target) {
    const Deadline deadline(link->socket, target.handshake_timeout);
    const auto key = make_websocket_key();
    auto error =
        co_await write_all(link, upgrade_request(url.authority, url.target, target.headers, key));
    Answer answer;
    if (!error) {
        answer = co_await read_answer(link, key, target.headers);
        error = answer.error;
    }
    if (deadline.passed()) {
        co_return connect_failure(Stage::connect_timeout,
                                  url.authority + " did not answer the WebSocket handshake");
    }
    const auto& head = answer.head;
    if (error || head.verdict == UpgradeAnswer::Verdict::bad) {
        co_return connect_failure(Stage::handshake, url.authority +
                                                        ": the WebSocket handshake failed: " +
                                                        (error ? error.message() : head.why));
    }
    if (head.verdict == UpgradeAnswer::Verdict::declined) {
        co_return connect_failure(Stage::handshake,
                                  url.authority + " answered the WebSocket handshake with HTTP " +
                                      std::to_string(head.status),
                                  head.status);
    }
    co_return link;
}

/// A line break in a field (a key copied with its end of line) would begin another one.
std::string bad_field(const Headers& headers) {
    const auto breaks = [](char c) { return static_cast<unsigned char>(c) < ' ' && c != '\t'; };
    for (const auto& [name, value] : headers.fields()) {
        if (std::any_of(value.begin(), value.end(), breaks)) {
            return "the header field " + name + " has a line break or another control character";
        }
    }
    return {};
}

asio::awaitable<Connected> open_connection(asio::any_io_executor executor, WebSocketTarget target) {
    const auto url = parse_websocket_url(target.url);
    if (!url) co_return tl::unexpected(url.error());
    if (auto bad = bad_field(target.headers); !bad.empty()) {
        co_return connect_failure(Stage::handshake, url->authority + ": " + std::move(bad));
    }
    auto socket = co_await connect_tcp(executor, *url, target);
    if (!socket) co_return tl::unexpected(socket.error());
    auto link = std::make_shared<FramedLink>(FramedLink{std::move(*socket)});
    error_code error;
    link->socket.non_blocking(true, error);
    if (error)
        co_return connect_failure(Stage::unreachable, url->authority + ": " + error.message());
    if (url->tls) {
        auto encrypted = co_await open_tls(link, *url, target);
        if (!encrypted) co_return tl::unexpected(encrypted.error());
    }
    auto upgraded = co_await upgrade(link, *url, target);
    if (!upgraded) co_return tl::unexpected(upgraded.error());
    WebSocketLimits limits;
    limits.message_bytes = target.message_bytes;
    limits.outbox_bytes = target.outbox_bytes;
    auto framed =
        std::make_shared<FramedSocket>(FrameParser::Side::client, std::move(*link), limits);
    co_return std::make_shared<FramedClient>(std::move(framed), executor, target);
}

}  // namespace

asio::awaitable<Connected> WebSocketClient::connect(asio::any_io_executor executor,
                                                    WebSocketTarget target) {
    return open_connection(std::move(executor), std::move(target));
}

}  // namespace bridge::net
