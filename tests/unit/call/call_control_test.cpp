// Keys and hold: new instructions for a live call, the stream that ends for them and comes back.

#include <gtest/gtest.h>

#include <algorithm>

#include "call_fixture.hpp"

namespace bridge::call {
namespace {

using namespace std::chrono_literals;

std::vector<std::string> sent_digits(const CallFixture& f) {
    std::vector<std::string> out;
    for (const auto& one : f.all<event::DigitsSent>())
        out.push_back(one.digits + (one.problem.empty() ? "" : ": " + one.problem));
    return out;
}

bool is_silent(const ScriptedLine& line) {
    return std::all_of(line.samples.begin(), line.samples.end(), [](auto s) { return s == 0; });
}

TEST(Keys, GoThroughTheCarrierAndTheCallGoesOnWithTheNextStream) {
    CallFixture f;
    const auto first = f.talk();
    f.media(first, 2, 0);
    f.accept(input::SetMuted{true});
    f.accept(input::SendDigits{"12#"});
    f.advance(10ms);
    EXPECT_EQ(f.carrier->instructed, std::vector<std::string>{"digits 12# CA1"});
    EXPECT_TRUE(sent_digits(f).empty()) << "they are on their way";
    f.accept(input::StreamStopped{first});
    f.accept(input::StreamClosed{first, true, ""});
    f.advance(1200ms);
    EXPECT_EQ(f.device->lines.size(), 1U) << "the speaker's line waits for what follows";
    f.voice();
    const auto second = f.start_stream();
    f.media(second, 2, 0);
    EXPECT_EQ(sent_digits(f), std::vector<std::string>{"12#"});
    const auto now = f.call->snapshot();
    EXPECT_EQ(now.media.gap_ms, 1200U);
    EXPECT_EQ(now.media.frames, 2U);
    EXPECT_TRUE(now.local.muted);
    EXPECT_EQ(now.state, CallState::in_progress);
    EXPECT_TRUE(f.all<event::Warning>().empty());
    for (const auto& down : f.all<event::StreamDown>()) EXPECT_TRUE(down.clean);
    f.advance(60s);
    EXPECT_TRUE(f.carrier->hung_up.empty());
    EXPECT_TRUE(f.carrier->fetched.empty()) << "nobody thinks that the call is over";
    EXPECT_EQ(f.journal->entries[0].hold, Hold::stream) << "it would still end with us";
}

TEST(Keys, ANewStreamIsTakenBeforeTheOldConnectionIsGone) {
    CallFixture f;
    const auto first = f.talk();
    f.accept(input::SendDigits{"55"});
    f.advance(10ms);
    EXPECT_TRUE(f.call->has_stream());
    f.voice();  // the carrier asks for instructions: what went before is over
    EXPECT_FALSE(f.call->has_stream());
    EXPECT_TRUE(f.line->closed);
    const auto second = f.start_stream();
    f.accept(input::StreamClosed{first, false, "reset"});  // late, and nobody's business
    f.media(second, 2, 0);
    EXPECT_EQ(f.call->snapshot().media.frames, 1U);
    EXPECT_TRUE(f.all<event::Warning>().empty());
}

TEST(Keys, TypedOneByOneGoOutTogether) {
    CallFixture f;
    f.talk();
    for (const auto* key : {"4", "2", "#"}) {
        f.accept(input::SendDigits{key});
        f.advance(150ms);
    }
    EXPECT_TRUE(f.carrier->instructed.empty());
    f.advance(300ms);
    EXPECT_EQ(f.carrier->instructed, std::vector<std::string>{"digits 42# CA1"});
}

TEST(Keys, WaitForThoseUnderWay) {
    CallFixture f;
    auto stream = f.talk();
    f.accept(input::SendDigits{"11"});
    f.advance(10ms);
    f.accept(input::SendDigits{"22"});
    f.accept(input::SendDigits{"33"});
    f.accept(input::StreamClosed{stream, true, ""});
    f.advance(1s);
    EXPECT_EQ(f.carrier->instructed.size(), 1U);
    f.voice();
    stream = f.start_stream();
    f.settle();
    EXPECT_EQ(f.carrier->instructed,
              (std::vector<std::string>{"digits 11 CA1", "digits 2233 CA1"}));
    f.accept(input::StreamClosed{stream, true, ""});
    f.voice();
    f.start_stream();
    EXPECT_EQ(sent_digits(f), (std::vector<std::string>{"11", "2233"}));
}

TEST(Keys, AStreamThatIsBackBeforeTheCarrierHasAnsweredIsTheProofThatTheyWereSent) {
    CallFixture f;
    const auto first = f.talk();
    f.carrier->on_instruct = [&] {
        f.call->accept(input::StreamClosed{first, true, ""});
        f.call->accept(input::VoiceRequested{CallSid{"CA1"}, "+1", "+2", "in-progress", "", false});
        const auto second = f.call->open_stream();
        f.call->accept(input::StreamStarted{second, f.line});
    };
    f.carrier->instruction_outcome = fail(Errc::timed_out, "no answer");
    f.accept(input::SendDigits{"77"});
    f.advance(10ms);
    EXPECT_EQ(sent_digits(f), std::vector<std::string>{"77"});
    f.carrier->on_instruct = {};
    f.carrier->instruction_outcome = {};
    f.accept(input::SendDigits{"88"});
    f.advance(10ms);
    EXPECT_EQ(f.carrier->instructed.back(), "digits 88 CA1");
}

TEST(Keys, RefusedByTheCarrierLeaveTheStreamAsItIs) {
    CallFixture f;
    const auto stream = f.talk();
    f.carrier->instruction_outcome = fail(Errc::refused, "no permission");
    f.accept(input::SendDigits{"12"});
    f.advance(10ms);
    EXPECT_EQ(sent_digits(f), std::vector<std::string>{"12: no permission"});
    f.media(stream, 2, 0);
    EXPECT_EQ(f.call->snapshot().media.frames, 1U);
    // A stream that ends now is the end of the call again.
    f.accept(input::StreamClosed{stream, true, ""});
    f.advance(4s);
    EXPECT_EQ(f.carrier->fetched.size(), 1U);
    EXPECT_EQ(f.ended, 1);
}

TEST(Keys, MayHaveBeenTakenByARequestWithoutAnAnswer) {
    CallFixture f;
    const auto stream = f.talk();
    f.carrier->instruction_outcome = fail(Errc::timed_out, "no answer");
    f.accept(input::SendDigits{"12"});
    f.advance(10ms);
    EXPECT_EQ(sent_digits(f), std::vector<std::string>{"12: no answer"});
    f.carrier->fetch_status = "in-progress";
    f.accept(input::StreamClosed{stream, true, ""});
    f.advance(5s);
    EXPECT_TRUE(f.carrier->hung_up.empty())
        << "it was carried out after all: the stream comes back";
    f.voice();
    f.start_stream();
    f.advance(30s);
    EXPECT_TRUE(f.carrier->hung_up.empty());
    EXPECT_EQ(f.call->state(), CallState::in_progress);
}

TEST(Keys, EndACallWhoseStreamDoesNotComeBack) {
    CallFixture f;
    const auto stream = f.talk();
    f.accept(input::SendDigits{"12"});
    f.advance(10ms);
    f.accept(input::StreamClosed{stream, true, ""});
    f.advance(15s);
    EXPECT_TRUE(f.carrier->hung_up.empty());
    f.advance(10s);
    EXPECT_EQ(f.carrier->hung_up, std::vector<std::string>{"CA1"});
    EXPECT_EQ(sent_digits(f), std::vector<std::string>{"12: the media stream did not come back"});
    ASSERT_FALSE(f.all<event::Warning>().empty());
    EXPECT_NE(f.all<event::Warning>()[0].text.find("did not come back"), std::string::npos);
    f.advance(10s);
    EXPECT_EQ(f.ended, 1);
}

TEST(Keys, HungUpMeanwhileTheCallIsEnded) {
    CallFixture f;
    const auto stream = f.talk();
    f.accept(input::SendDigits{"12"});
    f.advance(10ms);
    f.accept(input::StreamClosed{stream, true, ""});
    f.accept(input::HangUp{"Ctrl-C"});
    EXPECT_EQ(f.carrier->hung_up, std::vector<std::string>{"CA1"});
    f.accept(input::SendDigits{"3"});
    const auto late = f.start_stream();  // its request was under way already
    EXPECT_TRUE(f.line->closed);
    f.accept(input::StreamClosed{late, true, ""});
    f.status("completed", 5);
    f.advance(5s);
    EXPECT_EQ(f.ended, 1);
    EXPECT_EQ(sent_digits(f),
              (std::vector<std::string>{"12: the call was hung up", "3: the call is over"}));
    EXPECT_EQ(f.clock.pending(), 0U);
}

TEST(Keys, AreRefusedForAReason) {
    CallFixture f;
    f.accept(input::SendDigits{"1"});
    f.talk();
    f.accept(input::SendDigits{""});
    f.accept(input::SendDigits{"1x"});
    f.accept(input::SendDigits{std::string(65, '1')});
    EXPECT_EQ(sent_digits(f), (std::vector<std::string>{
                                  "1: the call is not answered yet", ": there are none",
                                  "1x: keys are 0-9 * # A-D, and w for a pause of half a second",
                                  std::string(65, '1') + ": more than 64 are waiting"}));
    EXPECT_TRUE(f.carrier->instructed.empty());
}

TEST(Keys, OfAListenOnlyCallLeaveItsStreamAlone) {
    auto spec = CallFixture::outbound();
    spec.listen_only = true;
    CallFixture f(spec);
    const auto stream = f.talk();
    f.accept(input::SendDigits{"12"});
    f.advance(10ms);
    EXPECT_EQ(sent_digits(f), std::vector<std::string>{"12"});
    f.media(stream, 2, 0);
    EXPECT_EQ(f.call->snapshot().media.frames, 1U);
    f.accept(input::SendDigits{"3", true});
    EXPECT_EQ(sent_digits(f).back(), "3: nothing can be said on a listen-only call");
}

TEST(Keys, AsTonesAreSpokenOneAfterTheOther) {
    CallFixture f;
    const auto stream = f.talk();
    f.accept(input::SendDigits{"1", true});
    f.accept(input::SendDigits{"2", true});
    f.advance(400ms);
    EXPECT_TRUE(f.carrier->instructed.empty());
    EXPECT_FALSE(is_silent(*f.line));
    EXPECT_EQ(f.line->sent, 10U) << "200 ms for the first";
    EXPECT_TRUE(sent_digits(f).empty()) << "nobody has heard it yet";
    f.echo_marks(stream);
    f.advance(400ms);
    f.echo_marks(stream);
    EXPECT_EQ(sent_digits(f), (std::vector<std::string>{"1", "2"}));
    EXPECT_EQ(f.line->sent, 20U);
}

TEST(Hold, PlaysMusicThatNobodyHereHears) {
    CallFixture f;
    const auto stream = f.talk();
    EXPECT_EQ(f.microphone->lines.size(), 1U);
    f.accept(input::SetHeld{true});
    EXPECT_TRUE(f.microphone->lines.empty()) << "the microphone is kept from it";
    f.advance(2s);
    EXPECT_GT(f.line->sent, 90U);
    EXPECT_FALSE(is_silent(*f.line));
    f.device->loudest = 0;
    for (std::uint64_t i = 0; i < 20; ++i) {
        f.media(stream, i + 2, static_cast<std::int64_t>(i) * 20);
        f.advance(20ms);
    }
    EXPECT_EQ(f.device->loudest, 0.0F);
    f.accept(input::SetHeld{false});
    EXPECT_EQ(f.line->clears, 1) << "what was sent ahead is not to be heard";
    EXPECT_EQ(f.microphone->lines.size(), 1U);
    for (std::uint64_t i = 20; i < 60; ++i) {
        f.media(stream, i + 2, static_cast<std::int64_t>(i) * 20);
        f.advance(20ms);
    }
    EXPECT_GT(f.device->loudest, 0.1F);
    const auto changes = f.all<event::LocalChanged>();
    ASSERT_GE(changes.size(), 2U);
    EXPECT_TRUE(changes[changes.size() - 2].local.held);
    EXPECT_FALSE(changes.back().local.held);
}

TEST(Hold, IsSilentOnRequest) {
    CallFixture f;
    f.talk();
    f.accept(input::SetHeld{true, HoldSound::silence});
    f.advance(1s);
    EXPECT_EQ(f.line->sent, 0U);
    f.accept(input::SetHeld{true, HoldSound::music});
    f.advance(1s);
    EXPECT_FALSE(is_silent(*f.line));
}

TEST(Hold, OutlastsKeysThatAreSentMeanwhile) {
    CallFixture f;
    const auto stream = f.talk();
    f.accept(input::SetHeld{true});
    f.advance(500ms);
    f.accept(input::SendDigits{"12"});
    f.advance(10ms);
    f.accept(input::StreamClosed{stream, true, ""});
    f.voice();
    const auto before = f.line->sent;
    const auto second = f.start_stream();
    f.advance(500ms);
    EXPECT_GT(f.line->sent, before + 20);
    EXPECT_TRUE(f.call->snapshot().local.held);
    // Tones take the music's place, and it comes back.
    f.accept(input::SendDigits{"9", true});
    for (int i = 0; i < 20; ++i) {
        f.advance(50ms);
        f.echo_marks(second);
    }
    EXPECT_EQ(sent_digits(f), (std::vector<std::string>{"12", "9"}));
    f.line->samples.clear();
    f.advance(500ms);
    EXPECT_FALSE(is_silent(*f.line)) << "music";
}

TEST(Hold, CannotBeCutOffByClear) {
    CallFixture f;
    f.talk();
    f.accept(input::SetHeld{true});
    f.advance(500ms);
    f.accept(input::Clear{});
    const auto before = f.line->sent;
    f.advance(500ms);
    EXPECT_GT(f.line->sent, before + 20);
}

TEST(ClosingWords, AreHeardBeforeTheCallIsHungUp) {
    CallFixture f;
    const auto stream = f.talk();
    f.accept(input::Play{std::make_shared<std::vector<std::int16_t>>(8000, 1000)});
    f.accept(input::HangUp{"good-bye", true});
    EXPECT_TRUE(f.microphone->lines.empty()) << "nothing new is said";
    f.advance(1100ms);
    EXPECT_TRUE(f.carrier->hung_up.empty()) << "nobody has told yet that it was heard";
    f.echo_marks(stream);
    f.advance(100ms);
    EXPECT_EQ(f.carrier->hung_up, std::vector<std::string>{"CA1"});
}

TEST(ClosingWords, AreWaitedForTenSecondsAtMost) {
    CallFixture f;
    f.talk();
    f.accept(input::Play{std::make_shared<std::vector<std::int16_t>>(8000 * 60, 1000)});
    f.accept(input::HangUp{"good-bye", true});
    f.advance(9900ms);
    EXPECT_TRUE(f.carrier->hung_up.empty());
    f.advance(200ms);
    EXPECT_EQ(f.carrier->hung_up.size(), 1U);
}

TEST(ClosingWords, AreNotWaitedForByAPlainHangUp) {
    CallFixture f;
    f.talk();
    f.accept(input::Play{std::make_shared<std::vector<std::int16_t>>(8000, 1000)});
    f.accept(input::HangUp{"good-bye", true});
    f.accept(input::HangUp{"now"});
    EXPECT_EQ(f.carrier->hung_up.size(), 1U);
}

TEST(ClosingWords, AreNotWaitedForWhenNothingIsSaid) {
    CallFixture f;
    f.talk();
    f.accept(input::HangUp{"good-bye", true});
    EXPECT_EQ(f.carrier->hung_up.size(), 1U);
}

}  // namespace
}  // namespace bridge::call
