#pragma once
// Status callbacks of one call (or of its streams), sent one after the other: each once the former
// was answered or gave up.

#include <boost/asio/awaitable.hpp>
#include <deque>
#include <memory>
#include <string>

#include "emulator/webhook_sender.hpp"

namespace bridge::emulator {

struct Exchange;

/// Thread: the emulator's.
class CallbackQueue : public std::enable_shared_from_this<CallbackQueue> {
public:
    CallbackQueue(std::shared_ptr<Exchange> exchange, std::string call_sid)
        : exchange_(std::move(exchange)), call_sid_(std::move(call_sid)) {}

    /// `last`: nothing comes after it (which lets the faults "reverse" and "shuffle" begin).
    void post(Webhook webhook, bool last);

private:
    static asio::awaitable<void> run(std::shared_ptr<CallbackQueue> self);
    static asio::awaitable<void> send_later(std::shared_ptr<CallbackQueue> self, Webhook webhook,
                                            std::chrono::milliseconds delay);
    static asio::awaitable<void> send(std::shared_ptr<CallbackQueue> self, Webhook webhook);

    std::shared_ptr<Exchange> exchange_;
    std::string call_sid_;
    std::deque<Webhook> waiting_;
    std::deque<Webhook> held_;  ///< by the faults "reverse" and "shuffle"
    bool running_ = false;
};

}  // namespace bridge::emulator
