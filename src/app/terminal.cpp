#include "app/terminal.hpp"

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
    TerminalTraits traits{in_tty, out_tty, err_tty, false, false};
    traits.redraw = err_tty && !dumb;
    traits.color = traits.redraw && !no_color_flag && value("NO_COLOR").empty();
    return traits;
}

TerminalTraits detect_terminal(bool no_color_flag,
                               const std::map<std::string, std::string>& environment) {
    return terminal_traits(isatty(STDIN_FILENO) == 1, isatty(STDOUT_FILENO) == 1,
                           isatty(STDERR_FILENO) == 1, no_color_flag, environment);
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

void LiveLine::erase() {
    if (!shown_.empty()) write_("\r\x1b[K");
}

void LiveLine::show(std::string text) {
    if (!redraw_) return;
    const std::lock_guard lock(mutex_);
    if (text == shown_) return;
    // One write, so that the terminal never paints the empty line between.
    write_("\r" + text + "\x1b[K");
    shown_ = std::move(text);
}

void LiveLine::clear() {
    const std::lock_guard lock(mutex_);
    erase();
    shown_.clear();
}

void LiveLine::print(std::string_view lines) {
    const std::lock_guard lock(mutex_);
    if (shown_.empty()) {
        write_(lines);
        return;
    }
    write_("\r\x1b[K" + std::string(lines) + shown_);
}

}  // namespace bridge::app
