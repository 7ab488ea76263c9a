// The small parts that agents share.

#include <gtest/gtest.h>

#include "agents/agent_voice.hpp"
#include "agents/pressed_keys.hpp"
#include "agents/talk_so_far.hpp"
#include "tests/support/agent_ear.hpp"

namespace bridge::agents {
namespace {

using call::Speaker;
using std::chrono::milliseconds;

TEST(TalkSoFar, KeepsTheNewestLines) {
    TalkSoFar talk(10);
    talk.add(Speaker::caller, "12345");
    talk.add(Speaker::agent, "");
    talk.add(Speaker::agent, "67890");
    EXPECT_EQ(talk.text(100), "Caller: 12345\nAgent: 67890\n");
    talk.add(Speaker::caller, "x");
    EXPECT_EQ(talk.text(100), "Agent: 67890\nCaller: x\n");
    EXPECT_EQ(talk.text(12), "Caller: x\n");
    EXPECT_EQ(talk.text(5), "");
    talk.add(Speaker::agent, "123456789012345");
    EXPECT_EQ(talk.text(100), "Agent: 1234567890\n");
}

TEST(TalkSoFar, CorrectsWhatTheAgentSaidLast) {
    TalkSoFar talk;
    talk.correct_agent("Hello");
    talk.add(Speaker::agent, "And then there was");
    talk.add(Speaker::caller, "Stop");
    talk.correct_agent("And then");
    EXPECT_EQ(talk.text(1000), "Agent: Hello\nAgent: And then\nCaller: Stop\n");
    talk.clear();
    EXPECT_TRUE(talk.empty());
}

TEST(PressedKeys, TellsKeysThatFollowEachOtherAsOneSentence) {
    VirtualClock clock;
    std::vector<std::string> told;
    PressedKeys keys(clock, [&](std::string sentence) { told.push_back(std::move(sentence)); });
    keys.press('4');
    clock.advance(milliseconds(900));
    keys.press('2');
    clock.advance(milliseconds(999));
    EXPECT_TRUE(told.empty());
    clock.advance(milliseconds(1));
    keys.press('#');
    clock.advance(milliseconds(1000));
    EXPECT_EQ(told, (std::vector<std::string>{"The caller pressed 4 2.", "The caller pressed #."}));
    keys.press('1');
    keys.forget();
    clock.advance(milliseconds(2000));
    EXPECT_EQ(told.size(), 2U);
    for (std::size_t i = 0; i < PressedKeys::kMost; ++i) keys.press('0');
    EXPECT_EQ(told.size(), 3U);
    EXPECT_EQ(clock.pending(), 0U);
}

TEST(AgentVoice, KnowsWhetherAnythingMayStillBeHeard) {
    const auto spoken = std::make_shared<test::SpokenByAgent>();
    AgentVoice voice;
    const std::array<std::int16_t, 10> samples{};
    voice.write(samples);  // nobody to speak to
    EXPECT_FALSE(voice.unheard());
    voice.attach(spoken);
    EXPECT_FALSE(voice.unheard());
    voice.cancel();
    EXPECT_EQ(spoken->cancels, 0);
    voice.write(samples);
    voice.write(samples);
    const auto first = voice.last();
    voice.end();
    voice.write(samples);
    ASSERT_EQ(spoken->utterances.size(), 2U);
    EXPECT_TRUE(spoken->utterances[0].ended);
    voice.settle(first);
    EXPECT_TRUE(voice.unheard());
    voice.settle(voice.last());
    EXPECT_FALSE(voice.unheard());
    voice.write(samples);
    voice.cut();
    EXPECT_EQ(voice.open(), 4U - 1U);
    voice.cancel();
    EXPECT_EQ(spoken->cancels, 1);
    EXPECT_FALSE(voice.unheard());
}

}  // namespace
}  // namespace bridge::agents
