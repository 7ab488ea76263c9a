#pragma once
// Dates as Twilio's API and HTTP write them.

#include <chrono>
#include <optional>
#include <string_view>

namespace bridge::twilio {

/// "Sun, 22 Nov 2026 21:38:25 +0000" (RFC 2822, any numeric zone) or "… GMT" (HTTP). Whole seconds.
std::optional<std::chrono::system_clock::time_point> parse_date(std::string_view text);

}  // namespace bridge::twilio
