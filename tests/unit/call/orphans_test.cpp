#include "call/orphans.hpp"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <map>

#include "tests/unit/call/memory_journal.hpp"

namespace bridge::call {
namespace {

using namespace std::chrono_literals;
using What = OrphanOutcome::What;

/// Calls that the carrier has, by CallSid; hanging up works unless it is told otherwise.
class ListedCarrier final : public Carrier {
public:
    boost::asio::awaitable<tl::expected<PlacedCall, PlaceFailure>> place_call(PlaceCall) override {
        ADD_FAILURE() << "nothing may be dialled";
        co_return PlacedCall{};
    }
    boost::asio::awaitable<Result<>> hang_up(CallSid call) override {
        hung_up.push_back(call.str());
        if (!reachable) co_return fail(Errc::unreachable, "no route");
        if (obeys) calls[call.str()] = "completed";
        co_return Result<>{};
    }
    boost::asio::awaitable<Result<>> play_digits(CallRef, std::string) override {
        co_return Result<>{};
    }
    boost::asio::awaitable<Result<>> transfer(CallRef, TransferOrder) override {
        co_return Result<>{};
    }
    boost::asio::awaitable<Result<>> join_conference(CallRef, std::string) override {
        co_return Result<>{};
    }
    boost::asio::awaitable<Result<>> reconnect(CallRef) override { co_return Result<>{}; }
    boost::asio::awaitable<Result<CarrierCall>> fetch(CallSid call) override {
        if (!reachable) co_return fail(Errc::unreachable, "no route");
        const auto found = calls.find(call.str());
        if (found == calls.end()) co_return fail(Errc::not_found, "no such call");
        CarrierCall seen;
        seen.sid = call;
        seen.status = found->second;
        co_return seen;
    }
    boost::asio::awaitable<Result<std::vector<CarrierCall>>> created_calls(CreatedCalls) override {
        if (!reachable) co_return fail(Errc::unreachable, "no route");
        std::vector<CarrierCall> out;
        for (const auto& sid : similar) {
            CarrierCall seen;
            seen.sid = CallSid{sid};
            out.push_back(seen);
        }
        co_return out;
    }

