#pragma once
// One reader of the event stream: its queue, and how that becomes bytes on its socket.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "base/ids.hpp"
#include "net/body_stream.hpp"

namespace bridge::web {

/// Thread: the executor's.
class EventClient final : public net::BodyStream {
public:
    static constexpr std::size_t kQueueBytes = 1024 * 1024;
    static constexpr std::size_t kPieceBytes = 64 * 1024;
    /// A client that hears nothing for longer has lost us.
    static constexpr std::chrono::milliseconds kHeartbeat{2000};

    /// `only`: the call it wants to hear of; empty: all. `dropped` is told how many events it has
    /// lost.
    EventClient(boost::asio::any_io_executor executor, CallId only, bool levels,
                std::function<void(std::size_t)> dropped);

    bool wants(const CallId& call) const { return only_.empty() || only_ == call; }
    const CallId& only() const { return only_; }
    bool wants_levels() const { return levels_; }
    bool stopped() const { return stopped_; }
    std::size_t waiting() const { return queue_.size(); }

    /// Shared by all clients it goes to.
    void push(std::shared_ptr<const std::string> text);
    /// It is to fetch everything anew: what waits is of no use any more.
    void reset();

    boost::asio::awaitable<std::string> next() override;
    void stop() override;

private:
    std::string take();

    const CallId only_;
    const bool levels_;
    const std::function<void(std::size_t)> dropped_;
    boost::asio::steady_timer timer_;
    std::deque<std::shared_ptr<const std::string>> queue_;
    std::size_t bytes_ = 0;
    bool stopped_ = false;
};

}  // namespace bridge::web
