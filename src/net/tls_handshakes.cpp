#include "net/tls_handshakes.hpp"

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <string_view>
#include <utility>

#include "base/log.hpp"

namespace bridge::net {
namespace {

using boost::system::error_code;

constexpr std::chrono::seconds kBetweenWarnings{60};
constexpr std::string_view kSpeakTls =
    "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 45\r\n"
    "Connection: close\r\n\r\nthis port speaks TLS: use https:// or wss://\n";

}  // namespace

struct TlsHandshakes::Handshake {
    Handshake(Socket connected, std::unique_ptr<TlsSession> made)
        : socket(std::move(connected)), session(std::move(made)), limit(socket.get_executor()) {}
    Socket socket;
    std::unique_ptr<TlsSession> session;
    boost::asio::steady_timer limit;
    std::list<HandshakePtr>::iterator place;
    bool over = false;
};

TlsHandshakes::TlsHandshakes(boost::asio::any_io_executor executor,
                             std::shared_ptr<TlsIdentity> identity, Options options, Done done)
    : executor_(std::move(executor)),
      identity_(std::move(identity)),
      options_(std::move(options)),
      done_(std::move(done)) {}

void TlsHandshakes::begin(Socket socket) {
    if (!done_) return;
    error_code ignored;
    socket.non_blocking(true, ignored);
    if (running_.size() >= options_.at_once) fail(running_.front(), "too many at once");
    auto session = identity_->session(socket.native_handle());
    const auto one = std::make_shared<Handshake>(std::move(socket), std::move(session));
    one->place = running_.insert(running_.end(), one);
    one->limit.expires_after(options_.time);
    one->limit.async_wait([self = shared_from_this(), one](const error_code& error) {
        if (!error && !one->over) self->fail(one, "it took too long");
    });
    wait(one, TlsSession::Wait::read);
}

void TlsHandshakes::stop() {
    done_ = nullptr;
    while (!running_.empty()) drop(running_.front());
    ready_.clear();
}

void TlsHandshakes::wait(const HandshakePtr& one, TlsSession::Wait what) {
    const auto direction = what == TlsSession::Wait::write ? Socket::wait_write : Socket::wait_read;
    one->socket.async_wait(direction, [self = shared_from_this(), one](const error_code& error) {
        if (error || one->over) return;
        self->ready_.push_back(one);
        self->take_turns();
    });
}

void TlsHandshakes::take_turns() {
    if (turn_posted_ || ready_.empty()) return;
    turn_posted_ = true;
    boost::asio::post(executor_, [self = shared_from_this()] {
        self->turn_posted_ = false;
        if (self->ready_.empty()) return;
        const auto one = std::move(self->ready_.front());
        self->ready_.pop_front();
        if (!one->over) self->step(one);
        self->take_turns();
    });
}

void TlsHandshakes::step(const HandshakePtr& one) {
    const auto step = one->session->handshake();
    if (step.wait != TlsSession::Wait::nothing) return wait(one, step.wait);
    if (!step.error) {
        auto socket = std::move(one->socket);
        auto session = std::move(one->session);
        drop(one);
        done_(std::move(socket), std::move(session));
        return;
    }
    if (one->session->peer_spoke_plainly()) {
        error_code ignored;
        std::array<char, 4096> unread{};  // closing on unread bytes would reset the connection
        one->socket.read_some(boost::asio::buffer(unread), ignored);
        one->socket.write_some(boost::asio::buffer(kSpeakTls), ignored);
        one->socket.shutdown(Socket::shutdown_send, ignored);
        return fail(one, "the client speaks HTTP without TLS");
    }
    fail(one, one->session->failure().empty() ? "the client hung up" : one->session->failure());
}

/// Anybody can make handshakes fail: one warning a minute, the rest for those who look closely.
void TlsHandshakes::fail(const HandshakePtr& one, const std::string& why) {
    ++failures_;
    const auto now = std::chrono::steady_clock::now();
    if (warned_ == std::chrono::steady_clock::time_point{} || now - warned_ >= kBetweenWarnings) {
        warned_ = now;
        log::warning("tls", "{}: a TLS handshake failed ({} so far): {}", options_.name, failures_,
                     why);
    } else {
        log::debug("tls", "{}: a TLS handshake failed: {}", options_.name, why);
    }
    drop(one);
}

void TlsHandshakes::drop(const HandshakePtr& one) {
    const auto kept = one;  // `one` may be the list's own
    kept->over = true;
    kept->limit.cancel();
    running_.erase(kept->place);
    error_code ignored;
    kept->socket.close(ignored);
}

}  // namespace bridge::net
