#pragma once
// A coroutine of a test, run to its end on a loop of the test's own.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <optional>
#include <utility>

namespace bridge::test {

/// What it returns, once the loop has nothing left to do; what it throws is thrown here.
template <class T>
T run_task(boost::asio::io_context& loop, boost::asio::awaitable<T> task) {
    std::optional<T> result;
    std::exception_ptr failed;
    boost::asio::co_spawn(loop, std::move(task), [&](std::exception_ptr error, T value) {
        failed = error;
        if (!error) result.emplace(std::move(value));
    });
    loop.restart();
    loop.run();
    if (failed) std::rethrow_exception(failed);
    return std::move(*result);
}

}  // namespace bridge::test
