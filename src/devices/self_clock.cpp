#include "devices/self_clock.hpp"

#include <utility>

#include "base/thread_name.hpp"

namespace bridge::devices {

Clock::Time next_deadline(Clock::Time last_deadline, Clock::Time now) noexcept {
    const auto due = last_deadline + SelfClock::kBlock;
    return now - due > SelfClock::kGiveUp ? now : due;
}

SelfClock::SelfClock(std::function<void(Clock::Time now)> block) : block_(std::move(block)) {}

SelfClock::~SelfClock() {
    stop();
}

void SelfClock::start() {
    const std::lock_guard lock(mutex_);
    if (thread_.joinable()) return;
    stopping_ = false;
    thread_ = std::thread([this] { run(); });
}

void SelfClock::stop() {
    std::thread thread;
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
        thread = std::move(thread_);
    }
    wake_.notify_all();
    if (thread.joinable()) thread.join();
}

bool SelfClock::running() const {
    const std::lock_guard lock(mutex_);
    return thread_.joinable();
}

void SelfClock::run() {
    name_this_thread("device");
    auto deadline = std::chrono::steady_clock::now() + kBlock;
    for (;;) {
        {
            std::unique_lock lock(mutex_);
            if (wake_.wait_until(lock, deadline, [this] { return stopping_; })) return;
        }
        block_(std::chrono::steady_clock::now());
        deadline = next_deadline(deadline, std::chrono::steady_clock::now());
    }
}

}  // namespace bridge::devices
