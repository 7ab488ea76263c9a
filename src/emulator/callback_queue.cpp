#include "emulator/callback_queue.hpp"

#include "base/spawn.hpp"
#include "emulator/exchange.hpp"

namespace bridge::emulator {

void CallbackQueue::post(Webhook webhook, bool last) {
    if (webhook.url.empty() || exchange_->stopped) return;
    const auto fault = exchange_->faults.callbacks;
    if (fault == Faults::Callbacks::duplicate) waiting_.push_back(webhook);
    if (fault == Faults::Callbacks::reverse) {
        held_.push_front(std::move(webhook));
    } else {
        waiting_.push_back(std::move(webhook));
    }
    if (last) {
        for (auto& held : held_) waiting_.push_back(std::move(held));
        held_.clear();
    }
    if (running_ || waiting_.empty()) return;
    running_ = true;
    spawn(exchange_->executor, "status callbacks of " + call_sid_, run(shared_from_this()));
}

asio::awaitable<void> CallbackQueue::run(std::shared_ptr<CallbackQueue> self) {
    while (!self->waiting_.empty()) {
        auto webhook = std::move(self->waiting_.front());
        self->waiting_.pop_front();
        const auto url = webhook.url;
        const auto answer = co_await self->exchange_->webhooks->send(std::move(webhook));
        if (answer || self->exchange_->stopped) continue;
        const auto& failure = answer.error();
        // A status callback is sent and forgotten: an error status is only a warning.
        if (failure.code == 11217) {
            self->exchange_->debugger.warning(
                15003, "Call progress: status callback failed: " + failure.message,
                self->call_sid_);
        } else {
            self->exchange_->debugger.error(failure.code, failure.message, self->call_sid_);
        }
    }
    self->running_ = false;
}

}  // namespace bridge::emulator
