#include "stores/history_keeper.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <future>
#include <map>
#include <thread>

#include "stores/memory_calls.hpp"
#include "stores/sqlite_calls.hpp"
#include "tests/unit/app/temporary_folder.hpp"
#include "tests/unit/call/call_fixture.hpp"

namespace bridge::stores {
namespace {

using namespace std::chrono_literals;
using call::CallQuery;
using call::CallState;
using testing::ElementsAre;
using testing::HasSubstr;
using Wall = std::chrono::system_clock::time_point;

/// Calls on a loop that is run by hand, and a history beside it.
class HistoryKeeperTest : public testing::Test {
protected:
    ~HistoryKeeperTest() override {
        if (keeper) keeper->close();
        run();
    }

    void start() {
        options.document = [](const call::CallSnapshot& call) {
            return R"({"call":")" + call.id.str() + R"(","duration_ms":1500})";
        };
        options.event = [](const call::CallEvent& event) { return std::to_string(event.number); };
        options.timeline = [](const CallId& id, const call::Timeline& timeline,
                              std::chrono::milliseconds) {
            return id.str() + " " + std::to_string(timeline.events().size());
        };
        options.instance = "here";
        options.commit = commit;
        options.retry = 1ms;
        options.metrics = metrics;
        keeper = HistoryKeeper::start(options);
        keeper->follow(bus, registry);
    }
    void start_on_file() {
        options.open = [file = file] { return as_store(SqliteCalls::open(file)); };
        start();
    }
    static Result<std::unique_ptr<call::CallStore>> as_store(
        Result<std::unique_ptr<SqliteCalls>> opened) {
        if (!opened) return tl::unexpected(std::move(opened.error()));
        return std::unique_ptr<call::CallStore>(std::move(*opened));
    }

    void run() {
        loop.restart();
        loop.poll();
    }

    /// What is told for a question; the loop of the calls runs meanwhile.
    template <class T>
    Result<T> answer(const std::function<void(call::History::Told<T>)>& ask) {
        auto told = std::make_shared<std::promise<Result<T>>>();
        auto future = told->get_future();
        ask([told](Result<T> result) { told->set_value(std::move(result)); });
        const auto limit = std::chrono::steady_clock::now() + 10s;
        while (future.wait_for(1ms) != std::future_status::ready) {
            run();
            if (std::chrono::steady_clock::now() > limit)
                return fail(Errc::timed_out, "nothing was told");
        }
        return future.get();
    }
    Result<std::optional<call::StoredCall>> find(const std::string& name) {
        return answer<std::optional<call::StoredCall>>(
            [&](auto told) { keeper->find(name, std::move(told)); });
    }
    std::vector<std::string> ids(CallQuery query = {}) {
        const auto found = answer<std::vector<call::FoundCall>>(
            [&](auto told) { keeper->page(query, std::move(told)); });
        EXPECT_TRUE(found) << found.error().message;
        std::vector<std::string> out;
        for (const auto& one : *found) out.push_back(one.call.id.str());
        return out;
    }
    Result<bool> remove(const std::string& id) {
        return answer<bool>([&](auto told) { keeper->remove(CallId{id}, std::move(told)); });
    }

    static call::CallSnapshot over(int n, Wall created = Wall(24h)) {
        call::CallSnapshot call;
        call.id = CallId{"c_" + std::to_string(n)};
        call.sid = CallSid{"CA" + std::to_string(n)};
        call.state = CallState::completed;
        call.created = created + std::chrono::seconds(n);
        call.ended = call.created + 1s;
        return call;
    }
    template <class What>
    void publish(const CallId& call, What what) {
        call::CallEvent event;
        event.call = call;
        event.number = ++number;
        event.time = std::chrono::system_clock::now();
        event.what = std::move(what);
        bus.publish(std::move(event));
    }
    void end(const call::CallSnapshot& call) {
        registry.timelines().keep({call.id, call.sid, 1s,
                                   std::make_shared<const call::Timeline>(call.created),
                                   std::make_shared<const call::CallSnapshot>(call)});
        publish(call.id, call::event::Ended{call});
    }
    /// Holds the history's thread until the promise is kept.
    std::promise<void> hold() {
        std::promise<void> release;
        auto held = std::make_shared<std::shared_future<void>>(release.get_future().share());
        keeper->find("nobody", [held](const auto&) { held->wait(); });
        return release;
    }

