#pragma once
// Threads for work that takes longer than an io thread may be kept: recognition, synthesis,
// encoding. The io thread hands work over, goes on, and is told on its own thread what came of it.
//
//   io thread ── offload(pool, executor, work, token) ──▶ queue ──▶ worker ──▶ executor ──▶ token
//
// The queue is bounded: work that does not fit is refused at once, newest first, so that what
// waits is never so old that nobody wants it any more.

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_allocator.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/metrics.hpp"
#include "base/result.hpp"

namespace bridge {

namespace asio = boost::asio;

struct WorkerPoolOptions {
    std::string name = "cpu";                    ///< in metrics and messages
    std::size_t threads = 0;                     ///< 0: cores - 1, at least 1
    std::size_t capacity = 256;                  ///< pieces of work that may wait
    std::shared_ptr<metrics::Registry> metrics;  ///< may be empty
    /// Work that is not urgent waits so long for more: to wake a thread costs more than many a
    /// piece of work.
    std::chrono::milliseconds gather{100};
};

enum class Urgency { now, gathered };

/// Thread: any, for every member but `stop` and the destructor, which belong to one.
class WorkerPool {
public:
    explicit WorkerPool(WorkerPoolOptions options = {});
    ~WorkerPool();
    WorkerPool(const WorkerPool&) = delete;
    WorkerPool& operator=(const WorkerPool&) = delete;

    /// False: the queue is full or the pool has stopped, and `work` is not run. An exception that
    /// leaves `work` is logged. Prefer `offload`.
    bool submit(std::function<void()> work, Urgency urgency = Urgency::now);
    /// What was gathered so far waits no more.
    void hurry();
    /// Takes no more, forgets what waits, and returns when what runs has ended. May be called
    /// twice. Whoever waits in `offload` is told `cancelled` if its executor still runs.
    void stop();

    std::size_t threads() const noexcept { return workers_.size(); }
    /// Neither waiting nor running work; what has ended has posted its outcome already.
    bool idle() const;
    std::string refusal() const;

private:
    void work_on();
    void gather(std::unique_lock<std::mutex>& lock);

    const WorkerPoolOptions options_;
    // Guards the queue; held for the time of a push or pop.
    mutable std::mutex mutex_;
    std::condition_variable more_;
    std::deque<std::function<void()>> waiting_;
    std::size_t due_ = 0;     ///< so many of them, the oldest, are waited with no more
    bool gathering_ = false;  ///< a worker waits for more
    std::size_t running_ = 0;
    bool stopping_ = false;
    std::atomic<std::uint64_t> refused_{0};
    std::vector<std::thread> workers_;
    metrics::Registry::Queue figures_;  ///< last: reads the members above
};

namespace detail {

/// One piece of work on its way: tells its handler exactly once, also when it is never run.
template <class Handler, class Outcome>
class Errand {
public:
    Errand(asio::any_io_executor executor, Handler handler)
        : guard_(std::move(executor)), handler_(std::move(handler)) {}
    ~Errand() { tell(fail(Errc::cancelled, "the work was dropped: the program is stopping")); }
    Errand(const Errand&) = delete;
    Errand& operator=(const Errand&) = delete;

    void tell(Outcome outcome) {
        if (!handler_) return;
        auto executor = guard_.get_executor();
        asio::post(executor,
                   [handler = std::move(*handler_), outcome = std::move(outcome)]() mutable {
                       std::move(handler)(std::move(outcome));
                   });
        handler_.reset();
        guard_.reset();
    }

private:
    asio::executor_work_guard<asio::any_io_executor> guard_;
    std::optional<Handler> handler_;
};

}  // namespace detail

/// Runs `work()`, which returns a Result, on the pool and resumes on `executor` with what it
/// returned. Errors of its own: refused (the queue is full), cancelled (the pool stopped first),
/// internal (an exception left `work`). A piece that has begun is not interrupted. The executor's
/// loop must outlive the pool's threads: stop the pool first.
///
///     auto make_sound = [text] { return speech::synthesize(text); };  // a name: see the compilers
///     auto sound = co_await offload(pool, executor, make_sound, asio::use_awaitable);
template <class Work, class Token>
auto offload(WorkerPool& pool, asio::any_io_executor executor, Work work, Token&& token) {
    using Outcome = std::invoke_result_t<Work&>;
    auto start = [&pool](auto handler, asio::any_io_executor where, Work job) {
        using Errand = detail::Errand<decltype(handler), Outcome>;
        auto errand = std::make_shared<Errand>(std::move(where), std::move(handler));
        const bool taken = pool.submit([errand, job = std::move(job)]() mutable {
            try {
                errand->tell(job());
            } catch (const std::exception& thrown) {
                errand->tell(fail(Errc::internal,
                                  std::string("work ended by an exception: ") + thrown.what()));
            }
        });
        if (!taken) errand->tell(fail(Errc::refused, pool.refusal()));
    };
    return asio::async_initiate<Token, void(Outcome)>(std::move(start), token, std::move(executor),
                                                      std::move(work));
}

}  // namespace bridge
