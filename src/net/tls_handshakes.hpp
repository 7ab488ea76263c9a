#pragma once
// The TLS handshakes of one listener. Each costs up to a millisecond of computing, and many may be
// ready at once: they take turns, one in each turn of the event loop, so that what else the loop
// does (calls) waits for one of them at most.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <string>

#include "net/tls.hpp"

namespace bridge::net {

/// Thread: the executor's.
class TlsHandshakes : public std::enable_shared_from_this<TlsHandshakes> {
public:
    using Socket = boost::asio::ip::tcp::socket;
    using Done = std::function<void(Socket, std::unique_ptr<TlsSession>)>;
    struct Options {
        std::string name;  ///< in the log
        std::chrono::milliseconds time{5000};
        std::size_t at_once = 512;  ///< with more, the oldest gives way
    };

    TlsHandshakes(boost::asio::any_io_executor executor, std::shared_ptr<TlsIdentity> identity,
                  Options options, Done done);
    void begin(Socket socket);
    /// Closes those that are not done. `done` is not called any more.
    void stop();
    std::size_t running() const { return running_.size(); }

private:
    struct Handshake;
    using HandshakePtr = std::shared_ptr<Handshake>;
    void wait(const HandshakePtr& one, TlsSession::Wait what);
    void take_turns();
    void step(const HandshakePtr& one);
    void fail(const HandshakePtr& one, const std::string& why);
    void drop(const HandshakePtr& one);

    boost::asio::any_io_executor executor_;
    std::shared_ptr<TlsIdentity> identity_;
    const Options options_;
    Done done_;
    std::list<HandshakePtr> running_;  ///< oldest first
    std::deque<HandshakePtr> ready_;
    bool turn_posted_ = false;
    std::size_t failures_ = 0;
    std::chrono::steady_clock::time_point warned_{};
};

}  // namespace bridge::net
