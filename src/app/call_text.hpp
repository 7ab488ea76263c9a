#pragma once
// A call as text: the live line, the lines of its events, and the summary at its end. Pure
// functions of a snapshot.

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "call/event.hpp"
#include "call/orphans.hpp"

namespace bridge::app {

/// "00:12", "1:02:03".
std::string format_elapsed(std::chrono::milliseconds time);

/// "[#####-----]" for `level_dbfs` from -60 (empty) to 0 (full).
std::string format_meter(float level_dbfs, int cells);

/// The line at the bottom of the screen: at most `width` columns of ASCII, fields dropped from the
/// right. Several calls share it: the newest is shown and the others are counted. Empty without
/// calls.
std::string format_live_line(const std::vector<call::CallSnapshot>& calls, int width, bool color);

/// One line for an event that a person following along wants to know, without a line feed; nothing
/// for the others. `elapsed`: since the program started.
std::optional<std::string> format_event(const call::CallEvent& event,
                                        std::chrono::milliseconds elapsed);

/// The end of a call in a few lines, with a line feed at the end.
std::string format_summary(const call::CallSnapshot& call);
/// The same as one JSON object on one line.
std::string format_summary_json(const call::CallSnapshot& call);

/// "CA… to +1555…", or from.
std::string format_call(const call::JournalEntry& entry);
/// What became of a call of a former run: "CA… to +1555…: ended".
std::string format_outcome(const call::OrphanOutcome& outcome);

}  // namespace bridge::app
