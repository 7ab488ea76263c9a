#include "call/warm_transfer.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "call_fixture.hpp"

namespace bridge::call {
namespace {

using namespace std::chrono_literals;
using State = WarmTransfer::State;

/// Two calls of one registry, and a carrier for both.
class WarmTransferTest : public testing::Test {
protected:
    WarmTransferTest() {
        subscription =
            bus.subscribe(loop.get_executor(), 1000, [this](const CallEvent& event, std::uint64_t) {
                if (const auto* told = std::get_if<event::TransferChanged>(&event.what);
                    told != nullptr && event.call == far)
                    transfers.push_back(told->transfer.status);
                if (std::holds_alternative<event::Ended>(event.what)) ended.push_back(event.call);
            });
        far = open("CA1", "+15551234567");
        far_stream = talk(far, far_line);
        WarmTransfer::Order order;
        order.far = far;
        order.target.to = "+15557654321";
        order.target.from = "+15005550006";
        order.changed = [this](const WarmTransfer& one) { states.push_back(one.state()); };
        carrier->place_outcome = PlacedCall{CallSid{"CA2"}, "queued"};
        auto started = transfers_.start(order);
        EXPECT_TRUE(started);
        transfer = *started;
        settle();
    }
    /// Nothing that is still to be done outlives the clock and the carrier.
    ~WarmTransferTest() override { settle(); }

    CallId open(const std::string& sid, const std::string& to) {
        CallSpec spec;
        spec.to = to;
        spec.from = "+15005550006";
        const auto id = calls.open(spec);
        carrier->place_outcome = PlacedCall{CallSid{sid}, "queued"};
        post(id, input::Dial{});
        return id;
    }
    void post(const CallId& id, CallInput input) {
        calls.post(id, std::move(input));
        settle();
    }
    std::uint64_t talk(const CallId& id, const std::shared_ptr<ScriptedLine>& line) {
        const auto call = calls.here(id);
        post(id, input::VoiceRequested{call->sid(), "+1", "+2", "in-progress", "", false});
        const auto stream = call->open_stream();
        post(id, input::StreamStarted{stream, line});
        return stream;
    }
    void answer() { target_stream = talk(transfer->target(), target_line); }
    void join() {
        ASSERT_TRUE(transfer->join());
        settle();
    }
    /// The stream of one of the two ends for the conference; `in`: it has joined.
    void leave(const CallId& id, std::uint64_t stream, bool in = true) {
        post(id, input::StreamClosed{stream, true, ""});
        if (in) post(id, input::ConferenceReported{"CF1", "participant-join"});
    }
    void settle() {
        loop.restart();
        loop.poll();
    }
    void advance(std::chrono::milliseconds by) {
        for (; by > 0ms; by -= 20ms) {
            clock.advance(20ms);
            settle();
        }
    }
    CallSnapshot snapshot(const CallId& id) {
        CallSnapshot out;
        calls.snapshot(id, [&](CallSnapshot taken) { out = std::move(taken); });
        settle();
        return out;
    }

