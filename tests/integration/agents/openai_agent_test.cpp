// One session: what is said, heard, called and pressed.

#include "tests/integration/agents/openai_fixture.hpp"

namespace bridge::agents::test {
namespace {

using call::Speaker;

TEST_F(OpenAiAgentTest, IsReadyOnceTheServiceHasTakenItsSettings) {
    serve_realtime();
    auto with = options();
    with.instructions = "Be brief.";
    with.voice = "cedar";
    ready_agent(with, {{"end_call", "Ends the call.", R"({"type":"object","properties":{}})"}});
    on_loop([this] {
        EXPECT_EQ(text_at(talk().events().front(), "type"), "session.update");
        EXPECT_TRUE(talk().settings().mulaw);
        EXPECT_EQ(talk().settings().voice, "cedar");
        EXPECT_EQ(talk().settings().instructions, "Be brief.");
        EXPECT_FALSE(talk().settings().interrupt_response);
        EXPECT_NE(talk().settings().tools.find("end_call"), std::string::npos);
        EXPECT_FALSE(agent_->decides_interruptions());
        EXPECT_EQ(agent_->kind(), "openai");
    });
    expect_no_refusals();
}

TEST_F(OpenAiAgentTest, SpeaksTheOlderShapeWhenAsked) {
    RealtimeServiceOptions older;
    older.beta = true;
    serve_realtime(older);
    auto with = options();
    with.beta = true;
    with.greeting = "Good morning.";
    ready_agent(with);
    EXPECT_TRUE(until([this] { return ear_.voice->samples() == 8000; }));
    caller_speaks();
    caller_pauses();
    EXPECT_TRUE(until([this] { return ear_.voice->samples() == 16000; }));
    expect_no_refusals();
}

TEST_F(OpenAiAgentTest, SpeaksItsGreetingWhileThePhoneRings) {
    serve_realtime().script().answers.push_back({.text = "Good morning."});
    auto with = options();
    with.greeting = "Good morning.";
    ready_agent(with);
    EXPECT_TRUE(until([this] {
        return ear_.voice->utterances.size() == 1 && ear_.voice->utterances[0].ended &&
               ear_.voice->utterances[0].samples.size() == 8000;
    }));
    on_loop([this] {
        const auto request = json::serialize(talk().events().at(1));
        EXPECT_NE(request.find("response.create"), std::string::npos);
        EXPECT_NE(request.find("Good morning."), std::string::npos);
    });
    expect_no_refusals();
}

TEST_F(OpenAiAgentTest, CarriesEverySampleBothWays) {
    serve_realtime();
    ready_agent();
    std::vector<std::uint8_t> said;
    on_loop([&] {
        for (int i = 0; i < 50; ++i) {
            const auto frame = numbered(i);
            agent_->write(frame);
            const auto bytes = encoded(frame);
            said.insert(said.end(), bytes.begin(), bytes.end());
        }
    });
    EXPECT_TRUE(until([&] { return talk().heard().size() == said.size(); }));
    on_loop([&] {
        EXPECT_EQ(talk().heard(), said);
        talk().answer();
    });
    EXPECT_TRUE(until([this] { return ear_.voice->samples() == 8000; }));
    on_loop([this] {
        const auto& sent = talk().items().at(talk().item_order().back()).sound;
        const auto& got = ear_.voice->utterances.back().samples;
        ASSERT_EQ(sent.size(), got.size());
        for (std::size_t i = 0; i < sent.size(); ++i) {
            ASSERT_EQ(audio::decode_mulaw(sent[i]), got[i]) << "sample " << i;
        }
    });
    expect_no_refusals();
}

TEST_F(OpenAiAgentTest, AnswersWhatTheCallerSaysAndTellsTheWordsOfBoth) {
    auto& service = serve_realtime();
    service.script().caller_says.push_back("What is the time?");
    service.script().answers.push_back({.text = "It is half past nine."});
    ready_agent();
    caller_speaks();
    caller_pauses();
    EXPECT_TRUE(until([this] { return ear_.voice->samples() == 8000; }));
    EXPECT_TRUE(until([this] {
        return !ear_.told.texts.empty() && ear_.told.texts.back().final &&
               ear_.told.texts.back().speaker == Speaker::agent;
    }));
    on_loop([this] {
        EXPECT_EQ(ear_.told.caller, (std::vector<bool>{true, false}));
        std::vector<std::string> final;
        std::size_t growing = 0;
        for (const auto& one : ear_.told.texts) {
            if (one.final) {
                final.push_back((one.speaker == Speaker::agent ? "agent: " : "caller: ") +
                                one.text);
            } else {
                ++growing;
            }
        }
        EXPECT_EQ(final, (std::vector<std::string>{"caller: What is the time?",
                                                   "agent: It is half past nine."}));
        EXPECT_GE(growing, 3U);
        EXPECT_EQ(ear_.told.texts.back().utterance, ear_.voice->utterances.back().id);
    });
    expect_no_refusals();
}

TEST_F(OpenAiAgentTest, IsCutOffAtWhatWasHeardAndDropsWhatComesLate) {
    serve_realtime().script().answers.push_back({.hold_after = 5, .late = 3});
    ready_agent();
    on_loop([this] { talk().answer(); });
    EXPECT_TRUE(until([this] { return ear_.voice->samples() == 4000; }));
    on_loop(
        [this] { agent_->interrupted(ear_.voice->utterances[0].id, heard(milliseconds(230))); });
    EXPECT_TRUE(until([this] { return talk_has("conversation.item.truncate"); }));
    EXPECT_TRUE(until([this] { return agent_->late_pieces() == 3; }));
    on_loop([this] {
        EXPECT_EQ(talk().count("response.cancel"), 1U);
        EXPECT_FALSE(talk().answering());
        EXPECT_EQ(talk().items().at(talk().item_order().back()).truncated_ms, 230);
        EXPECT_EQ(ear_.voice->samples(), 4000U) << "late sound was spoken";
    });
    expect_no_refusals();
}

TEST_F(OpenAiAgentTest, NeverClaimsThatMoreWasHeardThanWasReceived) {
    serve_realtime().script().answers.push_back({.hold_after = 3});
    ready_agent();
    on_loop([this] { talk().answer(); });
    EXPECT_TRUE(until([this] { return ear_.voice->samples() == 2400; }));
    on_loop([this] { agent_->interrupted(ear_.voice->utterances[0].id, heard(seconds(10))); });
    EXPECT_TRUE(until([this] { return talk_has("conversation.item.truncate"); }));
    on_loop([this] { EXPECT_EQ(talk().items().at(talk().item_order().back()).truncated_ms, 300); });
    expect_no_refusals();
}

TEST_F(OpenAiAgentTest, TruncatesWithoutCancellingWhatIsMadeAlready) {
    serve_realtime();
    ready_agent();
    on_loop([this] { talk().answer(); });
    EXPECT_TRUE(until([this] { return ear_.voice->samples() == 8000; }));
    on_loop([this] { talk().answer(); });
    EXPECT_TRUE(until([this] { return ear_.voice->samples() == 16000; }));
    on_loop([this] {
        const auto first = ear_.voice->utterances[0].id, second = ear_.voice->utterances[1].id;
        agent_->interrupted(first, heard(seconds(1)));  // all of it
        agent_->interrupted(second, heard(milliseconds(640)));
        agent_->interrupted(99, heard(seconds(1)));
    });
    EXPECT_TRUE(until([this] { return talk_has("conversation.item.truncate"); }));
    on_loop([this] {
        EXPECT_EQ(talk().count("conversation.item.truncate"), 1U);
        EXPECT_EQ(talk().count("response.cancel"), 0U);
        EXPECT_EQ(talk().items().at(talk().item_order()[0]).truncated_ms, std::nullopt);
        EXPECT_EQ(talk().items().at(talk().item_order()[1]).truncated_ms, 640);
    });
    expect_no_refusals();
}

// The service begins no response while it makes one, and says nothing about it.
TEST_F(OpenAiAgentTest, AsksForTheAnswerThatTheServiceOwesAfterAnInterruption) {
    auto& service = serve_realtime();
    service.script().answers.push_back({.hold_after = 2});
    service.script().answers.push_back({.text = "As you wish.", .length = milliseconds(500)});
    ready_agent();
    on_loop([this] { talk().answer(); });
    EXPECT_TRUE(until([this] { return ear_.voice->samples() == 1600; }));
    caller_speaks();
    caller_pauses();
    EXPECT_TRUE(until([this] { return ear_.told.caller.size() == 2; }));
    on_loop([this] {
        EXPECT_EQ(talk().count("response.create"), 0U);
        agent_->interrupted(ear_.voice->utterances[0].id, heard(milliseconds(100)));
    });
    EXPECT_TRUE(until([this] { return ear_.voice->samples() == 1600 + 4000; }));
    on_loop([this] {
        EXPECT_EQ(talk().count("response.create"), 1U);
        EXPECT_EQ(ear_.voice->utterances.size(), 2U);
    });
    expect_no_refusals();
}

TEST_F(OpenAiAgentTest, DecidesAloneWhenTheServiceInterrupts) {
    serve_realtime().script().answers.push_back({.hold_after = 4, .late = 2});
    auto with = options();
    with.service_interrupts = true;
    ready_agent(with);
    EXPECT_TRUE(agent_->decides_interruptions());
    on_loop([this] { talk().answer(); });
    EXPECT_TRUE(until([this] { return ear_.voice->samples() == 3200; }));
    caller_speaks();
    EXPECT_TRUE(until([this] { return ear_.told.gave_way == 1; }));
    on_loop([this] { agent_->interrupted(ear_.voice->utterances[0].id, heard(milliseconds(80))); });
    EXPECT_TRUE(until([this] { return talk_has("conversation.item.truncate"); }));
    on_loop([this] {
        EXPECT_EQ(talk().count("response.cancel"), 0U);
        EXPECT_EQ(agent_->late_pieces(), 2U);
        EXPECT_EQ(ear_.voice->samples(), 3200U);
    });
    caller_pauses();
    EXPECT_TRUE(until([this] { return ear_.voice->samples() == 3200 + 8000; }));
    expect_no_refusals();
}

TEST_F(OpenAiAgentTest, AnswersOnceAllFunctionsOfAResponseAreDone) {
    auto& service = serve_realtime();
    service.script().answers.push_back(
        {.text = "One moment.",
         .length = milliseconds(300),
         .calls = {{"weather", R"({"city":"Bern"})"}, {"clock", "{}"}}});
    ready_agent(options(), {{"weather", "", R"({"type":"object"})"}, {"clock", "", "not JSON"}});
    on_loop([this] { talk().answer(); });
    EXPECT_TRUE(until([this] { return ear_.told.tools.size() == 2; }));
    on_loop([this] {
        EXPECT_EQ(ear_.told.tools[0].name, "weather");
        EXPECT_EQ(ear_.told.tools[0].arguments, R"({"city":"Bern"})");
        agent_->tool_result({ear_.told.tools[0].id, "sunny", false});
        agent_->tool_result({ear_.told.tools[0].id, "twice", false});
        agent_->tool_result({"nobody asked", "?", false});
    });
    EXPECT_TRUE(until([this] { return talk_has("conversation.item.create"); }));
    on_loop([this] {
        EXPECT_EQ(talk().count("response.create"), 0U);
        agent_->tool_result({ear_.told.tools[1].id, "noon", false});
    });
    EXPECT_TRUE(until([this] { return ear_.voice->samples() == 2400 + 8000; }));
    on_loop([this] {
        EXPECT_EQ(talk().count("conversation.item.create"), 2U);
        EXPECT_EQ(talk().count("response.create"), 1U);
        EXPECT_EQ(ear_.told.tools.size(), 2U);
    });
    expect_no_refusals();
}

TEST_F(OpenAiAgentTest, WaitsForTheCallersSentenceBeforeItSpeaksOfAResult) {
    auto& service = serve_realtime();
    service.script().answers.push_back({.length = milliseconds(0), .calls = {{"clock", "{}"}}});
    ready_agent();
    on_loop([this] { talk().answer(); });
    EXPECT_TRUE(until([this] { return ear_.told.tools.size() == 1; }));
    caller_speaks();
    EXPECT_TRUE(until([this] { return ear_.told.caller.size() == 1; }));
    on_loop([this] { agent_->tool_result({ear_.told.tools[0].id, "noon", false}); });
    caller_pauses();
    EXPECT_TRUE(until([this] { return ear_.voice->samples() == 8000; }));
    on_loop([this] { EXPECT_EQ(talk().count("response.create"), 0U); });
    expect_no_refusals();
}

TEST_F(OpenAiAgentTest, TellsTheKeysPressedInARowAtOnce) {
    serve_realtime();
    ready_agent();
    on_loop([this] {
        agent_->dtmf('4');
        clock_.advance(milliseconds(600));
        agent_->dtmf('2');
        clock_.advance(milliseconds(600));
        agent_->dtmf('#');
        clock_.advance(milliseconds(999));
    });
    on_loop([this] { EXPECT_EQ(talk().count("conversation.item.create"), 0U); });
    advance(milliseconds(1));
    EXPECT_TRUE(until([this] { return ear_.voice->samples() == 8000; }));
    on_loop([this] {
        ASSERT_EQ(talk().events().size(), 3U);
        EXPECT_NE(json::serialize(talk().events()[1]).find("The caller pressed 4 2 #."),
                  std::string::npos);
        EXPECT_EQ(talk().count("response.create"), 1U);
    });
    expect_no_refusals();
}

TEST_F(OpenAiAgentTest, TakesWhatWasSaidWithAKeyWhereNobodyDetectsTurns) {
    serve_realtime();
    auto with = options();
    with.turns = TurnDetection::none;
    ready_agent(with);
    caller_speaks();
    caller_pauses();
    on_loop([this] {
        agent_->dtmf('#');
        clock_.advance(seconds(1));
    });
    EXPECT_TRUE(until([this] { return ear_.voice->samples() == 8000; }));
    on_loop([this] { EXPECT_EQ(talk().count("input_audio_buffer.commit"), 1U); });
    expect_no_refusals();
}

TEST_F(OpenAiAgentTest, IsToldWhatItShouldKnowWithoutAnsweringIt) {
    serve_realtime();
    ready_agent();
    on_loop([this] { agent_->context("A person has taken over the call."); });
    EXPECT_TRUE(until([this] { return talk_has("conversation.item.create"); }));
    on_loop([this] {
        const auto text = json::serialize(talk().events().back());
        EXPECT_NE(text.find(R"("role":"system")"), std::string::npos) << text;
        EXPECT_EQ(talk().count("response.create"), 0U);
    });
    expect_no_refusals();
}

TEST_F(OpenAiAgentTest, StopsAtAnyTimeAndSaysNothingMore) {
    auto& service = serve_realtime();
    auto with = options();
    with.greeting = "Good morning.";
    // Stopped after ever more turns of the loop: while it connects, configures, is greeting.
    for (int turns = 0; turns < 30; ++turns) {
        on_loop([&] { service.script().answers.push_back({.hold_after = 2}); });
        make_agent(with);
        start();
        for (int i = 0; i < turns; ++i) on_loop([] {});
        int told = 0;
        std::size_t samples = 0;
        on_loop([&] {
            agent_->stop();
            agent_->stop();
            told = ear_.told.readies;
            samples = ear_.voice->samples();
            agent_->write(loud());
            agent_->dtmf('1');
            agent_->context("nobody hears this");
        });
        EXPECT_TRUE(eventually([] { return live_tasks() <= 1; }));
        on_loop([&] {
            EXPECT_EQ(ear_.told.readies, told);
            EXPECT_EQ(ear_.voice->samples(), samples);
            EXPECT_TRUE(ear_.told.ends.empty());
            agent_.reset();
        });
    }
    EXPECT_EQ(clock_.pending(), 0U);
}

TEST_F(OpenAiAgentTest, StopsWhileNobodyAnswersItsConnection) {
    const net::test::FullPort full;
    auto with = options();
    with.url = "ws://127.0.0.1:" + std::to_string(full.port());
    make_agent(with);
    start();
    on_loop([] {});
    const auto before = std::chrono::steady_clock::now();
    on_loop([this] { agent_->stop(); });
    EXPECT_TRUE(eventually([] { return live_tasks() == 0; }));
    EXPECT_LT(std::chrono::steady_clock::now() - before, seconds(3));
}

TEST_F(OpenAiAgentTest, GoesAwayInMidSpeech) {
    serve_realtime().script().answers.push_back({.hold_after = 2});
    ready_agent();
    on_loop([this] { talk().answer(); });
    EXPECT_TRUE(until([this] { return ear_.voice->samples() == 1600; }));
    on_loop([this] { agent_.reset(); });
    EXPECT_TRUE(until([this] { return !talk().open(); }));
    EXPECT_EQ(clock_.pending(), 0U);
}

}  // namespace
}  // namespace bridge::agents::test
