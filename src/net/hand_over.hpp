#pragma once
// A connection that one io thread accepted and another is to serve: its descriptor travels, once.

#include <boost/asio/any_io_executor.hpp>
#include <functional>

#include "base/result.hpp"
#include "net/http_server.hpp"

namespace bridge::net {

/// Calls `arrived` on `executor` with the same connection; at once if it is there already. A
/// connection that breaks on the way is closed and forgotten. True: it has travelled. Errors: io
/// (it is gone). Thread: the connection's.
Result<bool> hand_over(Upgrade upgrade, asio::any_io_executor executor,
                       std::function<void(Upgrade)> arrived);

}  // namespace bridge::net
