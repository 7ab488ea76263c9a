#include "call/lost_create.hpp"

#include <algorithm>
#include <utility>

namespace bridge::call {

boost::asio::awaitable<Result<std::vector<CarrierCall>>> find_lost_create(
    std::shared_ptr<Carrier> carrier, std::shared_ptr<Journal> journal, CreatedCalls request,
    std::function<bool(const CallSid&)> claimed) {
    auto listed = co_await carrier->created_calls(std::move(request));
    if (!listed) co_return tl::unexpected(listed.error());
    auto candidates = std::move(*listed);
    std::erase_if(candidates,
                  [&](const CarrierCall& call) { return claimed && claimed(call.sid); });
    if (journal && !candidates.empty()) {
        std::vector<CallSid> sids;
        for (const auto& call : candidates) sids.push_back(call.sid);
        const auto known = co_await journal->known(std::move(sids));
        if (!known) co_return tl::unexpected(known.error());
        std::erase_if(candidates, [&](const CarrierCall& call) {
            return std::find(known->begin(), known->end(), call.sid) != known->end();
        });
    }
    co_return candidates;
}

}  // namespace bridge::call
