#include "emulator/timestamps.hpp"

#include <fmt/format.h>

#include <array>
#include <ctime>

namespace bridge::emulator {
namespace {

std::tm utc(WallTime time) {
    const auto seconds =
        std::chrono::system_clock::to_time_t(std::chrono::floor<std::chrono::seconds>(time));
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    return parts;
}

}  // namespace

// Not strftime: its names of days and months follow the process's locale.
std::string format_rfc2822(WallTime time) {
    static constexpr std::array kDays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static constexpr std::array kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const auto t = utc(time);
    return fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} +0000",
                       kDays[static_cast<std::size_t>(t.tm_wday)], t.tm_mday,
                       kMonths[static_cast<std::size_t>(t.tm_mon)], t.tm_year + 1900, t.tm_hour,
                       t.tm_min, t.tm_sec);
}

std::string format_iso8601(WallTime time) {
    const auto t = utc(time);
    const auto whole = std::chrono::floor<std::chrono::seconds>(time);
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(time - whole).count();
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", t.tm_year + 1900, t.tm_mon + 1,
                       t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec, ms);
}

std::string format_day(WallTime time) {
    return format_iso8601(time).substr(0, 10);
}

}  // namespace bridge::emulator
