#include "twilio/wire/dates.hpp"

#include <gtest/gtest.h>

namespace bridge::twilio {
namespace {

std::int64_t seconds_of(std::string_view text) {
    const auto date = parse_date(text);
    if (!date) return -1;
    return std::chrono::duration_cast<std::chrono::seconds>(date->time_since_epoch()).count();
}

TEST(Dates, ReadsWhatTheApiWrites) {
    EXPECT_EQ(seconds_of("Sun, 22 Nov 2026 21:38:25 +0000"), 1795383505);
    EXPECT_EQ(seconds_of("Thu, 01 Jan 1970 00:00:00 +0000"), 0);
}

TEST(Dates, ReadsWhatHttpWrites) {
    EXPECT_EQ(seconds_of("Sun, 22 Nov 2026 21:38:25 GMT"), 1795383505);
}

TEST(Dates, CountsTheZone) {
    EXPECT_EQ(seconds_of("Sun, 22 Nov 2026 22:38:25 +0100"), 1795383505);
    EXPECT_EQ(seconds_of("Sun, 22 Nov 2026 16:08:25 -0530"), 1795383505);
}

TEST(Dates, RefusesWhatIsNone) {
    for (const std::string_view text :
         {"", "yesterday", "Sun, 31 Feb 2026 21:38:25 GMT", "Sun, 22 Nov 2026 24:38:25 GMT",
          "Sun, 22 Nov 2026 21:38 GMT", "Sun, 22 Nov 2026 21:38:25", "2026-11-22T21:38:25Z",
          "Sun, 22 Nov 2026 21:38:25 EST", "Sun, -2 Nov 2026 21:38:25 GMT"}) {
        EXPECT_FALSE(parse_date(text)) << text;
    }
}

}  // namespace
}  // namespace bridge::twilio
