#include "web/live_events.hpp"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/json/parse.hpp>

#include "net/body_stream.hpp"
#include "tests/unit/call/call_fixture.hpp"
#include "web/event_client.hpp"

namespace bridge::web {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;
using namespace std::chrono_literals;

struct Read {
    std::string text;
    bool done = false;
};

asio::awaitable<void> read_piece(std::shared_ptr<net::BodyStream> stream, Read* into) {
    into->text = co_await stream->next();
    into->done = true;
}

/// What one piece of a stream says, event by event.
struct Event {
    std::string type, id, data;
};

std::vector<Event> events_of(std::string text) {
    std::vector<Event> out;
    for (std::size_t end = 0; (end = text.find("\n\n")) != std::string::npos;) {
        const auto block = text.substr(0, end) + "\n";
        text.erase(0, end + 2);
        const auto field = [&](const std::string& name) {
            const auto at = ("\n" + block).find("\n" + name + ": ");
            if (at == std::string::npos) return std::string();
            const auto begin = at + name.size() + 2;
            return block.substr(begin, block.find('\n', begin) - begin);
        };
        out.push_back({field("event"), field("id"), field("data")});
    }
    return out;
}

class LiveEventsTest : public testing::Test {
protected:
    LiveEventsTest() {
        LiveEvents::Parts parts;
        parts.executor = loop.get_executor();
        parts.bus = &bus;
        parts.calls = &registry;
        parts.clock = &clock;
        parts.about = {"1.2.3", 42, "2026-01-02T03:04:05.000Z", "inst", "twilio"};
        events = LiveEvents::open(std::move(parts));
    }
    ~LiveEventsTest() override {
        events->stop();
        events.reset();
        loop.restart();
        loop.poll();
    }

    std::shared_ptr<net::BodyStream> connect(const std::string& query = {},
                                             const std::string& last = {}) {
        net::HttpRequest request;
        request.method = "GET";
        request.target = "/api/v1/events" + query;
        if (!last.empty()) request.headers.set("Last-Event-ID", last);
        auto response = events->connect(request);
        EXPECT_EQ(response.status, 200) << response.body;
        EXPECT_EQ(response.headers.find("Content-Type"), "text/event-stream");
        return response.stream;
    }
    /// The next piece; the test's limit is that of `patience`.
    std::vector<Event> read(const std::shared_ptr<net::BodyStream>& stream,
                            std::chrono::milliseconds patience = 5s) {
        Read got;
        asio::co_spawn(loop, read_piece(stream, &got), asio::detached);
        const auto limit = std::chrono::steady_clock::now() + patience;
        while (!got.done && std::chrono::steady_clock::now() < limit) {
            loop.restart();
            loop.run_one_for(100ms);
        }
        EXPECT_TRUE(got.done) << "nothing came";
        return events_of(got.text);
    }
    void publish(const CallId& call, std::string text) {
        call::CallEvent event;
        event.call = call;
        event.number = ++number;
        event.time = std::chrono::system_clock::now();
        event.what = call::event::Warning{std::move(text)};
        bus.publish(std::move(event));
        settle();
    }
    void settle() {
        loop.restart();
        loop.poll();
    }
    CallId talks() {
        auto spec = call::CallFixture::outbound();
        spec.direction = call::Direction::inbound;
        spec.sid = CallSid{"CA" + std::to_string(++calls)};
        const auto id = registry.open(spec);
        registry.post(id,
                      call::input::VoiceRequested{spec.sid, "+1", "+2", "in-progress", "", false});
        settle();
        const auto call = registry.here(id);
        media = call->open_stream();
        call->accept(call::input::StreamStarted{media, std::make_shared<call::ScriptedLine>()});
        settle();
        return id;
    }

