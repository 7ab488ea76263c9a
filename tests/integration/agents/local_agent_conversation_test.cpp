// The receptionist of the local agent and the emulator's scripted caller talk with each other, with
// their real voices and a real recogniser, in virtual time.

#include <gtest/gtest.h>

#include "agents/local/receptionist_agent.hpp"
#include "audio/mulaw.hpp"
#include "emulator/persona.hpp"
#include "speech/flite_voice.hpp"
#include "speech/phrase_recognizer.hpp"
#include "tests/support/agent_ear.hpp"
#include "tests/support/phone_in_hand.hpp"

namespace bridge::agents::local {
namespace {

using namespace std::chrono_literals;

Understand ear_for(const Dialogue& dialogue) {
    std::map<std::string, std::string> grammars;
    for (StateId id = 0; id < dialogue.states.size(); ++id)
        if (auto grammar = dialogue.grammar(id); !grammar.empty())
            grammars.emplace("state" + std::to_string(id), std::move(grammar));
    auto made = speech::PhraseRecognizer::make({}, grammars, dialogue.sounds);
    EXPECT_TRUE(made) << made.error().message;
    return [recognizer = *made](StateId state,
                                const std::vector<std::int16_t>& utterance) -> Result<std::string> {
        auto heard = recognizer->recognize("state" + std::to_string(state), utterance);
        if (!heard) return tl::unexpected(heard.error());
        return heard->words;
    };
}

TEST(LocalAgentConversation, TheScriptedCallerLeavesItsMessageAndIsHungUpOn) {
    if (!speech::PhraseRecognizer::available()) GTEST_SKIP() << "built without PocketSphinx";
    auto dialogue = std::make_shared<const Dialogue>(parse_dialogue(default_dialogue()).value());
    test::PhoneInHand hand;
    test::ToldByAgent told;
    auto agent =
        std::make_shared<ReceptionistAgent>(LocalParts{hand.loop.get_executor(), hand.clock,
                                                       hand.pool, remembering(speech::synthesize)},
                                            dialogue, ear_for(*dialogue));
    auto caller = emulator::PersonaBook().make("+12025550109").value();

    call::AgentCall about;
    about.to = "+12025550109";
    agent->start(about, {hand.voice, &told});
    std::size_t answered = 0;
    bool over = false;
    std::chrono::milliseconds time{0};
    for (; time < 3min && !over; time += audio::kFrameTime) {
        emulator::MulawFrame said{}, heard{};
        if (caller->speak(said) == emulator::Persona::Speech::hung_up) break;
        audio::AudioFrame frame;
        audio::decode_mulaw(said, frame.pcm);
        for (const char key : caller->press()) agent->dtmf(key);
        audio::encode_mulaw(hand.frame(*agent, frame), heard);
        caller->hear(heard);
        for (; answered < told.tools.size(); ++answered) {
            over = told.tools[answered].name == "end_call";
            agent->tool_result({told.tools[answered].id, "done", false});
        }
    }
    std::string conversation;
    for (const auto& text : told.texts)
        conversation +=
            (text.speaker == call::Speaker::agent ? "agent:  " : "caller: ") + text.text + "\n";
    SCOPED_TRACE(conversation);
    EXPECT_TRUE(over) << "the agent hangs up after " << time.count() << " ms";
    ASSERT_EQ(told.tools.size(), 2U);
    EXPECT_EQ(told.tools[0].name, "take_message");
    EXPECT_NE(told.tools[0].arguments.find("\"number\":\"5551234\""), std::string::npos)
        << told.tools[0].arguments;
    EXPECT_NE(told.tools[0].arguments.find("tomorrow morning"), std::string::npos)
        << told.tools[0].arguments;
    EXPECT_TRUE(told.warnings.empty());
    agent->stop();
    if (std::getenv("AGENTBRIDGE_SHOW_CONVERSATION") != nullptr) std::puts(conversation.c_str());
}

}  // namespace
}  // namespace bridge::agents::local
