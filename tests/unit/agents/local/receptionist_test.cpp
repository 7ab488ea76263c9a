#include "agents/local/receptionist.hpp"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

namespace bridge::agents::local {
namespace {

using std::chrono::milliseconds;

struct Notes final : Receptionist::Desk {
    void say(const std::string& text) override { said.push_back(text); }
    void hush() override { ++hushes; }
    void use_tool(const std::string& name, const std::string& arguments) override {
        tools.emplace_back(name, boost::json::parse(arguments).as_object());
    }
    std::string last() const { return said.empty() ? "" : said.back(); }

    std::vector<std::string> said;
    std::vector<std::pair<std::string, boost::json::object>> tools;
    int hushes = 0;
};

/// A caller of the dialogue `text`, or of the default one.
class ReceptionistTest : public testing::Test {
protected:
    void meet(std::string_view text = default_dialogue(), bool speech = true) {
        auto dialogue = parse_dialogue(text);
        ASSERT_TRUE(dialogue) << dialogue.error().message;
        receptionist_ = std::make_unique<Receptionist>(
            std::make_shared<const Dialogue>(std::move(*dialogue)), notes_, "+12025550123", speech);
        receptionist_->begin();
        hear_out();
    }
    /// The caller hears everything there is to hear.
    void hear_out() {
        std::size_t heard = 0;
        while (notes_.said.size() != heard) {
            heard = notes_.said.size();
            receptionist_->prompt_over();
        }
    }
    void answer(const std::string& words) {
        receptionist_->understood(words_of(words));
        hear_out();
    }
    void press(std::string_view keys) {
        for (const char key : keys) receptionist_->key(key);
        hear_out();
    }
    std::string state() const { return receptionist_->state().name; }

