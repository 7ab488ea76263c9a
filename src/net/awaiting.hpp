#pragma once
// How a coroutine awaits an operation of Asio without an exception.

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace bridge::net {

/// `co_await` gives the error code and the results as a tuple.
inline constexpr auto kTuple = boost::asio::as_tuple(boost::asio::use_awaitable);

}  // namespace bridge::net
