#pragma once
// What `devices test` says about a microphone, as text: no clock, no terminal.

#include <boost/json/object.hpp>
#include <string>
#include <vector>

#include "devices/test_microphone.hpp"

namespace bridge::app {

/// "[########|-----------]  -31 dBFS  peak  -12 dBFS": the bar is the level, the mark in it the
/// peak. `too_loud`: "too loud" stands behind. `unicode`: with blocks.
std::string format_mic_moment(const devices::MicMoment& moment, bool too_loud, bool unicode);

/// What was heard, in one line, with the figures.
std::string format_mic_report(const devices::MicReport& report);

/// What to do about it, one line each; empty when all is well.
std::vector<std::string> mic_advice(const devices::MicReport& report);

/// The same for programs.
boost::json::object mic_json(const devices::MicReport& report);

}  // namespace bridge::app