    Notes notes_;
    std::unique_ptr<Receptionist> receptionist_;
};

TEST_F(ReceptionistTest, TakesAMessageByVoiceAndRepeatsWhatItUnderstood) {
    meet();
    EXPECT_EQ(state(), "menu");
    EXPECT_TRUE(receptionist_->listening());
    answer("i would like to leave a message please");
    EXPECT_EQ(state(), "ask_number");
    answer("my number is five five five seven");
    EXPECT_EQ(notes_.last(), "You said five five five seven, is that right?");
    answer("yes");
    answer("on tuesday morning");
    EXPECT_EQ(notes_.last(), "tuesday morning, is that right?");
    answer("that's right");
    EXPECT_TRUE(receptionist_->recording());
    receptionist_->recorded(milliseconds(3600));
    hear_out();
    ASSERT_EQ(notes_.tools.size(), 1U);
    EXPECT_EQ(notes_.tools[0].first, "take_message");
    EXPECT_EQ(notes_.tools[0].second.at("number").as_string(), "5557");
    EXPECT_EQ(notes_.tools[0].second.at("text").as_string(),
              "Please call back tuesday morning. The caller spoke for 4 seconds; the words are in "
              "the call's recording, if it was recorded.");
    receptionist_->tool_done(false);
    hear_out();
    answer("no");
    ASSERT_EQ(notes_.tools.size(), 2U);
    EXPECT_EQ(notes_.tools[1].first, "end_call");
    receptionist_->tool_done(false);
    EXPECT_FALSE(receptionist_->listening());
    receptionist_->begin();
    EXPECT_EQ(notes_.tools.size(), 2U) << "over is over";
}

TEST_F(ReceptionistTest, TakesAMessageByKeysAlone) {
    meet(default_dialogue(), false);
    EXPECT_NE(notes_.last().find("Press one"), std::string::npos) << notes_.last();
    press("1");
    press("5551#");
    EXPECT_EQ(notes_.last(), "You said 5 5 5 1, is that right? Press one for yes, or two for no.");
    press("1");
    press("2");
    press("#");
    ASSERT_EQ(notes_.tools.size(), 1U);
    EXPECT_EQ(notes_.tools[0].second.at("number").as_string(), "5551");
    EXPECT_EQ(notes_.tools[0].second.at("text").as_string(), "Please call back tomorrow.");
}

TEST_F(ReceptionistTest, KeysThatPauseAreANumberToo) {
    meet();
    press("1555");
    EXPECT_EQ(receptionist_->silence(), milliseconds(3000)) << "the next key may come later";
    receptionist_->quiet();
    EXPECT_EQ(notes_.last(), "You said 5 5 5, is that right?");
}

TEST_F(ReceptionistTest, TheCallersOwnNumberIsSpelledAndKept) {
    meet();
    answer("message");
    answer("this number");
    EXPECT_EQ(state(), "ask_day");
    press("1#");
    receptionist_->quiet();
    ASSERT_FALSE(notes_.tools.empty());
    EXPECT_EQ(notes_.tools[0].second.at("number").as_string(), "+12025550123");
}

TEST_F(ReceptionistTest, AsksAgainWithTheKeysAndGivesUpAfterSoManyTries) {
    meet();
    answer("");
    EXPECT_EQ(notes_.last().find("Sorry, I did not understand."), 0U);
    EXPECT_NE(notes_.last().find("Press one"), std::string::npos);
    receptionist_->quiet();
    hear_out();
    EXPECT_EQ(notes_.last().find("Sorry"), std::string::npos) << "nothing was said";
    answer("");
    EXPECT_EQ(state(), "goodbye");
    ASSERT_EQ(notes_.tools.size(), 1U);
    EXPECT_EQ(notes_.tools[0].first, "end_call");
}

TEST_F(ReceptionistTest, SaysAPersonCannotBeHadWhenTheTransferFails) {
    meet();
    answer("can i talk to a person");
    ASSERT_EQ(notes_.tools.size(), 1U);
    EXPECT_EQ(notes_.tools[0].first, "transfer_call");
    EXPECT_EQ(notes_.tools[0].second.at("to").as_string(), "reception");
    receptionist_->tool_done(true);
    hear_out();
    EXPECT_EQ(state(), "menu");
}

TEST_F(ReceptionistTest, IsSilentOnceTheCallIsTransferred) {
    meet();
    press("0");
    receptionist_->tool_done(false);
    const auto said = notes_.said.size();
    answer("goodbye");
    press("1");
    EXPECT_EQ(notes_.said.size(), said);
    EXPECT_FALSE(receptionist_->listening());
}

TEST_F(ReceptionistTest, AnAnswerCutsThePromptOffAndRepeatSaysItAgain) {
    meet();
    receptionist_->understood(words_of("please repeat that"));
    EXPECT_EQ(state(), "menu");
    const auto said = notes_.said.size();
    receptionist_->key('1');  // into the prompt
    EXPECT_GE(notes_.hushes, 2);
    EXPECT_EQ(state(), "ask_number");
    EXPECT_EQ(notes_.said.size(), said + 1);
}

TEST_F(ReceptionistTest, GoesOnWhereItWasWhenItsSessionIsStartedAgain) {
    meet();
    answer("message");
    receptionist_->begin();
    EXPECT_EQ(state(), "ask_number");
    EXPECT_EQ(notes_.last().find("What number"), 0U);
}

TEST_F(ReceptionistTest, ADialogueThatOnlyTalksToItselfEnds) {
    meet("state a\nsay One.\nnext -> b\nstate b\nnext -> a");
    ASSERT_EQ(notes_.tools.size(), 1U);
    EXPECT_EQ(notes_.tools[0].first, "end_call");
}

TEST_F(ReceptionistTest, TrueAndFalseAreNoTextForATool) {
    meet("state a\ndo hold\nwith on = true\ndone -> b\nstate b\ndo end_call");
    ASSERT_EQ(notes_.tools.size(), 1U);
    EXPECT_TRUE(notes_.tools[0].second.at("on").as_bool());
}

TEST_F(ReceptionistTest, ASlotLeftOutThisTimeIsEmpty) {
    meet();
    answer("message");
    answer("one");
    answer("yes");
    answer("monday morning");
    answer("no");
    answer("friday");
    EXPECT_EQ(notes_.last(), "friday, is that right?");
}

}  // namespace
}  // namespace bridge::agents::local
