#pragma once
// Holds a stream's messages back, as a network does that stalls, bunches or jitters. The order
// stays: a TCP connection has no other.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <random>
#include <string>

#include "emulator/faults.hpp"

namespace bridge::emulator {

namespace asio = boost::asio;

/// Thread: the executor's.
class MediaPace : public std::enable_shared_from_this<MediaPace> {
public:
    using Send = std::function<void(const std::string&)>;
    /// `fault` is one of the switch pace; `send` is called while messages are let go.
    MediaPace(const asio::any_io_executor& executor, const Fault& fault, std::uint64_t seed,
              Send send);
    void push(std::string message);
    /// Lets everything go at once, and holds nothing back from then on.
    void end();

private:
    using Time = std::chrono::steady_clock::time_point;
    struct Held {
        Time due;
        std::string message;
    };
    void arm();
    void release();

    const Fault fault_;
    Send send_;
    asio::steady_timer timer_;
    std::mt19937_64 random_;
    std::deque<Held> held_;
    Time next_;  ///< burst: when the next one leaves; stall: its end; jitter: the last due time
    bool armed_ = false;
    bool over_ = false;
};

}  // namespace bridge::emulator
