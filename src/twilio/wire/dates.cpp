#include "twilio/wire/dates.hpp"

#include <array>
#include <charconv>

namespace bridge::twilio {
namespace {

/// The next word of `text`, up to any of `ends`; the end goes with it.
std::string_view take(std::string_view& text, std::string_view ends) {
    while (text.starts_with(' ')) text.remove_prefix(1);
    const auto end = text.find_first_of(ends);
    const auto word = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    return word;
}

std::optional<int> number(std::string_view word) {
    int value = 0;
    const auto* end = word.data() + word.size();
    const auto parsed = std::from_chars(word.data(), end, value);
    if (word.empty() || word[0] == '-' || parsed.ec != std::errc{} || parsed.ptr != end)
        return std::nullopt;
    return value;
}

}  // namespace

std::optional<std::chrono::system_clock::time_point> parse_date(std::string_view text) {
    using namespace std::chrono;
    if (const auto comma = text.find(','); comma != std::string_view::npos)
        text.remove_prefix(comma + 1);
    const auto day_of_month = number(take(text, " "));
    const auto month_name = take(text, " ");
    const auto in_year = number(take(text, " "));
    const auto hour = number(take(text, ":"));
    const auto minute = number(take(text, ":"));
    const auto second = number(take(text, " "));
    const auto zone = take(text, " ");
    static constexpr std::array<std::string_view, 12> kMonths{
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    unsigned month_number = 0;
    for (unsigned i = 0; i < kMonths.size(); ++i) {
        if (kMonths[i] == month_name) month_number = i + 1;
    }
    if (!day_of_month || !in_year || !hour || !minute || !second || month_number == 0)
        return std::nullopt;
    const year_month_day date{year{*in_year}, month{month_number},
                              day{static_cast<unsigned>(*day_of_month)}};
    if (!date.ok() || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
    minutes offset{0};
    if (zone.size() == 5 && (zone[0] == '+' || zone[0] == '-')) {
        const auto ahead_hours = number(zone.substr(1, 2));
        const auto ahead_minutes = number(zone.substr(3, 2));
        if (!ahead_hours || !ahead_minutes) return std::nullopt;
        offset = hours(*ahead_hours) + minutes(*ahead_minutes);
        if (zone[0] == '-') offset = -offset;
    } else if (zone != "GMT" && zone != "UTC" && zone != "Z") {
        return std::nullopt;
    }
    return sys_days(date) + hours(*hour) + minutes(*minute) + seconds(*second) - offset;
}

}  // namespace bridge::twilio
