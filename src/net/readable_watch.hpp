#pragma once
// Tells many sockets of one loop that they can be read, on Linux. Asio re-arms a wait after every
// frame, which is a system call and a walk through its queues, and wakes for each. Here a socket is
// registered once, and while frames keep coming they are fetched once a millisecond, all together.
//
//   sockets ─▶ epoll (edge-triggered) ─▶ one Asio wait, or a pause ─▶ serve(): readable() of each

#if defined(__linux__)

#include <sys/epoll.h>

#include <array>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <chrono>
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
        /// Something came: read until the socket has less than was asked for. `at_end`: nothing
        /// follows what is there, so that has to be read up to the end of the stream.
        virtual void readable(bool at_end) = 0;
        /// Soon it will be: first the list of what it will touch is fetched into the cache, then
        /// what the list names.
        virtual void prefetch_list() const noexcept = 0;
        virtual void prefetch() const noexcept = 0;
        /// Of the object itself, with no look into it.
        static constexpr std::size_t kHotBytes = 448;

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
    /// Fetches nothing for a millisecond, then everything.
    void pause();
    /// Tells everybody who can read now. False: there was nobody.
    bool serve();
    /// The readers behind the `next` one of this round come nearer.
    void prefetch_behind(std::size_t next) const noexcept;

    int epoll_;
    boost::asio::posix::basic_stream_descriptor<Loop> watch_;  ///< holds epoll_ while it waits
    boost::asio::basic_waitable_timer<std::chrono::steady_clock,
                                      boost::asio::wait_traits<std::chrono::steady_clock>, Loop>
        pause_;
    bool armed_ = false;
    std::unordered_map<int, std::shared_ptr<Reader>> readers_;
    std::array<epoll_event, 64> events_{};
    std::size_t count_ = 0;  ///< of events_, while they are served
    int at_once_ = 0;        ///< bursts to be served without a pause
};

}  // namespace bridge::net

#endif
