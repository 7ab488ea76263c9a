#pragma once
// Tells many sockets of one loop that they can be read, on Linux. Asio re-arms a wait after every
// frame, which is a system call and a walk through its queues; here a socket is registered once,
// and all that are readable are served before the loop gets its turn back.
//
//   sockets ─▶ epoll (level-triggered) ─▶ one Asio wait ─▶ ready(): readable() of each, until none
//   is

#if defined(__linux__)

#include <sys/epoll.h>

#include <array>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <cstddef>
#include <memory>
#include <unordered_map>

namespace bridge::net {

/// One for each io_context; boost::asio::use_service makes it. Thread: the one that runs the loop.
class ReadableWatch final : public boost::asio::execution_context::service {
public:
    using key_type = ReadableWatch;
    static boost::asio::execution_context::id id;

    class Reader {
    public:
        /// Something came, or the connection ended: read, or be told again.
        virtual void readable() = 0;

    protected:
        ~Reader() = default;
    };

    explicit ReadableWatch(boost::asio::execution_context& context);
    ~ReadableWatch() override;

    /// Keeps `reader` alive until `remove`, or until the loop is destroyed. False: the system
    /// refused, and nobody will be told anything.
    bool add(int descriptor, std::shared_ptr<Reader> reader);
    /// Before the descriptor is closed. May be called from inside readable().
    void remove(int descriptor);

private:
    using Loop = boost::asio::io_context::executor_type;

    void shutdown() override { readers_.clear(); }
    void arm();
    void ready();

    int epoll_;
    boost::asio::posix::basic_stream_descriptor<Loop> watch_;  ///< owns epoll_
    bool armed_ = false;
    std::unordered_map<int, std::shared_ptr<Reader>> readers_;
    std::array<epoll_event, 64> events_{};
    std::size_t count_ = 0;  ///< of events_, while they are served
};

}  // namespace bridge::net

#endif
