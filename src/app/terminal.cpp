#include "app/terminal.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "app/columns.hpp"
#include "base/own_stderr.hpp"

namespace bridge::app {

TerminalTraits terminal_traits(bool in_tty, bool out_tty, bool err_tty, bool no_color_flag,
                               const std::map<std::string, std::string>& environment) {
    const auto value = [&](const char* name) {
        const auto found = environment.find(name);
        return found == environment.end() ? std::string() : found->second;
    };
    const auto term = value("TERM");
    const bool dumb = term.empty() || term == "dumb";
    TerminalTraits traits{in_tty, out_tty, err_tty};
    traits.redraw = err_tty && !dumb;
    const auto locale = !value("LC_ALL").empty()     ? value("LC_ALL")
                        : !value("LC_CTYPE").empty() ? value("LC_CTYPE")
                                                     : value("LANG");
    const auto names = [&](std::string_view charset) {
        return locale.find(charset) != std::string::npos;
    };
    traits.unicode =
        traits.redraw && (names("UTF-8") || names("utf-8") || names("UTF8") || names("utf8"));
    traits.color = traits.redraw && !no_color_flag && value("NO_COLOR").empty();
    return traits;
}

TerminalTraits detect_terminal(bool no_color_flag,
                               const std::map<std::string, std::string>& environment) {
    auto traits = terminal_traits(isatty(STDIN_FILENO) == 1, isatty(STDOUT_FILENO) == 1,
                                  isatty(STDERR_FILENO) == 1, no_color_flag, environment);
    if (traits.in_tty && traits.redraw) traits.keys_fd = STDIN_FILENO;
    return traits;
}

int terminal_width() {
    for (const int fd : {own_stderr(), STDOUT_FILENO}) {
        winsize size{};
        if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
    }
    return 80;
}

LiveLine::LiveLine(Write write, bool redraw, std::function<int()> width)
    : write_(std::move(write)), redraw_(redraw), width_(std::move(width)) {}

LiveLine::~LiveLine() {
    clear();
}

std::string LiveLine::back() const {
    const auto width = static_cast<std::size_t>(std::max(width_(), 1));
    std::size_t rows = 0;
    for (const auto& line : shown_)
        rows += std::max<std::size_t>(1, (columns_of(line) + width - 1) / width);
    return rows > 1 ? fmt::format("\x1b[{}A\r", rows - 1) : std::string("\r");
}

std::string LiveLine::drawn() const {
    std::string text;
    // A row is erased whole, or tmux remembers that it was broken and joins it to the next one when
    // there is room again. What is below is erased from here: erased from its first line on, tmux
    // would keep a copy.
    for (std::size_t at = 0; at < shown_.size(); ++at)
        text += (at == 0 ? "\x1b[2K" : "\n\x1b[2K") + shown_[at];
    return text + "\x1b[J";
}

std::string LiveLine::changed(const std::vector<std::string>& next) const {
    // Each line is overwritten before its rest is erased, and the others are left alone: nothing
    // flickers.
    std::string text;
    std::size_t row = shown_.empty() ? 0 : shown_.size() - 1;
    const auto go = [&](std::size_t to) {
        if (to < row) text += fmt::format("\x1b[{}A", row - to);
        for (; row < to; ++row) text += row + 1 < shown_.size() ? "\x1b[B" : "\n";
        row = to;
        text += '\r';
    };
    for (std::size_t at = 0; at < next.size(); ++at) {
        if (at < shown_.size() && next[at] == shown_[at]) continue;
        go(at);
        text += next[at] + "\x1b[K";
    }
    if (next.size() < shown_.size()) {
        go(next.size());
        text += "\x1b[J";
    }
    if (const auto last = next.empty() ? 0 : next.size() - 1; row != last) go(last);
    return text;
}

void LiveLine::show(std::vector<std::string> lines) {
    if (!redraw_) return;
    const std::lock_guard lock(mutex_);
    const auto width = width_();
    const bool resized = !shown_.empty() && width != shown_width_;
    if (lines == shown_ && !resized) return;
    if (resized) {
        const auto before = back();
        shown_ = std::move(lines);
        write_(before + drawn());
    } else {
        write_(changed(lines));
        shown_ = std::move(lines);
    }
    shown_width_ = width;
}

void LiveLine::clear() {
    const std::lock_guard lock(mutex_);
    if (shown_.empty()) return;
    const auto to = back();
    // One line is erased where it is: a line feed might scroll.
    write_(to + (to == "\r" ? "\x1b[K" : "\x1b[K\n\x1b[J\x1b[A"));
    shown_.clear();
}

void LiveLine::print(std::string_view lines) {
    const std::lock_guard lock(mutex_);
    if (shown_.empty()) {
        write_(lines);
        return;
    }
    auto text = back();
    while (!lines.empty()) {
        const auto end = lines.find('\n');
        text += "\x1b[2K";
        text += lines.substr(0, end);
        if (end == std::string_view::npos) break;
        text += '\n';
        lines.remove_prefix(end + 1);
    }
    write_(text + drawn());
    shown_width_ = width_();
}

}  // namespace bridge::app