    app::TemporaryFolder folder;
    std::filesystem::path file = folder.path() / "history.db";
    boost::asio::io_context loop;
    VirtualClock clock;
    call::EventBus bus;
    std::shared_ptr<metrics::Registry> metrics = std::make_shared<metrics::Registry>();
    call::CallRegistry registry{{{loop.get_executor(), &clock}},
                                {bus, std::make_shared<call::ScriptedCarrier>(), nullptr, {}}};
    std::chrono::milliseconds commit = 5ms;
    HistoryOptions options;
    std::shared_ptr<HistoryKeeper> keeper;
    std::uint64_t number = 0;
};

TEST_F(HistoryKeeperTest, ACallThatEndedIsThereAtOnce) {
    start();
    end(over(1));
    const auto found = find("CA1");
    ASSERT_TRUE(found && *found);
    EXPECT_EQ((*found)->id, CallId{"c_1"});
    EXPECT_TRUE((*found)->ended);
    const auto timeline = answer<std::optional<call::StoredTimeline>>(
        [&](auto told) { keeper->timeline("c_1", std::move(told)); });
    ASSERT_TRUE(timeline && *timeline);
    EXPECT_EQ((*timeline)->document, "c_1 0");
}

TEST_F(HistoryKeeperTest, HoweverManyEndTheyDoNotPileUp) {
    commit = 400ms;
    start();
    constexpr int kCalls = 1600;
    const auto begin = std::chrono::steady_clock::now();
    for (int n = 1; n <= kCalls; ++n) end(over(n));
    const auto written = "agentbridge_history_calls_total " + std::to_string(kCalls) + "\n";
    while (render_metrics(*metrics).find(written) == std::string::npos) {
        std::this_thread::yield();
        // One batch of them for each interval would take 10 s.
        ASSERT_LT(std::chrono::steady_clock::now() - begin, 8s);
    }
}

TEST_F(HistoryKeeperTest, KeepsWhatHappenedAndWhatWasSaid) {
    start_on_file();
    const CallId id{"c_1"};
    publish(id, call::event::Digit{'5'});
    call::TranscriptPiece piece;
    piece.number = 1;
    piece.text = "half a sent";
    publish(id, call::event::Transcribed{piece});
    piece.final = true;
    piece.text = "half a sentence";
    publish(id, call::event::Transcribed{piece});
    publish(id, call::event::Said{true, "a draft", false});
    const auto message =
        folder.write("m.json", R"({"name":"Ada","number":"+1555","text":"call back"})");
    publish(id, call::event::MessageTaken{message.string()});
    end(over(1));
    const auto transcript = answer<std::optional<call::StoredTranscript>>(
        [&](auto told) { keeper->transcript("c_1", std::move(told)); });
    ASSERT_TRUE(transcript && *transcript);
    ASSERT_EQ((*transcript)->pieces.size(), 1u);
    EXPECT_EQ((*transcript)->pieces[0].text, "half a sentence");
    CallQuery query;
    query.words = "ada back sentence";
    EXPECT_THAT(ids(query), ElementsAre("c_1"));
    keeper->close();
    auto store = SqliteCalls::open(file);
    ASSERT_TRUE(store);
    const auto events = (*store)->events(id);
    ASSERT_EQ(events->size(), 2u) << "the digit and the message";
    EXPECT_TRUE((*(*store)->find("c_1"))->transcribed);
}

TEST_F(HistoryKeeperTest, ACallThatLivesHasARow) {
    start_on_file();
    auto spec = call::CallFixture::outbound();
    spec.direction = call::Direction::inbound;
    spec.sid = CallSid{"CA7"};
    const auto id = registry.open(spec);
    registry.post(id, call::input::VoiceRequested{spec.sid, "+1", "+2", "in-progress", "", false});
    std::optional<call::StoredCall> row;
    const auto limit = std::chrono::steady_clock::now() + 10s;
    while (!row && std::chrono::steady_clock::now() < limit) row = *find("CA7");
    ASSERT_TRUE(row);
    EXPECT_EQ(row->id, id);
    EXPECT_FALSE(row->ended);
    EXPECT_EQ(row->instance, "here");
    EXPECT_FALSE(*remove(id.str())) << "it lives";
}

TEST_F(HistoryKeeperTest, CallsOfAProgramThatDiedGetAnEnd) {
    {
        auto store = SqliteCalls::open(file);
        call::CallChange left, elsewhere;
        left.call.id = CallId{"c_left"};
        left.call.state = CallState::in_progress;
        left.call.created = Wall(1h);
        left.call.instance = "dead";
        left.call.document = R"({"call":"c_left","state":"in-progress","duration_ms":4000})";
        elsewhere.call = left.call;
        elsewhere.call.id = CallId{"c_elsewhere"};
        elsewhere.call.created = Wall(2h);
        elsewhere.call.instance = "alive";
        ASSERT_TRUE((*store)->write({left, elsewhere}));
    }
    options.dead = [](const std::string& instance) { return instance == "dead"; };
    start_on_file();
    EXPECT_THAT(ids(), ElementsAre("c_left"));
    auto left = *find("c_left");
    EXPECT_EQ(left->state, CallState::completed);
    EXPECT_EQ(left->ended, Wall(1h) + 4s);
    EXPECT_THAT(left->reason, HasSubstr("died before it was over"));
    EXPECT_THAT(left->document, HasSubstr(R"("outcome_unknown":true)"));
    EXPECT_THAT(left->document, HasSubstr(R"("ended":"1970-01-01T01:00:04.000Z")"));
    keeper->settle(CallId{"c_left"}, CallSid{"CA1"}, CallState::busy, "it was busy");
    left = *find("CA1");
    ASSERT_TRUE(left);
    EXPECT_EQ(left->state, CallState::busy);
    EXPECT_THAT(left->document, HasSubstr(R"("state":"busy")"));
    EXPECT_THAT(left->document, HasSubstr(R"("outcome_unknown":false)"));
}

TEST_F(HistoryKeeperTest, WithoutADiskItGoesOnInMemoryAndWritesLater) {
    file = folder.path() / "away" / "history.db";
    start_on_file();
    for (int n = 1; n <= 3; ++n) end(over(n));
    EXPECT_THAT(ids(), ElementsAre("c_3", "c_2", "c_1"));
    EXPECT_TRUE((*find("CA2")).has_value());
    EXPECT_FALSE(remove("c_1")) << "it may be on the disk";
    EXPECT_THAT(render_metrics(*metrics), HasSubstr("agentbridge_history_failing 1"));
    std::filesystem::create_directory(folder.path() / "away");
    end(over(4));
    const auto limit = std::chrono::steady_clock::now() + 10s;
    while (render_metrics(*metrics).find("agentbridge_history_failing 0") == std::string::npos &&
           std::chrono::steady_clock::now() < limit)
        EXPECT_EQ(ids().size(), 4u);
    keeper->close();
    auto store = SqliteCalls::open(file);
    ASSERT_TRUE(store) << store.error().message;
    EXPECT_EQ((*store)->page({})->size(), 4u);
}

TEST_F(HistoryKeeperTest, EventsThatWereLostAreMadeUpFor) {
    start();
    EXPECT_TRUE(ids().empty());
    auto release = hold();
    end(over(1));
    for (int i = 0; i < 10000; ++i) publish(CallId{"c_2"}, call::event::Digit{'1'});
    release.set_value();
    EXPECT_THAT(ids(), ElementsAre("c_1"));
    EXPECT_THAT(render_metrics(*metrics), HasSubstr("agentbridge_history_missed_events_total"));
}

TEST_F(HistoryKeeperTest, RefusesMoreQuestionsThanItCanHold) {
    start();
    auto release = hold();
    std::atomic<int> told{0}, refused{0};
    for (int i = 0; i < 400; ++i) {
        keeper->find("x", [&](const auto& found) {
            ++told;
            if (!found && found.error().code == Errc::refused) ++refused;
        });
    }
    EXPECT_GE(refused, 400 - static_cast<int>(HistoryKeeper::kAsked));
    release.set_value();
    keeper->close();
    EXPECT_EQ(told, 400);
    bool cancelled = false;
    keeper->find("x",
                 [&](const auto& found) { cancelled = found.error().code == Errc::cancelled; });
    EXPECT_TRUE(cancelled);
}

TEST_F(HistoryKeeperTest, WhatIsRemovedIsGoneEverywhere) {
    std::vector<std::string> removed;
    options.files = {{"recordings",
                      [&](const CallId& call) -> Result<> {
                          removed.push_back("sound of " + call.str());
                          return {};
                      }},
                     {"captures", [&](const CallId& call) -> Result<> {
                          removed.push_back("capture of " + call.str());
                          return {};
                      }}};
    start_on_file();
    end(over(1));
    EXPECT_TRUE(*remove("c_1"));
    EXPECT_THAT(removed, ElementsAre("sound of c_1", "capture of c_1"));
    EXPECT_FALSE(*find("c_1"));
    EXPECT_FALSE(registry.timelines().find("c_1").timeline);
    EXPECT_FALSE(*remove("c_1"));
}

TEST_F(HistoryKeeperTest, ForgetsWhatIsOldButNotItsRowBeforeItsFiles) {
    std::map<std::string, int> tried;
    std::optional<Wall> swept;
    options.retain = 3600s;
    options.sweep = 5ms;
    options.files = {{"recordings",
                      [&](const CallId& call) -> Result<> {
                          if (call.str() == "c_2" && ++tried[call.str()] < 3)
                              return fail(Errc::io, "the disk is busy");
                          return {};
                      },
                      [&](Wall before) { swept = before; }}};
    start_on_file();
    const auto now = std::chrono::system_clock::now();
    end(over(1));
    end(over(2));
    end(over(3, now - 60s));
    const auto limit = std::chrono::steady_clock::now() + 10s;
    while (ids().size() > 1 && std::chrono::steady_clock::now() < limit) {
    }
    EXPECT_THAT(ids(), ElementsAre("c_3"));
    keeper->close();
    EXPECT_GE(tried["c_2"], 3);
    ASSERT_TRUE(swept);
    EXPECT_LT(*swept, now - 3590s);
    EXPECT_THAT(render_metrics(*metrics), HasSubstr("agentbridge_history_removed_total 2"));
}

TEST_F(HistoryKeeperTest, WhatBecomesKnownAfterTheEndIsAdded) {
    start();
    end(over(1));
    call::TranscriptPiece piece;
    piece.number = 1;
    piece.final = true;
    piece.text = "understood later";
    EXPECT_TRUE(*answer<bool>(
        [&](auto told) { keeper->add_transcript(CallId{"c_1"}, {piece}, std::move(told)); }));
    EXPECT_TRUE(*answer<bool>(
        [&](auto told) { keeper->mark(CallId{"c_1"}, true, std::nullopt, std::move(told)); }));
    const auto call = *find("c_1");
    EXPECT_TRUE(call->transcribed);
    EXPECT_TRUE(call->recorded);
    EXPECT_FALSE(call->captured);
    CallQuery query;
    query.words = "later";
    EXPECT_THAT(ids(query), ElementsAre("c_1"));
    EXPECT_FALSE(*answer<bool>(
        [&](auto told) { keeper->add_transcript(CallId{"c_none"}, {piece}, std::move(told)); }));
}

}  // namespace
}  // namespace bridge::stores
