#include "app/live_keys.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <variant>
#include <vector>

namespace bridge::app {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;
namespace command = call::command;

Key key(char character) {
    return {Key::Kind::character, character};
}
constexpr Key kEnter{Key::Kind::enter, 0}, kEsc{Key::Kind::escape, 0}, kTab{Key::Kind::tab, 0},
    kBackspace{Key::Kind::backspace, 0};

TEST(KeyDecoder, TellsKeysFromWhatTerminalsSend) {
    const std::vector<std::pair<std::string, std::vector<Key>>> rows{
        {"1#a", {key('1'), key('#'), key('a')}},
        {"\t\r\n", {kTab, kEnter, kEnter}},
        {"\x7f\b", {kBackspace, kBackspace}},
        {"\x1b", {kEsc}},
        {"\x1b[A", {}},                                  // an arrow
        {"\x1b[15~m", {key('m')}},                       // F5, then m
        {"\x1bOP1", {key('1')}},                         // F1 of an application keypad
        {"\x1bx", {}},                                   // Alt-x
        {"\x1b[200~12\x1b[201~", {key('1'), key('2')}},  // pasted
        {"\xc3\xa4m", {key('m')}},                       // a letter beyond ASCII
        {std::string("\x00\x01", 2), {}},
    };
    for (const auto& [bytes, keys] : rows) EXPECT_EQ(KeyDecoder().feed(bytes), keys) << bytes;
    KeyDecoder in_pieces;
    EXPECT_THAT(in_pieces.feed("\x1b["), IsEmpty());
    EXPECT_THAT(in_pieces.feed("1;5"), IsEmpty());
    EXPECT_THAT(in_pieces.feed("Ch"), ElementsAre(key('h')));
}

/// Takes everything down; refuses commands while `problem` says why.
class Desk final : public Session {
public:
    Outcome<std::vector<std::string>> start() override { return {}; }
    call::EventBus& events() override { return bus_; }
    void snapshots(std::function<void(std::vector<call::CallSnapshot>)>) override {}
    void command(std::optional<CallId> call, call::Command command,
                 std::function<void(Result<call::CallSnapshot>)> told) override {
        calls.push_back(call);
        commands.push_back(std::move(command));
        if (problem.empty()) {
            told(call::CallSnapshot{});
        } else {
            told(fail(Errc::refused, problem));
        }
    }
    void focus_next() override { ++turns; }
    void talk(bool on) override { talks.push_back(on); }
    void request_stop(Stop) override {}
    void when_done(std::function<void(End)>) override {}

    std::vector<std::optional<CallId>> calls;
    std::vector<call::Command> commands;
    std::vector<bool> talks;
    std::string problem;
    int turns = 0;

private:
    call::EventBus bus_;
};

class LiveKeysTest : public testing::Test {
protected:
    std::shared_ptr<LiveKeys> made(bool push_to_talk = false) {
        return std::make_shared<LiveKeys>(LiveKeys::Parts{
            desk, clock, push_to_talk, [this] { return focused; },
            [this](const std::string& line) { said.push_back(line); }, [this] { ++stops; }});
    }
    void press(const std::string& all) {
        for (const auto one : all) keys->press(key(one));
    }
    /// The last command, if it is of that kind.
    template <class Kind>
    const Kind& last() {
        if (desk.commands.empty()) throw std::runtime_error("no command came");
        return std::get<Kind>(desk.commands.back());
    }

