#pragma once
// Ctrl-C and its relatives, told to the main loop.

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <memory>

#include "app/session.hpp"

namespace bridge::app {

/// Waits for SIGINT, SIGTERM and SIGHUP until it is destroyed: the first is a graceful stop, every
/// later one a forced stop. SIGPIPE is ignored for good: a reader that went away is seen where we
/// write. Thread: the executor's, which also runs `on_stop`.
class Signals {
public:
    Signals(boost::asio::any_io_executor executor, std::function<void(Stop how)> on_stop);
    ~Signals();
    Signals(const Signals&) = delete;
    Signals& operator=(const Signals&) = delete;

private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace bridge::app
