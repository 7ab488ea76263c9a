// The calls of another program, followed and steered through its control API: a program that is
// played here, whose events come in pieces, break off and go on.

#include "app/remote_session.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "net/body_stream.hpp"
#include "net/http_server.hpp"
#include "web/json.hpp"

namespace bridge::app {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
namespace json = boost::json;

/// What is to be sent, piece by piece, to whoever reads the events.
class Events final : public net::BodyStream {
public:
    explicit Events(asio::any_io_executor executor) : bell_(std::move(executor)) {
        bell_.expires_at(std::chrono::steady_clock::time_point::max());
    }
    asio::awaitable<std::string> next() override {
        while (pieces_.empty() && !over_)
            co_await bell_.async_wait(asio::as_tuple(asio::use_awaitable));
        if (pieces_.empty()) co_return std::string();
        auto piece = std::move(pieces_.front());
        pieces_.pop_front();
        co_return piece;
    }
    void stop() override { end(); }
    void send(std::string piece) {
        pieces_.push_back(std::move(piece));
        bell_.cancel();
    }
    void end() {
        over_ = true;
        bell_.cancel();
    }

private:
    asio::steady_timer bell_;
    std::deque<std::string> pieces_;
    bool over_ = false;
};

class RemoteSessionTest : public testing::Test {
protected:
    void SetUp() override {
        auto made = net::HttpServer::listen(
            loop.get_executor(), {},
            [this](net::HttpRequest request) -> asio::awaitable<net::HttpResponse> {
                co_return answer(std::move(request));
            });
        ASSERT_TRUE(made);
        server = *made;
        server->start();
    }
    void TearDown() override {
        session.reset();
        if (server) server->stop();
        if (events) events->end();
        loop.restart();
        loop.poll();
    }

    net::HttpResponse answer(net::HttpRequest request) {
        asked.push_back(request.method + " " + std::string(request.target).substr(7) +
                        (request.body.empty() ? "" : " " + request.body));
        const auto path = std::string(request.path()).substr(7);
        if (path == "/events") {
            events = std::make_shared<Events>(loop.get_executor());
            events->send("event: hello\ndata: {}\n\n");
            auto out = net::respond(200, "text/event-stream", "");
            out.stream = events;
            return out;
        }
        if (path == "/calls" && request.method == "GET") {
            json::array all;
            for (const auto& call : calls) all.push_back(web::call_json(call));
            return as_json({{"calls", std::move(all)}, {"next", nullptr}});
        }
        if (path == "/calls" && refuse)
            return net::respond(403, "application/problem+json", R"({"detail":"not allowed"})");
        if (calls.empty()) return net::respond(404, "application/problem+json", "{}");
        return as_json(web::call_json(calls.front()));
    }
    static net::HttpResponse as_json(const json::object& body) {
        return net::respond(200, "application/json", json::serialize(body));
    }

    void open(std::string order = "") {
        ControlAddress address{"http://127.0.0.1:" + std::to_string(server->port()),
                               Secret{"token"}, true};
        session = open_remote_session({std::move(address), std::move(order)}, loop.get_executor());
        heard = session->events().subscribe(
            loop.get_executor(), 100,
            [this](const call::CallEvent& event, std::uint64_t) { told.push_back(event); });
        session->when_done([this](Session::End how) { end = std::move(how); });
        ASSERT_TRUE(session->start());
    }
    template <class Condition>
    testing::AssertionResult until(Condition condition) {
        const auto give_up = std::chrono::steady_clock::now() + 10s;
        while (!condition()) {
            if (std::chrono::steady_clock::now() > give_up)
                return testing::AssertionFailure() << "not within ten seconds";
            loop.restart();
            loop.run_one_for(50ms);
        }
        return testing::AssertionSuccess();
    }
    bool was_asked(const std::string& what) const {
        return std::find(asked.begin(), asked.end(), what) != asked.end();
    }
    std::vector<call::CallSnapshot> snapshots() {
        std::optional<std::vector<call::CallSnapshot>> got;
        session->snapshots([&](auto all) { got = std::move(all); });
        EXPECT_TRUE(until([&] { return got.has_value(); }));
        return got.value_or(std::vector<call::CallSnapshot>());
    }
    void do_(call::Command command, std::optional<CallId> call = {}) {
        bool done = false;
        session->command(std::move(call), std::move(command), [&](auto&&) { done = true; });
        ASSERT_TRUE(until([&] { return done; }));
    }
    static call::CallSnapshot call_of(const char* id) {
        call::CallSnapshot call;
        call.id = CallId{id};
        call.state = call::CallState::in_progress;
        call.streaming = true;
        return call;
    }
    static std::string state_event(int number, const char* call, const char* state) {
        return "id: r-" + std::to_string(number) + "\nevent: state\ndata: " +
               json::serialize(json::object{{"type", "state"}, {"call", call}, {"state", state}}) +
               "\n\n";
    }

