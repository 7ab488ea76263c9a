// What every store of calls does in the same way.

#include "call/call_store.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <random>
#include <set>

#include "stores/memory_calls.hpp"
#include "stores/postgres_calls.hpp"
#include "stores/sqlite_calls.hpp"
#include "tests/support/postgres_server.hpp"
#include "tests/unit/app/temporary_folder.hpp"

namespace bridge::stores {
namespace {

using namespace std::chrono_literals;
using call::CallChange;
using call::CallQuery;
using call::CallState;
using call::Direction;
using call::LineEnd;
using call::TextMatch;
using call::TranscriptPiece;
using testing::ElementsAre;
using testing::IsEmpty;
using Wall = std::chrono::system_clock::time_point;
using Which = CallQuery::Which;

const Wall kDay = Wall(std::chrono::hours(24 * 20000));

CallChange ended_call(int n, std::string to = "+15551230001") {
    CallChange change;
    change.call.id = CallId{fmt::format("c_{:04}", n)};
    change.call.sid = CallSid{fmt::format("CA{:04}", n)};
    change.call.to = std::move(to);
    change.call.from = "+12025550100";
    change.call.state = CallState::completed;
    change.call.created = kDay + n * 1s;
    change.call.ended = kDay + n * 1s + 30s;
    change.call.instance = "home/1-abc";
    change.call.document = fmt::format(R"({{"call":"c_{:04}"}})", n);
    return change;
}

CallChange live_call(int n) {
    auto change = ended_call(n);
    change.call.state = CallState::in_progress;
    change.call.ended.reset();
    return change;
}

TranscriptPiece piece(LineEnd speaker, std::uint64_t number, std::chrono::milliseconds begin,
                      std::string text) {
    TranscriptPiece out;
    out.speaker = speaker;
    out.number = number;
    out.final = true;
    out.begin = begin;
    out.end = begin + 1s;
    out.text = std::move(text);
    return out;
}

class CallStoreTest : public testing::TestWithParam<const char*> {
protected:
    void SetUp() override {
        if (GetParam() == std::string("postgres") && test::PostgresServer::programs().empty())
            GTEST_SKIP() << "there is no PostgreSQL server on this machine";
        store = open();
        ASSERT_TRUE(store);
    }

    /// A database without a history, on a server that all tests share.
    static std::unique_ptr<call::CallStore> open_postgres() {
        static std::string problem;
        static const auto server = test::PostgresServer::start(problem);
        if (!server) {
            ADD_FAILURE() << problem;
            return nullptr;
        }
        auto connection = PgConnection::open(Secret(server->url()));
        EXPECT_TRUE(connection) << connection.error().message;
        EXPECT_TRUE((*connection)->run("DROP SCHEMA IF EXISTS agentbridge CASCADE"));
        auto opened = PostgresCalls::open(Secret(server->url()));
        EXPECT_TRUE(opened) << opened.error().message;
        return opened ? std::move(*opened) : nullptr;
    }

    std::unique_ptr<call::CallStore> open() {
        if (GetParam() == std::string("memory")) return std::make_unique<MemoryCalls>();
        if (GetParam() == std::string("postgres")) return open_postgres();
        auto opened = SqliteCalls::open(folder.path() / "history.db");
        EXPECT_TRUE(opened) << opened.error().message;
        return std::move(*opened);
    }

    void write(std::vector<CallChange> changes) {
        const auto written = store->write(changes);
        ASSERT_TRUE(written) << written.error().message;
    }
    std::vector<call::FoundCall> page(const CallQuery& query) {
        auto found = store->page(query);
        EXPECT_TRUE(found) << found.error().message;
        return found ? std::move(*found) : std::vector<call::FoundCall>{};
    }
    std::vector<std::string> ids(const CallQuery& query) {
        std::vector<std::string> out;
        for (const auto& one : page(query)) out.push_back(one.call.id.str());
        return out;
    }
    static CallQuery words(std::string text) {
        CallQuery query;
        query.words = std::move(text);
        return query;
    }

