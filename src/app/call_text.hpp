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

/// The number or address of whoever is not us.
const std::string& other_end(const call::CallSnapshot& call);

/// "00:12", "1:02:03".
std::string format_elapsed(std::chrono::milliseconds time);

/// "[#####-----]" for `level_dbfs` from -60 (empty) to 0 (full); `unicode`: with blocks.
std::string format_meter(float level_dbfs, int cells, bool unicode = false);

struct LiveStyle {
    int width = 80;
    bool color = false;
    bool unicode = false;        ///< else ASCII only
    bool whole_numbers = false;  ///< else but the last four digits of a number are hidden
};
/// The lines at the bottom of the screen, one for each call, less than `width` columns each, fields
/// dropped from the right. With many calls: the one with the focus, those that ring, the newest,
/// and how many more there are.
std::vector<std::string> format_live_lines(const std::vector<call::CallSnapshot>& calls,
                                           const LiveStyle& style);

/// The last line of a watch: "2 calls  Ctrl-C leaves", or, with `keys`, what they do; as much of it
/// as is less than `width`.
std::string format_watch_foot(std::size_t calls, bool keys, int width);

/// What this side does with a call, in words: "focus, muted, on hold".
std::string format_signs(const call::CallSnapshot& call);
/// One call on one line, for lists and messages, without a line feed. Without `with_time` it says
/// the same until something changes.
std::string format_call_line(const call::CallSnapshot& call, bool with_time = true);
/// A heading and a line for each, or "no calls".
std::string format_call_table(const std::vector<call::CallSnapshot>& calls);
/// Everything about a live call that people want to know, one thing on each line.
std::string format_call_details(const call::CallSnapshot& call);

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
