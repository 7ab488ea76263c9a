#include "web/answers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <charconv>
#include <ctime>

#include "web/problem.hpp"

namespace bridge::web {
namespace {

/// What the system's clock can tell, whole years.
constexpr int kFirstYear = 1678, kLastYear = 2261;

int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

std::string decoded(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '%' && i + 2 < text.size()) {
            const int high = hex_value(text[i + 1]), low = hex_value(text[i + 2]);
            if (high >= 0 && low >= 0) {
                out += static_cast<char>(high * 16 + low);
                i += 2;
                continue;
            }
        }
        out += text[i];
    }
    return out;
}

/// Takes `digits` digits off the front. Nothing: they are none.
std::optional<int> take_number(std::string_view& text, std::size_t digits) {
    if (text.size() < digits) return std::nullopt;
    int value = 0;
    for (const char c : text.substr(0, digits)) {
        if (c < '0' || c > '9') return std::nullopt;
        value = value * 10 + (c - '0');
    }
    text.remove_prefix(digits);
    return value;
}

bool take(std::string_view& text, char wanted) {
    if (text.empty() || text.front() != wanted) return false;
    text.remove_prefix(1);
    return true;
}

/// "Z" or "+02:00", all that is left. Nothing: neither.
std::optional<std::chrono::minutes> parse_offset(std::string_view text) {
    if (text == "Z" || text == "z") return std::chrono::minutes(0);
    const bool behind = text.starts_with('-');
    if (!behind && !text.starts_with('+')) return std::nullopt;
    text.remove_prefix(1);
    const auto hours = take_number(text, 2);
    if (!hours || !take(text, ':')) return std::nullopt;
    const auto minutes = take_number(text, 2);
    if (!minutes || !text.empty() || *hours > 23 || *minutes > 59) return std::nullopt;
    const std::chrono::minutes offset(*hours * 60 + *minutes);
    return behind ? -offset : offset;
}

}  // namespace

net::HttpResponse answer_json_text(int status, std::string body) {
    auto response = net::respond(status, "application/json", std::move(body) + "\n");
    response.headers.set("Cache-Control", "no-store");
    return response;
}

net::HttpResponse answer_json(int status, const boost::json::value& body) {
    return answer_json_text(status, boost::json::serialize(body));
}

net::HttpResponse no_answer() {
    return problem(504, "timed_out", "the call's thread does not answer");
}

net::HttpResponse no_call(std::string_view id) {
    return problem(404, "no_such_call", fmt::format("there is no call {}", id));
}

net::HttpResponse no_content() {
    net::HttpResponse response;
    response.status = 204;
    response.headers.set("Cache-Control", "no-store");
    return response;
}

std::string query_value(std::string_view query, std::string_view name) {
    while (!query.empty()) {
        const auto part = query.substr(0, query.find('&'));
        query.remove_prefix(std::min(part.size() + 1, query.size()));
        const auto equals = part.find('=');
        if (part.substr(0, equals) == name)
            return equals == std::string_view::npos ? std::string()
                                                    : decoded(part.substr(equals + 1));
    }
    return {};
}

std::string format_time(std::chrono::system_clock::time_point time) {
    using namespace std::chrono;
    const auto whole = floor<milliseconds>(time);
    const auto day = floor<days>(whole);
    const year_month_day date(day);
    const hh_mm_ss clock(whole - day);
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                       static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                       clock.hours().count(), clock.minutes().count(), clock.seconds().count(),
                       clock.subseconds().count());
}

std::optional<std::chrono::system_clock::time_point> parse_time(std::string_view text) {
    using namespace std::chrono;
    const auto y = take_number(text, 4);
    if (!y || *y < kFirstYear || *y > kLastYear || !take(text, '-')) return std::nullopt;
    const auto m = take_number(text, 2);
    if (!m || !take(text, '-')) return std::nullopt;
    const auto d = take_number(text, 2);
    if (!d || !(take(text, 'T') || take(text, 't') || take(text, ' '))) return std::nullopt;
    const auto hour = take_number(text, 2);
    if (!hour || !take(text, ':')) return std::nullopt;
    const auto minute = take_number(text, 2);
    if (!minute || !take(text, ':')) return std::nullopt;
    const auto second = take_number(text, 2);
    const year_month_day date(year(*y), month(static_cast<unsigned>(*m)),
                              day(static_cast<unsigned>(*d)));
    if (!second || !date.ok() || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
    microseconds fraction{0};
    if (take(text, '.')) {
        auto unit = microseconds(seconds(1));
        bool any = false;
        while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
            unit /= 10;
            fraction += unit * (text.front() - '0');
            text.remove_prefix(1);
            any = true;
        }
        if (!any) return std::nullopt;
    }
    const auto offset = parse_offset(text);
    if (!offset) return std::nullopt;
    return sys_days(date) + hours(*hour) + minutes(*minute) + seconds(*second) + fraction - *offset;
}

}  // namespace bridge::web
