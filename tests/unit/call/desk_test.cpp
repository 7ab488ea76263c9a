#include "call/desk.hpp"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>

#include "call_fixture.hpp"

namespace bridge::call {
namespace {

constexpr float kDucked = 0.1778F, kPanned = 0.5012F;

/// Real calls on a loop that is run by hand.
struct Table {
    explicit Table(DeskOptions options = {})
        : desk(Desk::open(registry, bus, loop.get_executor(), with_transfers(options))) {}
    /// Nothing that is still to be done outlives the clock and the carrier.
    ~Table() { run(); }
    Table(const Table&) = delete;
    Table& operator=(const Table&) = delete;

    DeskOptions with_transfers(DeskOptions options) {
        options.transfers = &transfers;
        options.target = [](const CallId&, const std::string& to) -> Result<CallSpec> {
            if (to == "nobody") return fail(Errc::cancelled, "this program takes no new calls");
            auto spec = CallFixture::outbound();
            spec.to = to;
            spec.focus = false;
            return spec;
        };
        return options;
    }

    /// A call that nobody here dialled, with its stream.
    CallId arrives() {
        auto spec = CallFixture::outbound();
        spec.direction = Direction::inbound;
        spec.sid = CallSid{"CA" + std::to_string(++count)};
        spec.focus = false;
        const auto id = registry.open(spec);
        registry.post(id, input::VoiceRequested{spec.sid, "+1", "+2", "in-progress", ""});
        run();
        const auto call = registry.here(id);
        call->accept(input::StreamStarted{call->open_stream(), std::make_shared<ScriptedLine>()});
        run();
        return id;
    }
    CallId is_dialled() {
        auto spec = CallFixture::outbound();
        spec.focus = false;
        const auto id = registry.open(spec);
        desk->dialled(id);
        registry.post(id, input::Dial{});
        run();
        return id;
    }
    /// A warm transfer of `far`; the target's call.
    CallId is_called_for(const CallId& far) {
        carrier->place_outcome = PlacedCall{CallSid{"CA" + std::to_string(++count)}, "queued"};
        EXPECT_TRUE(asks(far, command::Transfer{"+15550000000", true}));
        const auto transfer = transfers.find(far);
        return transfer ? transfer->target() : CallId{};
    }
    void answers(const CallId& id) {
        const auto call = registry.here(id);
        registry.post(id, input::VoiceRequested{call->sid(), "+1", "+2", "in-progress", ""});
        run();
        call->accept(input::StreamStarted{call->open_stream(), std::make_shared<ScriptedLine>()});
        run();
    }
    void ends(const CallId& id) {
        const auto call = registry.here(id);
        input::StatusReported over;
        over.sid = call->sid();
        over.status = "completed";
        registry.post(id, over);
        registry.post(id, input::StreamClosed{1, true, ""});
        run();
    }
    void tells(const CallId& id, decltype(CallEvent::what) what) {
        CallEvent event;
        event.call = id;
        event.what = std::move(what);
        bus.publish(event);
        run();
    }
    Result<CallSnapshot> asks(const CallId& id, Command command) {
        Result<CallSnapshot> out = fail(Errc::internal, "never told");
        desk->carry_out(id, std::move(command), [&](auto done) { out = std::move(done); });
        run();
        return out;
    }
    LocalPart local(const CallId& id) { return registry.here(id)->snapshot().local; }
    void run() {
        loop.restart();
        loop.poll();
    }

