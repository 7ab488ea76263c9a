#pragma once
// What stderr and stdout can show, and the lines at the bottom of the screen that are redrawn while
// calls run. Log lines scroll by above them.

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace bridge::app {

struct TerminalTraits {
    bool in_tty = false, out_tty = false, err_tty = false;
    bool color = false;    ///< on stderr
    bool redraw = false;   ///< stderr understands carriage return and "erase to end of line"
    bool unicode = false;  ///< it shows more than ASCII: the locale is UTF-8, and it is not dumb
    int keys_fd = -1;      ///< stdin, where single keys can steer what stderr shows; -1: nowhere
};

/// The rules for colour and redrawing, apart from the system calls: NO_COLOR (not empty), TERM=dumb
/// or unset, --no-color and a missing TTY each turn colour off; a line is redrawn on any TTY that
/// is not dumb, with more than ASCII where LC_ALL, else LC_CTYPE, else LANG names UTF-8.
TerminalTraits terminal_traits(bool in_tty, bool out_tty, bool err_tty, bool no_color_flag,
                               const std::map<std::string, std::string>& environment);
/// Of this process.
TerminalTraits detect_terminal(bool no_color_flag,
                               const std::map<std::string, std::string>& environment);

/// Columns of the terminal of stderr, or else of stdout; 80 if nobody knows.
int terminal_width();

/// Keeps a few lines at the bottom. Thread: any; the mutex keeps a log line and a redraw from
/// mixing, and is never taken on an io thread of the calls.
class LiveLine {
public:
    using Write = std::function<void(std::string_view)>;
    /// `write` gets bytes for the terminal. Without `redraw` nothing but `print` comes out.
    /// `width`: the columns there are at the moment.
    LiveLine(Write write, bool redraw, std::function<int()> width = terminal_width);
    /// Takes the lines away.
    ~LiveLine();
    LiveLine(const LiveLine&) = delete;
    LiveLine& operator=(const LiveLine&) = delete;

    /// Shows `lines` (without line feeds, each narrower than the terminal) in place of what was
    /// there. Only those that changed are written.
    void show(std::vector<std::string> lines);
    /// Takes the lines away until the next `show`.
    void clear();
    /// Writes whole lines above them.
    void print(std::string_view lines);

private:
    /// To the beginning of what is shown. A terminal that became narrower has broken the lines that
    /// do not fit any more into several.
    std::string back() const;
    /// All of it anew, from the cursor's place on.
    std::string drawn() const;
    /// Writes the lines of `next` that differ from those there are.
    std::string changed(const std::vector<std::string>& next) const;

    const Write write_;
    const bool redraw_;
    const std::function<int()> width_;
    std::mutex mutex_;  // guards what follows, and keeps writes apart
    std::vector<std::string> shown_;
    int shown_width_ = 0;  ///< of the terminal, when they were written
};

}  // namespace bridge::app
