#pragma once
// Wall-clock times in the two spellings that Twilio uses, and in the one of its list filters.

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace bridge::emulator {

using WallTime = std::chrono::system_clock::time_point;

/// "Tue, 31 Aug 2010 20:36:28 +0000": REST resources and call status callbacks.
std::string format_rfc2822(WallTime time);
/// "2010-08-31T20:36:28.123Z": stream status callbacks, the ledger.
std::string format_iso8601(WallTime time);
/// The day, "2010-08-31", in UTC.
std::string format_day(WallTime time);

}  // namespace bridge::emulator
