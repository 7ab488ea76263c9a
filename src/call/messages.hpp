#pragma once
// Seam: where words go that a caller leaves with an agent for the people here.

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <string>

#include "base/ids.hpp"
#include "base/result.hpp"

namespace bridge::call {

/// A message as an agent took it down; the number may be anything that people say.
struct TakenMessage {
    CallId call;
    CallSid sid;
    std::string from, to;
    std::string name, number, text;
};

/// Thread: any io thread.
class MessageBox {
public:
    virtual ~MessageBox() = default;
    /// Does not wait for the disk. `done` runs once on `executor`, with the place where the message
    /// is kept for good. Errors: io (the disk is full, say): the caller should be told.
    virtual void keep(TakenMessage message, boost::asio::any_io_executor executor,
                      std::function<void(Result<std::string> where)> done) = 0;
};

}  // namespace bridge::call
