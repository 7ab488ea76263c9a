#pragma once
// The body of an answer that has no end yet: events, as they happen.

#include <boost/asio/awaitable.hpp>
#include <string>

namespace bridge::net {

/// Thread: the server's executor, for every member.
class BodyStream {
public:
    virtual ~BodyStream() = default;
    /// The next bytes to send, as soon as there are any; empty: that was all. Asked for again once
    /// they are written. Not more than a client should take within the server's `write_time`.
    virtual boost::asio::awaitable<std::string> next() = 0;
    /// Nobody reads it any more: what waits in `next` returns. May come twice.
    virtual void stop() = 0;
};

}  // namespace bridge::net