    asio::io_context loop;
    VirtualClock clock;
    call::EventBus bus;
    call::CallRegistry registry{{{loop.get_executor(), &clock}}, {bus, nullptr, nullptr, {}}};
    std::shared_ptr<LiveEvents> events;
    std::uint64_t number = 0, media = 0;
    int calls = 0;
};

TEST_F(LiveEventsTest, SayWhoTheyAreAndThenWhatHappensInOrder) {
    const auto client = connect();
    for (int i = 0; i < 3; ++i) publish(CallId{"c_1"}, "w" + std::to_string(i));
    const auto got = read(client);
    ASSERT_EQ(got.size(), 4U);
    EXPECT_EQ(got[0].type, "hello");
    EXPECT_EQ(got[0].id, "");
    EXPECT_EQ(json::parse(got[0].data).at("instance"), "inst");
    for (std::size_t i = 1; i < 4; ++i) {
        EXPECT_EQ(got[i].type, "warning");
        EXPECT_EQ(got[i].id, "inst-" + std::to_string(i));
        const auto data = json::parse(got[i].data);
        EXPECT_EQ(data.at("type"), "warning");
        EXPECT_EQ(data.at("call"), "c_1");
        EXPECT_EQ(data.at("number"), i);
        EXPECT_EQ(data.at("text"), json::value("w" + std::to_string(i - 1)));
    }
}

TEST_F(LiveEventsTest, TellWhoComesBackWhatHappenedMeanwhile) {
    auto first = connect();
    for (int i = 0; i < 3; ++i) publish(CallId{"c_1"}, "w");
    first->stop();
    first.reset();
    for (int i = 0; i < 2; ++i) publish(CallId{"c_2"}, "w");
    const auto got = read(connect("", "inst-2"));
    ASSERT_EQ(got.size(), 4U);
    EXPECT_EQ(got[0].type, "hello");
    EXPECT_EQ(got[1].id, "inst-3");
    EXPECT_EQ(got[3].id, "inst-5");
    EXPECT_EQ(read(connect("?last_event_id=inst-4")).size(), 2U);
    EXPECT_EQ(read(connect("", "inst-5")).size(), 1U) << "nothing is new";
}

TEST_F(LiveEventsTest, SendWhoMissedTooMuchToLookAnew) {
    connect()->stop();
    for (std::size_t i = 0; i < LiveEvents::kRemembered + 2; ++i) publish(CallId{"c_1"}, "w");
    for (const auto* last : {"inst-1", "other-5", "inst-99999", "inst-", "x", "inst-1x"}) {
        const auto got = read(connect("", last));
        ASSERT_EQ(got.size(), 2U) << last;
        EXPECT_EQ(got[1].type, "reset") << last;
    }
    EXPECT_NE(read(connect("", "inst-2")).back().type, "reset");
}

TEST_F(LiveEventsTest, KeepNothingForWhoDoesNotRead) {
    const auto slow = connect();
    const std::string long_text(10'000, 'x');
    for (int i = 0; i < 150; ++i) publish(CallId{"c_1"}, long_text);
    const auto& client = static_cast<const EventClient&>(*slow);
    EXPECT_LE(client.waiting() * long_text.size(), EventClient::kQueueBytes);
    const auto got = read(slow);
    ASSERT_FALSE(got.empty());
    EXPECT_EQ(got.front().type, "reset") << "what was before it is gone";
}

TEST_F(LiveEventsTest, OfOneCallAreOfNoOther) {
    const auto id = talks();
    const auto client = connect("?call=" + id.str());
    read(client);
    publish(CallId{"c_other"}, "not mine");
    publish(id, "mine");
    const auto got = read(client);
    ASSERT_EQ(got.size(), 1U);
    EXPECT_EQ(json::parse(got[0].data).at("text"), "mine");
    net::HttpRequest request;
    request.target = "/api/v1/events?call=c_nobody";
    EXPECT_EQ(events->connect(request).status, 404);
}

TEST_F(LiveEventsTest, BringLevelsAndFiguresOfCallsToWhoWantsThem) {
    const auto id = talks();
    const auto client = connect("?levels=1");
    bool figures = false, levels = false;
    const auto limit = std::chrono::steady_clock::now() + 10s;
    std::vector<std::uint8_t> loud(160, 0x80);  // mu-law: the loudest
    std::uint64_t sequence = 1;
    while (!(figures && levels) && std::chrono::steady_clock::now() < limit) {
        for (int i = 0; i < 5; ++i) {
            clock.advance(20ms);
            registry.here(id)->accept(call::input::Media{media, ++sequence,
                                                         std::chrono::milliseconds(20 * sequence),
                                                         call::Track::inbound, loud});
        }
        for (const auto& event : read(client)) {
            if (event.type == "statistics") {
                figures =
                    json::parse(event.data).at("snapshot").at("call") == json::value(id.str());
                EXPECT_EQ(event.id, "");
            }
            if (event.type != "levels") continue;
            const auto data = json::parse(event.data);
            for (const auto& one : data.at("calls").as_array()) {
                EXPECT_EQ(one.at("call"), json::value(id.str()));
                EXPECT_EQ(one.at("far").as_array().size(), 5U);
                levels = levels || (one.at("far_clipped").as_bool() &&
                                    one.at("far").at(2).to_number<double>() > 0.9);
            }
        }
    }
    EXPECT_TRUE(figures);
    EXPECT_TRUE(levels);
}

TEST_F(LiveEventsTest, BeatWhileNothingHappens) {
    const auto client = connect();
    read(client);
    EXPECT_EQ(read(client).front().type, "") << "a comment";
}

TEST_F(LiveEventsTest, EndWithTheProgram) {
    const auto client = connect();
    read(client);
    Read got;
    asio::co_spawn(loop, read_piece(client, &got), asio::detached);
    settle();
    events->stop();
    settle();
    EXPECT_TRUE(got.done);
    EXPECT_EQ(got.text, "");
    net::HttpRequest request;
    EXPECT_EQ(events->connect(request).status, 503);
}

TEST_F(LiveEventsTest, LetSoManyListenAndNoMore) {
    std::vector<std::shared_ptr<net::BodyStream>> all;
    for (std::size_t i = 0; i < LiveEvents::kClients; ++i) all.push_back(connect());
    net::HttpRequest request;
    EXPECT_EQ(events->connect(request).status, 503);
    all.back()->stop();
    EXPECT_EQ(events->connect(request).status, 200);
}

TEST_F(LiveEventsTest, KnowTheCallsThatAreOver) {
    const auto id = talks();
    registry.here(id)->accept(call::input::StreamClosed{media, true, ""});
    registry.here(id)->accept(
        call::input::StatusReported{CallSid{"CA1"}, "completed", {}, {}, {}, "", "", ""});
    clock.advance(60s);
    settle();
    EXPECT_EQ(registry.size(), 0u);
    for (const auto& name : {id.str(), std::string("CA1")}) connect("?call=" + name)->stop();
}

}  // namespace
}  // namespace bridge::web