    std::map<std::string, std::string> calls;
    std::vector<std::string> similar, hung_up;
    bool reachable = true, obeys = true;
};

struct OrphansFixture {
    JournalEntry& add(std::string id, std::string sid, Hold hold = Hold::stream) {
        JournalEntry entry;
        entry.id = CallId{std::move(id)};
        entry.sid = CallSid{std::move(sid)};
        entry.to = "+1555";
        entry.from = "+1500";
        entry.hold = hold;
        entry.state = CallState::in_progress;
        entry.instance = "dead";
        journal->announce(std::move(entry));
        return journal->entries.back();
    }
    std::vector<OrphanOutcome> settle() {
        SettleOptions options;
        options.confirm_pause = 1ms;
        options.confirm_tries = 3;
        std::vector<OrphanOutcome> outcomes;
        boost::asio::co_spawn(
            loop, settle_orphans(journal, carrier, journal->entries, options),
            [&](std::exception_ptr, std::vector<OrphanOutcome> out) { outcomes = std::move(out); });
        loop.run();
        return outcomes;
    }
    boost::asio::io_context loop;
    std::shared_ptr<MemoryJournal> journal = std::make_shared<MemoryJournal>();
    std::shared_ptr<ListedCarrier> carrier = std::make_shared<ListedCarrier>();
};

TEST(Orphans, ALiveOneIsEndedAndConfirmed) {
    OrphansFixture f;
    f.add("c_1", "CA1", Hold::listen_only);
    f.carrier->calls["CA1"] = "in-progress";
    const auto outcomes = f.settle();
    ASSERT_EQ(outcomes.size(), 1U);
    EXPECT_EQ(outcomes[0].what, What::ended);
    EXPECT_EQ(f.carrier->hung_up, std::vector<std::string>{"CA1"});
    EXPECT_TRUE(f.journal->entries[0].ended);
    EXPECT_EQ(f.journal->entries[0].state, CallState::completed);
}

TEST(Orphans, OneThatIsOverIsNotTouched) {
    OrphansFixture f;
    f.add("c_1", "CA1");
    f.add("c_2", "CA2");
    f.carrier->calls["CA1"] = "busy";  // and CA2 is unknown to the carrier
    const auto outcomes = f.settle();
    EXPECT_EQ(outcomes[0].what, What::already_over);
    EXPECT_EQ(outcomes[1].what, What::already_over);
    EXPECT_TRUE(f.carrier->hung_up.empty());
    EXPECT_TRUE(f.journal->entries[0].ended);
    EXPECT_TRUE(f.journal->entries[1].ended);
}

TEST(Orphans, OneThatCannotBeEndedStaysOpenAndIsNamed) {
    OrphansFixture f;
    f.add("c_1", "CA1");
    f.carrier->calls["CA1"] = "in-progress";
    f.carrier->obeys = false;
    const auto outcomes = f.settle();
    EXPECT_TRUE(outcomes[0].open());
    EXPECT_EQ(outcomes[0].entry.sid.str(), "CA1");
    EXPECT_NE(outcomes[0].detail.find("in-progress"), std::string::npos);
    EXPECT_FALSE(f.journal->entries[0].ended);
    EXPECT_EQ(f.journal->entries[0].instance, "") << "the next run sees to it";
}

TEST(Orphans, ACarrierThatCannotBeReachedLeavesThemOpen) {
    OrphansFixture f;
    f.add("c_1", "CA1");
    f.add("c_2", "");
    f.carrier->reachable = false;
    for (const auto& outcome : f.settle()) EXPECT_EQ(outcome.what, What::not_confirmed);
}

TEST(Orphans, AnUncertainCreateIsEndedWhenOneCallCanBeIt) {
    OrphansFixture f;
    f.add("c_1", "");
    f.carrier->similar = {"CA5"};
    f.carrier->calls["CA5"] = "ringing";
    const auto outcomes = f.settle();
    EXPECT_EQ(outcomes[0].what, What::ended);
    EXPECT_EQ(f.journal->entries[0].sid.str(), "CA5");
}

TEST(Orphans, AnUncertainCreateThatSeveralCallsCanBeIsLeftAlone) {
    OrphansFixture f;
    f.add("c_1", "");
    f.carrier->similar = {"CA5", "CA6"};
    const auto outcomes = f.settle();
    EXPECT_EQ(outcomes[0].what, What::ambiguous);
    EXPECT_EQ(outcomes[0].candidates.size(), 2U);
    EXPECT_TRUE(f.carrier->hung_up.empty());
    EXPECT_FALSE(f.journal->entries[0].ended);
}

TEST(Orphans, AnUncertainCreateIsNeverACallOfAnother) {
    OrphansFixture f;
    f.add("c_1", "");
    f.add("c_2", "CA5").ended = WallTime{};
    f.carrier->similar = {"CA5"};
    f.carrier->calls["CA5"] = "completed";
    EXPECT_EQ(f.settle()[0].what, What::never_made);
}

TEST(Orphans, AFinishedTransferIsNoLongerOurs) {
    OrphansFixture f;
    f.add("c_1", "CA1", Hold::transferred);
    f.carrier->calls["CA1"] = "in-progress";
    EXPECT_EQ(f.settle()[0].what, What::released);
    EXPECT_TRUE(f.carrier->hung_up.empty());
}

TEST(Orphans, AreThoseOfDeadProgramsOfTheSameAccount) {
    JournalEntry entry;
    entry.account = "AC1";
    entry.instance = "7-x";
    const auto dead = [](const std::string&) { return false; };
    const auto alive = [](const std::string&) { return true; };
    EXPECT_TRUE(is_orphan(entry, "AC1", dead));
    EXPECT_FALSE(is_orphan(entry, "AC1", alive));
    EXPECT_FALSE(is_orphan(entry, "AC2", dead));
    entry.instance.clear();
    EXPECT_TRUE(is_orphan(entry, "AC1", alive));
}

TEST(Orphans, ThatServeTakesOverAreThoseThatCanGoOn) {
    const auto adoptable = [](CallState state, Hold hold, std::string sid = "CA1") {
        JournalEntry entry;
        entry.sid = CallSid{std::move(sid)};
        entry.state = state;
        entry.hold = hold;
        return is_adoptable(entry);
    };
    EXPECT_TRUE(adoptable(CallState::queued, Hold::stream));
    EXPECT_TRUE(adoptable(CallState::ringing, Hold::listen_only));
    EXPECT_TRUE(adoptable(CallState::in_progress, Hold::held));
    EXPECT_TRUE(adoptable(CallState::in_progress, Hold::conference));
    EXPECT_FALSE(adoptable(CallState::in_progress, Hold::stream));
    EXPECT_FALSE(adoptable(CallState::in_progress, Hold::listen_only));
    EXPECT_FALSE(adoptable(CallState::in_progress, Hold::transferred));
    EXPECT_FALSE(adoptable(CallState::queued, Hold::stream, ""));
    EXPECT_FALSE(adoptable(CallState::completed, Hold::held));
}

}  // namespace
}  // namespace bridge::call
