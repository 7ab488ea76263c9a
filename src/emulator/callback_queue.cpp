#include "emulator/callback_queue.hpp"

#include "base/spawn.hpp"
#include "emulator/exchange.hpp"

namespace bridge::emulator {

void CallbackQueue::post(Webhook webhook, bool last) {
    if (exchange_->stopped) return;
    if (!webhook.url.empty()) {
        const auto fault = exchange_->faults.take(Switch::callbacks, webhook.scope);
        const auto is = [&](std::string_view what) { return fault && fault->is(what); };
        if (is("duplicate")) waiting_.push_back(webhook);
        if (is("reverse")) {
            held_.push_front(std::move(webhook));
        } else if (is("shuffle")) {
            const auto at = std::uniform_int_distribution<std::size_t>(
                0, held_.size())(exchange_->faults.random());
            held_.insert(held_.begin() + static_cast<std::ptrdiff_t>(at), std::move(webhook));
        } else if (is("delay")) {
            // The later ones do not wait for it: it is overtaken.
            spawn(exchange_->executor, "late status callback of " + call_sid_,
                  send_later(shared_from_this(), std::move(webhook), fault->time()));
        } else if (!is("lost")) {
            waiting_.push_back(std::move(webhook));
        }
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
        co_await send(self, std::move(webhook));
    }
    self->running_ = false;
}

asio::awaitable<void> CallbackQueue::send_later(std::shared_ptr<CallbackQueue> self,
                                                Webhook webhook, std::chrono::milliseconds delay) {
    co_await self->exchange_->stopping.wait_for(delay);
    if (!self->exchange_->stopped) co_await send(self, std::move(webhook));
}

asio::awaitable<void> CallbackQueue::send(std::shared_ptr<CallbackQueue> self, Webhook webhook) {
    const auto answer = co_await self->exchange_->webhooks->send(std::move(webhook));
    if (answer || self->exchange_->stopped) co_return;
    const auto& failure = answer.error();
    // A status callback is sent and forgotten: an error status is only a warning.
    if (failure.code == 11217) {
        self->exchange_->debugger.warning(
            15003, "Call progress: status callback failed: " + failure.message, self->call_sid_);
    } else {
        self->exchange_->debugger.error(failure.code, failure.message, self->call_sid_);
    }
}

}  // namespace bridge::emulator
