#pragma once
// Starts a coroutine that nobody awaits: it has a name, its exception is logged, and it is counted.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <string>

namespace bridge {

namespace asio = boost::asio;

/// Runs `task` on `executor`. `name` says what it is in the log, e.g. "webhook server".
void spawn(asio::any_io_executor executor, std::string name, asio::awaitable<void> task);

/// How many spawned coroutines have not ended; zero at exit.
std::size_t live_tasks() noexcept;

}  // namespace bridge
