#include "agents/local/conversation.hpp"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "agents/local/sentences.hpp"
#include "audio/utterance_cutter.hpp"
#include "tests/support/moving_voice.hpp"

namespace bridge::agents::local {
namespace {

std::string messages(const Conversation& conversation) {
    const auto body = boost::json::parse(conversation.request("m", {})).as_object();
    return boost::json::serialize(body.at("messages"));
}

TEST(Conversation, IsToldToTheModelInItsOwnWords) {
    Conversation talk("Be kind.");
    EXPECT_TRUE(talk.empty());
    talk.caller("Hello?");
    talk.caller("Is anybody there?");
    EXPECT_TRUE(talk.owes_answer());
    talk.reply("Yes, ");
    talk.reply("I am.");
    talk.end_reply({});
    EXPECT_FALSE(talk.owes_answer());
    talk.note("A colleague took over.");
    EXPECT_FALSE(talk.owes_answer());
    EXPECT_EQ(messages(talk), R"([{"role":"system","content":"Be kind."},)"
                              R"({"role":"user","content":"Hello? Is anybody there?"},)"
                              R"({"role":"assistant","content":"Yes, I am."},)"
                              R"({"role":"system","content":"A colleague took over."}])");
}

TEST(Conversation, RemembersOfItsOwnWordsWhatWasHeard) {
    Conversation talk("");
    const auto first = talk.reply("One. Two. Three.");
    talk.end_reply({});
    talk.caller("Stop.");
    talk.cut_reply(first, "One.");
    EXPECT_EQ(messages(talk), R"([{"role":"assistant","content":"One."},)"
                              R"({"role":"user","content":"Stop."}])");
    talk.cut_reply(first, "");
    EXPECT_EQ(messages(talk), R"([{"role":"user","content":"Stop."}])");
    talk.cut_reply(99, "of a reply that is not there");
}

TEST(Conversation, ToolsAndTheirResultsStayTogether) {
    Conversation talk("");
    talk.caller("Bye.");
    talk.end_reply({{"c1", "end_call", "{}"}});
    talk.tool_result({"c1", "no such call", true});
    EXPECT_TRUE(talk.owes_answer());
    EXPECT_EQ(messages(talk),
              R"([{"role":"user","content":"Bye."},{"role":"assistant","content":"","tool_calls":)"
              R"([{"id":"c1","type":"function","function":{"name":"end_call","arguments":"{}"}}]},)"
              R"({"role":"tool","content":"It failed: no such call","tool_call_id":"c1"}])");
    for (int i = 0; i < 500; ++i) {
        talk.caller(std::string(3000, 'a'));
        talk.end_reply({{"c" + std::to_string(i), "hold", "{}"}});
        talk.tool_result({"c" + std::to_string(i), std::string(3000, 'b'), false});
    }
    const auto all = boost::json::parse(messages(talk)).as_array();
    EXPECT_LT(all.size(), 40U) << "bounded";
    EXPECT_NE(all.front().as_object().at("role").as_string(), "tool");
}

TEST(Conversation, OffersTheToolsWithTheirSchemas) {
    const Conversation talk("");
    const auto body = boost::json::parse(
        talk.request("llama", {{"hold", "Holds.", R"({"type":"object"})"}, {"x", "", "no json"}}));
    EXPECT_EQ(body.at("model").as_string(), "llama");
    EXPECT_TRUE(body.at("stream").as_bool());
    const auto& tools = body.at("tools").as_array();
    ASSERT_EQ(tools.size(), 2U);
    EXPECT_EQ(tools[0].at("function").at("parameters").at("type").as_string(), "object");
    EXPECT_EQ(tools[1].at("function").at("parameters").at("type").as_string(), "object");
}

TEST(FirstPart, IsCutBetweenWords) {
    EXPECT_EQ(first_part("One two three", 1.0), "One two three");
    EXPECT_EQ(first_part("One two three", 0.7), "One two");
    EXPECT_EQ(first_part("One two three", 0.1), "");
    EXPECT_EQ(first_part("One two three", -1), "");
    EXPECT_EQ(first_part("", 0.5), "");
}

TEST(Sentences, AreKnownAsSoonAsTheNextOneBegins) {
    Sentences all;
    EXPECT_TRUE(all.add("Hello the").empty());
    EXPECT_TRUE(all.add("re.").empty()) << "3.5 goes on";
    EXPECT_EQ(all.add(" How are"), std::vector<std::string>{"Hello there."});
    EXPECT_EQ(all.add(" you? Fine! No"), (std::vector<std::string>{"How are you?", "Fine!"}));
    EXPECT_EQ(all.rest(), "No");
    EXPECT_EQ(all.rest(), "");
}

TEST(Sentences, AreNotCutInTheMiddle) {
    using V = std::vector<std::string>;
    EXPECT_EQ(sentences_of("It is 3.5 miles. Go."), (V{"It is 3.5 miles.", "Go."}));
    EXPECT_EQ(sentences_of("Dr. Who and J. Doe came. Yes."),
              (V{"Dr. Who and J. Doe came.", "Yes."}));
    EXPECT_EQ(sentences_of("He said \"No.\" Then..."), (V{"He said \"No.\"", "Then..."}));
    EXPECT_EQ(sentences_of("One\nTwo"), (V{"One", "Two"}));
    EXPECT_EQ(sentences_of("  "), V{});
    const auto cut = sentences_of(std::string(150, 'a') + " " + std::string(400, 'b'));
    ASSERT_GE(cut.size(), 2U) << "a text without an end is spoken all the same";
    EXPECT_EQ(cut[0], std::string(150, 'a'));
}

TEST(Speakable, LeavesOutWhatCannotBeReadOut) {
    EXPECT_EQ(speakable("**Bold** and `code`\n# Title"), "Bold  and code  Title");
    EXPECT_EQ(speakable("It\xE2\x80\x99s fine \xF0\x9F\x98\x80"), "It's fine");
    EXPECT_LE(speakable(std::string(5000, 'a')).size(), 1000U);
}

TEST(UtteranceCutter, CutsWhatIsSaidOutOfALine) {
    audio::UtteranceCutter cutter;
    test::MovingVoice voice;
    using Event = audio::UtteranceCutter::Event;
    int began = 0, ended = 0;
    const auto pass = [&](int frames, std::int16_t level) {
        for (int i = 0; i < frames; ++i) {
            const auto event = cutter.hear(voice.frame(level));
            began += event == Event::began;
            ended += event == Event::ended;
        }
    };
    pass(100, 30);
    EXPECT_EQ(began, 0) << "a quiet line";
    pass(25, 9000);
    pass(15, 30);  // a pause between words
    pass(25, 9000);
    EXPECT_EQ(began, 1);
    EXPECT_EQ(ended, 0);
    pass(45, 30);
    EXPECT_EQ(ended, 1);
    EXPECT_NEAR(static_cast<double>(cutter.speech().count()), 1300, 100);
    const auto samples = cutter.take();
    // 300 ms before the onset at most, the speech, and the quiet that ended it.
    EXPECT_NEAR(static_cast<double>(samples.size()) / 8, 240 + 1300 + 700, 150);
    pass(1000, 9000);
    EXPECT_GE(ended, 2) << "somebody who never stops";
}

}  // namespace
}  // namespace bridge::agents::local
