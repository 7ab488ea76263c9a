#include "app/dotenv.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <system_error>

namespace bridge::app {
namespace {

/// Bytes of the white space character at `at`, 0 if there is none. Unicode's spaces count, as they
/// do in Python: a no-break space pasted from a web page is the usual one.
std::size_t space_at(std::string_view text, std::size_t at) {
    if (at >= text.size()) return 0;
    const auto byte = [&](std::size_t offset) {
        return at + offset < text.size() ? static_cast<unsigned char>(text[at + offset]) : 0U;
    };
    const auto first = byte(0);
    if (first == ' ' || (first >= 0x09 && first <= 0x0d) || (first >= 0x1c && first <= 0x1f))
        return 1;
    if (first == 0xc2 && (byte(1) == 0x85 || byte(1) == 0xa0)) return 2;
    if (first == 0xe1 && byte(1) == 0x9a && byte(2) == 0x80) return 3;
    if (first == 0xe2 && byte(1) == 0x80) {
        const auto last = byte(2);
        if ((last >= 0x80 && last <= 0x8a) || last == 0xa8 || last == 0xa9 || last == 0xaf)
            return 3;
    }
    if (first == 0xe2 && byte(1) == 0x81 && byte(2) == 0x9f) return 3;
    if (first == 0xe3 && byte(1) == 0x80 && byte(2) == 0x80) return 3;
    return 0;
}

std::string_view trimmed_right(std::string_view text) {
    for (;;) {
        bool cut = false;
        for (const std::size_t width : {std::size_t{1}, std::size_t{2}, std::size_t{3}}) {
            if (text.size() >= width && space_at(text, text.size() - width) == width) {
                text.remove_suffix(width);
                cut = true;
                break;
            }
        }
        if (!cut) return text;
    }
}

std::string with_plain_line_ends(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] != '\r') {
            out.push_back(text[at]);
            continue;
        }
        out.push_back('\n');
        if (at + 1 < text.size() && text[at + 1] == '\n') ++at;
    }
    return out;
}

std::string without_escapes(std::string_view text, std::string_view escapes,
                            std::string_view meanings) {
    std::string out;
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] == '\\' && at + 1 < text.size()) {
            const auto which = escapes.find(text[at + 1]);
            if (which != std::string_view::npos) {
                out.push_back(meanings[which]);
                ++at;
                continue;
            }
        }
        out.push_back(text[at]);
    }
    return out;
}

/// Goes through the text statement by statement.
class Reader {
public:
    explicit Reader(std::string text) : text_(std::move(text)) {}

    bool more() const { return at_ < text_.size(); }

    /// Reads one statement. False: it made no sense; the rest of its line is skipped.
    bool statement(std::optional<DotenvEntry>& entry) {
        skip_space(true);
        line_ = 1 + static_cast<int>(std::count(text_.cbegin(), position(), '\n'));
        if (!more()) return true;
        if (read(entry)) return true;
        entry.reset();
        skip_rest_of_line();
        if (more()) ++at_;
        return false;
    }

    int line() const { return line_; }

private:
    std::string::const_iterator position() const {
        return text_.cbegin() + static_cast<std::string::difference_type>(at_);
    }
    char peek() const { return more() ? text_[at_] : '\0'; }
    bool at_line_end() const { return !more() || text_[at_] == '\n'; }

    std::size_t skip_space(bool line_feeds_too) {
        const auto start = at_;
        while (const auto width = space_at(text_, at_)) {
            if (!line_feeds_too && text_[at_] == '\n') break;
            at_ += width;
        }
        return at_ - start;
    }

    void skip_rest_of_line() { at_ = std::min(text_.find('\n', at_), text_.size()); }

    bool read(std::optional<DotenvEntry>& entry) {
        constexpr std::string_view kExport = "export";
        const auto start = at_;
        if (text_.compare(at_, kExport.size(), kExport) == 0) {
            at_ += kExport.size();
            if (skip_space(false) == 0) at_ = start;
        }
        if (peek() != '#') {
            auto name = read_name();
            if (!name) return false;
            entry = DotenvEntry{std::move(*name), std::nullopt, line_};
        }
        skip_space(false);
        if (peek() == '=') {
            ++at_;
            skip_space(false);
            auto value = read_value();
            if (!value) return false;
            if (entry) entry->value = std::move(*value);
        }
        skip_space(false);
        if (peek() == '#') skip_rest_of_line();
        if (!at_line_end()) return false;
        if (more()) ++at_;
        return true;
    }

    std::optional<std::string> read_name() {
        const auto start = at_;
        if (peek() == '\'') {
            const auto end = text_.find('\'', at_ + 1);
            if (end == std::string::npos || end == at_ + 1) return std::nullopt;
            at_ = end + 1;
            return text_.substr(start + 1, end - start - 1);
        }
        while (more() && text_[at_] != '=' && text_[at_] != '#' && space_at(text_, at_) == 0) ++at_;
        if (at_ == start) return std::nullopt;
        return text_.substr(start, at_ - start);
    }

