#pragma once
// Many calls at once against a program under load: placed one after another at an even pace, held
// for a while, ended, and counted.

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "emulator/signal.hpp"

namespace bridge::emulator {

struct Exchange;
class PhoneCall;

struct LoadPlan {
    std::size_t calls = 1;
    std::chrono::milliseconds length{10'000};  ///< of each call, from its stream's start
    std::chrono::microseconds apart{20'000};   ///< between the starts of two calls
    std::string url;                           ///< of the program: it serves <url>/twilio/voice
    bool outbound = false;  ///< as a REST create makes them; otherwise somebody calls the number
    std::string persona;    ///< of every phone; empty: silence
    /// A call whose stream has not started by then has failed.
    std::chrono::milliseconds patience{20'000};
};

struct LoadReport {
    std::size_t calls = 0;                       ///< that were placed
    std::size_t started = 0;                     ///< their stream came up
    std::size_t up = 0;                          ///< streaming now
    std::size_t early_ends = 0;                  ///< over before their time
    std::size_t failed = 0;                      ///< never started, or ended early
    std::map<std::string, std::size_t> reasons;  ///< why they failed → how often
    std::uint64_t frames = 0;                    ///< media messages sent on streams that have ended
    /// From placing a call to its stream's start, smallest first.
    std::vector<double> connect_ms;

    /// 0 … 1; 0 ms without any.
    double connect_percentile(double part) const;
};

/// Thread: the emulator's.
class Load : public std::enable_shared_from_this<Load> {
public:
    Load(std::shared_ptr<Exchange> exchange, LoadPlan plan);
    ~Load();

    /// Until every call has ended, by itself or after `stop`.
    static boost::asio::awaitable<void> run(std::shared_ptr<Load> self);
    /// Places no more calls and ends those there are. Harmless when repeated.
    void stop();
    LoadReport report() const;

private:
    struct Placed;
    void place();
    void look();
    void fail(Placed& one, std::string reason);

    std::shared_ptr<Exchange> exchange_;
    const LoadPlan plan_;
    Signal stopping_;
    bool stopped_ = false;
    std::vector<Placed> calls_;
    std::size_t open_ = 0;
    LoadReport report_;
};

}  // namespace bridge::emulator
