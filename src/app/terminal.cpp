#include "app/terminal.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <utility>

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
    winsize size{};
    if (ioctl(own_stderr(), TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
    return 80;
}

LiveLine::LiveLine(Write write, bool redraw) : write_(std::move(write)), redraw_(redraw) {}

LiveLine::~LiveLine() {
    clear();
}

std::string LiveLine::back() const {
    return shown_.size() > 1 ? fmt::format("\x1b[{}A\r", shown_.size() - 1) : std::string("\r");
}

void LiveLine::show(std::vector<std::string> lines) {
    if (!redraw_) return;
    const std::lock_guard lock(mutex_);
    if (lines == shown_) return;
    // One write, and each line is overwritten before its rest is erased: nothing flickers.
    auto text = back();
    for (std::size_t at = 0; at < lines.size(); ++at)
        text += (at == 0 ? "" : "\n") + lines[at] + "\x1b[K";
    if (shown_.size() > lines.size()) text += lines.empty() ? "\x1b[J" : "\n\x1b[J\x1b[A";
    write_(text);
    shown_ = std::move(lines);
}

void LiveLine::clear() {
    const std::lock_guard lock(mutex_);
    if (shown_.size() == 1) write_("\r\x1b[K");
    if (shown_.size() > 1) write_(back() + "\x1b[J");
    shown_.clear();
}

void LiveLine::print(std::string_view lines) {
    const std::lock_guard lock(mutex_);
    if (shown_.empty()) {
        write_(lines);
        return;
    }
    auto text = back() + (shown_.size() == 1 ? "\x1b[K" : "\x1b[J") + std::string(lines);
    for (std::size_t at = 0; at < shown_.size(); ++at) text += (at == 0 ? "" : "\n") + shown_[at];
    write_(text);
}

}  // namespace bridge::app
