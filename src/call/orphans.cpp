#include "call/orphans.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "base/log.hpp"
#include "base/spawn.hpp"
#include "call/lost_create.hpp"

namespace bridge::call {
namespace {

using What = OrphanOutcome::What;

/// What is being settled: a list that several coroutines of one thread work off.
struct Work {
    Work(asio::any_io_executor executor, SettleOptions with)
        : options(with), done(std::move(executor), asio::steady_timer::time_point::max()) {}
    std::shared_ptr<Journal> journal;
    std::shared_ptr<Carrier> carrier;
    SettleOptions options;
    std::vector<OrphanOutcome> outcomes;
    std::size_t next = 0, busy = 0;
    asio::steady_timer done;
};

asio::awaitable<void> pause(std::chrono::milliseconds time) {
    const auto executor = co_await asio::this_coro::executor;
    asio::steady_timer timer(executor, time);
    boost::system::error_code ignored;
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

/// Finds the call of an entry without a CallSid. True: it has one now.
asio::awaitable<bool> identify(std::shared_ptr<Work> work, std::size_t index) {
    auto& outcome = work->outcomes[index];
    if (outcome.entry.direction == Direction::inbound) {
        outcome.what = What::already_over;  // announced, and never named: nothing to end
        co_return false;
    }
    CreatedCalls request{outcome.entry.to, outcome.entry.from, outcome.entry.asked,
                         outcome.entry.asked + work->options.create_window};
    const auto settled = outcome.entry.asked + work->options.create_settles;
    Result<std::vector<CarrierCall>> found;
    for (;;) {
        const bool last = std::chrono::system_clock::now() >= settled;
        auto carrier = work->carrier;
        auto journal = work->journal;
        auto wanted = request;
        std::function<bool(const CallSid&)> nobody;
        found = co_await find_lost_create(std::move(carrier), std::move(journal), std::move(wanted),
                                          std::move(nobody));
        if (!found) {
            outcome.detail = found.error().message;
            co_return false;
        }
        if (!found->empty()) break;
        if (last) {
            outcome.what = What::never_made;
            co_return false;
        }
        co_await pause(work->options.confirm_pause);
    }
    if (found->size() > 1) {
        outcome.what = What::ambiguous;
        for (const auto& call : *found) outcome.candidates.push_back(call.sid);
        co_return false;
    }
    outcome.entry.sid = found->front().sid;
    co_return true;
}

asio::awaitable<void> end_call(std::shared_ptr<Work> work, std::size_t index) {
    auto& outcome = work->outcomes[index];
    if (outcome.entry.sid.empty()) {
        const bool known = co_await identify(work, index);
        if (!known) co_return;
    }
    // A look first: most calls of a dead program are over by themselves.
    auto sid = outcome.entry.sid;
    auto fetched = co_await work->carrier->fetch(std::move(sid));
    bool was_live = false;
    for (int attempt = 0; attempt < work->options.confirm_tries; ++attempt) {
        if (!fetched && fetched.error().code == Errc::not_found) {
            outcome.what = What::already_over;
            co_return;
        }
        if (!fetched && !was_live) {
            outcome.detail = fetched.error().message;
            co_return;
        }
        if (fetched) {
            const auto state = parse_call_state(fetched->status);
            if (state && is_final(*state)) {
                outcome.entry.state = *state;
                outcome.what = was_live ? What::ended : What::already_over;
                co_return;
            }
        }
        if (!was_live) {
            auto to_end = outcome.entry.sid;
            const auto ended = co_await work->carrier->hang_up(std::move(to_end));
            if (!ended) {
                outcome.detail = ended.error().message;
                co_return;
            }
            was_live = true;
        } else {
            co_await pause(work->options.confirm_pause);
        }
        auto again = outcome.entry.sid;
        fetched = co_await work->carrier->fetch(std::move(again));
    }
    outcome.detail =
        fetched ? "the carrier still calls it " + fetched->status : fetched.error().message;
}

asio::awaitable<void> settle(std::shared_ptr<Work> work) {
    while (work->next < work->outcomes.size()) {
        const auto index = work->next++;
        auto& outcome = work->outcomes[index];
        if (outcome.entry.hold == Hold::transferred) {
            outcome.what = What::released;
        } else {
            co_await end_call(work, index);
        }
        JournalChange change;
        change.id = outcome.entry.id;
        if (!outcome.entry.sid.empty()) change.sid = outcome.entry.sid;
        if (is_final(outcome.entry.state)) change.state = outcome.entry.state;
        change.ended = !outcome.open();
        if (outcome.open()) change.instance.emplace();
        work->journal->note(std::move(change));
        log::info({"journal", outcome.entry.id}, "{} of a former run: {}{}{}",
                  outcome.entry.sid.empty() ? "a call" : outcome.entry.sid.str(),
                  to_string(outcome.what), outcome.detail.empty() ? "" : ": ", outcome.detail);
    }
    if (--work->busy == 0) work->done.cancel();
}

}  // namespace

std::string_view to_string(What what) {
    switch (what) {
        case What::ended:
            return "ended";
        case What::already_over:
            return "already over";
        case What::never_made:
            return "never made";
        case What::released:
            return "transferred";
        case What::not_confirmed:
            return "not confirmed ended";
        case What::ambiguous:
            return "several calls may be it";
    }
    return "not confirmed ended";
}

bool is_orphan(const JournalEntry& entry, const std::string& account, const IsAlive& alive) {
    if (entry.account != account) return false;
    return entry.instance.empty() || !alive(entry.instance);
}

bool is_adoptable(const JournalEntry& entry) {
    if (entry.sid.empty() || is_final(entry.state)) return false;
    if (entry.hold == Hold::held || entry.hold == Hold::conference) return true;
    return entry.hold != Hold::transferred && entry.state < CallState::in_progress;
}

asio::awaitable<std::vector<OrphanOutcome>> settle_orphans(std::shared_ptr<Journal> journal,
                                                           std::shared_ptr<Carrier> carrier,
                                                           std::vector<JournalEntry> orphans,
                                                           SettleOptions options) {
    const auto executor = co_await asio::this_coro::executor;
    const auto work = std::make_shared<Work>(executor, options);
    work->journal = std::move(journal);
    work->carrier = std::move(carrier);
    for (auto& entry : orphans) {
        OrphanOutcome outcome;
        outcome.entry = std::move(entry);
        work->outcomes.push_back(std::move(outcome));
    }
    work->busy = std::min(options.at_once, work->outcomes.size());
    for (std::size_t i = 0, count = work->busy; i < count; ++i)
        spawn(executor, "settle calls of a former run", settle(work));
    while (work->busy > 0) {
        boost::system::error_code cancelled;
        co_await work->done.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
    }
    co_return std::move(work->outcomes);
}

}  // namespace bridge::call
