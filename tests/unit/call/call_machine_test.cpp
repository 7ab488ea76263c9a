// What a call does when the carrier says who answered.

#include <gtest/gtest.h>

#include <algorithm>

#include "call_fixture.hpp"
#include "scripted_agent.hpp"

namespace bridge::call {
namespace {

using namespace std::chrono_literals;

constexpr std::int16_t kAgent = 1000, kMessage = 2000, kPerson = 500;

CallSpec spec(OnMachine what) {
    auto out = CallFixture::outbound();
    out.agent = "scripted";
    out.on_machine = what;
    if (what == OnMachine::message)  // one second
        out.machine_message = std::make_shared<const std::vector<std::int16_t>>(8000, kMessage);
    return out;
}

/// A call with an agent that has begun to speak.
struct Answered {
    explicit Answered(CallSpec with) : f(std::move(with), {}, shelf) {
        f.accept(input::Dial{});
        agent.ear.events->ready();
        f.voice();
        stream = f.start_stream();
        agent.ear.voice->write(std::vector<std::int16_t>(80'000, kAgent));
        pass(500ms);
    }
    explicit Answered(OnMachine what) : Answered(spec(what)) {}

    void pass(std::chrono::milliseconds time) {
        for (auto at = 0ms; at < time; at += 20ms) {
            f.media(stream, ++sequence, timestamp += 20, 160, 0xFF);
            f.microphone->speak(160, kPerson, f.clock.now());
            f.advance(20ms);
        }
    }
    void verdict(const std::string& who) { f.accept(input::MachineDetected{who, 3000ms}); }
    std::ptrdiff_t sent(std::int16_t value) const {
        return std::count(f.line->samples.begin(), f.line->samples.end(), value);
    }
    bool hung_up() const { return !f.carrier->hung_up.empty(); }
    std::string reason() const { return f.call->snapshot().end_reason; }

    std::shared_ptr<ScriptedShelf> shelf = std::make_shared<ScriptedShelf>();
    ScriptedAgent& agent = *shelf->made;
    CallFixture f;
    std::uint64_t stream = 0, sequence = 1;
    std::int64_t timestamp = 0;
};

TEST(CallMachine, SpeaksAtOnceAndGoesOnWhenAHumanAnswered) {
    for (const auto what : {OnMachine::hang_up, OnMachine::message, OnMachine::ignore}) {
        for (const auto* who : {"human", "unknown"}) {
            Answered call(what);
            const auto before = call.sent(kAgent);
            EXPECT_GT(before, 4000);
            call.verdict(who);
            call.pass(500ms);
            EXPECT_FALSE(call.hung_up()) << who;
            EXPECT_GT(call.sent(kAgent), before + 3000);
            EXPECT_EQ(call.f.line->clears, 0);
            EXPECT_EQ(call.f.call->snapshot().answered_by, who);
        }
    }
}

TEST(CallMachine, IgnoresAMachineIfToldSo) {
    Answered call(OnMachine::ignore);
    call.verdict("machine_start");
    call.pass(500ms);
    EXPECT_FALSE(call.hung_up());
    EXPECT_EQ(call.f.call->snapshot().agent.status, AgentState::Status::ready);
    EXPECT_EQ(call.f.all<event::MachineDetected>().size(), 1U);
}

TEST(CallMachine, HangsUpAtOnce) {
    for (const auto* who : {"machine_start", "machine_end_beep", "machine_end_other", "fax"}) {
        Answered call(OnMachine::hang_up);
        call.verdict(who);
        EXPECT_TRUE(call.hung_up()) << who;
        EXPECT_EQ(call.f.line->clears, 1);
        EXPECT_EQ(call.reason(), std::string(who) + " answered");
        EXPECT_GE(call.agent.stops, 1);
    }
}

TEST(CallMachine, LeavesTheMessageAndNothingElseAndHangsUpOnceItWasHeard) {
    for (const auto* who : {"machine_start", "machine_end_beep", "machine_end_silence"}) {
        Answered call(OnMachine::message);
        call.verdict(who);
        EXPECT_EQ(call.f.line->clears, 1);
        const auto agent = call.sent(kAgent);
        if (call.agent.ear.voice)  // it does not know yet, and goes on
            call.agent.ear.voice->write(std::vector<std::int16_t>(8000, kAgent));
        for (int i = 0; i < 20; ++i) {
            call.pass(60ms);
            EXPECT_TRUE(i >= 10 || !call.hung_up());
            if (!call.hung_up()) call.f.echo_marks(call.stream);
        }
        EXPECT_EQ(call.sent(kMessage), 8000) << who;
        EXPECT_EQ(call.sent(kAgent), agent);
        EXPECT_EQ(call.sent(kPerson), 0) << "the microphone is not for a machine";
        EXPECT_TRUE(call.hung_up());
        EXPECT_EQ(call.reason(), "the machine has our message");
        EXPECT_EQ(call.agent.stops, 1);
    }
}

TEST(CallMachine, HangsUpWhenNobodyTellsThatTheMessageWasHeard) {
    Answered call(OnMachine::message);
    call.verdict("machine_end_beep");
    call.pass(10900ms);
    EXPECT_FALSE(call.hung_up());
    call.pass(200ms);
    EXPECT_TRUE(call.hung_up());
    EXPECT_EQ(call.reason(), "the machine may have our message");
}

TEST(CallMachine, HangsUpWhenTheMessageIsCutOff) {
    Answered call(OnMachine::message);
    call.verdict("machine_end_beep");
    call.pass(200ms);
    call.f.accept(input::Clear{});
    EXPECT_TRUE(call.hung_up());
    EXPECT_EQ(call.reason(), "the message to the machine was cut off");
}

TEST(CallMachine, LeavesNoMessageWithAFaxOrWithoutOne) {
    Answered fax(OnMachine::message);
    fax.verdict("fax");
    EXPECT_TRUE(fax.hung_up());
    EXPECT_EQ(fax.sent(kMessage), 0);
    auto without = spec(OnMachine::message);
    without.machine_message = nullptr;
    Answered call(without);
    call.verdict("machine_end_beep");
    EXPECT_TRUE(call.hung_up());
}

TEST(CallMachine, AVerdictBeforeTheStreamWaitsForIt) {
    CallFixture f(spec(OnMachine::message), {}, std::make_shared<ScriptedShelf>());
    f.accept(input::Dial{});
    f.voice();
    f.accept(input::MachineDetected{"machine_start", 1000ms});
    EXPECT_TRUE(f.carrier->hung_up.empty());
    f.start_stream();
    f.advance(1s);
    EXPECT_EQ(std::count(f.line->samples.begin(), f.line->samples.end(), kMessage), 8000);
}

TEST(CallMachine, BeginsTheMessageAnewWhenKeysHaveInterruptedIt) {
    Answered call(OnMachine::message);
    call.verdict("machine_end_beep");
    call.pass(300ms);
    call.f.accept(input::SendDigits{"12", false});
    call.pass(100ms);
    call.f.accept(input::StreamStopped{call.stream});
    EXPECT_FALSE(call.hung_up());
    const auto before = call.sent(kMessage);
    call.stream = call.f.start_stream();
    call.sequence = 1;
    call.pass(1s);
    EXPECT_GE(call.sent(kMessage) - before, 8000);
    EXPECT_EQ(call.f.line->clears, 2) << "the remainder is thrown away";
}

TEST(CallMachine, LeavesAPersonAloneWhoHasTakenOver) {
    for (const auto what : {OnMachine::hang_up, OnMachine::message}) {
        Answered call(what);
        call.f.accept(input::SetAgentMode{AgentMode::taken_over});
        call.verdict("machine_start");
        call.pass(500ms);
        EXPECT_FALSE(call.hung_up());
        EXPECT_GT(call.sent(kPerson), 0);
    }
}

TEST(CallMachine, ActsOnceAndNotOnACallThatIsBeingEnded) {
    Answered call(OnMachine::message);
    call.verdict("machine_start");
    call.pass(200ms);
    call.verdict("machine_start");
    call.f.status("in-progress");
    EXPECT_EQ(call.f.line->clears, 1);
    Answered ending(OnMachine::message);
    ending.f.accept(input::HangUp{"bye", true});
    ending.verdict("machine_start");
    ending.pass(100ms);
    EXPECT_EQ(ending.sent(kMessage), 0);
}

}  // namespace
}  // namespace bridge::call