    Desk desk;
    VirtualClock clock;
    std::optional<LiveKeys::Focused> focused{{CallId{"c_1"}, "+*******4567"}};
    std::vector<std::string> said;
    int stops = 0;
    std::shared_ptr<LiveKeys> keys = made();
};

TEST_F(LiveKeysTest, SteersTheCallThatHasTheFocus) {
    press("5");
    EXPECT_EQ(last<command::Digits>().keys, "5");
    EXPECT_FALSE(last<command::Digits>().in_band);
    press("#");
    EXPECT_EQ(last<command::Digits>().keys, "#");
    press("m");
    EXPECT_FALSE(last<command::Mute>().on) << "the other way round";
    press("h");
    EXPECT_FALSE(last<command::Hold>().on);
    press("s");
    EXPECT_FALSE(last<command::Solo>().on);
    press("+");
    EXPECT_EQ(last<command::Volume>().percent, 10);
    press("-");
    EXPECT_EQ(last<command::Volume>().percent, -10);
    EXPECT_TRUE(last<command::Volume>().relative);
    press("a");
    last<command::Accept>();
    press("r");
    last<command::Reject>();
    press("c");
    last<command::Clear>();
    EXPECT_EQ(desk.commands.size(), 10U);
    for (const auto& call : desk.calls) EXPECT_FALSE(call) << "the desk knows which is meant";
    press("n");
    keys->press(kTab);
    EXPECT_EQ(desk.turns, 2);
    press("q");
    EXPECT_EQ(stops, 1);
    press("zZ~");
    keys->press(kEnter);
    keys->press(kEsc);
    EXPECT_EQ(desk.commands.size(), 10U);
    EXPECT_THAT(said, IsEmpty());
}

TEST_F(LiveKeysTest, RecordsTheFocusedCallAndEndsThat) {
    press("e");
    EXPECT_EQ(last<command::Record>().status, call::RecordingStatus::recording);
    focused->recorded = true;
    press("e");
    EXPECT_EQ(last<command::Record>().status, call::RecordingStatus::stopped);
    EXPECT_EQ(desk.calls, std::vector<std::optional<CallId>>(2, CallId{"c_1"}));
    focused.reset();
    press("e");
    EXPECT_EQ(desk.commands.size(), 2U);
    EXPECT_THAT(said, ElementsAre("there is no call for that"));
}

TEST_F(LiveKeysTest, SaysWhyACommandWasRefused) {
    desk.problem = "the call is ringing, not in-progress";
    press("1");
    EXPECT_THAT(said, ElementsAre("key 1: the call is ringing, not in-progress"));
}

TEST_F(LiveKeysTest, HangsUpAfterAYes) {
    press("x");
    EXPECT_EQ(keys->prompt(), "hang up +*******4567? y or n");
    press("1");
    EXPECT_EQ(keys->prompt(), "");
    EXPECT_THAT(desk.commands, IsEmpty()) << "anything else is a no, and no key for the phone";
    press("x");
    focused = LiveKeys::Focused{CallId{"c_2"}, "+*******0000"};
    press("y");
    last<command::HangUp>();
    EXPECT_EQ(desk.calls.back(), CallId{"c_1"}) << "the one that was asked about";
    focused.reset();
    press("x");
    EXPECT_EQ(keys->prompt(), "");
    EXPECT_THAT(said, ElementsAre("there is no call for that"));
}

TEST_F(LiveKeysTest, AsksForTheNumberOfATransfer) {
    press("t");
    press("+1555x");
    keys->press(kBackspace);
    EXPECT_EQ(keys->prompt(), "transfer +*******4567 to (Enter; Esc leaves): +1555_");
    keys->press(kEnter);
    ASSERT_EQ(said.size(), 1U) << "no number yet";
    EXPECT_THAT(keys->prompt(), HasSubstr("+1555_"));
    press("7654321");
    keys->press(kEnter);
    EXPECT_EQ(last<command::Transfer>().to, "+15557654321");
    EXPECT_EQ(desk.calls.back(), CallId{"c_1"});
    EXPECT_EQ(keys->prompt(), "");
    press("t9");
    keys->press(kEsc);
    EXPECT_EQ(keys->prompt(), "");
    EXPECT_EQ(desk.commands.size(), 1U);
}

TEST_F(LiveKeysTest, SpeaksToTheOtherOneFirst) {
    press("T");
    EXPECT_THAT(keys->prompt(), StartsWith("hold +*******4567 and speak first to"));
    press("+15557654321");
    keys->press(kEnter);
    EXPECT_TRUE(last<command::Transfer>().warm);
    press("j");
    last<command::Join>();
    press("b");
    last<command::CancelTransfer>();
    press("t+15557654321");
    keys->press(kEnter);
    EXPECT_FALSE(last<command::Transfer>().warm);
}

TEST_F(LiveKeysTest, TalksWhileTheSpaceBarRepeats) {
    keys = made(true);
    press(" ");
    EXPECT_THAT(desk.talks, ElementsAre(true));
    clock.advance(650ms);
    EXPECT_THAT(desk.talks, ElementsAre(true)) << "a held key may take so long to repeat";
    for (int repeat = 0; repeat < 50; ++repeat) {
        press(" ");
        clock.advance(33ms);
    }
    EXPECT_THAT(desk.talks, ElementsAre(true));
    clock.advance(400ms);
    EXPECT_THAT(desk.talks, ElementsAre(true, false));
    press(" ");
    clock.advance(700ms);
    EXPECT_THAT(desk.talks, ElementsAre(true, false, true, false));
    EXPECT_EQ(clock.pending(), 0U);
}

TEST_F(LiveKeysTest, ExplainsItself) {
    press(" ");
    EXPECT_THAT(said, ElementsAre(HasSubstr("--push-to-talk")));
    EXPECT_THAT(desk.talks, IsEmpty());
    press("?");
    EXPECT_THAT(said.back(), HasSubstr("Tab or n"));
    EXPECT_THAT(said.front(), StartsWith("the space bar"));
}

}  // namespace
}  // namespace bridge::app