    boost::asio::io_context loop;
    VirtualClock clock;
    EventBus bus;
    std::shared_ptr<ScriptedCarrier> carrier = std::make_shared<ScriptedCarrier>();
    std::shared_ptr<MemoryJournal> journal = std::make_shared<MemoryJournal>();
    CallRegistry calls{{CallHome{loop.get_executor(), &clock}},
                       {bus, carrier, nullptr, {}, journal}};
    WarmTransfers transfers_{calls, bus, loop.get_executor(), clock};
    std::shared_ptr<EventBus::Subscription> subscription;
    std::shared_ptr<ScriptedLine> far_line = std::make_shared<ScriptedLine>(),
                                  target_line = std::make_shared<ScriptedLine>();
    std::vector<std::string> transfers;
    std::vector<CallId> ended;
    std::vector<State> states;
    CallId far;
    std::uint64_t far_stream = 0, target_stream = 0;
    std::shared_ptr<WarmTransfer> transfer;
};

TEST_F(WarmTransferTest, BringsTheTwoTogetherAndLeaves) {
    EXPECT_TRUE(snapshot(far).local.held);
    EXPECT_FALSE(transfer->join()) << "nobody has answered";
    ASSERT_EQ(journal->entries.size(), 2U);
    EXPECT_EQ(journal->entries[1].parent, far);
    answer();
    EXPECT_EQ(transfer->state(), State::briefing);
    join();
    EXPECT_EQ(carrier->instructed, (std::vector<std::string>{"conference " + far.str() + " CA1",
                                                             "conference " + far.str() + " CA2"}));
    leave(far, far_stream);
    EXPECT_EQ(transfer->state(), State::joining);
    leave(transfer->target(), target_stream);
    EXPECT_EQ(transfer->state(), State::done);
    advance(3s);
    EXPECT_EQ(ended.size(), 2U);
    EXPECT_TRUE(carrier->hung_up.empty()) << "they talk";
    for (const auto& entry : journal->entries) {
        EXPECT_EQ(entry.hold, Hold::transferred);
        EXPECT_TRUE(entry.ended);
    }
    EXPECT_EQ(states, (std::vector<State>{State::briefing, State::joining, State::done}));
    EXPECT_EQ(calls.size(), 0U);
    EXPECT_EQ(clock.pending(), 0U);
}

TEST_F(WarmTransferTest, CancelledResumesTheFarEnd) {
    answer();
    ASSERT_TRUE(transfer->cancel());
    settle();
    EXPECT_EQ(carrier->hung_up, std::vector<std::string>{"CA2"});
    EXPECT_FALSE(snapshot(far).local.held);
    EXPECT_EQ(transfer->state(), State::cancelled);
    EXPECT_FALSE(transfer->cancel());
    EXPECT_FALSE(transfer->join());
    EXPECT_EQ(transfers.back(), "failed: cancelled");
    EXPECT_EQ(snapshot(far).state, CallState::in_progress);
}

TEST_F(WarmTransferTest, ATargetThatIsBusyGivesTheFarEndBack) {
    input::StatusReported busy;
    busy.sid = CallSid{"CA2"};
    busy.status = "busy";
    post(transfer->target(), busy);
    EXPECT_EQ(transfer->state(), State::failed);
    EXPECT_EQ(transfer->problem(), "the target: busy");
    EXPECT_FALSE(snapshot(far).local.held);
    EXPECT_EQ(transfers.back(), "failed: the target: busy");
    EXPECT_TRUE(transfers_.start({far, {}, HoldSound::music, {}})) << "it can be tried again";
}

TEST_F(WarmTransferTest, AFarEndThatHangsUpEndsTheBriefing) {
    answer();
    input::StatusReported over;
    over.sid = CallSid{"CA1"};
    over.status = "completed";
    post(far, over);
    post(far, input::StreamClosed{far_stream, true, ""});
    EXPECT_EQ(transfer->state(), State::failed);
    EXPECT_EQ(carrier->hung_up, std::vector<std::string>{"CA2"});
}

TEST_F(WarmTransferTest, NobodyIsLeftAloneInTheRoom) {
    answer();
    join();
    leave(far, far_stream);
    leave(transfer->target(), target_stream, false);  // its stream is gone, and it never arrives
    advance(9900ms);
    EXPECT_EQ(transfer->state(), State::joining);
    advance(200ms);
    EXPECT_EQ(transfer->state(), State::failed);
    EXPECT_EQ(carrier->instructed.back(), "stream CA1") << "the far end comes back to us";
    EXPECT_EQ(carrier->hung_up, std::vector<std::string>{"CA2"});
    talk(far, far_line);
    const auto now = snapshot(far);
    EXPECT_TRUE(now.streaming);
    EXPECT_FALSE(now.local.held);
    EXPECT_EQ(now.state, CallState::in_progress);
}

TEST_F(WarmTransferTest, ALegThatIsRefusedBringsTheOtherBack) {
    answer();
    int asked = 0;
    // The second of the two requests fails.
    carrier->on_instruct = [&] {
        if (++asked == 2) carrier->instruction_outcome = fail(Errc::refused, "no conferences");
    };
    join();
    EXPECT_EQ(transfer->state(), State::failed);
    carrier->on_instruct = {};
    carrier->instruction_outcome = {};
    leave(far, far_stream);
    advance(100ms);
    EXPECT_NE(std::find(carrier->instructed.begin(), carrier->instructed.end(), "stream CA1"),
              carrier->instructed.end());
}

TEST_F(WarmTransferTest, AFarEndThatHangsUpWhileJoiningLeavesTheTargetWithUs) {
    answer();
    join();
    leave(transfer->target(), target_stream);
    input::StatusReported over;
    over.sid = CallSid{"CA1"};
    over.status = "completed";
    post(far, over);
    post(far, input::StreamClosed{far_stream, true, ""});
    EXPECT_EQ(transfer->state(), State::failed);
    EXPECT_EQ(carrier->instructed.back(), "stream CA2");
    EXPECT_TRUE(carrier->hung_up.empty());
}

TEST_F(WarmTransferTest, OneAtATimeForEachCall) {
    EXPECT_EQ(transfers_.start({far, {}, HoldSound::music, {}}).error().code, Errc::exists);
    EXPECT_EQ(transfers_.start({CallId{"c_none"}, {}, HoldSound::music, {}}).error().code,
              Errc::not_found);
    EXPECT_EQ(transfers_.find(far), transfer);
    EXPECT_EQ(transfers_.find(transfer->target()), transfer);
    EXPECT_EQ(transfers_.find(CallId{"c_none"}), nullptr);
}

}  // namespace
}  // namespace bridge::call
