// What a call writes down before it is made, and what becomes of one whose creation is uncertain.

#include <gtest/gtest.h>

#include "tests/unit/call/call_fixture.hpp"

namespace bridge::call {
namespace {

using namespace std::chrono_literals;

CarrierCall listed(std::string sid, std::string status = "queued") {
    CarrierCall call;
    call.sid = CallSid{std::move(sid)};
    call.status = std::move(status);
    return call;
}

/// A call whose create got no answer.
struct Uncertain : CallFixture {
    Uncertain() {
        carrier->place_outcome =
            tl::unexpected(PlaceFailure{Error{Errc::timed_out, "no answer came"}, true, 0, 0});
        accept(input::Dial{});
    }
    CallSnapshot last() const {
        const auto ends = all<event::Ended>();
        return ends.size() == 1 ? ends[0].snapshot : CallSnapshot{};
    }
};

TEST(CallJournal, HasTheCallBeforeTheCarrierIsAsked) {
    CallFixture f;
    bool written = false;
    f.carrier->on_place = [&] { written = f.journal->entries.size() == 1; };
    f.accept(input::Dial{});
    EXPECT_TRUE(written);
    EXPECT_EQ(f.journal->entries[0].id, f.call->id());
    EXPECT_EQ(f.journal->entries[0].to, "+15551234567");
    EXPECT_EQ(f.journal->entries[0].instance, "1-test");
    EXPECT_EQ(f.journal->entries[0].sid.str(), "CA1");
    EXPECT_EQ(f.journal->entries[0].state, CallState::queued);
    f.status("completed", 3);
    EXPECT_EQ(f.journal->entries[0].state, CallState::completed);
    EXPECT_TRUE(f.journal->entries[0].ended);
}

TEST(CallJournal, ThatCannotBeWrittenMeansNoCall) {
    CallFixture f;
    f.journal->begin_outcome = fail(Errc::io, "the disk is full");
    f.accept(input::Dial{});
    EXPECT_TRUE(f.carrier->placed.empty());
    ASSERT_EQ(f.all<event::Ended>().size(), 1U);
    EXPECT_EQ(f.all<event::Ended>()[0].snapshot.state, CallState::failed);
    EXPECT_EQ(f.all<event::Ended>()[0].snapshot.end_reason, "the disk is full");
    EXPECT_TRUE(f.all<event::Ended>()[0].snapshot.end_confirmed);
}

TEST(CallJournal, HasAnInboundCallOnceItIsAnnounced) {
    CallSpec spec;
    spec.direction = Direction::inbound;
    spec.sid = CallSid{"CA1"};
    CallFixture f(spec);
    EXPECT_TRUE(f.journal->entries.empty());
    f.voice();
    f.voice();
    ASSERT_EQ(f.journal->entries.size(), 1U);
    EXPECT_EQ(f.journal->entries[0].direction, Direction::inbound);
    EXPECT_EQ(f.journal->entries[0].sid.str(), "CA1");
}

TEST(CallJournal, SaysThatNobodyHoldsACallWhoseEndIsUnconfirmed) {
    CallFixture f;
    f.carrier->hang_up_outcome = fail(Errc::unreachable, "no route");
    f.carrier->fetch_status = "in-progress";
    f.accept(input::Dial{});
    f.status("in-progress", 2);
    f.accept(input::HangUp{"Ctrl-C"});
    f.advance(60s);
    ASSERT_EQ(f.ended, 1);
    EXPECT_FALSE(f.journal->entries[0].ended);
    EXPECT_EQ(f.journal->entries[0].instance, "");
}

TEST(CallJournal, AListenOnlyCallIsKnownToOutliveUs) {
    auto spec = CallFixture::outbound();
    spec.listen_only = true;
    CallFixture f(spec);
    f.accept(input::Dial{});
    EXPECT_EQ(f.journal->entries[0].hold, Hold::listen_only);
}

TEST(CallJournal, HungUpBeforeItWasAskedForIsNeverAskedFor) {
    CallFixture f;
    f.call->accept(input::Dial{});
    f.call->accept(input::HangUp{"changed my mind"});
    f.settle();
    EXPECT_TRUE(f.carrier->placed.empty());
    ASSERT_EQ(f.ended, 1);
    EXPECT_EQ(f.call->state(), CallState::canceled);
    EXPECT_TRUE(f.call->snapshot().end_confirmed);
}

TEST(UncertainCreate, GoesOnWhenItsOwnWebhookComes) {
    Uncertain f;
    f.voice();
    f.advance(10s);
    EXPECT_EQ(f.call->sid().str(), "CA1");
    EXPECT_TRUE(f.carrier->hung_up.empty());
    EXPECT_TRUE(f.carrier->looked_for.empty());
    EXPECT_EQ(f.carrier->placed.size(), 1U) << "never asked for twice";
}

TEST(UncertainCreate, IsEndedWhenExactlyOneCallCanBeIt) {
    Uncertain f;
    f.carrier->listed = std::vector{listed("CA9", "ringing")};
    f.advance(1600ms);
    ASSERT_EQ(f.carrier->looked_for.size(), 1U);
    EXPECT_EQ(f.carrier->looked_for[0].to, "+15551234567");
    EXPECT_EQ(f.carrier->looked_for[0].from, "+15005550006");
    EXPECT_LE(f.carrier->looked_for[0].since, f.carrier->looked_for[0].until);
    EXPECT_EQ(f.carrier->hung_up, std::vector<std::string>{"CA9"});
    EXPECT_EQ(f.journal->entries[0].sid.str(), "CA9");
    f.advance(2s);
    EXPECT_TRUE(f.last().end_confirmed);
    EXPECT_FALSE(f.last().outcome_unknown);
    EXPECT_EQ(f.carrier->placed.size(), 1U);
}

TEST(UncertainCreate, IsNotTakenForACallThatBelongsToAnother) {
    Uncertain f;
    JournalEntry other;
    other.id = CallId{"c_other"};
    other.sid = CallSid{"CA9"};
    f.journal->announce(other);
    f.carrier->listed = std::vector{listed("CA9")};
    f.advance(10s);
    EXPECT_TRUE(f.carrier->hung_up.empty());
    EXPECT_EQ(f.last().state, CallState::failed);
    EXPECT_TRUE(f.last().end_confirmed) << "the carrier lists no call that could be it";
}

TEST(UncertainCreate, EndsNothingWhenSeveralCallsCanBeIt) {
    Uncertain f;
    f.carrier->listed = std::vector{listed("CA8"), listed("CA9")};
    f.advance(10s);
    EXPECT_TRUE(f.carrier->hung_up.empty());
    EXPECT_TRUE(f.last().outcome_unknown);
    EXPECT_FALSE(f.last().end_confirmed);
    EXPECT_EQ(f.last().candidates, (std::vector{CallSid{"CA8"}, CallSid{"CA9"}}));
    EXPECT_NE(f.last().end_reason.find("CA8 CA9"), std::string::npos) << f.last().end_reason;
    EXPECT_EQ(f.journal->entries[0].instance, "");
}

TEST(UncertainCreate, OfWhichTheCarrierKnowsNothingWasNone) {
    Uncertain f;
    f.carrier->listed = std::vector<CarrierCall>{};
    f.advance(2s);
    EXPECT_EQ(f.ended, 0) << "it may still show itself";
    f.advance(5s);
    EXPECT_EQ(f.last().state, CallState::failed);
    EXPECT_TRUE(f.last().end_confirmed);
    EXPECT_TRUE(f.journal->entries[0].ended);
}

TEST(UncertainCreate, StaysUncertainWhenTheCarrierCannotBeAsked) {
    Uncertain f;
    f.carrier->listed = fail(Errc::unreachable, "no route");
    f.advance(10s);
    EXPECT_TRUE(f.last().outcome_unknown);
    EXPECT_FALSE(f.last().end_confirmed);
    EXPECT_GT(f.carrier->looked_for.size(), 1U);
}

TEST(UncertainCreate, IsLookedForAtOnceWhenItIsHungUp) {
    Uncertain f;
    f.carrier->listed = std::vector{listed("CA9", "ringing")};
    f.accept(input::HangUp{"Ctrl-C"});
    f.advance(20ms);
    EXPECT_EQ(f.carrier->hung_up, std::vector<std::string>{"CA9"});
}

// --- a call of a former run

struct Adopted : CallFixture {
    explicit Adopted(std::string status, Hold hold = Hold::stream)
        : CallFixture([] {
              auto spec = outbound();
              spec.sid = CallSid{"CA1"};
              return spec;
          }()) {
        JournalEntry former;
        former.id = call->id();
        former.sid = CallSid{"CA1"};
        former.instance = "dead";
        journal->announce(former);
        carrier->fetch_status = std::move(status);
        accept(input::Adopt{CallState::ringing, hold});
    }
};

TEST(AdoptedCall, ThatStillRingsIsAnsweredByUs) {
    Adopted f("ringing");
    EXPECT_EQ(f.carrier->fetched.size(), 1U);
    EXPECT_EQ(f.call->state(), CallState::ringing);
    EXPECT_EQ(f.journal->entries[0].instance, "1-test");
    EXPECT_TRUE(f.carrier->placed.empty());
    f.voice();
    const auto stream = f.start_stream();
    f.media(stream, 2, 0);
    EXPECT_EQ(f.call->state(), CallState::in_progress);
    f.status("completed", 3);
    f.accept(input::StreamClosed{stream, true, ""});
    f.advance(3s);
    EXPECT_EQ(f.ended, 1);
    EXPECT_TRUE(f.journal->entries[0].ended);
    EXPECT_TRUE(f.carrier->hung_up.empty());
}

TEST(AdoptedCall, ThatIsOverIsOver) {
    Adopted f("no-answer");
    EXPECT_EQ(f.call->state(), CallState::no_answer);
    EXPECT_EQ(f.ended, 1);
    EXPECT_TRUE(f.journal->entries[0].ended);
}

TEST(AdoptedCall, ThatWasAnsweredWhileNobodyWasThereIsEnded) {
    Adopted f("in-progress");
    EXPECT_EQ(f.carrier->hung_up, std::vector<std::string>{"CA1"});
    f.advance(3s);
    EXPECT_EQ(f.ended, 1);
}

TEST(AdoptedCall, OnHoldStaysOnHold) {
    Adopted f("in-progress", Hold::held);
    f.advance(60s);
    EXPECT_TRUE(f.carrier->hung_up.empty());
    EXPECT_EQ(f.call->state(), CallState::in_progress);
    f.accept(input::HangUp{"enough"});
    EXPECT_EQ(f.carrier->hung_up, std::vector<std::string>{"CA1"});
}

TEST(AdoptedCall, ThatNobodyAnswersIsAskedForAfterItsRingTime) {
    Adopted f("ringing");
    f.carrier->fetch_status = "no-answer";
    f.advance(60s);
    EXPECT_EQ(f.call->state(), CallState::no_answer);
    EXPECT_EQ(f.ended, 1);
}

}  // namespace
}  // namespace bridge::call