    app::TemporaryFolder folder;
    std::unique_ptr<call::CallStore> store;
};

TEST_P(CallStoreTest, GivesBackWhatWasKept) {
    auto change = ended_call(1);
    change.call.direction = Direction::inbound;
    change.call.reason = "the phone hung up";
    change.call.recorded = true;
    change.call.captured = true;
    change.timeline = R"({"events":[]})";
    change.events = {{1, R"({"type":"state"})"}, {2, R"({"type":"digit"})"}};
    write({change});
    for (const auto* name : {"c_0001", "CA0001"}) {
        const auto found = store->find(name);
        ASSERT_TRUE(found && *found) << name;
        const auto& call = **found;
        EXPECT_EQ(call.id, change.call.id);
        EXPECT_EQ(call.sid, change.call.sid);
        EXPECT_EQ(call.direction, Direction::inbound);
        EXPECT_EQ(call.to, "+15551230001");
        EXPECT_EQ(call.from, "+12025550100");
        EXPECT_EQ(call.state, CallState::completed);
        EXPECT_EQ(call.reason, "the phone hung up");
        EXPECT_EQ(call.created, change.call.created);
        EXPECT_EQ(call.ended, change.call.ended);
        EXPECT_TRUE(call.recorded);
        EXPECT_FALSE(call.transcribed);
        EXPECT_TRUE(call.captured);
        EXPECT_EQ(call.instance, "home/1-abc");
        EXPECT_EQ(call.document, R"({"call":"c_0001"})");
    }
    EXPECT_EQ(*store->timeline(change.call.id), R"({"events":[]})");
    const auto events = store->events(change.call.id);
    ASSERT_EQ(events->size(), 2u);
    EXPECT_EQ((*events)[1].number, 2u);
    EXPECT_EQ((*events)[1].document, R"({"type":"digit"})");
}

TEST_P(CallStoreTest, WhatIsNotThereIsNoError) {
    const CallId none{"c_none"};
    EXPECT_FALSE(*store->find("c_none"));
    EXPECT_FALSE(*store->find(""));
    EXPECT_EQ(*store->timeline(none), "");
    EXPECT_THAT(*store->events(none), IsEmpty());
    EXPECT_THAT(*store->transcript(none), IsEmpty());
    EXPECT_FALSE(*store->remove(none));
    EXPECT_THAT(*store->live(), IsEmpty());
    EXPECT_THAT(ids({}), IsEmpty());
}

TEST_P(CallStoreTest, ACallIsKeptFromItsBeginningAndGrows) {
    auto change = live_call(1);
    change.call.sid = CallSid{};
    change.events = {{1, "{}"}};
    change.pieces = {piece(LineEnd::far, 1, 100ms, "hello")};
    write({change});
    ASSERT_EQ(store->live()->size(), 1u);
    EXPECT_THAT(ids({}), IsEmpty());
    CallQuery live;
    live.which = Which::live;
    EXPECT_THAT(ids(live), ElementsAre("c_0001"));

    auto more = ended_call(1);
    more.events = {{1, "{}"}, {2, "{}"}};
    more.pieces = {piece(LineEnd::near, 1, 50ms, "good day")};
    write({more});
    EXPECT_THAT(*store->live(), IsEmpty());
    EXPECT_THAT(ids({}), ElementsAre("c_0001"));
    EXPECT_EQ((*store->find("CA0001"))->id, more.call.id);
    EXPECT_TRUE((*store->find("c_0001"))->transcribed) << "the words came before the end";
    EXPECT_EQ(store->events(more.call.id)->size(), 2u);
    const auto said = store->transcript(more.call.id);
    ASSERT_EQ(said->size(), 2u);
    EXPECT_EQ((*said)[0].text, "good day");
}

TEST_P(CallStoreTest, PagesFromTheNewestOn) {
    for (int n : {3, 1, 5, 2, 4}) write({ended_call(n)});
    CallQuery query;
    query.limit = 2;
    EXPECT_THAT(ids(query), ElementsAre("c_0005", "c_0004"));
    query.after = call::CallPlace{kDay + 4s, CallId{"c_0004"}};
    EXPECT_THAT(ids(query), ElementsAre("c_0003", "c_0002"));
    query.after = call::CallPlace{kDay + 2s, CallId{"c_0002"}};
    EXPECT_THAT(ids(query), ElementsAre("c_0001"));
    // The call of a place may be gone by now.
    EXPECT_TRUE(*store->remove(CallId{"c_0003"}));
    query.after = call::CallPlace{kDay + 3s, CallId{"c_0003"}};
    EXPECT_THAT(ids(query), ElementsAre("c_0002", "c_0001"));
}

TEST_P(CallStoreTest, CallsOfOneMomentAreAllThereAndEachOnce) {
    for (int n = 0; n < 9; ++n) {
        auto change = ended_call(n);
        change.call.created = kDay;
        write({change});
    }
    std::set<std::string> seen;
    CallQuery query;
    query.limit = 2;
    for (int i = 0; i < 5; ++i) {
        const auto found = page(query);
        if (found.empty()) break;
        for (const auto& one : found) EXPECT_TRUE(seen.insert(one.call.id.str()).second);
        query.after = place_of(found.back().call);
    }
    EXPECT_EQ(seen.size(), 9u);
}

TEST_P(CallStoreTest, FiltersByWhatIsAsked) {
    auto busy = ended_call(1, "+4989123456");
    busy.call.state = CallState::busy;
    auto inbound = ended_call(2);
    inbound.call.direction = Direction::inbound;
    write({busy, inbound, ended_call(3), live_call(4)});
    CallQuery query;
    query.state = CallState::busy;
    EXPECT_THAT(ids(query), ElementsAre("c_0001"));
    query = {};
    query.direction = Direction::inbound;
    EXPECT_THAT(ids(query), ElementsAre("c_0002"));
    query = {};
    query.number = "89123";
    EXPECT_THAT(ids(query), ElementsAre("c_0001"));
    query.number = "%";
    EXPECT_THAT(ids(query), IsEmpty());
    query.number = "_";
    EXPECT_THAT(ids(query), IsEmpty());
    query = {};
    query.since = kDay + 2s;
    EXPECT_THAT(ids(query), ElementsAre("c_0003", "c_0002"));
    query.until = kDay + 3s;
    EXPECT_THAT(ids(query), ElementsAre("c_0002"));
    query = {};
    query.which = Which::all;
    EXPECT_THAT(ids(query), ElementsAre("c_0004", "c_0003", "c_0002", "c_0001"));
}

TEST_P(CallStoreTest, KeepsTranscriptsInTheOrderTheyWereSaid) {
    auto change = ended_call(1);
    auto words = piece(LineEnd::near, 1, 200ms, "two words");
    words.confidence = 0.5F;
    words.words = {{"two", 200ms, 300ms, 0.25F}, {"words", 300ms, 400ms, std::nullopt}};
    change.pieces = {piece(LineEnd::near, 2, 900ms, "c"), words, piece(LineEnd::far, 1, 200ms, "a"),
                     piece(LineEnd::far, 2, 500ms, "draft")};
    write({change});
    auto again = ended_call(1);
    again.pieces = {piece(LineEnd::far, 2, 550ms, "b")};
    write({again});
    const auto said = *store->transcript(change.call.id);
    ASSERT_EQ(said.size(), 4u);
    EXPECT_EQ(said[0].text, "a");
    EXPECT_EQ(said[1], words);
    EXPECT_EQ(said[2].text, "b");
    EXPECT_EQ(said[2].begin, 550ms);
    EXPECT_FALSE(said[2].confidence);
    EXPECT_EQ(said[3].text, "c");
}

TEST_P(CallStoreTest, FindsWhatWasSaid) {
    auto order = ended_call(1);
    order.pieces = {piece(LineEnd::far, 1, 1500ms, "I want my refund."),
                    piece(LineEnd::near, 1, 3s, "For which order?")};
    auto other = ended_call(2);
    other.pieces = {piece(LineEnd::far, 1, 0ms, "Just an ORDER, please")};
    write({order, other});
    EXPECT_THAT(ids(words("order")), ElementsAre("c_0002", "c_0001"));
    EXPECT_THAT(ids(words("ord")), ElementsAre("c_0002", "c_0001"));
    EXPECT_THAT(ids(words("Réfund order")), ElementsAre("c_0001"));
    EXPECT_THAT(ids(words("refund nothing")), IsEmpty());
    const auto found = page(words("refund"));
    ASSERT_EQ(found.size(), 1u);
    ASSERT_EQ(found[0].matches.size(), 1u);
    const auto& match = found[0].matches[0];
    EXPECT_EQ(match.where, TextMatch::Where::transcript);
    EXPECT_EQ(match.speaker, LineEnd::far);
    EXPECT_EQ(match.begin, 1500ms);
    EXPECT_EQ(match.snippet, "I want my \x01refund\x02.");
}

TEST_P(CallStoreTest, FindsNumbersReasonsMessagesAndWhatAgentsHeard) {
    auto change = ended_call(1, "+4989123456");
    change.call.reason = "the carrier says: busy everywhere";
    change.messages = {"Please call Mrs Ångström back"};
    change.sayings = {{LineEnd::near, "how may I help"}};
    write({change});
    const auto where = [&](const char* text) {
        const auto found = page(words(text));
        return found.size() == 1 && found[0].matches.size() == 1
                   ? std::string(to_string(found[0].matches[0].where)) + ": " +
                         found[0].matches[0].snippet
                   : std::string("not found");
    };
    EXPECT_EQ(where("4989"),
              "number: +\x01"
              "4989123456\x02");
    EXPECT_EQ(where("everywhere"),
              "reason: the carrier says: busy \x01"
              "everywhere\x02");
    EXPECT_EQ(where("angstrom"), "message: Please call Mrs \x01Ångström\x02 back");
    EXPECT_EQ(where("help"), "transcript: how may I \x01help\x02");
    // A transcript has the same words, and their times.
    auto taken_down = ended_call(1, "+4989123456");
    taken_down.pieces = {piece(LineEnd::near, 1, 0ms, "How may I assist?")};
    write({taken_down});
    EXPECT_THAT(ids(words("help")), IsEmpty());
    EXPECT_EQ(where("assist"),
              "transcript: How may I \x01"
              "assist\x02?");
}

TEST_P(CallStoreTest, ASearchHasPagesAndFiltersToo) {
    for (int n = 1; n <= 6; ++n) {
        auto change = ended_call(n);
        change.pieces = {piece(LineEnd::far, 1, 0ms, n % 2 == 0 ? "even number" : "odd number")};
        write({change});
    }
    auto query = words("number");
    query.limit = 2;
    EXPECT_THAT(ids(query), ElementsAre("c_0006", "c_0005"));
    query.after = call::CallPlace{kDay + 5s, CallId{"c_0005"}};
    EXPECT_THAT(ids(query), ElementsAre("c_0004", "c_0003"));
    query = words("even");
    query.until = kDay + 5s;
    EXPECT_THAT(ids(query), ElementsAre("c_0004", "c_0002"));
    query.state = CallState::busy;
    EXPECT_THAT(ids(query), IsEmpty());
}

TEST_P(CallStoreTest, WhatIsRemovedIsNotFoundAnyMore) {
    auto change = ended_call(1);
    change.events = {{1, "{}"}};
    change.pieces = {piece(LineEnd::far, 1, 0ms, "forget me")};
    change.sayings = {{LineEnd::near, "yes"}};
    change.messages = {"and this"};
    change.timeline = "{}";
    write({change, ended_call(2)});
    EXPECT_TRUE(*store->remove(change.call.id));
    EXPECT_FALSE(*store->remove(change.call.id));
    EXPECT_FALSE(*store->find("c_0001"));
    EXPECT_THAT(ids({}), ElementsAre("c_0002"));
    EXPECT_THAT(ids(words("forget")), IsEmpty());
    EXPECT_THAT(*store->transcript(change.call.id), IsEmpty());
    EXPECT_THAT(*store->events(change.call.id), IsEmpty());
    EXPECT_EQ(*store->timeline(change.call.id), "");
    write({ended_call(1)});
    EXPECT_THAT(ids(words("forget")), IsEmpty());
    EXPECT_FALSE((*store->find("c_0001"))->transcribed);
}

TEST_P(CallStoreTest, KnowsWhatEndedLongAgo) {
    write({ended_call(1), ended_call(2), ended_call(3), live_call(0)});
    const auto old = store->ended_before(kDay + 33s, 10);
    EXPECT_THAT(*old, ElementsAre(CallId{"c_0001"}, CallId{"c_0002"}));
    EXPECT_THAT(*store->ended_before(kDay + 100s, 1), ElementsAre(CallId{"c_0001"}));
}

TEST_P(CallStoreTest, AnyTextIsKeptAndAnyQueryIsOne) {
    auto change = ended_call(1);
    const std::string wild(
        "a\x00"
        "b\xFF\xC0 'quoted\" \\ \x01\x02 🙂 %_*:(",
        29);
    change.call.reason = wild;
    change.messages = {wild};
    change.sayings = {{LineEnd::far, wild}};
    change.pieces = {piece(LineEnd::far, 1, 0ms, wild)};
    write({change});
    EXPECT_THAT(ids(words("quoted")), ElementsAre("c_0001"));
    std::mt19937 random(7);  // NOLINT: the same each time
    const std::vector<std::string> parts{"\"",
                                         "'",
                                         "*",
                                         "(",
                                         ")",
                                         ":",
                                         "^",
                                         "-",
                                         "+",
                                         "AND",
                                         "OR",
                                         "NOT",
                                         "NEAR(",
                                         "{",
                                         "}",
                                         "\\",
                                         std::string(1, '\0'),
                                         "\xF0\x9F\x99\x82",
                                         "\xC3",
                                         "\xED\xA0\x80",
                                         "quoted",
                                         "a",
                                         " ",
                                         " ",
                                         "&",
                                         "|",
                                         "!",
                                         "<->",
                                         ":*",
                                         "$1",
                                         "%",
                                         ";--",
                                         "\x01",
                                         "ﬁ",
                                         "e\xCC\x81",
                                         "\xCC\x81",
                                         "١٢",
                                         "ª",
                                         "\xEF\xBF\xBD",
                                         std::string(300, 'x')};
    for (int round = 0; round < 3000; ++round) {
        std::string text;
        for (auto left = random() % 8; left > 0; --left) text += parts[random() % parts.size()];
        const auto found = store->page(words(text));
        ASSERT_TRUE(found) << text << ": " << found.error().message;
    }
    for (int round = 0; round < 3000; ++round) {
        std::string text;
        for (auto left = random() % 12; left > 0; --left) text += static_cast<char>(random());
        auto query = words(text);
        query.number = text;
        const auto found = store->page(query);
        ASSERT_TRUE(found) << found.error().message;
        ASSERT_TRUE(store->find(text));
    }
}

INSTANTIATE_TEST_SUITE_P(Kinds, CallStoreTest, testing::Values("memory", "sqlite", "postgres"),
                         [](const auto& kind) { return kind.param; });

}  // namespace
}  // namespace bridge::stores
