#include <gtest/gtest.h>

#include "call_fixture.hpp"

namespace bridge::call {
namespace {

using namespace std::chrono_literals;

constexpr auto kTarget = "+15557654321";

std::vector<std::string> told(const CallFixture& f) {
    std::vector<std::string> out;
    for (const auto& one : f.all<event::TransferChanged>()) out.push_back(one.transfer.status);
    return out;
}

/// Asks for a transfer; the far end's stream has ended for it.
void dial_through(CallFixture& f, std::uint64_t stream) {
    f.accept(input::Transfer{kTarget});
    f.accept(input::StreamStopped{stream});
    f.accept(input::StreamClosed{stream, true, ""});
}

input::DialReported leg(std::string status) {
    return {CallSid{"CA2"}, std::move(status), false};
}
input::DialReported over(std::string status) {
    return {CallSid{"CA2"}, std::move(status), true};
}

TEST(Transfer, HandsTheFarEndOverOnceSomebodyAnswers) {
    CallFixture f;
    const auto stream = f.talk();
    dial_through(f, stream);
    EXPECT_EQ(f.carrier->instructed,
              std::vector<std::string>{std::string("transfer ") + kTarget + " CA1"});
    EXPECT_EQ(f.journal->entries[0].hold, Hold::held) << "the carrier dials on without us";
    f.advance(25s);
    EXPECT_TRUE(f.carrier->hung_up.empty()) << "no stream is expected while it rings there";
    f.accept(leg("ringing"));
    f.accept(leg("in-progress"));
    EXPECT_EQ(told(f), (std::vector<std::string>{"dialling", "ringing", "connected"}));
    EXPECT_EQ(f.journal->entries[0].hold, Hold::transferred);
    f.accept(over("completed"));
    f.status("completed", 9);
    f.advance(3s);
    ASSERT_EQ(f.ended, 1);
    EXPECT_EQ(told(f).back(), "over");
    const auto last = f.all<event::Ended>()[0].snapshot;
    EXPECT_TRUE(last.end_confirmed);
    EXPECT_FALSE(last.handed_over) << "it was over before we left it";
    EXPECT_EQ(last.end_reason, std::string("handed over to ") + kTarget);
    EXPECT_TRUE(f.carrier->hung_up.empty());
    EXPECT_EQ(f.clock.pending(), 0U);
}

TEST(Transfer, IsNotAskedForWhenTheyMayNotBeCalled) {
    CallFixture f;
    f.talk();
    f.forbidden = " is far away";
    f.accept(input::Transfer{kTarget});
    EXPECT_EQ(told(f), std::vector{std::string("failed: ") + kTarget + " is far away"});
    EXPECT_TRUE(f.carrier->instructed.empty());
    EXPECT_EQ(f.call->state(), CallState::in_progress);
}

TEST(Transfer, IsLetGoByCtrlCOnceSomebodyAnswered) {
    for (const bool let_go : {false, true}) {
        CallFixture f;
        dial_through(f, f.talk());
        f.accept(leg("in-progress"));
        f.advance(2s);
        if (let_go) {
            f.accept(input::LetGo{});
        } else {
            f.accept(input::HangUp{"Ctrl-C"});
        }
        f.advance(2s);
        ASSERT_EQ(f.ended, 1);
        EXPECT_TRUE(f.carrier->hung_up.empty()) << "they talk";
        const auto last = f.all<event::Ended>()[0].snapshot;
        EXPECT_TRUE(last.handed_over);
        EXPECT_NE(last.end_reason.find("goes on without us"), std::string::npos);
        EXPECT_TRUE(f.journal->entries[0].ended) << "nothing is left to look after";
        EXPECT_EQ(f.journal->entries[0].hold, Hold::transferred);
        EXPECT_EQ(f.clock.pending(), 0U);
    }
}

TEST(Transfer, IsHungUpByCtrlCWhileItRings) {
    CallFixture f;
    dial_through(f, f.talk());
    f.accept(leg("ringing"));
    f.accept(input::HangUp{"Ctrl-C"});
    EXPECT_EQ(f.carrier->hung_up, std::vector<std::string>{"CA1"});
    f.accept(leg("in-progress"));  // a moment too late
    f.advance(2s);
    ASSERT_EQ(f.ended, 1);
    EXPECT_FALSE(f.all<event::Ended>()[0].snapshot.handed_over);
    EXPECT_EQ(f.clock.pending(), 0U);
}

TEST(Transfer, ComesBackWhenNobodyAnswers) {
    for (const auto* word : {"busy", "no-answer", "failed", "canceled"}) {
        CallFixture f;
        dial_through(f, f.talk());
        f.accept(leg("ringing"));
        f.advance(5s);
        f.accept(over(word));
        const auto second = f.start_stream();
        f.media(second, 2, 0);
        f.advance(60s);
        EXPECT_EQ(f.call->state(), CallState::in_progress);
        EXPECT_TRUE(f.carrier->hung_up.empty());
        EXPECT_EQ(told(f).back().substr(0, 8), "failed: ") << word;
        EXPECT_EQ(f.journal->entries[0].hold, Hold::stream);
        EXPECT_EQ(f.call->snapshot().media.gap_ms, 5000U);
        f.accept(input::Transfer{"+15550001111"});
        EXPECT_EQ(f.carrier->instructed.size(), 2U) << "it can be tried again";
    }
}

TEST(Transfer, EndsACallThatIsToldToComeBackAndDoesNot) {
    CallFixture f;
    dial_through(f, f.talk());
    f.accept(over("busy"));
    f.advance(21s);
    EXPECT_EQ(f.carrier->hung_up, std::vector<std::string>{"CA1"});
}

TEST(Transfer, RefusedByTheCarrierLeavesTheStreamAsItIs) {
    CallFixture f;
    const auto stream = f.talk();
    f.carrier->instruction_outcome = fail(Errc::refused, "caller ID");
    f.accept(input::Transfer{kTarget});
    EXPECT_EQ(told(f), (std::vector<std::string>{"dialling", "failed: caller ID"}));
    EXPECT_EQ(f.journal->entries[0].hold, Hold::stream);
    f.media(stream, 2, 0);
    EXPECT_EQ(f.call->snapshot().media.frames, 1U);
    f.advance(120s);
    EXPECT_TRUE(f.carrier->fetched.empty());
}

TEST(Transfer, WaitsForKeysAndASecondOneIsRefused) {
    CallFixture f;
    const auto stream = f.talk();
    f.accept(input::SendDigits{"12"});
    f.advance(10ms);
    f.accept(input::Transfer{kTarget});
    f.accept(input::Transfer{"+15550001111"});
    EXPECT_EQ(f.carrier->instructed.size(), 1U);
    f.accept(input::SendDigits{"3"});
    EXPECT_EQ(f.all<event::DigitsSent>().back().problem,
              "the far end is being handed to somebody else");
    f.accept(input::StreamClosed{stream, true, ""});
    f.voice();
    f.start_stream();
    f.settle();
    ASSERT_EQ(f.carrier->instructed.size(), 2U);
    EXPECT_EQ(f.carrier->instructed[1], std::string("transfer ") + kTarget + " CA1");
    EXPECT_EQ(told(f)[1], "failed: the far end is being handed to somebody else");
}

TEST(Transfer, WhoseFarEndHangsUpWhileItRingsIsOver) {
    CallFixture f;
    dial_through(f, f.talk());
    f.accept(leg("ringing"));
    f.status("completed", 9);
    f.advance(3s);
    ASSERT_EQ(f.ended, 1);
    EXPECT_EQ(told(f).back(), "failed: the call is over");
    f.accept(over("canceled"));
    EXPECT_EQ(told(f).size(), 3U) << "nothing is told after the end";
}

TEST(Transfer, IsTakenForAnsweredIfTheCallLivesWhenRingingIsOver) {
    CallFixture f;
    dial_through(f, f.talk());
    f.carrier->fetch_status = "in-progress";
    f.advance(60s);  // no webhook told anything
    EXPECT_FALSE(f.carrier->fetched.empty());
    EXPECT_TRUE(f.carrier->hung_up.empty());
    EXPECT_EQ(told(f).back(), "connected");
    // And it is noticed when their conversation is over, though nobody tells.
    f.carrier->fetch_status = "completed";
    f.advance(70s);
    ASSERT_EQ(f.ended, 1);
}

TEST(Transfer, WithoutAnAnswerMayHaveBeenTaken) {
    CallFixture f;
    const auto stream = f.talk();
    f.carrier->instruction_outcome = fail(Errc::timed_out, "no answer");
    f.accept(input::Transfer{kTarget});
    EXPECT_EQ(told(f).back(), "failed: no answer");
    f.accept(input::StreamClosed{stream, true, ""});
    f.accept(leg("ringing"));
    f.advance(25s);
    EXPECT_TRUE(f.carrier->hung_up.empty());
    f.accept(leg("in-progress"));
    EXPECT_EQ(told(f).back(), "connected");
}

TEST(Transfer, CanBeTakenBackBeforeSomebodyAnswers) {
    CallFixture f;
    dial_through(f, f.talk());
    f.accept(leg("ringing"));
    f.accept(input::TakeBack{});
    EXPECT_EQ(f.carrier->instructed.back(), "stream CA1");
    f.voice();
    const auto second = f.start_stream();
    f.media(second, 2, 0);
    EXPECT_EQ(told(f).back(), "failed: it came back");
    EXPECT_EQ(f.journal->entries[0].hold, Hold::stream);
    f.advance(120s);
    EXPECT_TRUE(f.carrier->hung_up.empty());
}

TEST(Transfer, OfACallThatIsNotAnsweredIsRefused) {
    CallFixture f;
    f.accept(input::Dial{});
    f.accept(input::Transfer{kTarget});
    EXPECT_EQ(told(f), std::vector<std::string>{"failed: the call is not answered yet"});
    EXPECT_TRUE(f.carrier->instructed.empty());
}

TEST(Conference, IsJoinedAndLetGo) {
    CallFixture f;
    const auto stream = f.talk();
    f.accept(input::JoinConference{"room"});
    EXPECT_EQ(f.carrier->instructed, std::vector<std::string>{"conference room CA1"});
    EXPECT_EQ(f.journal->entries[0].hold, Hold::conference);
    f.accept(input::LetGo{});
    EXPECT_EQ(f.ended, 0) << "it is not in the room yet";
    f.accept(input::StreamClosed{stream, true, ""});
    f.accept(input::ConferenceReported{"CF1", "participant-join"});
    f.advance(60s);
    EXPECT_TRUE(f.carrier->hung_up.empty());
    f.accept(input::LetGo{});
    f.advance(2s);
    ASSERT_EQ(f.ended, 1);
    EXPECT_TRUE(f.call->snapshot().handed_over);
    EXPECT_EQ(f.journal->entries[0].hold, Hold::transferred);
}

TEST(Conference, IsHungUpByCtrlCBeforeItIsLetGo) {
    CallFixture f;
    const auto stream = f.talk();
    f.accept(input::JoinConference{"room"});
    f.accept(input::StreamClosed{stream, true, ""});
    f.accept(input::ConferenceReported{"CF1", "participant-join"});
    f.accept(input::HangUp{"Ctrl-C"});
    EXPECT_EQ(f.carrier->hung_up, std::vector<std::string>{"CA1"});
}

TEST(Conference, ComesBackIfItWasNeverJoined) {
    CallFixture f;
    const auto stream = f.talk();
    f.accept(input::JoinConference{"room"});
    f.accept(input::StreamClosed{stream, true, ""});
    f.advance(16s);
    EXPECT_EQ(f.carrier->instructed.back(), "stream CA1");
    f.voice();
    f.start_stream();
    EXPECT_EQ(f.call->state(), CallState::in_progress);
    EXPECT_EQ(f.journal->entries[0].hold, Hold::stream);
}

TEST(Conference, ThatIsOverEndsTheCall) {
    CallFixture f;
    const auto stream = f.talk();
    f.accept(input::JoinConference{"room"});
    f.accept(input::StreamClosed{stream, true, ""});
    f.accept(input::ConferenceReported{"CF1", "participant-join"});
    f.accept(input::ConferenceReported{"CF1", "participant-leave"});
    f.advance(10s);
    ASSERT_EQ(f.ended, 1);
}

}  // namespace
}  // namespace bridge::call
