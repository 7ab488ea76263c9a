#pragma once
// A file as the answer to a request, or the part of it that was asked for (Range, RFC 9110).

#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/worker_pool.hpp"
#include "net/http_message.hpp"

namespace bridge::web {

struct ByteRange {
    std::uint64_t first = 0, last = 0;  ///< both included
};
/// One range of "bytes=…". Nothing: there is no usable one, and the whole is answered; `outside`:
/// there is one, and the file has nothing of it.
std::optional<ByteRange> parse_range(std::string_view header, std::uint64_t size, bool& outside);

/// Read by `workers`, piece by piece, while it is sent; the file may grow meanwhile, the answer
/// does not. 200, 206, 416, or 404 when it cannot be opened. `name`: what it is saved as.
/// Thread: the executor's; opens the file, and so may block for a moment.
net::HttpResponse answer_file(const net::HttpRequest& request, const std::string& path,
                              std::string_view type, const std::string& name, WorkerPool& workers,
                              boost::asio::any_io_executor executor);

}  // namespace bridge::web
