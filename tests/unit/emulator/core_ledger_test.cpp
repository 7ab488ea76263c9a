#include "emulator/ledger.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <cstdio>
#include <fstream>

#include "emulator/debugger.hpp"

namespace bridge::emulator {
namespace {

namespace json = boost::json;

LedgerCall call_named(const std::string& sid) {
    LedgerCall call;
    call.sid = sid;
    call.to = "+12025550100";
    call.from = "+15005550006";
    call.direction = "outbound-api";
    call.status = "queued";
    call.created = std::chrono::system_clock::now();
    return call;
}

TEST(Ledger, BillsBegunMinutesOfAnsweredCallsOnly) {
    LedgerCall call = call_named("CA1");
    EXPECT_EQ(call.billed_seconds(), 0);
    call.answered = call.created;
    call.ended = call.created + std::chrono::milliseconds(500);
    EXPECT_DOUBLE_EQ(call.seconds(), 0.5);
    EXPECT_EQ(call.billed_seconds(), 60);
    call.ended = call.created + std::chrono::seconds(61);
    EXPECT_EQ(call.billed_seconds(), 120);
}

TEST(Ledger, KnowsWhatBecameOfRecordings) {
    Ledger ledger;
    ledger.created(call_named("CA1"));
    ledger.recording_began("CA1", "RE1", 2);
    ledger.recording_began("CA1", "RE2", 1);
    ledger.recording_ended("CA1", "RE1", std::chrono::seconds(7));
    ledger.recording_ended("CA1", "RE1", std::chrono::seconds(9));  // it has ended already
    ledger.recording_fetched("CA1", "RE1");
    ledger.recording_fetched("CA1", "RE1");
    ledger.recording_deleted("CA1", "RE1");
    ledger.recording_deleted("CA1", "RE3");  // unknown
    const auto& recordings = ledger.calls().front()->recordings;
    ASSERT_EQ(recordings.size(), 2U);
    EXPECT_EQ(recordings[0].channels, 2U);
    EXPECT_TRUE(recordings[0].ended);
    EXPECT_EQ(recordings[0].seconds, 7);
    EXPECT_EQ(recordings[0].fetched, 2U);
    EXPECT_TRUE(recordings[0].deleted);
    EXPECT_FALSE(recordings[1].ended);
    EXPECT_FALSE(recordings[1].deleted);
}

TEST(Ledger, CountsOpenCallsUntilEachHasEndedOnce) {
    Ledger ledger;
    ledger.created(call_named("CA1"));
    ledger.created(call_named("CA2"));
    ledger.ended("CA1", "busy");
    ledger.ended("CA1", "completed");
    EXPECT_EQ(ledger.open_calls(), 1U);
    ASSERT_EQ(ledger.calls().size(), 2U);
    EXPECT_EQ(ledger.calls()[0]->status, "busy");
    ledger.ended("CA2", "completed");
    EXPECT_EQ(ledger.open_calls(), 0U);
}

TEST(Ledger, AppendsEachEventToItsFileAsItHappens) {
    const auto file = testing::TempDir() + "ledger_" + std::to_string(::getpid()) + ".jsonl";
    const auto lines = [&] {
        std::vector<std::string> events;
        std::ifstream in(file);
        for (std::string line; std::getline(in, line);) {
            events.emplace_back(json::parse(line).at("event").as_string());
        }
        return events;
    };
    {
        Ledger ledger;
        ASSERT_TRUE(ledger.open(file));
        ledger.created(call_named("CA1"));
        ledger.state("CA1", "ringing");
        EXPECT_EQ(lines(), (std::vector<std::string>{"created", "state"}));
        ledger.answered("CA1");
        ledger.stream_opened("CA1", "MZ1", true);
        ledger.stream_closed("CA1", "MZ1");
        ledger.ended("CA1", "completed");
    }
    Ledger later;  // another process appends
    ASSERT_TRUE(later.open(file));
    later.created(call_named("CA2"));
    EXPECT_EQ(lines(), (std::vector<std::string>{"created", "state", "answered", "stream_opened",
                                                 "stream_closed", "ended", "created"}));
    std::remove(file.c_str());
    EXPECT_FALSE(Ledger().open("/nowhere/at/all/ledger"));
}

TEST(Ledger, ForgetsOldEndedCallsButNotTheirCost) {
    Ledger ledger;
    auto first = call_named("CA0");
    ledger.created(first);
    ledger.answered("CA0");
    ledger.ended("CA0", "completed");
    for (int i = 1; i <= 10'001; ++i) {
        const auto sid = "CA" + std::to_string(i);
        ledger.created(call_named(sid));
        ledger.ended(sid, "busy");
    }
    EXPECT_EQ(ledger.calls().size(), 10'000U);
    EXPECT_EQ(ledger.billed_seconds(), 60);
    EXPECT_EQ(ledger.open_calls(), 0U);
}

TEST(Debugger, KeepsTheLastTenThousandEntries) {
    Debugger debugger;
    for (int i = 0; i < 3; ++i) debugger.warning(12200 + i, "x", "CA1");
    ASSERT_EQ(debugger.entries().size(), 3U);
    EXPECT_EQ(debugger.entries().back().code, 12202);
    EXPECT_EQ(debugger.entries().back().level, "warning");
}

}  // namespace
}  // namespace bridge::emulator
