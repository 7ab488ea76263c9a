#pragma once
// We as Twilio for a bot: a server that speaks Media Streams writes down what it is sent, and says
// what the test wants.

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "agents/stream_bot/stream_bot_agent.hpp"
#include "base/base64.hpp"
#include "net/server_websocket.hpp"
#include "tests/integration/net/net_fixture.hpp"
#include "tests/support/agent_ear.hpp"

namespace bridge::agents::test {

using bridge::test::AgentEar;
using net::test::eventually;
using net::test::LoopTest;
using std::chrono::milliseconds;
using Names = std::vector<std::string>;

inline asio::awaitable<net::HttpResponse> no_page(net::HttpRequest) {
    co_return net::respond(404, "text/plain", "");
}

/// One connection as the bot sees it.
struct BotSide {
    std::string target, signature;
    std::shared_ptr<net::ServerWebSocket> socket;
    std::vector<boost::json::object> heard;
    std::optional<net::WebSocketEnd> end;
};

class StreamBotTest : public LoopTest {
protected:
    void SetUp() override {
        port_ =
            serve({}, &no_page, [this](net::Upgrade upgrade) { take(std::move(upgrade)); })->port();
        options_.url = "ws://127.0.0.1:" + std::to_string(port_) + "/bot?x=1";
        options_.account_sid = "AC1";
    }

    void TearDown() override {
        on_loop([this] {
            if (agent_) agent_->stop();
            agent_.reset();
        });
        LoopTest::TearDown();  // nobody connects any more
        on_loop([this] {
            for (auto& bot : bots_) bot.socket->close(1001, "");
        });
        EXPECT_TRUE(told([this] {
            return std::all_of(bots_.begin(), bots_.end(),
                               [](const BotSide& bot) { return bot.end.has_value(); });
        }));
        on_loop([this] { bots_.clear(); });
    }

    void take(net::Upgrade upgrade) {
        if (status_ != 101) {
            net::refuse(std::move(upgrade), net::respond(status_, "text/plain", ""));
            return;
        }
        const auto number = bots_.size();
        auto& bot = bots_.emplace_back();
        bot.target = upgrade.head.target;
        bot.signature = upgrade.head.headers.find("X-Twilio-Signature").value_or("");
        bot.socket = net::ServerWebSocket::accept(std::move(upgrade), {});
        bot.socket->start(
            [this, number](std::span<const net::WebSocketMessage> batch) {
                for (const auto& message : batch) {
                    bots_[number].heard.push_back(
                        boost::json::parse(std::string(message.payload)).as_object());
                }
            },
            [this, number](const net::WebSocketEnd& end) { bots_[number].end = end; });
    }

    // --- the call's side

    static call::AgentCall call_of(const std::string& stream = "") {
        call::AgentCall call;
        call.sid = CallSid("CA1");
        call.stream_sid = StreamSid(stream);
        return call;
    }

    void start(const std::string& stream = "") {
        on_loop([&] {
            if (!agent_) agent_ = std::make_shared<StreamBotAgent>(executor(), options_);
            agent_->start(call_of(stream), ear_.ear());
        });
    }
    /// Started, and answered as soon as the bot is there.
    void start_and_answer() {
        start();
        ASSERT_TRUE(told([&] { return ear_.told.readies == 1; }));
        on_loop([&] { agent_->answered(call_of("MZ1")); });
        ASSERT_TRUE(heard(0, 2));
    }
    void hear(int frames, milliseconds from = milliseconds(0), std::int16_t level = 1000) {
        on_loop([&] {
            for (int i = 0; i < frames; ++i) {
                audio::AudioFrame frame;
                frame.pcm.fill(level);
                frame.at = from + i * audio::kFrameTime;
                agent_->write(frame);
            }
        });
    }
    void over(call::UtteranceId id, call::SpeechOutcome outcome = call::SpeechOutcome::played) {
        on_loop([&] {
            call::Heard heard;
            heard.outcome = outcome;
            agent_->spoken(id, heard);
        });
    }
    bool told(const std::function<bool()>& condition) {
        return eventually([&] {
            bool yes = false;
            on_loop([&] { yes = condition(); });
            return yes;
        });
    }
    bool spoke(std::size_t samples) {
        return told([&] { return ear_.voice->samples() == samples; });
    }

    // --- the bot's side

    /// So many messages have come on connection `number`.
    bool heard(std::size_t number, std::size_t count) {
        return told([&] { return bots_.size() > number && bots_[number].heard.size() >= count; });
    }
    boost::json::object message(std::size_t number, std::size_t index) {
        boost::json::object copy;
        on_loop([&] { copy = bots_.at(number).heard.at(index); });
        return copy;
    }
    Names marks(std::size_t number = 0) {
        Names names;
        on_loop([&] {
            for (const auto& one : bots_.at(number).heard) {
                if (one.at("event").as_string() == "mark")
                    names.emplace_back(one.at("mark").at("name").as_string());
            }
        });
        return names;
    }
    void say(const std::string& text, std::size_t number = 0) {
        on_loop([&] { bots_.at(number).socket->send(text); });
    }
    void say_media(std::size_t samples, std::uint8_t byte = 0x80, const std::string& stream = "MZ1",
                   std::size_t number = 0) {
        const std::vector<std::uint8_t> mulaw(samples, byte);
        say(R"({"event":"media","streamSid":")" + stream + R"(","media":{"payload":")" +
                encode_base64(mulaw) + R"("}})",
            number);
    }
    void say_mark(const std::string& name, const std::string& stream = "MZ1") {
        say(R"({"event":"mark","streamSid":")" + stream + R"(","mark":{"name":")" + name +
            R"("}})");
    }
    void say_clear() { say(R"({"event":"clear","streamSid":"MZ1"})"); }
    void expect_warnings(const std::vector<std::string>& beginnings) {
        ASSERT_TRUE(told([&] { return ear_.told.warnings.size() >= beginnings.size(); }));
        on_loop([&] {
            ASSERT_EQ(ear_.told.warnings.size(), beginnings.size());
            for (std::size_t i = 0; i < beginnings.size(); ++i)
                EXPECT_TRUE(ear_.told.warnings[i].starts_with(beginnings[i]))
                    << ear_.told.warnings[i];
        });
    }
    void expect_end(call::AgentEnd how, const std::string& part) {
        ASSERT_TRUE(told([&] { return !ear_.told.ends.empty(); }));
        on_loop([&] {
            ASSERT_EQ(ear_.told.ends.size(), 1U);
            EXPECT_EQ(ear_.told.ends[0].how, how);
            EXPECT_NE(ear_.told.ends[0].reason.find(part), std::string::npos)
                << ear_.told.ends[0].reason;
        });
    }

    StreamBotOptions options_;
    std::uint16_t port_ = 0;
    int status_ = 101;
    std::deque<BotSide> bots_;
    AgentEar ear_;
    std::shared_ptr<StreamBotAgent> agent_;
};

inline std::string text_of(const boost::json::object& object, std::string_view key) {
    return std::string(object.at(key).as_string());
}

}  // namespace bridge::agents::test
