#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "call_fixture.hpp"

namespace bridge::call {
namespace {

using namespace std::chrono_literals;

TEST(Call, IsOursBeforeTheCarrierKnowsIt) {
    CallFixture f;
    EXPECT_FALSE(f.call->id().empty());
    EXPECT_TRUE(f.call->sid().empty());
    f.accept(input::Dial{});
    ASSERT_EQ(f.carrier->placed.size(), 1U);
    EXPECT_EQ(f.carrier->placed[0].call, f.call->id());
    EXPECT_EQ(f.carrier->placed[0].time_limit, 14400s);
    EXPECT_EQ(f.call->sid().str(), "CA1");
    EXPECT_EQ(f.named, std::vector<std::string>{"CA1"});
    EXPECT_EQ(f.call->state(), CallState::queued);
}

TEST(Call, GoesThroughItsLifeAndPlaysThePhone) {
    CallFixture f;
    f.accept(input::Dial{});
    f.status("initiated", 0);
    f.status("ringing", 1);
    EXPECT_EQ(f.call->state(), CallState::ringing);
    f.voice();
    const auto stream = f.start_stream();
    ASSERT_EQ(f.device->lines.size(), 1U);
    for (std::uint64_t i = 0; i < 50; ++i) {
        f.media(stream, i + 2, static_cast<std::int64_t>(i) * 20);
        f.advance(20ms);
    }
    EXPECT_GT(f.device->loudest, 0.1F);
    f.status("completed", 3);
    EXPECT_EQ(f.call->state(), CallState::completed);
    EXPECT_EQ(f.ended, 0) << "the stream is still up";
    f.accept(input::StreamStopped{stream});
    f.accept(input::StreamClosed{stream, true, ""});
    f.advance(2s);
    EXPECT_EQ(f.ended, 1);
    EXPECT_TRUE(f.device->lines.empty());
    const auto ends = f.all<event::Ended>();
    ASSERT_EQ(ends.size(), 1U);
    EXPECT_EQ(ends[0].snapshot.media.frames, 50U);
    EXPECT_EQ(ends[0].snapshot.media.lost_ms, 0U);
    EXPECT_TRUE(ends[0].snapshot.end_confirmed);
    ASSERT_TRUE(ends[0].snapshot.playout);
    EXPECT_EQ(ends[0].snapshot.playout->frames, 50U);
    EXPECT_EQ(f.all<event::FirstAudio>().size(), 1U);
    EXPECT_EQ(f.clock.pending(), 0U) << "a finished call leaves no timer";
}

TEST(Call, NeverGoesBackWhateverOrderCallbacksComeIn) {
    const std::vector<std::pair<std::string, std::uint64_t>> told = {
        {"initiated", 0}, {"ringing", 1}, {"in-progress", 2}, {"completed", 3}};
    std::vector<std::size_t> order = {0, 1, 2, 3, 0, 1, 2, 3};
    std::mt19937 random(20261122);
    for (int round = 0; round < 200; ++round) {
        std::shuffle(order.begin(), order.end(), random);
        CallFixture f;
        f.accept(input::Dial{});
        auto highest = f.call->state();
        for (const auto i : order) {
            f.status(told[i].first, told[i].second);
            EXPECT_GE(f.call->state(), highest);
            highest = f.call->state();
        }
        EXPECT_EQ(f.call->state(), CallState::completed);
        EXPECT_EQ(f.all<event::Ended>().size(), 1U);
        EXPECT_EQ(f.ended, 1);
    }
}

TEST(Call, EndsWithTheReasonWhenTheCreateIsRefused) {
    CallFixture f;
    f.carrier->place_outcome = tl::unexpected(
        PlaceFailure{Error{Errc::refused, "The number is not valid (21211)."}, false, 21211, 400});
    f.accept(input::Dial{});
    EXPECT_EQ(f.call->state(), CallState::failed);
    const auto ends = f.all<event::Ended>();
    ASSERT_EQ(ends.size(), 1U);
    EXPECT_EQ(ends[0].snapshot.carrier_code, 21211);
    EXPECT_EQ(ends[0].snapshot.end_reason, "The number is not valid (21211).");
    EXPECT_TRUE(ends[0].snapshot.end_confirmed);
}

TEST(Call, WaitsForItsWebhookWhenTheCreateHasAnUnknownOutcome) {
    CallFixture f;
    f.carrier->place_outcome =
        tl::unexpected(PlaceFailure{Error{Errc::timed_out, "no answer in 30 s"}, true, 0, 0});
    f.accept(input::Dial{});
    EXPECT_FALSE(is_final(f.call->state()));
    EXPECT_EQ(f.carrier->placed.size(), 1U);
    f.voice();  // it was created after all
    EXPECT_EQ(f.call->sid().str(), "CA1");
    EXPECT_EQ(f.call->state(), CallState::in_progress);
    EXPECT_EQ(f.carrier->placed.size(), 1U) << "never asked for twice";
}

TEST(Call, HangsUpThroughTheCarrierAndIsConfirmed) {
    CallFixture f;
    f.accept(input::Dial{});
    f.status("in-progress", 2);
    f.accept(input::HangUp{"Ctrl-C"});
    EXPECT_EQ(f.carrier->hung_up, std::vector<std::string>{"CA1"});
    f.accept(input::HangUp{"again"});
    EXPECT_EQ(f.carrier->hung_up.size(), 1U);
    f.advance(1500ms);  // no final callback comes
    EXPECT_EQ(f.call->state(), CallState::completed);
    EXPECT_TRUE(f.call->snapshot().end_confirmed);
    EXPECT_EQ(f.ended, 1);
}

TEST(Call, HungUpWhileItIsBeingCreatedIsEndedOnceItsSidIsKnown) {
    CallFixture f;
    f.carrier->on_place = [&] {  // the carrier has not answered yet
        f.call->accept(input::HangUp{"changed my mind"});
        EXPECT_TRUE(f.carrier->hung_up.empty());
    };
    f.accept(input::Dial{});
    EXPECT_EQ(f.carrier->hung_up, std::vector<std::string>{"CA1"});
    f.status("canceled", 1);
    EXPECT_EQ(f.ended, 1);
}

TEST(Call, SaysSoWhenItsEndCouldNotBeConfirmed) {
    CallFixture f;
    f.carrier->hang_up_outcome = fail(Errc::unreachable, "no route");
    f.carrier->fetch_status = "in-progress";
    f.accept(input::Dial{});
    f.status("in-progress", 2);
    const auto stream = f.start_stream();
    f.accept(input::HangUp{"Ctrl-C"});
    EXPECT_TRUE(f.line->closed) << "the stream's end is the call's end";
    f.accept(input::StreamClosed{stream, true, ""});
    f.advance(60s);
    ASSERT_EQ(f.all<event::Ended>().size(), 1U);
    EXPECT_FALSE(f.call->snapshot().end_confirmed);
    EXPECT_GT(f.carrier->fetched.size(), 1U);
}

TEST(Call, AsksTheCarrierWhenTheStreamEndsAndNoCallbackFollows) {
    CallFixture f;
    f.accept(input::Dial{});
    f.voice();
    const auto stream = f.start_stream();
    f.accept(input::StreamClosed{stream, false, "connection reset"});
    EXPECT_FALSE(is_final(f.call->state()));
    f.advance(5s);
    EXPECT_EQ(f.carrier->fetched.size(), 1U);
    EXPECT_EQ(f.call->state(), CallState::completed);
    EXPECT_EQ(f.ended, 1);
}

TEST(Call, EndsALiveCallWhoseStreamNeverCame) {
    CallFixture f;
    f.accept(input::Dial{});
    f.voice();
    f.advance(21s);
    EXPECT_EQ(f.carrier->hung_up, std::vector<std::string>{"CA1"});
    f.advance(2s);
    EXPECT_EQ(f.call->state(), CallState::completed);
    ASSERT_FALSE(f.all<event::Warning>().empty());
    EXPECT_NE(f.all<event::Warning>()[0].text.find("PUBLIC_URL"), std::string::npos);
}

TEST(Call, IgnoresWhatComesFromAStreamThatIsNoLongerItsOwn) {
    CallFixture f;
    f.accept(input::Dial{});
    f.voice();
    const auto first = f.start_stream();
    f.accept(input::StreamClosed{first, true, ""});
    const auto second = f.start_stream();
    f.media(first, 2, 0);
    EXPECT_EQ(f.call->snapshot().media.messages, 0U);
    f.accept(input::StreamClosed{first, true, ""});
    EXPECT_TRUE(f.call->has_stream());
    f.media(second, 2, 0);
    EXPECT_EQ(f.call->snapshot().media.messages, 1U);
}

TEST(Call, ReportsKeysOnce) {
    CallFixture f;
    f.accept(input::Dial{});
    f.voice();
    const auto stream = f.start_stream();
    f.accept(input::DtmfReceived{stream, 2, '5'});
    f.accept(input::DtmfReceived{stream, 2, '5'});  // a repeated message
    f.accept(input::DtmfReceived{stream, 3, '#'});
    const auto keys = f.all<event::Digit>();
    ASSERT_EQ(keys.size(), 2U);
    EXPECT_EQ(keys[0].digit, '5');
    EXPECT_EQ(keys[1].digit, '#');
}

TEST(Call, ARejectedInboundCallIsOverAtOnce) {
    CallSpec spec;
    spec.direction = Direction::inbound;
    spec.sid = CallSid{"CA7"};
    CallFixture f(spec);
    f.accept(input::VoiceRequested{CallSid{"CA7"}, "+1", "+2", "ringing", "", true});
    EXPECT_EQ(f.ended, 1);
    EXPECT_TRUE(f.call->snapshot().end_confirmed);
}

}  // namespace
}  // namespace bridge::call
