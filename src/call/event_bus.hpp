#pragma once
// Carries events from the calls to subscribers. Each subscriber has a bounded queue of its own: a
// slow one loses its oldest events and is told how many; it never slows a call.

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string_view>
#include <utility>
#include <vector>

#include "base/metrics.hpp"
#include "call/event.hpp"

namespace bridge::call {

class EventBus {
public:
    /// `missed` events were dropped from this subscriber's queue just before `event`.
    using Handler = std::function<void(const CallEvent& event, std::uint64_t missed)>;

    enum class Take { everything, all_but_statistics };

    /// Ends the subscription when destroyed. Handlers that are already running on another thread
    /// may finish.
    class Subscription {
    public:
        virtual ~Subscription() = default;
    };

    /// `metrics` shows what waits in the subscribers' queues; null: nobody looks.
    explicit EventBus(std::shared_ptr<metrics::Registry> metrics = {})
        : metrics_(std::move(metrics)) {}

    /// Calls `handler` on `executor`, in order, for every event published from now on.
    /// `capacity`: events waiting at most; the oldest are dropped. `name`: of the queue, in the
    /// metrics. Thread: any.
    std::shared_ptr<Subscription> subscribe(boost::asio::any_io_executor executor,
                                            std::size_t capacity, Handler handler,
                                            std::string_view name = "subscriber",
                                            Take take = Take::everything);
    /// Whether anybody takes event::Statistics, which every call would publish once a second.
    bool statistics_wanted() const noexcept { return takers_->load(std::memory_order_relaxed) > 0; }
    /// Thread: any; does not block beyond a short mutex (never contended per media frame: nothing
    /// is published per frame).
    void publish(CallEvent event);

private:
    class Queue;
    const std::shared_ptr<metrics::Registry> metrics_;
    const std::shared_ptr<std::atomic<int>> takers_ = std::make_shared<std::atomic<int>>(0);
    std::mutex mutex_;
    std::vector<std::weak_ptr<Queue>> queues_;
};

}  // namespace bridge::call
