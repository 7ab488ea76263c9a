#include "base/spawn.hpp"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <mutex>
#include <stdexcept>
#include <string>

#include "base/log.hpp"

namespace bridge {
namespace {

asio::awaitable<void> wait_and_count(int* count) {
    asio::steady_timer timer(co_await asio::this_coro::executor, std::chrono::milliseconds(1));
    co_await timer.async_wait(asio::use_awaitable);
    ++*count;
}

asio::awaitable<void> fail_with(std::string what) {
    asio::steady_timer timer(co_await asio::this_coro::executor, std::chrono::milliseconds(1));
    co_await timer.async_wait(asio::use_awaitable);
    throw std::runtime_error(what);
}

TEST(Spawn, CountsATaskUntilItEnds) {
    asio::io_context loop;
    const auto before = live_tasks();
    int count = 0;
    spawn(loop.get_executor(), "one", wait_and_count(&count));
    spawn(loop.get_executor(), "two", wait_and_count(&count));
    EXPECT_EQ(live_tasks(), before + 2);
    EXPECT_EQ(count, 0);
    loop.run();
    EXPECT_EQ(count, 2);
    EXPECT_EQ(live_tasks(), before);
}

TEST(Spawn, LogsTheExceptionOfATaskWithItsNameAndStillCountsItOut) {
    std::mutex mutex;  // the log writes on a thread of its own
    std::string lines;
    log::Options options;
    options.write = [&](std::string_view line) {
        const std::lock_guard lock(mutex);
        lines += line;
    };
    log::start(options);
    asio::io_context loop;
    const auto before = live_tasks();
    spawn(loop.get_executor(), "the doomed one", fail_with("nobody catches this"));
    loop.run();
    log::flush();
    log::stop();
    EXPECT_EQ(live_tasks(), before);
    const std::lock_guard lock(mutex);
    EXPECT_NE(lines.find("the doomed one"), std::string::npos) << lines;
    EXPECT_NE(lines.find("nobody catches this"), std::string::npos) << lines;
}

}  // namespace
}  // namespace bridge
