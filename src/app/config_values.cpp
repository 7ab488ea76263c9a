// The small parsers and formats of config.hpp: durations, levels, hosts, how a value or a problem
// is shown.

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>

#include "app/config.hpp"

namespace bridge::app {
namespace {

/// Long enough to be a token that was pasted into the wrong place.
bool looks_like_a_secret(std::string_view value) {
    return value.size() >= 20 && std::all_of(value.begin(), value.end(), [](unsigned char c) {
               return std::isalnum(c) != 0 || c == '_' || c == '-' || c == '+' || c == '/' ||
                      c == '=';
           });
}

}  // namespace

std::string format_origin(const Origin& origin) {
    switch (origin.kind) {
        case Origin::Kind::fallback:
            return "default";
        case Origin::Kind::file:
            return fmt::format("{} line {}", origin.file, origin.line);
        case Origin::Kind::environment:
            return "environment";
        case Origin::Kind::flag:
            return origin.flag;
    }
    return "";
}

std::string SettingValue::shown() const {
    if (text.empty()) return "";
    if (setting->secret()) return "***";
    // An account or key has its own beginning; anything else long may be a secret in the wrong
    // line.
    if (setting->name == "TWILIO_ACCOUNT_SID" && text.substr(0, 2) != "AC") return "***";
    if (setting->name == "TWILIO_API_KEY" && text.substr(0, 2) != "SK") return "***";
    if (setting->kind == Setting::Kind::url || text.find("://") != std::string::npos) {
        const auto scheme = text.find("://");
        const auto start = scheme == std::string::npos ? 0 : scheme + 3;
        const auto host_end = std::min(text.find_first_of("/?#", start), text.size());
        const auto at = text.rfind('@', host_end);
        if (at != std::string::npos && at >= start) {
            return text.substr(0, start) + "***" + text.substr(at);
        }
        return scheme == std::string::npos && looks_like_a_secret(text) ? "***" : text;
    }
    const bool names_something = setting->kind == Setting::Kind::path ||
                                 setting->name == "AGENTBRIDGE_SPEAKER" ||
                                 setting->name == "AGENTBRIDGE_MICROPHONE";
    return !names_something && setting->name != "TWILIO_ACCOUNT_SID" &&
                   setting->name != "TWILIO_API_KEY" && looks_like_a_secret(text)
               ? "***"
               : text;
}

std::string format_problem(const Problem& problem) {
    auto text = problem.value.empty()
                    ? fmt::format("{} {}", problem.setting, problem.what)
                    : fmt::format("{}={} {}", problem.setting, problem.value, problem.what);
    if (!problem.where.empty()) text += fmt::format("\n    where: {}", problem.where);
    if (!problem.fix.empty()) text += fmt::format("\n    fix:   {}", problem.fix);
    return text;
}

Result<std::chrono::seconds> parse_duration(std::string_view text) {
    const auto bad = [&] {
        return fail(Errc::bad_field,
                    fmt::format("'{}' is not a time; write seconds, or 90s, 15m, 4h", text));
    };
    std::int64_t count = 0;
    const auto* end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, count);
    if (error != std::errc{} || count < 0 || count > 31'536'000) return bad();
    const std::string_view unit(rest, static_cast<std::size_t>(end - rest));
    if (unit.empty() || unit == "s") return std::chrono::seconds(count);
    if (unit == "m") return std::chrono::minutes(count);
    if (unit == "h") return std::chrono::hours(count);
    return bad();
}

Result<std::optional<std::chrono::seconds>> parse_retention(std::string_view text) {
    if (text == "forever" || text == "0") return std::nullopt;
    std::int64_t count = 0;
    const auto* end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, count);
    const std::string_view unit(rest, static_cast<std::size_t>(end - rest));
    constexpr std::int64_t kMostDays = 36'500;
    const int hours = unit == "h" ? 1 : unit == "d" ? 24 : unit == "w" ? 24 * 7 : 0;
    if (error != std::errc{} || hours == 0 || count < 1 || count > kMostDays * 24 / hours)
        return fail(
            Errc::bad_field,
            fmt::format("'{}' is not a time to keep things; write 30d, 12h, 4w or forever", text));
    return std::chrono::hours(count * hours);
}

Result<log::Level> parse_log_level(std::string_view text) {
    std::string name(text);
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    if (name == "DEBUG" || name == "NOTSET") return log::Level::debug;
    if (name == "INFO") return log::Level::info;
    if (name == "WARNING" || name == "WARN") return log::Level::warning;
    if (name == "ERROR" || name == "CRITICAL" || name == "FATAL") return log::Level::error;
    return fail(Errc::bad_field,
                fmt::format("'{}' is no log level; use DEBUG, INFO, WARNING or ERROR", text));
}

std::string_view host_of_url(std::string_view url) {
    const auto scheme = url.find("://");
    if (scheme == std::string_view::npos) return {};
    url.remove_prefix(scheme + 3);
    url = url.substr(0, url.find_first_of("/?#"));
    url.remove_prefix(url.rfind('@') + 1);  // npos + 1 is 0: nothing to remove
    const auto bracket = url.find(']');
    if (!url.empty() && url.front() == '[' && bracket != std::string_view::npos)
        return url.substr(0, bracket + 1);
    return url.substr(0, url.find(':'));
}

bool is_loopback_host(std::string_view host) {
    if (host.size() >= 2 && host.front() == '[' && host.back() == ']')
        host = host.substr(1, host.size() - 2);
    std::string name(host);
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    if (name == "localhost" || name == "::1") return true;
    int parts = 1;
    int digits = 0;
    for (const auto c : name) {
        if (c == '.') {
            if (digits == 0) return false;
            ++parts;
            digits = 0;
        } else if (c >= '0' && c <= '9') {
            ++digits;
        } else {
            return false;
        }
    }
    return parts == 4 && digits > 0 && name.substr(0, 4) == "127.";
}

}  // namespace bridge::app