    std::optional<std::string> read_value() {
        if (peek() == '\'') return read_quoted('\'', "\\'", "\\'");
        if (peek() == '"') return read_quoted('"', "\\'\"abfnrtv", "\\'\"\a\b\f\n\r\t\v");
        const auto start = at_;
        skip_rest_of_line();
        auto value = std::string_view(text_).substr(start, at_ - start);
        // A comment needs white space before its '#': a=b#c keeps it.
        for (std::size_t at = 0; at < value.size(); ++at) {
            auto end = at;
            while (const auto width = space_at(value, end)) end += width;
            if (end > at && end < value.size() && value[end] == '#') {
                value = value.substr(0, at);
                break;
            }
        }
        return std::string(trimmed_right(value));
    }

    /// The value ends at the first quote without a backslash before it; if there is none, at the
    /// last one with a backslash (a Windows path in quotes).
    std::optional<std::string> read_quoted(char quote, std::string_view escapes,
                                           std::string_view meanings) {
        const auto start = at_ + 1;
        auto end = std::string::npos;
        for (auto at = start; at < text_.size(); ++at) {
            if (text_[at] == '\\' && at + 1 < text_.size() && text_[at + 1] == quote) {
                end = ++at;
            } else if (text_[at] == quote) {
                end = at;
                break;
            }
        }
        if (end == std::string::npos) return std::nullopt;
        at_ = end + 1;
        return without_escapes(std::string_view(text_).substr(start, end - start), escapes,
                               meanings);
    }

    std::string text_;
    std::size_t at_ = 0;
    int line_ = 1;
};

/// ${NAME} and ${NAME:-default}; anything else with a dollar sign stays as it is.
template <class Lookup>
std::string interpolated(std::string_view value, const Lookup& look_up) {
    std::string out;
    std::size_t at = 0;
    while (at < value.size()) {
        if (value.substr(at, 2) == "${") {
            const auto close = value.find('}', at);
            const auto inside = close == std::string_view::npos
                                    ? std::string_view{}
                                    : value.substr(at + 2, close - at - 2);
            const auto colon = inside.find(':');
            const bool plain = colon == std::string_view::npos;
            if (close != std::string_view::npos && (plain || inside.substr(colon, 2) == ":-")) {
                const auto fallback = plain ? std::string_view{} : inside.substr(colon + 2);
                out += look_up(std::string(inside.substr(0, colon)), fallback);
                at = close + 1;
                continue;
            }
        }
        out.push_back(value[at++]);
    }
    return out;
}

}  // namespace

const DotenvEntry* Dotenv::find(std::string_view name) const {
    const auto found = std::find_if(entries.rbegin(), entries.rend(),
                                    [&](const DotenvEntry& entry) { return entry.name == name; });
    return found == entries.rend() ? nullptr : &*found;
}

Dotenv parse_dotenv(std::string_view text, const std::map<std::string, std::string>& environment) {
    constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
    if (text.substr(0, kByteOrderMark.size()) == kByteOrderMark)
        text.remove_prefix(kByteOrderMark.size());

    Dotenv file;
    std::map<std::string, std::optional<std::string>> so_far;
    const auto look_up = [&](const std::string& name, std::string_view fallback) -> std::string {
        if (const auto found = environment.find(name); found != environment.end())
            return found->second;
        if (const auto found = so_far.find(name); found != so_far.end())
            return found->second.value_or("");
        return std::string(fallback);
    };

    Reader reader(with_plain_line_ends(text));
    while (reader.more()) {
        std::optional<DotenvEntry> entry;
        if (!reader.statement(entry)) {
            file.bad_lines.push_back(reader.line());
        } else if (entry) {
            if (entry->value) entry->value = interpolated(*entry->value, look_up);
            so_far[entry->name] = entry->value;
            file.entries.push_back(std::move(*entry));
        }
    }
    return file;
}

Result<Dotenv> read_dotenv(const std::filesystem::path& path,
                           const std::map<std::string, std::string>& environment) {
    std::error_code ignored;
    if (!std::filesystem::exists(path, ignored)) {
        return fail(Errc::not_found, fmt::format("{}: no such file", path.string()));
    }
    if (std::filesystem::is_directory(path, ignored)) {
        return fail(Errc::io, fmt::format("{} is a folder, not a file of settings", path.string()));
    }
    errno = 0;
    std::ifstream in(path, std::ios::binary);
    if (!in) {
        return fail(Errc::io,
                    fmt::format("{} cannot be read: {}", path.string(), std::strerror(errno)));
    }
    const std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    auto file = parse_dotenv(text, environment);
    file.path = path;
    return file;
}

std::optional<std::filesystem::path> find_dotenv(const std::filesystem::path& folder) {
    std::error_code ignored;
    for (auto here = std::filesystem::absolute(folder, ignored);; here = here.parent_path()) {
        const auto candidate = here / ".env";
        // A pipe counts too: password managers hand settings over that way.
        if (std::filesystem::is_regular_file(candidate, ignored) ||
            std::filesystem::is_fifo(candidate, ignored))
            return candidate;
        if (!here.has_relative_path() || here == here.parent_path()) return std::nullopt;
    }
}

}  // namespace bridge::app
