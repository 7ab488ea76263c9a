// An agent on a call: its sessions, its voice, the person beside it, and what happens when it is
// gone.

#include <gtest/gtest.h>

#include <algorithm>

#include "call_fixture.hpp"
#include "scripted_agent.hpp"

namespace bridge::call {
namespace {

using namespace std::chrono_literals;

CallSpec with_agent() {
    auto spec = CallFixture::outbound();
    spec.agent = "scripted";
    return spec;
}

AgentCare care() {
    AgentCare out;
    out.goodbye = std::make_shared<const std::vector<std::int16_t>>(1600, std::int16_t{900});
    return out;
}

struct CallAgent : testing::Test {
    explicit CallAgent(AgentCare with = care()) : f(with_agent(), {}, shelf, std::move(with)) {}
    /// Dialled, answered, and the agent is ready.
    void talk() {
        f.accept(input::Dial{});
        agent.ear.events->ready();
        f.voice();
        stream = f.start_stream();
    }
    /// The phone says something, the microphone brings 500s, and time goes on.
    void pass(std::chrono::milliseconds time, std::uint8_t said = 0xFF) {
        for (auto at = 0ms; at < time; at += 20ms) {
            f.media(stream, ++sequence, timestamp += 20, 160, said);
            f.microphone->speak(160, 500, f.clock.now());
            f.advance(20ms);
        }
    }
    void say(std::chrono::milliseconds time, std::int16_t value = 1000) {
        agent.ear.voice->write(
            std::vector<std::int16_t>(static_cast<std::size_t>(time.count()) * 8, value));
    }
    AgentState state() const { return f.call->snapshot().agent; }
    bool sent(std::int16_t value) const {
        return std::count(f.line->samples.begin(), f.line->samples.end(), value) > 0;
    }

