#include "base/worker_pool.hpp"

#include <gtest/gtest.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <future>
#include <latch>
#include <stdexcept>
#include <vector>

namespace bridge {
namespace {

/// A worker that is kept busy until the test lets it go.
class Held {
public:
    explicit Held(WorkerPool& pool) {
        EXPECT_TRUE(pool.submit([this] {
            began_.count_down();
            may_go_.wait();
        }));
        began_.wait();
    }
    void let_go() { may_go_.count_down(); }

private:
    std::latch began_{1}, may_go_{1};
};

WorkerPoolOptions one_thread(std::size_t capacity = 8) {
    WorkerPoolOptions options;
    options.threads = 1;
    options.capacity = capacity;
    return options;
}

asio::awaitable<void> add_on(WorkerPool& pool, asio::any_io_executor executor, int a, int b,
                             std::thread::id* worked_on, Result<int>* sum,
                             std::thread::id* resumed_on) {
    auto work = [a, b, worked_on]() -> Result<int> {
        *worked_on = std::this_thread::get_id();
        return a + b;
    };
    *sum = co_await offload(pool, executor, work, asio::use_awaitable);
    *resumed_on = std::this_thread::get_id();
}

TEST(WorkerPool, HasAThreadLessThanThereAreCoresAndAtLeastOne) {
    WorkerPool pool;
    const std::size_t cores = std::thread::hardware_concurrency();
    EXPECT_EQ(pool.threads(), std::max<std::size_t>(cores, 2) - 1);
}

TEST(WorkerPool, ACoroutineResumesOnItsOwnThreadWithWhatTheWorkReturned) {
    asio::io_context loop;
    WorkerPool pool(one_thread());
    std::thread::id worked_on, resumed_on;
    Result<int> sum = 0;
    asio::co_spawn(loop, add_on(pool, loop.get_executor(), 2, 3, &worked_on, &sum, &resumed_on),
                   [](std::exception_ptr thrown) { EXPECT_FALSE(thrown); });
    loop.run();
    ASSERT_TRUE(sum);
    EXPECT_EQ(*sum, 5);
    EXPECT_EQ(resumed_on, std::this_thread::get_id());
    EXPECT_NE(worked_on, std::this_thread::get_id());
}

TEST(WorkerPool, AnErrorAndAnExceptionOfTheWorkComeBackAsErrors) {
    asio::io_context loop;
    WorkerPool pool(one_thread());
    std::vector<Result<int>> came;
    const auto keep = [&](Result<int> outcome) { came.push_back(std::move(outcome)); };
    offload(
        pool, loop.get_executor(), []() -> Result<int> { return fail(Errc::io, "no disk"); }, keep);
    offload(
        pool, loop.get_executor(), []() -> Result<int> { throw std::runtime_error("a bug"); },
        keep);
    loop.run();
    ASSERT_EQ(came.size(), 2U);
    EXPECT_EQ(came[0].error().code, Errc::io);
    EXPECT_EQ(came[1].error().code, Errc::internal);
    EXPECT_NE(came[1].error().message.find("a bug"), std::string::npos);
}

TEST(WorkerPool, WorkThatDoesNotFitIsRefusedAtOnceAndCounted) {
    asio::io_context loop;
    auto registry = std::make_shared<metrics::Registry>();
    auto options = one_thread(2);
    options.metrics = registry;
    WorkerPool pool(options);
    Held held(pool);
    std::vector<Result<int>> came;
    for (int i = 0; i < 3; ++i)
        offload(
            pool, loop.get_executor(), [i]() -> Result<int> { return i; },
            [&](Result<int> outcome) { came.push_back(std::move(outcome)); });
    EXPECT_TRUE(came.empty()) << "even a refusal is told from the loop";
    loop.run_one();
    ASSERT_EQ(came.size(), 1U);
    EXPECT_EQ(came[0].error().code, Errc::refused);
    EXPECT_NE(came[0].error().message.find("cpu"), std::string::npos);
    const auto text = render_metrics(*registry);
    EXPECT_NE(text.find("agentbridge_queue_dropped_total{queue=\"cpu\"} 1"), std::string::npos)
        << text;
    EXPECT_NE(text.find("agentbridge_queue_depth{queue=\"cpu\"} 2"), std::string::npos) << text;
    held.let_go();
    loop.run();
    ASSERT_EQ(came.size(), 3U);
    EXPECT_EQ(came[1].value(), 0) << "in the order it came";
    EXPECT_EQ(came[2].value(), 1);
}

TEST(WorkerPool, StoppingWaitsForWhatRunsAndCancelsWhatWaits) {
    asio::io_context loop;
    WorkerPool pool(one_thread());
    Held held(pool);
    bool ran = false;
    std::vector<Result<int>> came;
    offload(
        pool, loop.get_executor(),
        [&ran]() -> Result<int> {
            ran = true;
            return 1;
        },
        [&](Result<int> outcome) { came.push_back(std::move(outcome)); });
    EXPECT_FALSE(pool.idle());
    std::thread stopper([&pool] { pool.stop(); });
    loop.run();  // ends when the waiting piece has been told
    held.let_go();
    stopper.join();
    pool.stop();
    EXPECT_TRUE(pool.idle());
    EXPECT_FALSE(ran);
    ASSERT_EQ(came.size(), 1U);
    EXPECT_EQ(came[0].error().code, Errc::cancelled);
    EXPECT_FALSE(pool.submit([] {}));
}

TEST(WorkerPool, TwoThreadsWorkAtTheSameTime) {
    asio::io_context loop;
    WorkerPoolOptions options;
    options.threads = 2;
    WorkerPool pool(options);
    std::latch both(2);
    int done = 0;
    for (int i = 0; i < 2; ++i)
        offload(
            pool, loop.get_executor(),
            [&both]() -> Result<int> {
                both.arrive_and_wait();
                return 0;
            },
            [&](Result<int>) { ++done; });
    loop.run();
    EXPECT_EQ(done, 2);
}

TEST(WorkerPool, WhatIsNotUrgentWaitsForMoreAndIsDoneInItsTurn) {
    auto options = one_thread();
    options.gather = std::chrono::hours(1);
    WorkerPool pool(options);
    std::vector<int> done;  // of the one thread, until the last one is told
    std::promise<void> last;
    EXPECT_TRUE(pool.submit([&] { done.push_back(1); }, Urgency::gathered));
    EXPECT_TRUE(pool.submit([&] { done.push_back(2); }, Urgency::gathered));
    EXPECT_TRUE(pool.submit([&] {
        done.push_back(3);
        last.set_value();
    }));
    last.get_future().get();
    EXPECT_EQ(done, (std::vector<int>{1, 2, 3}));
}

TEST(WorkerPool, WhatWaitsForMoreCanBeHurried) {
    auto options = one_thread();
    options.gather = std::chrono::hours(1);
    WorkerPool pool(options);
    std::promise<void> done;
    EXPECT_TRUE(pool.submit([&] { done.set_value(); }, Urgency::gathered));
    pool.hurry();
    done.get_future().get();
}

TEST(WorkerPool, WhatIsNotUrgentIsDoneInTheEnd) {
    auto options = one_thread();
    options.threads = 2;
    options.gather = std::chrono::milliseconds(1);
    WorkerPool pool(options);
    for (int i = 0; i < 50; ++i) {
        std::promise<void> done;
        EXPECT_TRUE(pool.submit([&] { done.set_value(); }, Urgency::gathered));
        done.get_future().get();
    }
}

TEST(WorkerPool, StopsAlsoWhileItWaitsForMore) {
    auto options = one_thread();
    options.gather = std::chrono::hours(1);
    WorkerPool pool(options);
    bool run = false;
    EXPECT_TRUE(pool.submit([&] { run = true; }, Urgency::gathered));
    pool.stop();
    EXPECT_FALSE(run);
}

}  // namespace
}  // namespace bridge
