#pragma once
// A Twilio of our own, for people without an account and for every test: REST, TwiML, signed
// webhooks and media streams. Whoever uses it reaches it over TCP only, as they would Twilio.

#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <memory>
#include <string>

#include "base/result.hpp"
#include "emulator/load.hpp"
#include "emulator/options.hpp"

namespace bridge::emulator {

/// Thread: the executor's, but for what is marked.
class Emulator {
public:
    /// Listens and serves. Errors: bad_config for a bad number or address, exists for a port that
    /// is taken, io for the ledger file.
    static Result<std::shared_ptr<Emulator>> start(asio::any_io_executor executor,
                                                   EmulatorOptions options);
    virtual ~Emulator() = default;

    /// Thread: any. These never change.
    virtual std::uint16_t port() const = 0;
    /// "http://127.0.0.1:8010", for TWILIO_BASE_URL.
    virtual const std::string& base_url() const = 0;
    virtual const std::string& account_sid() const = 0;
    virtual const Secret& auth_token() const = 0;
    /// The numbers owned, the test number first.
    virtual const std::vector<std::string>& numbers() const = 0;

    /// Calls that have not ended.
    virtual std::size_t open_calls() const = 0;
    /// Many calls at once; nothing happens before Load::run.
    virtual std::shared_ptr<Load> make_load(LoadPlan plan) = 0;
    /// Hangs up every call, ends every request, closes the ledger and the port. Twice is harmless.
    /// The coroutines that were running end in the following turns of the loop.
    virtual void stop() = 0;
};

/// An Emulator with a thread and a loop of its own. Thread: any one.
class EmulatorThread {
public:
    /// Errors: those of Emulator::start.
    static Result<std::unique_ptr<EmulatorThread>> start(EmulatorOptions options);
    /// Stops it and joins the thread.
    ~EmulatorThread();
    EmulatorThread(const EmulatorThread&) = delete;
    EmulatorThread& operator=(const EmulatorThread&) = delete;

    std::uint16_t port() const;
    const std::string& base_url() const;
    const std::string& account_sid() const;
    const Secret& auth_token() const;
    const std::vector<std::string>& numbers() const;
    /// Asks the emulator's thread.
    std::size_t open_calls() const;

private:
    struct Loop;
    explicit EmulatorThread(std::unique_ptr<Loop> loop);
    std::unique_ptr<Loop> loop_;
};

}  // namespace bridge::emulator
