#pragma once
// What the control API says, read back: what web/json.hpp and web/event_json.cpp write, as far as
// it is in there.

#include <boost/json/value.hpp>
#include <optional>
#include <vector>

#include "call/event.hpp"
#include "call/transcript_document.hpp"

namespace bridge::app {

/// A call, as every answer about one has it. What is not there is as in a call that has not begun.
call::CallSnapshot read_call(const boost::json::value& call);
/// {"calls": […]}
std::vector<call::CallSnapshot> read_calls(const boost::json::value& list);
/// One of GET /events; nothing: it is none that this program knows.
std::optional<call::CallEvent> read_event(const boost::json::value& event);
/// GET /calls/{id}/transcript
call::TranscriptDocument read_transcript(const boost::json::value& transcript);

}  // namespace bridge::app
