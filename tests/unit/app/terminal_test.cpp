#include "app/terminal.hpp"

#include <gtest/gtest.h>

#include <sstream>

#include "app/console.hpp"

namespace bridge::app {
namespace {

TEST(Terminal, FollowsTheRulesOfColour) {
    struct Row {
        bool tty, flag;
        std::map<std::string, std::string> environment;
        bool color, redraw;
    };
    const std::vector<Row> rows{
        {true, false, {{"TERM", "xterm"}}, true, true},
        {false, false, {{"TERM", "xterm"}}, false, false},
        {true, true, {{"TERM", "xterm"}}, false, true},
        {true, false, {{"TERM", "xterm"}, {"NO_COLOR", "1"}}, false, true},
        {true, false, {{"TERM", "xterm"}, {"NO_COLOR", ""}}, true, true},
        {true, false, {{"TERM", "dumb"}}, false, false},
        {true, false, {}, false, false},
    };
    for (const auto& row : rows) {
        const auto traits = terminal_traits(true, true, row.tty, row.flag, row.environment);
        EXPECT_EQ(traits.color, row.color);
        EXPECT_EQ(traits.redraw, row.redraw);
    }
}

/// What a terminal would show: carriage return, "erase to end of line" and line feeds are followed.
std::string screen_of(const std::string& bytes) {
    std::string done, line;
    std::size_t column = 0;
    for (std::size_t at = 0; at < bytes.size(); ++at) {
        if (bytes.compare(at, 3, "\x1b[K") == 0) {
            line.resize(column);
            at += 2;
        } else if (bytes[at] == '\r') {
            column = 0;
        } else if (bytes[at] == '\n') {
            done += line + "\n";
            line.clear();
            column = 0;
        } else {
            line.resize(std::max(line.size(), column + 1), ' ');
            line[column++] = bytes[at];
        }
    }
    return done + line;
}

TEST(LiveLine, StaysBelowWhatIsPrintedAndLeavesNothingBehind) {
    std::string bytes;
    {
        LiveLine live([&](std::string_view text) { bytes += text; }, true);
        live.print("first\n");
        live.show({"ringing 00:01"});
        EXPECT_EQ(screen_of(bytes), "first\nringing 00:01");
        live.print("a log line\n");
        EXPECT_EQ(screen_of(bytes), "first\na log line\nringing 00:01");
        live.show({"done"});
        EXPECT_EQ(screen_of(bytes), "first\na log line\ndone");
        const auto before = bytes.size();
        live.show({"done"});
        EXPECT_EQ(bytes.size(), before) << "an unchanged line is not written again";
    }
    EXPECT_EQ(screen_of(bytes), "first\na log line\n");
}

TEST(LiveLine, IsNotThereWithoutATerminal) {
    std::string bytes;
    {
        LiveLine live([&](std::string_view text) { bytes += text; }, false);
        live.show({"ringing"});
        live.print("a log line\n");
        live.clear();
    }
    EXPECT_EQ(bytes, "a log line\n");
}

TEST(Confirm, TakesYesAndNothingElse) {
    for (const auto& [typed, expected] :
         std::vector<std::pair<std::string, bool>>{{"y\n", true},
                                                   {"Y\n", true},
                                                   {" yes \n", true},
                                                   {"YES", true},
                                                   {"\n", false},
                                                   {"n\n", false},
                                                   {"", false},
                                                   {"yep\n", false},
                                                   {"no\nyes\n", false}}) {
        std::istringstream in(typed);
        std::ostringstream out, err;
        Console console{in, out, err, {}, {}, "."};
        EXPECT_EQ(confirm(console, "Call +15551234567 now?"), expected) << typed;
        EXPECT_EQ(err.str().substr(0, 29), "Call +15551234567 now? [y/N] ");
        EXPECT_EQ(out.str(), "");
    }
}

}  // namespace
}  // namespace bridge::app
