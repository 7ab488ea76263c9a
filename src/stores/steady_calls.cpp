#include "stores/steady_calls.hpp"

#include <algorithm>
#include <utility>

#include "base/log.hpp"

namespace bridge::stores {
namespace {

using call::FoundCall;
using std::chrono::steady_clock;

std::shared_ptr<metrics::Registry> metrics_of(SteadyOptions& options) {
    options.metrics = metrics::registry_or_own(std::move(options.metrics));
    return options.metrics;
}

}  // namespace

SteadyCalls::SteadyCalls(SteadyOptions options)
    : options_((metrics_of(options), std::move(options))),
      shown_failing_(options_.metrics->gauge(
          "agentbridge_history_failing",
          "1 while the history cannot be written and calls are kept in memory.")),
      shown_lost_(options_.metrics->counter(
          "agentbridge_history_lost_total",
          "Ended calls that fell out of memory before they could be written.")),
      shown_writes_(options_.metrics->histogram("agentbridge_history_write_seconds",
                                                "Time of a transaction of the history.")) {}

bool SteadyCalls::have_store() {
    if (store_) return true;
    if (!options_.open || (failing_ && steady_clock::now() < next_try_)) return false;
    auto opened = options_.open();
    if (!opened) {
        lost(opened.error());
        return false;
    }
    store_ = std::move(*opened);
    return true;
}

void SteadyCalls::lost(const Error& error) {
    next_try_ = steady_clock::now() + options_.retry;
    if (error.code == Errc::unreachable) store_.reset();
    if (std::exchange(failing_, true)) return;
    shown_failing_.add(1);
    log::error("history", "{}; until then the last {} calls are kept in memory", error.message,
               MemoryCalls::kKept);
}

/// A store that went away is opened anew next time.
template <class T>
Result<T> SteadyCalls::told(Result<T> result) {
    if (!result && result.error().code == Errc::unreachable) lost(result.error());
    return result;
}

Result<> SteadyCalls::write(const std::vector<call::CallChange>& changes) {
    if (!options_.open) return memory_.write(changes);
    const bool wait = failing_ && steady_clock::now() < next_try_;
    if (wait || !have_store()) {
        memory_.write(changes);
    } else if (failing_ || !memory_.empty()) {
        memory_.write(changes);
        try_now();
    } else {
        const auto began = steady_clock::now();
        const auto written = store_->write(changes);
        shown_writes_.add(steady_clock::now() - began);
        if (!written) {
            lost(written.error());
            memory_.write(changes);
        }
    }
    if (const auto dropped = memory_.dropped(); dropped > shown_dropped_) {
        if (shown_dropped_ == 0)
            log::error("history", "more than {} calls wait to be written: the oldest are lost",
                       MemoryCalls::kKept);
        shown_lost_.add(dropped - std::exchange(shown_dropped_, dropped));
    }
    return {};
}

void SteadyCalls::try_again() {
    if (!failing_ || steady_clock::now() >= next_try_) try_now();
}

void SteadyCalls::try_now() {
    if (!options_.open) return;
    next_try_ = {};
    if (!have_store()) return;
    if (!memory_.empty()) {
        if (const auto written = store_->write(memory_.everything()); !written)
            return lost(written.error());
        memory_.clear();
    }
    if (!std::exchange(failing_, false)) return;
    shown_failing_.add(-1);
    log::info("history", "written again");
}

Result<std::vector<FoundCall>> SteadyCalls::page(const call::CallQuery& query) {
    if (!have_store()) return memory_.page(query);
    auto found = told(store_->page(query));
    if (memory_.empty()) return found;
    auto waiting = *memory_.page(query);
    if (!found) return waiting;
    // What waits is newer than what was written of the same call.
    std::erase_if(
        *found, [&](const FoundCall& one) { return memory_.find(one.call.id.str())->has_value(); });
    std::vector<FoundCall> all;
    std::merge(std::make_move_iterator(waiting.begin()), std::make_move_iterator(waiting.end()),
               std::make_move_iterator(found->begin()), std::make_move_iterator(found->end()),
               std::back_inserter(all), [](const FoundCall& left, const FoundCall& right) {
                   return is_newer(place_of(left.call), place_of(right.call));
               });
    if (all.size() > query.limit)
        all.erase(all.begin() + static_cast<std::ptrdiff_t>(query.limit), all.end());
    return all;
}

Result<std::optional<call::StoredCall>> SteadyCalls::find(std::string_view id_or_sid) {
    auto waiting = memory_.find(id_or_sid);
    if (*waiting || !have_store()) return waiting;
    return told(store_->find(id_or_sid));
}

Result<std::string> SteadyCalls::timeline(const CallId& call) {
    auto waiting = memory_.timeline(call);
    if (!waiting->empty() || !have_store()) return waiting;
    return told(store_->timeline(call));
}

Result<std::vector<call::StoredEvent>> SteadyCalls::events(const CallId& call) {
    auto waiting = memory_.events(call);
    if (!have_store()) return waiting;
    auto written = told(store_->events(call));
    if (!written) return waiting->empty() ? written : waiting;
    written->insert(written->end(), waiting->begin(), waiting->end());
    return written;
}

Result<std::vector<call::TranscriptPiece>> SteadyCalls::transcript(const CallId& call) {
    auto waiting = memory_.transcript(call);
    if (!have_store()) return waiting;
    auto written = told(store_->transcript(call));
    if (!written) return waiting->empty() ? written : waiting;
    for (auto& piece : *waiting) {
        std::erase_if(*written, [&](const auto& one) {
            return one.speaker == piece.speaker && one.number == piece.number;
        });
        written->push_back(std::move(piece));
    }
    std::sort(written->begin(), written->end(), is_said_before);
    return written;
}

Result<bool> SteadyCalls::remove(const CallId& call) {
    if (!have_store() && options_.open)
        return fail(Errc::io, "the history cannot be written at present, so nothing is removed");
    bool removed = false;
    if (store_) {
        auto gone = told(store_->remove(call));
        if (!gone) return gone;
        removed = *gone;
    }
    const auto waited = memory_.remove(call);
    return removed || *waited;
}

Result<std::vector<CallId>> SteadyCalls::ended_before(std::chrono::system_clock::time_point time,
                                                      std::size_t limit) {
    if (!have_store()) return memory_.ended_before(time, limit);
    return told(store_->ended_before(time, limit));
}

Result<std::vector<call::StoredCall>> SteadyCalls::live() {
    if (!have_store()) return memory_.live();
    return told(store_->live());
}

}  // namespace bridge::stores
