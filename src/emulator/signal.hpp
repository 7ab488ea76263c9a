#pragma once
// Something a coroutine waits for, with a limit: the end of a call, a leg that answered.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <list>

namespace bridge::emulator {

namespace asio = boost::asio;

/// Thread: the executor's. Any number may wait at once; it must outlive them.
class Signal {
public:
    explicit Signal(asio::any_io_executor executor) : executor_(std::move(executor)) {}
    Signal(const Signal&) = delete;
    Signal& operator=(const Signal&) = delete;

    /// True as soon as it is raised, false after `limit`.
    asio::awaitable<bool> wait_for(std::chrono::milliseconds limit);
    void raise();
    void clear() { raised_ = false; }
    bool raised() const { return raised_; }

private:
    asio::any_io_executor executor_;
    std::list<asio::steady_timer*> waiting_;
    bool raised_ = false;
};

}  // namespace bridge::emulator
