#pragma once
// Where the calls of the past are kept: in the state folder, or on a PostgreSQL server.

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "app/config.hpp"
#include "app/history_parts.hpp"
#include "base/metrics.hpp"
#include "call/call_store.hpp"
#include "call/orphans.hpp"
#include "stores/history_keeper.hpp"

namespace bridge::app {

/// Opens the store that the settings name. Without a file of the history there is nothing to be
/// read: an empty one in memory then. Errors: io, unreachable.
Result<std::unique_ptr<call::CallStore>> open_history(const Config& config, HistoryAccess access);

/// The history of a program that runs as `instance`. `files`, `captured`: as HistoryOptions has
/// them.
std::shared_ptr<stores::HistoryKeeper> start_history(
    const Config& config, const std::string& instance, std::shared_ptr<metrics::Registry> metrics,
    std::vector<stores::HistoryFiles> files = {}, std::function<bool(const CallId&)> captured = {});
/// Whether a call of the history is held by a program that has died. Programs of other machines
/// and state folders may have the same names: of these nothing is known.
bool is_left(const Config& config, std::string_view holder);

/// For the command line.
HistoryParts history_parts();

/// What became of a call that a former run left.
void settle_history(stores::HistoryKeeper& history, const call::OrphanOutcome& outcome);

}  // namespace bridge::app
