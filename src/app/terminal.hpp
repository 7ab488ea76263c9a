#pragma once
// What stderr and stdout can show, and the one line at the bottom of the screen that is redrawn
// while a call runs. Log lines scroll by above it.

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

namespace bridge::app {

struct TerminalTraits {
    bool in_tty = false, out_tty = false, err_tty = false;
    bool color = false;   ///< on stderr
    bool redraw = false;  ///< stderr understands carriage return and "erase to end of line"
};

/// The rules for colour and redrawing, apart from the system calls: NO_COLOR (not empty), TERM=dumb
/// or unset, --no-color and a missing TTY each turn colour off; a line is redrawn on any TTY that
/// is not dumb.
TerminalTraits terminal_traits(bool in_tty, bool out_tty, bool err_tty, bool no_color_flag,
                               const std::map<std::string, std::string>& environment);
/// Of this process.
TerminalTraits detect_terminal(bool no_color_flag,
                               const std::map<std::string, std::string>& environment);

/// Columns of stderr's terminal, 80 if nobody knows.
int terminal_width();

/// Keeps one line at the bottom. Thread: any; the mutex keeps a log line and a redraw from mixing,
/// and is never taken on an io thread of the calls.
class LiveLine {
public:
    using Write = std::function<void(std::string_view)>;
    /// `write` gets bytes for the terminal. Without `redraw` nothing but `print` comes out.
    LiveLine(Write write, bool redraw);
    /// Takes the line away.
    ~LiveLine();
    LiveLine(const LiveLine&) = delete;
    LiveLine& operator=(const LiveLine&) = delete;

    /// Shows `text` (no line feed, no wider than the terminal) in place of what was there.
    void show(std::string text);
    /// Takes the line away until the next `show`.
    void clear();
    /// Writes whole lines above it.
    void print(std::string_view lines);

private:
    void erase();

    const Write write_;
    const bool redraw_;
    std::mutex mutex_;
    std::string shown_;
};

}  // namespace bridge::app
