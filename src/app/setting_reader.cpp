#include "app/setting_reader.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <cctype>
#include <charconv>

#include "app/nearest.hpp"

namespace bridge::app {

std::string trimmed(std::string_view text) {
    const auto first = text.find_first_not_of(" \t\r\n");
    if (first == std::string_view::npos) return "";
    return std::string(text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1));
}

std::string lower(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return text;
}

SettingValue SettingReader::find(const Setting& setting) const {
    SettingValue value;
    value.setting = &setting;
    const std::string name(setting.name);
    bool found = false;
    if (const auto flag = sources_.flags.find(name); flag != sources_.flags.end()) {
        value.text = flag->second;
        value.origin = {Origin::Kind::flag, "", 0, std::string(setting.flag)};
        found = true;
    } else if (const auto env = sources_.environment.find(name);
               env != sources_.environment.end()) {
        value.text = trimmed(env->second);
        value.origin = {Origin::Kind::environment, "", 0, ""};
        found = true;
    } else if (const auto* entry = sources_.file ? sources_.file->find(name) : nullptr;
               entry != nullptr && entry->value) {
        value.text = trimmed(*entry->value);
        value.origin = {Origin::Kind::file, sources_.file->path.string(), entry->line, ""};
        found = true;
    }
    if (found && is_placeholder(setting, value.text)) {
        value.placeholder = true;
        value.text.clear();
        return value;
    }
    if (value.text.empty()) {
        // An empty value hides what comes after it and means "the default".
        if (!found || !setting.fallback.empty()) value.origin = {};
        value.text = setting.fallback;
    }
    return value;
}

void SettingReader::wrong(std::string_view name, std::string what, std::string fix) {
    const auto& found = value(name);
    out_.problems.push_back({std::string(name), found.shown(), format_origin(found.origin),
                             std::move(what), std::move(fix)});
}

void SettingReader::missing(std::string_view name, std::string fix) {
    const auto& found = value(name);
    Problem problem{std::string(name), "", "", "is not set", std::move(fix)};
    if (found.placeholder) {
        problem.what = "still has the example's text";
        problem.where = format_origin(found.origin);
    } else if (found.origin.kind == Origin::Kind::environment ||
               found.origin.kind == Origin::Kind::file) {
        problem.what = "is empty";
        problem.where = format_origin(found.origin);
    } else {
        problem.where = fmt::format("looked in the environment and in {}",
                                    out_.file.empty() ? sources_.looked_for_file : out_.file);
    }
    out_.problems.push_back(std::move(problem));
}

std::optional<int> SettingReader::integer(std::string_view name, int low, int high,
                                          std::string_view fix) {
    const auto& written = text(name);
    int number = 0;
    const auto* end = written.data() + written.size();
    const auto [rest, error] = std::from_chars(written.data(), end, number);
    if (error == std::errc{} && rest == end && number >= low && number <= high) return number;
    wrong(name, fmt::format("is not a whole number from {} to {}", low, high),
          fix.empty() ? fmt::format("set it to {}, the default, or take it away",
                                    find_setting(name)->fallback)
                      : std::string(fix));
    return std::nullopt;
}

std::optional<std::string> SettingReader::choice(std::string_view name) {
    const auto& found = value(name);
    const auto written = lower(found.text);
    const auto& choices = found.setting->choices;
    if (std::find(choices.begin(), choices.end(), written) != choices.end()) return written;
    const auto close = nearest(written, choices);
    wrong(name, "is none of its choices",
          close.empty()
              ? fmt::format("use one of: {}", fmt::join(choices, ", "))
              : fmt::format("use one of: {}; did you mean {}?", fmt::join(choices, ", "), close));
    return std::nullopt;
}

void SettingReader::duration(std::string_view name, int low, int high, std::chrono::seconds& into) {
    const auto parsed = parse_duration(text(name));
    if (parsed && parsed->count() >= low && parsed->count() <= high) {
        into = *parsed;
        return;
    }
    wrong(name, fmt::format("is not a time from {} to {} seconds", low, high),
          fmt::format("write seconds, or 90s, 15m, 4h; the default is {}",
                      find_setting(name)->fallback));
}

bool SettingReader::problem_about(std::string_view name) const {
    return std::any_of(out_.problems.begin(), out_.problems.end(),
                       [&](const Problem& problem) { return problem.setting == name; });
}

std::optional<std::string> SettingReader::url(std::string_view name,
                                              std::initializer_list<std::string_view> secure,
                                              std::initializer_list<std::string_view> plain,
                                              const std::string& example, Query query) {
    const auto& written = text(name);
    const auto parsed = boost::urls::parse_uri(written);
    const auto is_one_of = [](std::string_view word,
                              std::initializer_list<std::string_view> words) {
        return std::find(words.begin(), words.end(), word) != words.end();
    };
    const auto fix = fmt::format("write it as {}", example);
    if (!parsed || !parsed->has_authority() || host_of_url(written).empty()) {
        wrong(name, "is not an address", fix);
        return std::nullopt;
    }
    const std::string scheme = lower(std::string(parsed->scheme().data(), parsed->scheme().size()));
    if (!is_one_of(scheme, secure) && !is_one_of(scheme, plain)) {
        wrong(name, "does not start with a scheme that can be used here", fix);
        return std::nullopt;
    }
    if (parsed->has_userinfo()) {
        wrong(name, "has a user name in it", "take away what stands before the @");
        return std::nullopt;
    }
    if ((parsed->has_query() && query == Query::refused) || parsed->has_fragment()) {
        wrong(name, "has a query or fragment, which Twilio drops",
              "take away everything from the ? or # on");
        return std::nullopt;
    }
    if (parsed->has_port() && parsed->port_number() == 0) {
        wrong(name, "has a port that is none", "ports go from 1 to 65535");
        return std::nullopt;
    }
    const auto host = host_of_url(written);
    if (is_one_of(scheme, plain) && !is_loopback_host(host)) {
        wrong(
            name,
            fmt::format("must be {} (plain {} is for this machine alone)", *secure.begin(), scheme),
            fix);
        return std::nullopt;
    }
    auto address = written;
    while (!address.empty() && address.back() == '/') address.pop_back();
    return address;
}

std::string SettingReader::file(std::string_view name) {
    auto path = text(name);
    std::error_code ignored;
    if (!path.empty() && !std::filesystem::is_regular_file(path, ignored))
        wrong(name, "is not a file", "give the path of a file, or take it away");
    return path;
}

std::map<std::string, Secret> SettingReader::file_variables() const {
    std::map<std::string, Secret> out;
    if (!sources_.file) return out;
    for (const auto& entry : sources_.file->entries)
        if (entry.value) out.insert_or_assign(entry.name, Secret(*entry.value));
    return out;
}

}  // namespace bridge::app
