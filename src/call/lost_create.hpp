#pragma once
// A create whose answer was lost is never repeated. It is looked for among the carrier's calls:
// one that has the same numbers, was made while we waited for the answer, and is nobody else's.

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <vector>

#include "call/carrier.hpp"
#include "call/journal.hpp"

namespace bridge::call {

/// The calls that may be the lost one: exactly one is it; with none, there is none; with several it
/// cannot be told which. `claimed` says whether a running call has that CallSid (null: none has);
/// `journal` may be null. Errors: those of the carrier and the journal; nothing is known then.
boost::asio::awaitable<Result<std::vector<CarrierCall>>> find_lost_create(
    std::shared_ptr<Carrier> carrier, std::shared_ptr<Journal> journal, CreatedCalls request,
    std::function<bool(const CallSid&)> claimed);

}  // namespace bridge::call