    boost::asio::io_context loop;
    VirtualClock clock;
    EventBus bus;
    std::shared_ptr<ScriptedCarrier> carrier = std::make_shared<ScriptedCarrier>();
    CallRegistry registry{{{loop.get_executor(), &clock}}, {bus, carrier, nullptr, {}}};
    WarmTransfers transfers{registry, bus, loop.get_executor(), clock};
    std::shared_ptr<Desk> desk;
    int count = 0;
};

TEST(Desk, GivesTheFocusToTheFirstCallAndDucksTheOthers) {
    Table t;
    const auto first = t.arrives();
    EXPECT_EQ(t.desk->focused(), first);
    EXPECT_TRUE(t.local(first).focus);
    EXPECT_EQ(t.local(first).gain, 1.0F);
    const auto second = t.arrives();
    EXPECT_EQ(t.desk->focused(), first);
    EXPECT_FALSE(t.local(second).focus);
    EXPECT_NEAR(t.local(second).gain, kDucked, 0.001F);
}

TEST(Desk, GivesTheFocusToACallThatThePersonDialled) {
    Table t;
    const auto first = t.arrives();
    const auto second = t.is_dialled();
    EXPECT_EQ(t.desk->focused(), second);
    EXPECT_TRUE(t.local(second).focus);
    EXPECT_FALSE(t.local(first).focus);
    EXPECT_NEAR(t.local(first).gain, kDucked, 0.001F);
}

TEST(Desk, LeavesTheFocusWhereThePersonPutItAndPassesItOnAtTheEnd) {
    Table t;
    const auto first = t.arrives();
    const auto second = t.arrives();
    const auto third = t.arrives();
    ASSERT_TRUE(t.asks(second, command::Focus{}));
    t.ends(first);
    EXPECT_EQ(t.desk->focused(), second);
    const auto fourth = t.arrives();
    EXPECT_EQ(t.desk->focused(), second);
    t.ends(second);
    EXPECT_EQ(t.desk->focused(), third);
    EXPECT_TRUE(t.local(third).focus);
    EXPECT_EQ(t.local(third).gain, 1.0F);
    t.ends(third);
    EXPECT_EQ(t.desk->focused(), fourth);
    t.ends(fourth);
    EXPECT_TRUE(t.desk->focused().empty());
}

TEST(Desk, GoesRoundTheCalls) {
    Table t;
    EXPECT_FALSE(t.desk->focus_next());
    const auto first = t.arrives();
    EXPECT_FALSE(t.desk->focus_next());
    const auto second = t.arrives();
    EXPECT_TRUE(t.desk->focus_next());
    EXPECT_EQ(t.desk->focused(), second);
    EXPECT_TRUE(t.desk->focus_next());
    EXPECT_EQ(t.desk->focused(), first);
}

TEST(Desk, KeepsARingingCallAsideUntilItIsAccepted) {
    Table t;
    const auto rings = t.arrives();
    EXPECT_EQ(t.desk->focused(), rings);
    t.tells(rings, event::Ringing{"+1"});
    EXPECT_TRUE(t.desk->focused().empty());
    EXPECT_EQ(t.desk->ringing(), rings);
    const auto talks = t.arrives();
    EXPECT_EQ(t.desk->focused(), talks);
    EXPECT_FALSE(t.desk->focus_next()) << "nobody speaks to a call that rings";
    t.tells(rings, event::RingEnded{true, ""});
    EXPECT_EQ(t.desk->focused(), rings);
    EXPECT_TRUE(t.desk->ringing().empty());
    EXPECT_FALSE(t.local(talks).focus);
}

TEST(Desk, DoesNotTurnToACallThatNobodyTook) {
    Table t;
    const auto rings = t.arrives();
    t.tells(rings, event::Ringing{"+1"});
    t.tells(rings, event::RingEnded{false, "nobody came"});
    EXPECT_TRUE(t.desk->focused().empty());
    EXPECT_TRUE(t.desk->ringing().empty());
}

TEST(Desk, TreatsTheOtherCallsAsItIsTold) {
    struct Expected {
        OtherCalls others;
        float gain, pan;
    };
    for (const auto& [others, gain, pan] :
         {Expected{OtherCalls::duck, kDucked, 0.0F}, Expected{OtherCalls::pan, kPanned, -0.8F},
          Expected{OtherCalls::mute, 0.0F, 0.0F}}) {
        DeskOptions options;
        options.others = others;
        Table t(options);
        const auto other = t.arrives();
        const auto focus = t.is_dialled();
        EXPECT_NEAR(t.local(other).gain, gain, 0.001F);
        EXPECT_EQ(t.local(other).pan, pan);
        EXPECT_EQ(t.local(focus).gain, 1.0F);
        EXPECT_EQ(t.local(focus).pan, 0.0F);
    }
}

TEST(Desk, SpreadsPannedCallsWithoutMovingThem) {
    DeskOptions options;
    options.others = OtherCalls::pan;
    Table t(options);
    const auto a = t.arrives();
    const auto b = t.arrives();
    const auto c = t.arrives();
    t.is_dialled();
    EXPECT_EQ(t.local(a).pan, -0.8F);
    EXPECT_EQ(t.local(b).pan, 0.8F);
    EXPECT_EQ(t.local(c).pan, -0.4F);
    t.ends(a);
    EXPECT_EQ(t.local(b).pan, 0.8F);
    EXPECT_EQ(t.local(c).pan, -0.4F);
    EXPECT_EQ(t.local(t.arrives()).pan, -0.8F);
}

TEST(Desk, MutesACallUntilItIsUnmuted) {
    Table t;
    const auto id = t.arrives();
    auto now = t.asks(id, command::Mute{true});
    ASSERT_TRUE(now) << now.error().message;
    EXPECT_TRUE(now->local.muted) << "the answer is the call as it is afterwards";
    EXPECT_TRUE(t.asks(id, command::Mute{true})->local.muted);
    EXPECT_FALSE(t.asks(id, command::Mute{})->local.muted);
    EXPECT_TRUE(t.asks(id, command::Mute{})->local.muted);
    EXPECT_FALSE(t.asks(id, command::Mute{false})->local.muted);
}

TEST(Desk, TakesNoteOfWhatOthersDidToACall) {
    Table t;
    const auto id = t.arrives();
    t.registry.post(id, input::SetMuted{true});
    t.run();
    EXPECT_FALSE(t.asks(id, command::Mute{})->local.muted);
}

TEST(Desk, SilencesAllButSoloCalls) {
    Table t;
    const auto focus = t.arrives();
    const auto other = t.arrives();
    EXPECT_EQ(t.asks(other, command::Solo{true})->local.gain, 1.0F);
    EXPECT_EQ(t.local(focus).gain, 0.0F);
    EXPECT_TRUE(t.local(focus).focus) << "the microphone stays where it is";
    EXPECT_TRUE(t.desk->place(other).solo);
    t.asks(other, command::Solo{});
    EXPECT_EQ(t.local(focus).gain, 1.0F);
    EXPECT_NEAR(t.local(other).gain, kDucked, 0.001F);
}

TEST(Desk, TurnsToTheNextCallWhileLastWordsPlayOut) {
    Table t;
    const auto first = t.arrives();
    const auto second = t.arrives();
    input::StatusReported over;
    over.sid = t.registry.here(first)->sid();
    over.status = "completed";
    t.registry.post(first, over);
    t.run();
    ASSERT_TRUE(t.registry.here(first)) << "its stream is still there";
    EXPECT_EQ(t.desk->focused(), second);
}

TEST(Desk, HearsAgainWhenTheSoloCallEnds) {
    Table t;
    const auto focus = t.arrives();
    const auto other = t.arrives();
    t.asks(other, command::Solo{true});
    t.ends(other);
    EXPECT_EQ(t.local(focus).gain, 1.0F);
}

TEST(Desk, TurnsTheVolumeOfOneCall) {
    Table t;
    const auto id = t.arrives();
    EXPECT_NEAR(t.asks(id, command::Volume{40})->local.gain, 0.4F, 0.001F);
    EXPECT_NEAR(t.asks(id, command::Volume{-10, true})->local.gain, 0.3F, 0.001F);
    EXPECT_EQ(t.asks(id, command::Volume{100, true})->local.gain, 1.0F);
    EXPECT_EQ(t.asks(id, command::Volume{-100, true})->local.gain, 0.0F);
    EXPECT_EQ(t.desk->place(id).volume, 0);
    t.asks(id, command::Volume{50});
    t.is_dialled();
    EXPECT_NEAR(t.local(id).gain, 0.5F * kDucked, 0.001F) << "ducked from where it was";
}

TEST(Desk, OpensTheMicrophoneOfTheFocusOnlyWhilePersonTalks) {
    DeskOptions options;
    options.push_to_talk = true;
    Table t(options);
    const auto focus = t.arrives();
    const auto other = t.arrives();
    EXPECT_TRUE(t.local(focus).muted);
    EXPECT_TRUE(t.local(other).muted);
    t.desk->talk(true);
    t.run();
    EXPECT_FALSE(t.local(focus).muted);
    EXPECT_TRUE(t.local(other).muted);
    t.desk->focus_next();
    t.run();
    EXPECT_TRUE(t.local(focus).muted) << "it follows the focus";
    EXPECT_FALSE(t.local(other).muted);
    t.desk->talk(false);
    t.run();
    EXPECT_TRUE(t.local(other).muted);
    t.asks(other, command::Mute{true});
    t.desk->talk(true);
    t.run();
    EXPECT_TRUE(t.local(other).muted) << "muted is muted";
}

TEST(Desk, LeavesLoudnessAloneWhereNothingIsHeard) {
    DeskOptions options;
    options.heard = false;
    Table t(options);
    t.arrives();
    EXPECT_EQ(t.local(t.arrives()).gain, 1.0F);
}

TEST(Desk, RefusesWhatACallCannotDoNow) {
    Table t;
    const auto rings = t.is_dialled();
    const auto talks = t.arrives();
    struct Case {
        CallId id;
        Command command;
        Errc expected;
        std::string_view part;
    };
    const std::vector<Case> cases{
        {CallId{"c_nobody"}, command::Mute{true}, Errc::not_found, "c_nobody"},
        {rings, command::Digits{"1"}, Errc::refused, "queued, not in-progress"},
        {rings, command::Transfer{"+1"}, Errc::refused, "queued, not in-progress"},
        {rings, command::Clear{}, Errc::refused, "queued"},
        {talks, command::Accept{}, Errc::refused, "does not ring"},
        {talks, command::Reject{}, Errc::refused, "does not ring"},
        {talks, command::Digits{""}, Errc::bad_field, "keys: "},
        {talks, command::Digits{"12x"}, Errc::bad_field, "keys: 'x'"},
        {talks, command::Digits{std::string(65, '1')}, Errc::bad_field, "keys: at most 64"},
        {talks, command::Transfer{""}, Errc::bad_field, "to: "},
        {talks, command::Volume{101}, Errc::bad_field, "percent: 101"},
        {talks, command::Volume{-1}, Errc::bad_field, "percent: -1"},
    };
    for (const auto& one : cases) {
        const auto done = t.asks(one.id, one.command);
        ASSERT_FALSE(done) << one.part;
        EXPECT_EQ(done.error().code, one.expected) << done.error().message;
        EXPECT_NE(done.error().message.find(one.part), std::string::npos) << done.error().message;
    }
}

TEST(Desk, HangsUp) {
    Table t;
    const auto id = t.is_dialled();
    ASSERT_TRUE(t.asks(id, command::HangUp{}));
    EXPECT_EQ(t.carrier->hung_up.size(), 1U);
}

TEST(Desk, AnswersForACallThatEndsAtItsCommand) {
    Table t;
    auto spec = CallFixture::outbound();
    const auto id = t.registry.open(spec);  // never dialled: over as soon as it is hung up
    t.run();
    const auto done = t.asks(id, command::HangUp{});
    ASSERT_TRUE(done) << done.error().message;
    EXPECT_EQ(t.registry.size(), 0U);
}

TEST(CallRegistry, ShowsEveryCallTheOldestFirst) {
    Table t;
    const auto first = t.arrives();
    t.clock.advance(std::chrono::seconds(1));
    const auto second = t.arrives();
    std::vector<CallSnapshot> seen;
    t.registry.snapshots(t.loop.get_executor(), [&](auto calls) { seen = std::move(calls); });
    t.run();
    ASSERT_EQ(seen.size(), 2U);
    EXPECT_EQ(seen[0].id, first);
    EXPECT_EQ(seen[1].id, second);
}

TEST(CallRegistry, TellsAVisitorThatACallIsGone) {
    Table t;
    int told = 0;
    t.registry.visit(CallId{"c_nobody"}, [&](Call* call) { told += call == nullptr ? 1 : 100; });
    EXPECT_EQ(told, 1);
    const auto id = t.arrives();
    t.registry.visit(id, [&](Call* call) { told += call && call->id() == id ? 1 : 100; });
    EXPECT_EQ(told, 1) << "not before its thread's turn";
    t.run();
    EXPECT_EQ(told, 2);
}

TEST(Desk, SpeaksToTheTargetOfAWarmTransferAndThenToTheFarEndAgain) {
    Table t;
    const auto far = t.arrives();
    const auto third = t.arrives();
    const auto target = t.is_called_for(far);
    EXPECT_EQ(t.desk->focused(), target);
    EXPECT_TRUE(t.local(far).held);
    EXPECT_FALSE(t.local(third).held);
    t.answers(target);
    EXPECT_TRUE(t.local(target).focus);
    const auto cancelled = t.asks(target, command::CancelTransfer{});
    ASSERT_TRUE(cancelled) << "by the target's name too";
    EXPECT_EQ(t.desk->focused(), far);
    EXPECT_FALSE(t.local(far).held);
    EXPECT_EQ(t.carrier->hung_up, std::vector<std::string>{"CA3"});
    EXPECT_EQ(t.registry.here(far)->snapshot().transfer.status, "failed: cancelled");
}

TEST(Desk, SpeaksToTheFarEndAgainWhenTheTargetDoesNotAnswer) {
    Table t;
    const auto first = t.arrives();
    const auto far = t.arrives();
    ASSERT_TRUE(t.asks(far, command::Focus{}));
    const auto target = t.is_called_for(far);
    input::StatusReported busy;
    busy.sid = CallSid{"CA3"};
    busy.status = "busy";
    t.registry.post(target, busy);
    t.run();
    EXPECT_EQ(t.desk->focused(), far) << "and not the next one";
    EXPECT_FALSE(t.local(far).held);
    EXPECT_EQ(t.registry.here(far)->snapshot().transfer.status.substr(0, 6), "failed");
    EXPECT_FALSE(t.local(first).focus);
}

TEST(Desk, HoldsTheFarEndInSilenceIfAskedThoughOtherCallsAreHeldWithMusic) {
    DeskOptions options;
    options.others = OtherCalls::hold;
    Table t(options);
    const auto far = t.arrives();
    ASSERT_TRUE(t.asks(far, command::Transfer{"+15550000000", true, HoldSound::silence}));
    EXPECT_TRUE(t.local(far).held);
    t.clock.advance(std::chrono::milliseconds(200));
    t.run();
    EXPECT_EQ(t.registry.here(far)->snapshot().outbound.frames, 0U) << "no music";
}

TEST(Desk, SaysWhyATransferCannotBeWhatItIsAskedToBe) {
    Table t;
    const auto far = t.arrives();
    const auto why = [&](const CallId& id, Command command) {
        const auto told = t.asks(id, std::move(command));
        return told ? std::string("done") : told.error().message;
    };
    EXPECT_EQ(why(far, command::Join{}),
              "the call is in no warm transfer: there is nobody to join");
    EXPECT_EQ(why(far, command::CancelTransfer{}), "the call is not being transferred");
    EXPECT_EQ(why(far, command::Transfer{"nobody", true}), "this program takes no new calls");
    EXPECT_FALSE(t.local(far).held) << "nothing was begun";
    const auto target = t.is_called_for(far);
    EXPECT_EQ(why(far, command::Join{}),
              "the target has not answered yet: there is nobody to join");
    t.answers(target);
    for (const auto& id : {far, target}) {
        for (const bool warm : {true, false})
            EXPECT_EQ(why(id, command::Transfer{"+15550000001", warm}),
                      "the call is being transferred already");
    }
    EXPECT_EQ(why(target, command::Join{}), "done");
    EXPECT_EQ(why(far, command::Join{}), "the transfer is joining, not ready to be joined");
    EXPECT_EQ(why(far, command::CancelTransfer{}),
              "the transfer is joining, and cannot be cancelled");
    EXPECT_EQ(t.registry.here(far)->snapshot().transfer.status, "joining");
    EXPECT_EQ(t.registry.here(far)->snapshot().transfer.to, "+15550000000") << "not the room";
}

TEST(Desk, TakesACallBackThatIsBeingDialledThrough) {
    Table t;
    const auto id = t.arrives();
    ASSERT_TRUE(t.asks(id, command::Transfer{"+15550000000"}));
    ASSERT_TRUE(t.asks(id, command::CancelTransfer{}));
    ASSERT_EQ(t.carrier->instructed.size(), 2U);
    EXPECT_EQ(t.carrier->instructed.back().substr(0, 6), "stream")
        << t.carrier->instructed.back();
}

}  // namespace
}  // namespace bridge::call