    asio::io_context loop;
    std::shared_ptr<net::HttpServer> server;
    std::shared_ptr<Events> events;
    std::vector<call::CallSnapshot> calls;
    bool refuse = false;
    std::vector<std::string> asked;
    std::vector<call::CallEvent> told;
    std::shared_ptr<call::EventBus::Subscription> heard;
    std::optional<Session::End> end;
    std::unique_ptr<Session> session;
};

TEST_F(RemoteSessionTest, EventsThatComeInPiecesAreHeardAndCallsFetchedAgain) {
    calls = {call_of("c_1")};
    open();
    EXPECT_EQ(snapshots().size(), 1U);
    calls.push_back(call_of("c_2"));
    const auto whole =
        state_event(1, "c_2", "in-progress") + ": \n\n" + state_event(2, "c_1", "completed");
    for (std::size_t at = 0; at < whole.size(); at += 7) events->send(whole.substr(at, 7));
    ASSERT_TRUE(until([&] { return told.size() == 2; }));
    EXPECT_EQ(told[0].call.str(), "c_2");
    EXPECT_EQ(std::get<call::event::StateChanged>(told[1].what).state, call::CallState::completed);
    EXPECT_TRUE(until([&] { return snapshots().size() == 2; }));
}

TEST_F(RemoteSessionTest, AStreamThatBreaksGoesOnWhereItWas) {
    open();
    ASSERT_TRUE(until([&] { return events != nullptr; }));
    events->send(state_event(7, "c_1", "ringing"));
    ASSERT_TRUE(until([&] { return told.size() == 1; }));
    std::exchange(events, nullptr)->end();
    ASSERT_TRUE(until([&] { return was_asked("GET /events?levels=1&last_event_id=r-7"); }));
    ASSERT_TRUE(until([&] { return events != nullptr; }));
    events->send(state_event(8, "c_1", "in-progress"));
    EXPECT_TRUE(until([&] { return told.size() == 2; }));
    EXPECT_FALSE(end);
}

TEST_F(RemoteSessionTest, AProgramThatEndsEndsAWatchWell) {
    open();
    ASSERT_TRUE(until([&] { return events != nullptr; }));
    snapshots();
    server->stop();
    events->end();
    server.reset();
    ASSERT_TRUE(until([&] { return end.has_value(); }));
    EXPECT_FALSE(end->failed);
}

TEST_F(RemoteSessionTest, AProgramThatIsNotThereIsAFailure) {
    server->stop();
    const auto port = server->port();
    server.reset();
    session = open_remote_session(
        {{"http://127.0.0.1:" + std::to_string(port), Secret{"t"}, true}, ""}, loop.get_executor());
    session->when_done([this](Session::End how) { end = std::move(how); });
    ASSERT_TRUE(session->start());
    ASSERT_TRUE(until([&] { return end.has_value(); }));
    EXPECT_TRUE(end->failed);
    EXPECT_FALSE(end->failure.message.empty());
}

TEST_F(RemoteSessionTest, CommandsAreAskedForAsTheCallIsNow) {
    calls = {call_of("c_1"), call_of("c_2")};
    calls[0].local.focus = true;
    calls[0].local.muted = true;
    calls[1].local.ringing = true;
    open();
    snapshots();
    namespace command = call::command;
    do_(command::Mute{});
    do_(command::Hold{});
    do_(command::Volume{-10, true});
    do_(command::Digits{"12#", true});
    do_(command::Transfer{"+1555", true, call::HoldSound::silence});
    do_(command::Record{call::RecordingStatus::paused});
    do_(command::AgentTurn{});
    do_(command::Accept{});
    do_(command::HangUp{}, CallId{"c_2"});
    for (const auto* wanted :
         {"POST /calls/c_1/unmute", R"(POST /calls/c_1/hold {"sound":"music"})",
          R"(POST /calls/c_1/volume {"percent":90})",
          R"(POST /calls/c_1/dtmf {"keys":"12#","in_band":true})",
          R"(POST /calls/c_1/transfer {"to":"+1555","mode":"warm","sound":"silence"})",
          R"(PUT /calls/c_1/recording {"state":"paused"})",
          R"(PUT /calls/c_1/agent {"mode":"taken-over"})", "POST /calls/c_2/accept",
          "DELETE /calls/c_2"})
        EXPECT_TRUE(was_asked(wanted)) << wanted;
    session->request_stop(Stop::graceful);
    ASSERT_TRUE(until([&] { return end.has_value(); }));
    EXPECT_FALSE(was_asked("DELETE /calls/c_1")) << "they are not this program's";
}

TEST_F(RemoteSessionTest, ACallThatWasPlacedIsTheSession) {
    open(R"({"to":"+1555"})");
    calls = {call_of("c_7")};
    ASSERT_TRUE(until([&] { return was_asked(R"(POST /calls {"to":"+1555"})"); }));
    ASSERT_TRUE(until([&] { return was_asked("GET /calls/c_7"); }));
    events->send(state_event(1, "c_1", "ringing"));  // somebody else's
    events->send(state_event(2, "c_7", "in-progress"));
    ASSERT_TRUE(until([&] { return !told.empty(); }));
    EXPECT_EQ(told.size(), 1U);
    session->request_stop(Stop::graceful);
    ASSERT_TRUE(until([&] { return was_asked("DELETE /calls/c_7"); }));
    EXPECT_FALSE(end) << "its end is waited for";
    auto over = calls[0];
    over.state = call::CallState::completed;
    over.end_confirmed = true;
    events->send("event: ended\ndata: " +
                 json::serialize(json::object{
                     {"type", "ended"}, {"call", "c_7"}, {"snapshot", web::call_json(over)}}) +
                 "\n\n");
    ASSERT_TRUE(until([&] { return end.has_value(); }));
    EXPECT_FALSE(end->failed);
    ASSERT_EQ(told.size(), 2U);
    EXPECT_TRUE(std::get<call::event::Ended>(told[1].what).snapshot.end_confirmed);
}

TEST_F(RemoteSessionTest, WhatIsRefusedThereIsToldHere) {
    refuse = true;
    open(R"({"to":"+1900"})");
    ASSERT_TRUE(until([&] { return end.has_value(); }));
    EXPECT_TRUE(end->failed);
    EXPECT_EQ(end->failure.message, "not allowed");
    EXPECT_EQ(end->failure.exit, ExitCode::refused);
}

TEST_F(RemoteSessionTest, AProgramThatDiesWithItsCallSaysWhatIsLeft) {
    open(R"({"to":"+1555"})");
    calls = {call_of("c_7")};
    ASSERT_TRUE(until([&] { return was_asked("GET /calls/c_7"); }));
    server->stop();
    events->end();
    server.reset();
    ASSERT_TRUE(until([&] { return end.has_value(); }));
    EXPECT_TRUE(end->failed);
    EXPECT_NE(end->failure.message.find("agentbridge reap"), std::string::npos);
}

}  // namespace
}  // namespace bridge::app
