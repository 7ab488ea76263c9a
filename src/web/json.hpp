#pragma once
// A call as JSON: the control API's answers and the command line's --json have the same keys.

#include <boost/json/object.hpp>

#include "call/desk.hpp"
#include "call/event.hpp"
#include "call/transcript_document.hpp"

namespace bridge::web {

boost::json::object call_json(const call::CallSnapshot& call);
boost::json::object local_json(const call::LocalPart& local);
boost::json::object transfer_json(const call::TransferState& transfer);
boost::json::object agent_json(const call::AgentState& agent);
boost::json::object recording_json(const call::RecordingState& recording);
boost::json::object transcription_json(const call::TranscriptionState& state);
boost::json::object piece_json(const call::TranscriptPiece& piece);
/// As GET /calls/{id}/transcript has it.
boost::json::object transcript_json(const call::TranscriptDocument& document);
/// Milliseconds; a leg that was never finished is missing.
boost::json::object latency_json(const call::TurnLatency& turn);
/// What happened, with its "type": one event of the API's event stream.
boost::json::object event_json(const call::CallEvent& event);

/// With what only the desk knows, in "local": volume and solo.
boost::json::object call_json(const call::CallSnapshot& call, const call::Desk::Place& place);

}  // namespace bridge::web
