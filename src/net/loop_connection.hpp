#pragma once
// A connected TCP socket on its io_context, without what Asio does around each operation: reads and
// writes never wait, and waiting for something to read is a ReadableWatch's work where there is
// one.

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cerrno>
#include <cstddef>
#include <memory>
#include <span>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "net/readable_watch.hpp"

namespace bridge::net {

namespace asio = boost::asio;

/// The loop's own executor instead of a type-erased one: what Asio does around each wait becomes a
/// few inlined instructions.
using Loop = asio::io_context::executor_type;
using LoopSocket = asio::basic_stream_socket<asio::ip::tcp, Loop>;

inline Loop loop_of(asio::ip::tcp::socket& socket) {
    const auto executor = socket.get_executor();
    if (const auto* const loop = executor.target<Loop>()) return *loop;
    throw std::logic_error("a WebSocket lives on an io_context, not on a strand");
}

#if defined(__linux__)

/// The connection, taken out of Asio's hands: a ReadableWatch says when there is something to read.
/// Only a peer that does not read is waited for with Asio, on a second descriptor. Thread: the
/// loop's.
class LoopConnection {
public:
    explicit LoopConnection(asio::ip::tcp::socket from)
        : loop_(loop_of(from)), writable_(loop_), watch_(watch_of(loop_)) {
        boost::system::error_code error;
        descriptor_ = from.release(error);
        if (error) {
            descriptor_ = -1;
            return;
        }
        const int on = 1;
        ::setsockopt(descriptor_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        // A TLS session reads and writes the descriptor itself.
        ::fcntl(descriptor_, F_SETFL, ::fcntl(descriptor_, F_GETFL) | O_NONBLOCK);
    }
    ~LoopConnection() {
        if (descriptor_ >= 0) ::close(descriptor_);
    }
    LoopConnection(const LoopConnection&) = delete;
    LoopConnection& operator=(const LoopConnection&) = delete;

    Loop get_executor() const { return loop_; }

    std::size_t read_some(std::span<char> into, boost::system::error_code& error) {
        const auto got = ::recv(descriptor_, into.data(), into.size(), MSG_DONTWAIT);
        if (got == 0) error = asio::error::eof;
        return counted(got, error);
    }
    std::size_t write_some(std::string_view from, boost::system::error_code& error) {
        return counted(::send(descriptor_, from.data(), from.size(), MSG_DONTWAIT | MSG_NOSIGNAL),
                       error);
    }

    /// False: it cannot be watched; a read would say why.
    bool watch(std::shared_ptr<ReadableWatch::Reader> reader) {
        return watched_ || (watched_ = watch_.add(descriptor_, std::move(reader)));
    }
    void unwatch() {
        if (std::exchange(watched_, false)) watch_.remove(descriptor_);
    }
    template <class Handler>
    void wait_writable(Handler handler) {
        boost::system::error_code error;
        writable_.close(error);
        const int second = ::fcntl(descriptor_, F_DUPFD_CLOEXEC, 0);
        if (second >= 0) writable_.assign(asio::ip::tcp::v4(), second, error);
        writable_.async_wait(asio::ip::tcp::socket::wait_write, std::move(handler));
    }
    void stop_sending() { ::shutdown(descriptor_, SHUT_WR); }
    void close() {
        if (descriptor_ >= 0) ::shutdown(descriptor_, SHUT_RDWR);
        let_go();
    }
    /// By RST: the peer learns of it at once, and what is unsent is lost.
    void reset() {
        const linger at_once{1, 0};
        if (descriptor_ >= 0) {
            ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
        }
        let_go();
    }

private:
    static ReadableWatch& watch_of(const Loop& loop) {
        return asio::use_service<ReadableWatch>(loop.context());
    }
    void let_go() {
        boost::system::error_code ignored;
        writable_.close(ignored);
        if (descriptor_ < 0) return;
        unwatch();
        ::close(std::exchange(descriptor_, -1));
    }
    static std::size_t counted(ssize_t done, boost::system::error_code& error) {
        if (done >= 0) return static_cast<std::size_t>(done);
        error = errno == EINTR ? boost::system::error_code(asio::error::would_block)
                               : boost::system::error_code(errno, boost::system::system_category());
        return 0;
    }

    Loop loop_;
    LoopSocket writable_;
    ReadableWatch& watch_;
    int descriptor_ = -1;
    bool watched_ = false;
};

#else

/// The connection on its loop's own executor. Not open if it has been reset already.
class LoopConnection {
public:
    explicit LoopConnection(asio::ip::tcp::socket from) : socket_(loop_of(from)) {
        boost::system::error_code error;
        const auto local = from.local_endpoint(error);
        if (error) return;
        const auto descriptor = from.release(error);
        if (!error) socket_.assign(local.protocol(), descriptor, error);
        socket_.non_blocking(true, error);
        socket_.set_option(asio::ip::tcp::no_delay(true), error);
    }

    Loop get_executor() { return socket_.get_executor(); }
    std::size_t read_some(std::span<char> into, boost::system::error_code& error) {
        return socket_.read_some(asio::buffer(into.data(), into.size()), error);
    }
    std::size_t write_some(std::string_view from, boost::system::error_code& error) {
        return socket_.write_some(asio::buffer(from.data(), from.size()), error);
    }
    template <class Handler>
    void wait(asio::ip::tcp::socket::wait_type what, Handler handler) {
        socket_.async_wait(what, std::move(handler));
    }
    void stop_sending() {
        boost::system::error_code ignored;
        socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
    }
    void close() {
        boost::system::error_code ignored;
        socket_.shutdown(asio::ip::tcp::socket::shutdown_both, ignored);
        socket_.close(ignored);
    }
    /// By RST: the peer learns of it at once, and what is unsent is lost.
    void reset() {
        boost::system::error_code ignored;
        socket_.set_option(asio::socket_base::linger(true, 0), ignored);
        socket_.close(ignored);
    }

private:
    LoopSocket socket_;
};

#endif
}  // namespace bridge::net
