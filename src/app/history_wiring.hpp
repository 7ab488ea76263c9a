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
#include "call/transcript_document.hpp"
#include "capture/capture_store.hpp"
#include "stores/history_keeper.hpp"
#include "stores/recording_store.hpp"

namespace bridge::app {

/// Opens the store that the settings name. Without a file of the history there is nothing to be
/// read: an empty one in memory then. Errors: io, unreachable.
Result<std::unique_ptr<call::CallStore>> open_history(const Config& config, HistoryAccess access);

/// The history of a program that runs as `instance`, with what else is kept of its calls. The
/// stores outlive it; each may be null.
std::shared_ptr<stores::HistoryKeeper> start_history(
    const Config& config, const std::string& instance, std::shared_ptr<metrics::Registry> metrics,
    const std::shared_ptr<stores::RecordingStore>& recordings,
    const std::shared_ptr<capture::CaptureStore>& captures);
/// Whether a call of the history is held by a program that has died. Programs of other machines
/// and state folders may have the same names: of these nothing is known.
bool is_left(const Config& config, std::string_view holder);

/// For the command line.
HistoryParts history_parts();
/// What was taken down of a call of the past, by its CallId or CallSid. Errors: not_found, io,
/// unreachable.
Result<call::TranscriptDocument> former_transcript(const Config& config, const std::string& call);

/// What became of a call that a former run left.
void settle_history(stores::HistoryKeeper& history, const call::OrphanOutcome& outcome);

}  // namespace bridge::app
