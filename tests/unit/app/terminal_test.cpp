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

/// A terminal as wide as it is told: letters, line ends, and the few sequences that are used. What
/// does not fit is broken, and broken anew when the width changes, as most terminals do.
class Screen {
public:
    explicit Screen(int width = 80) : width_(width) {}
    void write(std::string_view bytes) {
        for (std::size_t at = 0; at < bytes.size(); ++at) {
            if (bytes.substr(at, 2) == "\x1b[") {
                const auto end = bytes.find_first_not_of("0123456789", at + 2);
                const auto count = std::string(bytes.substr(at + 2, end - at - 2));
                obey(bytes[end], count.empty() ? 1 : std::stoul(count));
                at = end;
            } else if (bytes[at] == '\r') {
                column_ = 0;
            } else if (bytes[at] == '\n') {
                column_ = 0;
                if (++row_ == rows_.size()) rows_.push_back({});
            } else {
                if (column_ == width()) {
                    rows_[row_].wraps = true;
                    column_ = 0;
                    if (++row_ == rows_.size()) rows_.push_back({});
                }
                auto& text = rows_[row_].text;
                text.resize(std::max(text.size(), column_ + 1), ' ');
                text[column_++] = bytes[at];
            }
        }
    }
    /// The cursor stays at the end of its line, where it is between writes.
    void resize(int to) {
        width_ = to;
        std::string all;
        for (const auto& row : rows_) all += row.text + (row.wraps ? "" : "\n");
        all.pop_back();
        rows_ = {{}};
        row_ = column_ = 0;
        write(all);
    }
    int width_now() const { return width_; }
    /// What is below the cursor does not count while it is empty.
    std::string text() const {
        auto end = rows_.size();
        while (end > row_ + 1 && rows_[end - 1].text.empty()) --end;
        std::string out;
        for (std::size_t at = 0; at < end; ++at)
            out += rows_[at].text + (at + 1 < end && !rows_[at].wraps ? "\n" : "");
        return out;
    }

private:
    struct Row {
        std::string text;
        bool wraps = false;
    };
    std::size_t width() const { return static_cast<std::size_t>(width_); }
    void obey(char what, std::size_t count) {
        if (what == 'A') row_ -= std::min(count, row_);
        if (what == 'B') row_ = std::min(row_ + count, rows_.size() - 1);
        if (what == 'K' || what == 'J') {
            auto& text = rows_[row_].text;
            text.resize(what == 'K' && count == 2 ? 0 : std::min(text.size(), column_));
            rows_[row_].wraps = false;
        }
        if (what == 'J') rows_.resize(row_ + 1);
    }

    int width_;
    std::vector<Row> rows_{1};
    std::size_t row_ = 0, column_ = 0;
};

std::string screen_of(const std::string& bytes) {
    Screen screen;
    screen.write(bytes);
    return screen.text();
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

TEST(LiveLine, WritesOnlyTheLinesThatChanged) {
    std::string bytes;
    LiveLine live([&](std::string_view text) { bytes += text; }, true, [] { return 80; });
    live.show({"one", "two", "three"});
    EXPECT_EQ(screen_of(bytes), "one\ntwo\nthree");
    const auto before = bytes.size();
    live.show({"one", "2", "three"});
    EXPECT_EQ(screen_of(bytes), "one\n2\nthree");
    EXPECT_EQ(bytes.substr(before).find("one"), std::string::npos);
    EXPECT_EQ(bytes.substr(before).find("three"), std::string::npos);
    live.show({"one", "2", "three", "four", "five"});
    EXPECT_EQ(screen_of(bytes), "one\n2\nthree\nfour\nfive");
    live.print("a log line\n");
    EXPECT_EQ(screen_of(bytes), "a log line\none\n2\nthree\nfour\nfive");
    live.show({"one"});
    EXPECT_EQ(screen_of(bytes), "a log line\none");
    live.show({"one", "more"});
    EXPECT_EQ(screen_of(bytes), "a log line\none\nmore");
    live.clear();
    EXPECT_EQ(screen_of(bytes), "a log line\n");
}

TEST(LiveLine, LeavesNothingBehindWhenTheTerminalBecomesNarrower) {
    for (const int narrow : {40, 24, 12, 5}) {
        Screen screen(80);
        LiveLine live([&](std::string_view text) { screen.write(text); }, true,
                      [&] { return screen.width_now(); });
        live.print("log\n");
        live.show({std::string(60, 'a'), std::string(70, 'b')});
        screen.resize(narrow);
        const auto fits = static_cast<std::size_t>(narrow - 1);
        live.show({std::string(fits, 'c'), std::string(fits, 'd')});
        EXPECT_EQ(screen.text(), "log\n" + std::string(fits, 'c') + "\n" + std::string(fits, 'd'))
            << narrow;
        screen.resize(80);
        live.print("more\n");
        live.clear();
        EXPECT_EQ(screen.text(), "log\nmore\n") << narrow;
    }
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
