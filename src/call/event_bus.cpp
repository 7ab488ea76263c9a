#include "call/event_bus.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/post.hpp>
#include <deque>
#include <utility>

namespace bridge::call {

class EventBus::Queue final : public EventBus::Subscription,
                              public std::enable_shared_from_this<Queue> {
public:
    Queue(boost::asio::any_io_executor executor, std::size_t capacity, Handler handler,
          std::shared_ptr<std::atomic<int>> takers)
        : executor_(std::move(executor)),
          capacity_(std::max<std::size_t>(capacity, 1)),
          handler_(std::move(handler)),
          takers_(std::move(takers)) {
        if (takers_) takers_->fetch_add(1, std::memory_order_relaxed);
    }
    ~Queue() override {
        if (takers_) takers_->fetch_sub(1, std::memory_order_relaxed);
    }

    bool takes(const CallEvent& event) const {
        return takers_ || !std::holds_alternative<event::Statistics>(event.what);
    }

    /// The figures are apart from the queue: whoever reads them keeps nothing of it alive.
    void show(metrics::Registry& registry, std::string_view name) {
        const auto read = [](const std::atomic<std::uint64_t>& figure) {
            return static_cast<double>(figure.load(std::memory_order_relaxed));
        };
        shown_ = registry.queue(
            fmt::format("events:{}", name), capacity_,
            [figures = figures_, read] { return read(figures->depth); },
            [figures = figures_, read] { return read(figures->dropped); });
    }

    void push(const CallEvent& event) {
        {
            const std::scoped_lock lock(mutex_);
            if (waiting_.size() == capacity_) {
                waiting_.pop_front();
                ++missed_;
                figures_->dropped.fetch_add(1, std::memory_order_relaxed);
            }
            waiting_.push_back(event);
            figures_->depth.store(waiting_.size(), std::memory_order_relaxed);
            if (std::exchange(posted_, true)) return;
        }
        boost::asio::post(executor_, [weak = weak_from_this()] {
            if (const auto self = weak.lock()) self->deliver();
        });
    }

private:
    void deliver() {
        for (;;) {
            CallEvent event;
            std::uint64_t missed = 0;
            {
                const std::scoped_lock lock(mutex_);
                if (waiting_.empty()) {
                    posted_ = false;
                    return;
                }
                event = std::move(waiting_.front());
                waiting_.pop_front();
                figures_->depth.store(waiting_.size(), std::memory_order_relaxed);
                missed = std::exchange(missed_, 0);
            }
            handler_(event, missed);
        }
    }

    struct Figures {
        std::atomic<std::uint64_t> depth{0}, dropped{0};
    };

    const boost::asio::any_io_executor executor_;
    const std::size_t capacity_;
    const Handler handler_;
    const std::shared_ptr<std::atomic<int>> takers_;  ///< null: it takes no statistics
    std::mutex mutex_;  // publishers are the shards, the reader is the subscriber's executor
    std::deque<CallEvent> waiting_;
    std::uint64_t missed_ = 0;
    bool posted_ = false;
    const std::shared_ptr<Figures> figures_ = std::make_shared<Figures>();
    metrics::Registry::Queue shown_;
};

std::shared_ptr<EventBus::Subscription> EventBus::subscribe(boost::asio::any_io_executor executor,
                                                            std::size_t capacity, Handler handler,
                                                            std::string_view name, Take take) {
    auto queue = std::make_shared<Queue>(std::move(executor), capacity, std::move(handler),
                                         take == Take::everything ? takers_ : nullptr);
    if (metrics_) queue->show(*metrics_, name);
    const std::scoped_lock lock(mutex_);
    queues_.push_back(queue);
    return queue;
}

void EventBus::publish(CallEvent event) {
    const std::scoped_lock lock(mutex_);
    std::erase_if(queues_, [](const auto& queue) { return queue.expired(); });
    for (const auto& weak : queues_) {
        if (const auto queue = weak.lock(); queue && queue->takes(event)) queue->push(event);
    }
}

}  // namespace bridge::call