    std::shared_ptr<ScriptedShelf> shelf = std::make_shared<ScriptedShelf>();
    ScriptedAgent& agent = *shelf->made;
    CallFixture f;
    std::uint64_t stream = 0, sequence = 1;
    std::int64_t timestamp = 0;
};

TEST_F(CallAgent, ConnectsWhileThePhoneRingsAndItsGreetingIsSpokenAtOnce) {
    f.accept(input::Dial{});
    ASSERT_EQ(agent.starts.size(), 1U);
    EXPECT_EQ(agent.starts[0].to, "+15551234567");
    EXPECT_EQ(state().status, AgentState::Status::connecting);
    agent.ear.events->ready();
    say(1s);
    EXPECT_TRUE(agent.answers.empty());
    EXPECT_EQ(f.line->sent, 0U);
    f.voice();
    stream = f.start_stream();
    ASSERT_EQ(agent.answers.size(), 1U);
    EXPECT_EQ(agent.answers[0].stream_sid, StreamSid{"MZ1"});
    EXPECT_EQ(agent.answers[0].sid, CallSid{"CA1"});
    EXPECT_GE(f.line->sent, 8U);  // the lead is there in the same instant
    pass(1s);
    EXPECT_EQ(f.line->sent, 50U);
    EXPECT_EQ(state().status, AgentState::Status::ready);
}

TEST_F(CallAgent, HearsThePhoneButNotItself) {
    talk();
    say(200ms, 1000);
    pass(400ms, 0x80);  // 32124
    ASSERT_EQ(agent.heard.size(), 20U);
    EXPECT_TRUE(std::all_of(agent.heard.begin(), agent.heard.end(),
                            [](auto sample) { return sample == 32124; }));
}

TEST_F(CallAgent, IsToldOnceWhenTheCallerIsPutOnHoldAndIsBack) {
    talk();
    EXPECT_TRUE(agent.holds.empty());
    f.accept(input::SetHeld{true, HoldSound::music});
    f.accept(input::SetHeld{true, HoldSound::music});
    f.accept(input::SetMuted{true});
    EXPECT_EQ(agent.holds, (std::vector{true}));
    f.accept(input::SetHeld{false});
    EXPECT_EQ(agent.holds, (std::vector{true, false}));
}

TEST_F(CallAgent, IsToldKeysAndWhatBecameOfItsWords) {
    talk();
    const auto id = agent.ear.voice->begin();
    say(100ms);
    agent.ear.voice->end();
    pass(120ms);
    f.echo_marks(stream);
    ASSERT_EQ(agent.spoken_to_the_end.size(), 1U);
    EXPECT_EQ(agent.spoken_to_the_end[0].first, id);
    EXPECT_EQ(agent.spoken_to_the_end[0].second.heard, 100ms);
    f.accept(input::DtmfReceived{stream, ++f.echoed, '7'});
    EXPECT_EQ(agent.digits, "7");
    EXPECT_TRUE(agent.interruptions.empty());
}

TEST_F(CallAgent, GivesWayAtOnceAndIsToldHowMuchWasHeard) {
    talk();
    const auto id = agent.ear.voice->begin();
    say(2s);
    pass(200ms);
    ASSERT_FALSE(f.line->marks.empty());
    f.accept(input::MarkEchoed{stream, ++f.echoed, f.line->marks.front()});
    pass(200ms);
    const auto clears = f.line->clears;
    agent.ear.events->give_way();
    EXPECT_EQ(f.line->clears, clears + 1);
    ASSERT_EQ(agent.interruptions.size(), 1U);
    EXPECT_EQ(agent.interruptions[0].first, id);
    EXPECT_GE(agent.interruptions[0].second.heard, 100ms);
    EXPECT_LE(agent.interruptions[0].second.heard, 400ms);
    const auto sent = f.line->sent;
    pass(400ms);
    EXPECT_EQ(f.line->sent, sent);
}

TEST_F(CallAgent, ThatIsDoneEndsTheCallWhenItsLastWordsWereHeard) {
    talk();
    say(500ms);
    agent.ear.voice->end();
    agent.ear.events->ended(AgentEnd::finished, "done");
    pass(200ms);
    EXPECT_TRUE(f.carrier->hung_up.empty());
    pass(600ms);
    f.echo_marks(stream);
    f.advance(100ms);
    EXPECT_EQ(f.carrier->hung_up.size(), 1U);
    EXPECT_EQ(f.line->sent, 25U);
}

TEST_F(CallAgent, ThatIsLostIsTriedAgainWithLongerAndLongerPauses) {
    talk();
    pass(100ms);
    std::vector<Clock::Time> starts;
    agent.on_start = [&] { starts.push_back(f.clock.now()); };
    agent.ear.events->ended(AgentEnd::dropped, "gone");
    EXPECT_EQ(state().status, AgentState::Status::lost);
    const auto lost = f.clock.now();
    for (int i = 0; i < 400 && starts.size() < 4; ++i) {
        const auto before = starts.size();
        pass(20ms);
        if (starts.size() > before) agent.ear.events->ended(AgentEnd::dropped, "gone again");
    }
    ASSERT_EQ(starts.size(), 4U);
    auto from = lost;
    auto expected = 250.0;
    for (const auto at : starts) {
        const auto waited = std::chrono::duration<double, std::milli>(at - from).count();
        EXPECT_GE(waited, expected * 0.8 - 1);
        EXPECT_LE(waited, expected * 1.2 + 25);
        from = at;
        expected *= 2;
    }
    EXPECT_EQ(state().sessions, 5U);
}

TEST_F(CallAgent, ThatComesBackGoesOnAndTheCallerWasToldMeanwhile) {
    talk();
    pass(100ms);
    agent.ear.events->ended(AgentEnd::dropped, "gone");
    pass(1980ms);
    EXPECT_GT(f.line->sent, 0U) << "the caller hears something within two seconds";
    agent.ear.events->ready();
    EXPECT_EQ(state().status, AgentState::Status::ready);
    EXPECT_EQ(agent.answers.size(), 2U);
    const auto sent = f.line->sent;
    pass(5s);
    EXPECT_EQ(f.line->sent, sent) << "the comfort sound is over";
    EXPECT_TRUE(f.carrier->hung_up.empty());
}

TEST_F(CallAgent, ThatStaysAwayIsReplacedByAPoliteEndAfterFifteenSeconds) {
    talk();
    pass(100ms);
    const auto stays_away = [&] { agent.ear.events->ended(AgentEnd::dropped, "no answer"); };
    agent.on_start = [&] { stays_away(); };
    stays_away();
    pass(14'800ms);
    EXPECT_TRUE(f.carrier->hung_up.empty());
    EXPECT_FALSE(sent(900));
    pass(600ms);
    EXPECT_TRUE(sent(900)) << "goodbye";
    EXPECT_EQ(state().status, AgentState::Status::gone);
    f.echo_marks(stream);
    pass(200ms);
    EXPECT_EQ(f.carrier->hung_up.size(), 1U);
}

TEST_F(CallAgent, ThatIsRefusedBeforeTheAnswerEndsTheCall) {
    f.accept(input::Dial{});
    agent.ear.events->ended(AgentEnd::refused, "OPENAI_API_KEY is wrong");
    f.advance(100ms);
    EXPECT_EQ(f.carrier->hung_up.size(), 1U);
    EXPECT_NE(f.call->snapshot().end_reason.find("OPENAI_API_KEY"), std::string::npos);
}

TEST_F(CallAgent, OnceTakenOverSaysNothingAndHearsNothing) {
    talk();
    say(2s);
    pass(200ms);
    f.accept(input::SetAgentMode{AgentMode::taken_over});
    EXPECT_EQ(agent.interruptions.size(), 1U);
    EXPECT_TRUE(f.call->snapshot().local.microphone);
    ASSERT_EQ(agent.contexts.size(), 1U);
    f.line->samples.clear();
    agent.heard.clear();
    agent.ear.voice->begin();
    say(1s);
    agent.ear.voice->end();
    pass(500ms, 0x80);
    EXPECT_FALSE(sent(1000));
    EXPECT_TRUE(sent(500)) << "the microphone is heard";
    EXPECT_EQ(agent.heard.back(), 0);
    EXPECT_EQ(agent.interruptions.back().second.heard, 0ms);
    const auto told = agent.interruptions.size();
    agent.ear.voice->begin();
    say(1s);
    agent.ear.voice->begin();  // ends the one before as well
    EXPECT_EQ(agent.interruptions.size(), told + 1);
    say(300ms);
    f.accept(input::Clear{});
    say(300ms);
    pass(300ms, 0x80);
    EXPECT_FALSE(sent(1000)) << "whatever else happens meanwhile";
    f.accept(input::SetAgentMode{AgentMode::speaks});
    EXPECT_FALSE(f.call->snapshot().local.microphone);
    EXPECT_EQ(agent.contexts.size(), 2U);
    f.line->samples.clear();
    say(200ms, 1200);
    pass(300ms, 0x80);
    EXPECT_TRUE(sent(1200));
    EXPECT_FALSE(sent(500));
    EXPECT_EQ(agent.heard.back(), 32124);
}

TEST_F(CallAgent, IsWhisperedToWithoutThePhoneHearingIt) {
    talk();
    EXPECT_FALSE(f.call->snapshot().local.microphone);
    pass(200ms);
    EXPECT_EQ(agent.heard.back(), 0);
    f.accept(input::SetAgentMode{AgentMode::whisper});
    f.line->samples.clear();
    pass(400ms);
    EXPECT_FALSE(sent(500));
    EXPECT_EQ(agent.heard.back(), 500);
    f.accept(input::SetAgentMode{AgentMode::together});
    pass(400ms);
    EXPECT_TRUE(sent(500));
    EXPECT_EQ(agent.heard.back(), 500);
    EXPECT_TRUE(f.call->snapshot().local.microphone);
}

TEST_F(CallAgent, HasToolsRunAndIsToldTheirOutcome) {
    talk();
    agent.ear.events->call_tool({"t1", "end_call", "{}"});
    ASSERT_EQ(shelf->tool_box->runs.size(), 1U);
    auto& run = shelf->tool_box->runs[0];
    std::string answer;
    run.context.act(tool::EndCall{"all is said"},
                    [&](Result<std::string> done) { answer = done.value_or("failed"); });
    EXPECT_FALSE(answer.empty());
    run.done({"t1", "ok", false});
    ASSERT_EQ(agent.results.size(), 1U);
    EXPECT_EQ(agent.results[0].id, "t1");
    say(1s);  // the goodbye comes after the request
    agent.ear.voice->end();
    pass(800ms);
    EXPECT_TRUE(f.carrier->hung_up.empty());
    pass(300ms);
    f.echo_marks(stream);
    pass(100ms);
    EXPECT_EQ(f.carrier->hung_up.size(), 1U);
    EXPECT_EQ(f.line->sent, 50U);
    EXPECT_EQ(f.all<event::ToolUsed>().size(), 1U);
}

TEST_F(CallAgent, IsToldThatATransferFailed) {
    talk();
    agent.ear.events->call_tool({"t1", "transfer_call", "{}"});
    Result<std::string> answer = std::string("none");
    shelf->tool_box->runs[0].context.act(tool::TransferCall{"+15557654321"},
                                         [&](Result<std::string> done) { answer = done; });
    f.settle();
    EXPECT_EQ(f.carrier->instructed.size(), 1U);
    f.accept(input::StreamClosed{stream, true, {}});
    f.accept(input::DialReported{CallSid{"CA2"}, "busy", true});
    f.voice();
    stream = f.start_stream();
    ASSERT_FALSE(answer);
    EXPECT_NE(answer.error().message.find("busy"), std::string::npos);
    EXPECT_EQ(agent.answers.size(), 2U);
}

TEST_F(CallAgent, CanBePutOnAndTakenOffDuringTheCall) {
    talk();
    f.accept(input::SetAgent{});
    f.settle();
    EXPECT_EQ(agent.stops, 1);
    EXPECT_EQ(state().status, AgentState::Status::none);
    EXPECT_TRUE(f.call->snapshot().local.microphone);
    agent.heard.clear();
    say(200ms);
    pass(200ms);
    EXPECT_TRUE(agent.heard.empty());
    EXPECT_FALSE(sent(1000));
    f.accept(input::SetAgent{"other"});
    EXPECT_EQ(shelf->asked.back(), "other");
    agent.ear.events->ready();
    say(200ms);
    pass(200ms);
    EXPECT_TRUE(sent(1000));
    EXPECT_FALSE(agent.heard.empty());
}

TEST_F(CallAgent, IsStoppedWhenTheCallEnds) {
    talk();
    f.status("completed", 3);
    EXPECT_EQ(agent.stops, 1);
    say(200ms);
    agent.ear.events->ready();
    agent.ear.events->ended(AgentEnd::dropped, "late");
    EXPECT_EQ(f.carrier->hung_up.size(), 0U);
}

}  // namespace
}  // namespace bridge::call
