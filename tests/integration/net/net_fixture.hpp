#pragma once
// For tests of net/: an io thread to run the thing under test, and a plain blocking client that can
// send any bytes it likes.

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "base/spawn.hpp"
#include "net/http_server.hpp"
#include "net/shards.hpp"

namespace bridge::net::test {

using std::chrono::milliseconds;
using std::chrono::seconds;

inline constexpr seconds kPatience{10};

/// Asks again and again until the answer is yes or patience ends.
inline bool eventually(const std::function<bool()>& condition) {
    const auto until = std::chrono::steady_clock::now() + kPatience;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > until) return false;
        std::this_thread::sleep_for(milliseconds(1));
    }
    return true;
}

inline sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

/// A connected TCP socket with blocking calls that give up after kPatience.
class RawSocket {
public:
    RawSocket() : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {}
    explicit RawSocket(int fd) : fd_(fd) {}
    explicit RawSocket(std::uint16_t port) : RawSocket() { connect(port); }
    ~RawSocket() { close(); }
    RawSocket(RawSocket&& other) noexcept
        : fd_(std::exchange(other.fd_, -1)), unread_(std::move(other.unread_)) {}
    RawSocket& operator=(RawSocket&& other) noexcept {
        std::swap(fd_, other.fd_);
        unread_ = std::move(other.unread_);
        return *this;
    }

    void connect(std::uint16_t port) const {
        const auto address = loopback(port);
        // Sockets' own API takes every address family through one pointer type.
        if (::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
            throw std::runtime_error("cannot connect to port " + std::to_string(port));
        }
        const int on = 1;
        ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }

    int fd() const { return fd_; }

    void close() {
        if (fd_ >= 0) ::close(fd_);
        fd_ = -1;
    }
    /// Ends with RST instead of FIN.
    void reset() {
        const linger now{1, 0};
        ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        close();
    }
    void finish_sending() const { ::shutdown(fd_, SHUT_WR); }

    /// False if the peer has gone.
    bool send(std::string_view bytes) const {
        while (!bytes.empty()) {
            const auto sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (sent <= 0) return false;
            bytes.remove_prefix(static_cast<std::size_t>(sent));
        }
        return true;
    }

    /// What one recv gives; empty at the end of the stream (or after a reset).
    std::string receive_some(milliseconds patience = kPatience) {
        if (!unread_.empty()) return std::exchange(unread_, {});
        pollfd ready{fd_, POLLIN, 0};
        if (::poll(&ready, 1, static_cast<int>(patience.count())) <= 0) {
            throw std::runtime_error("nothing came");
        }
        std::string bytes(65536, '\0');
        const auto got = ::recv(fd_, bytes.data(), bytes.size(), 0);
        bytes.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
        return bytes;
    }

    std::string receive_exactly(std::size_t size) {
        std::string bytes;
        while (bytes.size() < size) {
            auto more = receive_some();
            if (more.empty()) break;
            bytes += more;
        }
        if (bytes.size() > size) unread_ = bytes.substr(size);
        bytes.resize(std::min(size, bytes.size()));
        return bytes;
    }

    /// Up to and including `mark`, or all there was until the end.
    std::string receive_until(std::string_view mark) {
        std::string bytes;
        while (true) {
            const auto found = bytes.find(mark);
            if (found != std::string::npos) {
                unread_ = bytes.substr(found + mark.size());
                bytes.resize(found + mark.size());
                return bytes;
            }
            auto more = receive_some();
            if (more.empty()) return bytes;
            bytes += more;
        }
    }

    std::string receive_all() {
        std::string bytes;
        while (true) {
            auto more = receive_some();
            if (more.empty()) return bytes;
            bytes += more;
        }
    }

    struct Answer {
        int status = 0;
        std::string head;
        std::string body;
    };

    /// One HTTP answer with a Content-Length (or without a body).
    Answer receive_answer(bool has_body = true) {
        Answer answer;
        answer.head = receive_until("\r\n\r\n");
        if (answer.head.size() > 12) answer.status = std::atoi(answer.head.c_str() + 9);
        const auto length = answer.head.find("Content-Length: ");
        if (has_body && length != std::string::npos) {
            answer.body = receive_exactly(std::stoul(answer.head.substr(length + 16)));
        }
        return answer;
    }

private:
    int fd_;
    std::string unread_;
};

/// A listening socket that the test accepts on by hand.
class RawListener {
public:
    explicit RawListener(int backlog = 16) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
        auto address = loopback(0);
        socklen_t size = sizeof address;
        if (::bind(fd_, reinterpret_cast<const sockaddr*>(&address), size) != 0 ||
            ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size) != 0 ||
            (backlog >= 0 && ::listen(fd_, backlog) != 0)) {
            throw std::runtime_error("cannot listen");
        }
        port_ = ntohs(address.sin_port);
    }
    ~RawListener() { ::close(fd_); }
    RawListener(const RawListener&) = delete;
    RawListener& operator=(const RawListener&) = delete;
    std::uint16_t port() const { return port_; }
    RawSocket accept() const {
        pollfd ready{fd_, POLLIN, 0};
        if (::poll(&ready, 1, static_cast<int>(milliseconds(kPatience).count())) <= 0) {
            throw std::runtime_error("nobody connected");
        }
        return RawSocket(::accept(fd_, nullptr, nullptr));
    }
    bool somebody_waits() const {
        pollfd ready{fd_, POLLIN, 0};
        return ::poll(&ready, 1, 0) > 0;
    }

private:
    int fd_;
    std::uint16_t port_ = 0;
};

/// A port that nobody listens on, kept from others while it lives.
struct DeafPort : RawListener {
    DeafPort() : RawListener(-1) {}
};

/// A port whose queue of connections is full: a further SYN gets no answer (Linux).
class FullPort {
public:
    FullPort() : listener_(0) {
        for (int i = 0; i < 2; ++i) {
            clients_.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
            const auto address = loopback(listener_.port());
            static_cast<void>(::connect(
                clients_.back().fd(), reinterpret_cast<const sockaddr*>(&address), sizeof address));
        }
    }
    std::uint16_t port() const { return listener_.port(); }

private:
    RawListener listener_;
    std::vector<RawSocket> clients_;
};

/// One io thread. `on_loop` and `run` bring work there and wait for it.
class LoopTest : public testing::Test {
protected:
    LoopTest() { shards_.start(); }

    boost::asio::any_io_executor executor() { return shards_[0].executor(); }
    void on_loop(std::function<void()> work) { shards_.run_on(0, std::move(work)); }

    template <class T>
    T run(asio::awaitable<T> task) {
        auto future = asio::co_spawn(executor(), std::move(task), asio::use_future);
        if (future.wait_for(kPatience) != std::future_status::ready) {
            throw std::runtime_error("the coroutine did not end");
        }
        return future.get();
    }

    std::shared_ptr<HttpServer> serve(HttpServerOptions options, HttpHandler handler,
                                      UpgradeHandler upgrade = {}) {
        auto server = HttpServer::listen(executor(), std::move(options), std::move(handler),
                                         std::move(upgrade));
        if (!server) throw std::runtime_error(server.error().message);
        on_loop([&] { (*server)->start(); });
        servers_.push_back(*server);
        return *server;
    }

    void TearDown() override {
        on_loop([this] {
            for (auto& server : servers_) server->stop();
        });
        servers_.clear();
        EXPECT_TRUE(eventually([] { return live_tasks() == 0; })) << "a task was left over";
    }

    Shards shards_{1};
    std::vector<std::shared_ptr<HttpServer>> servers_;
};

}  // namespace bridge::net::test
