#pragma once
// `agentbridge emulator load` as the command line sees it: many calls of the built-in Twilio
// against a running bridge. load_wiring.cpp implements it; tests have one of their own.

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "app/session.hpp"

namespace bridge::app {

struct LoadOptions {
    EmulatorOptions emulator;  ///< account and token are the bridge's, or it refuses every webhook
    std::size_t calls = 10;
    std::chrono::seconds length{30};  ///< of each call
    double per_second = 50;           ///< how many calls are placed in a second
    std::string url;                  ///< of the bridge
    bool outbound = false;
    std::string persona;
};

/// What has happened so far.
struct LoadFigures {
    std::size_t calls = 0;    ///< placed
    std::size_t started = 0;  ///< their stream came up
    std::size_t up = 0;       ///< streaming now
    std::size_t failed = 0;   ///< never started, or ended early
    std::size_t early_ends = 0;
    std::map<std::string, std::size_t> reasons;  ///< why → how often
    std::uint64_t frames = 0;                    ///< sent on streams that have ended
    double connect_p50_ms = 0, connect_p99_ms = 0;
};

/// Thread and executor as Session's.
class LoadService {
public:
    virtual ~LoadService() = default;
    /// Begins; the address at which the calls' REST API is.
    virtual Outcome<std::string> start() = 0;
    virtual LoadFigures figures() const = 0;
    /// Ends every call.
    virtual void request_stop(Stop how) = 0;
    /// Posted to the executor once, when no call is left.
    virtual void when_done(std::function<void()> done) = 0;
};

using OpenLoad = std::function<Outcome<std::unique_ptr<LoadService>>(
    LoadOptions options, boost::asio::any_io_executor executor)>;

/// Implemented in load_wiring.cpp, and used by main.cpp alone.
Outcome<std::unique_ptr<LoadService>> open_load(LoadOptions options,
                                                boost::asio::any_io_executor executor);

}  // namespace bridge::app
