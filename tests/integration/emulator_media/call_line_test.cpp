// A call's audio side against a real WebSocket server: the transcript, the pace, marks, digits,
// ends.

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <cmath>

#include "emulator/base64.hpp"
#include "emulator/dtmf.hpp"
#include "emulator/mulaw.hpp"
#include "tests/integration/emulator_media/stream_server.hpp"

namespace bridge::emulator {
namespace {

namespace json = boost::json;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Clock = std::chrono::steady_clock;

/// Says frame 1, 2, 3 … (each filled with its number), keeps what it hears, presses what it is told
/// to.
class Puppet final : public Persona {
public:
    struct Strings {
        std::string to_press, digits;
        std::vector<std::uint8_t> heard;
        bool hang_up = false;
        int frames = 0;
    };
    explicit Puppet(std::shared_ptr<Strings> strings) : strings_(std::move(strings)) {}
    Reaction reaction() const override { return {}; }
    Speech speak(MulawFrame& out) override {
        if (strings_->hang_up) return Speech::hung_up;
        out.fill(static_cast<std::uint8_t>(++strings_->frames % 100));
        return Speech::speaking;
    }
    void hear(const MulawFrame& frame) override {
        strings_->heard.insert(strings_->heard.end(), frame.begin(), frame.end());
    }
    void hear_digit(char digit) override { strings_->digits += digit; }
    std::string press() override { return std::exchange(strings_->to_press, {}); }

private:
    std::shared_ptr<Strings> strings_;
};

class EmulatedCall : public testing::Test {
protected:
    EmulatedCall() {
        line = CallLine::make(server.io().get_executor(), std::make_unique<Puppet>(puppet), {});
        line->answered();
    }
    ~EmulatedCall() override {
        line->end();
        EXPECT_TRUE(server.run_until([&] { return server.nothing_left(); }))
            << "a coroutine of the call was left behind";
    }
    static asio::awaitable<void> mark_when(asio::awaitable<void> task, std::shared_ptr<bool> done) {
        co_await std::move(task);
        *done = true;
    }
    /// Starts it; the flag turns true when it returned.
    std::shared_ptr<bool> begin(asio::awaitable<void> task) {
        auto done = std::make_shared<bool>(false);
        server.spawn(mark_when(std::move(task), done));
        return done;
    }
    static asio::awaitable<void> take_digit(std::shared_ptr<CallLine> line, milliseconds timeout,
                                            std::shared_ptr<std::optional<char>> digit,
                                            std::shared_ptr<bool> done) {
        *digit = co_await line->next_digit(timeout);
        *done = true;
    }
    std::size_t heard_of(std::uint8_t byte) const {
        return static_cast<std::size_t>(
            std::count(puppet->heard.begin(), puppet->heard.end(), byte));
    }

    StreamServer server;
    Reports reports;
    std::shared_ptr<Puppet::Strings> puppet = std::make_shared<Puppet::Strings>();
    std::shared_ptr<CallLine> line;
};

TEST_F(EmulatedCall, WritesTheTranscriptTwilioDocuments) {
    const auto request = server.request();
    const auto done = begin(line->connect_stream(request, reports.sink()));
    ASSERT_TRUE(server.run_until([&] { return server.count("media") >= 3; }));
    puppet->to_press = "5";
    ASSERT_TRUE(server.run_until([&] { return server.count("dtmf") == 1; }));
    server.send_mark("m1");
    ASSERT_TRUE(server.run_until([&] { return server.count("mark") == 1; }));
    line->interrupt();
    ASSERT_TRUE(server.run_until([&] { return *done && server.end.has_value(); }));

    EXPECT_EQ(server.head->headers.find("x-twilio-signature"), "c2lnbmF0dXJl");
    EXPECT_EQ(server.head->target, "/media");
    ASSERT_GE(server.received.size(), 7U);
    EXPECT_EQ(json::value(server.received[0].message),
              json::parse(R"({"event":"connected","protocol":"Call","version":"1.0.0"})"));
    EXPECT_EQ(
        json::value(server.received[1].message),
        json::parse(
            R"({"event":"start","sequenceNumber":"1","start":{"accountSid":"AC00000000000000000000000000000002",
        "streamSid":"MZ00000000000000000000000000000001","callSid":"CA00000000000000000000000000000003","tracks":["inbound"],
        "mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1},
        "customParameters":{"token":"abc","who":"Zoë \"Z\""}},"streamSid":"MZ00000000000000000000000000000001"})"));
    int chunk = 0;
    int first = 0;
    for (std::size_t k = 1; k < server.received.size(); ++k) {
        const auto& message = server.received[k].message;
        EXPECT_EQ(message.at("sequenceNumber").as_string(), std::to_string(k));
        EXPECT_EQ(message.at("streamSid").as_string(), request.stream_sid);
        if (message.at("event") != json::value("media")) continue;
        const auto& media = message.at("media").as_object();
        ASSERT_EQ(media.size(), 4U);
        EXPECT_EQ(media.at("track").as_string(), "inbound");
        EXPECT_EQ(media.at("chunk").as_string(), std::to_string(chunk + 1));
        EXPECT_EQ(media.at("timestamp").as_string(), std::to_string(chunk * 20));
        const auto sound = base64_decode(std::string(media.at("payload").as_string()));
        ASSERT_TRUE(sound);
        ASSERT_EQ(sound->size(), 160U);
        if (chunk == 0) first = (*sound)[0];
        EXPECT_EQ((*sound)[159], (first + chunk) % 100) << "no frame of the phone is lost";
        ++chunk;
    }
    EXPECT_EQ(server.of("dtmf")[0]->message.at("dtmf"),
              json::parse(R"({"track":"inbound_track","digit":"5"})"));
    EXPECT_EQ(server.of("mark")[0]->message.at("mark"), json::parse(R"({"name":"m1"})"));
    const auto& last = server.received.back().message;
    EXPECT_EQ(last.at("event"), json::value("stop"));
    EXPECT_EQ(last.at("stop"), json::parse(R"({"accountSid":"AC00000000000000000000000000000002",
        "callSid":"CA00000000000000000000000000000003"})"));
    EXPECT_EQ(server.end->code, 1000);
    ASSERT_EQ(reports.all->size(), 2U);
    EXPECT_EQ(reports.all->front().event, "stream-started");
    EXPECT_EQ(reports.last().event, "stream-stopped");
}

TEST_F(EmulatedCall, SendsAFrameEveryTwentyMillisecondsWithoutDrift) {
    begin(line->connect_stream(server.request(), reports.sink()));
    ASSERT_TRUE(server.run_until([&] { return server.count("media") >= 101; }));
    const auto media = server.of("media");
    // The best of several frames at each end: one wake-up that came late says nothing about the
    // pace.
    double early = 1e9;
    double late = 1e9;
    for (int k = 0; k < 10; ++k) {
        const auto from = [&](std::size_t at) {
            return std::chrono::duration<double, std::milli>(media[at]->at - media[0]->at).count() -
                   20.0 * static_cast<double>(at);
        };
        early = std::min(early, from(static_cast<std::size_t>(k)));
        late = std::min(late, from(static_cast<std::size_t>(100 - k)));
    }
    EXPECT_NEAR(late - early, 0, 8) << "ms of drift in two seconds";
}

TEST_F(EmulatedCall, MakesUpForAStallInOrder) {
    begin(line->connect_stream(server.request(), reports.sink()));
    ASSERT_TRUE(server.run_until([&] { return server.count("media") >= 2; }));
    const auto began = Clock::now();
    const auto before = server.count("media");
    // The loop is not run for 300 ms: this is what a stalled thread looks like from inside.
    while (Clock::now() - began < milliseconds(300)) {
    }
    ASSERT_TRUE(
        server.run_until([&] { return server.count("media") >= before + 15; }, milliseconds(250)));
    const auto media = server.of("media");
    for (std::size_t k = 0; k < media.size(); ++k) {
        EXPECT_EQ(media[k]->message.at("media").as_object().at("timestamp").as_string(),
                  std::to_string(k * 20));
    }
}

TEST_F(EmulatedCall, PlaysWhatItIsSentAndEchoesTheMarkWhenItHasBeenPlayed) {
    begin(line->connect_stream(server.request(), reports.sink()));
    ASSERT_TRUE(server.run_until([&] { return server.count("media") >= 1; }));
    const auto sent = Clock::now();
    server.send_media(8 * 300);
    server.send_mark("end");
    ASSERT_TRUE(server.run_until([&] { return server.count("mark") == 1; }));
    EXPECT_GE(Clock::now() - sent, milliseconds(299));
    EXPECT_EQ(heard_of(0x33), 8U * 300);
    const auto heard = line->trace()->heard.all();
    EXPECT_EQ(std::count(heard.begin(), heard.end(), 0x33), 8 * 300);
}

TEST_F(EmulatedCall, EchoesAMarkAtOnceWhenIdleAndAllOfThemOnClear) {
    begin(line->connect_stream(server.request(), reports.sink()));
    ASSERT_TRUE(server.run_until([&] { return server.count("media") >= 1; }));
    server.send_mark("idle");
    ASSERT_TRUE(server.run_until([&] { return server.count("mark") == 1; }));
    server.send_media(8 * 60000);
    server.send_mark("a");
    server.send_media(8 * 1000);
    server.send_mark("b");
    server.send_clear();
    const auto cleared = Clock::now();
    ASSERT_TRUE(server.run_until([&] { return server.count("mark") == 3; }));
    EXPECT_LT(Clock::now() - cleared, seconds(2));
    EXPECT_EQ(server.of("mark")[1]->message.at("mark"), json::parse(R"({"name":"a"})"));
    EXPECT_EQ(server.of("mark")[2]->message.at("mark"), json::parse(R"({"name":"b"})"));
    EXPECT_LT(heard_of(0x33), 8U * 2000);
    EXPECT_EQ(reports.all->size(), 1U) << "no warning";
}

TEST_F(EmulatedCall, ReturnsFromConnectWhenTheServerCloses) {
    const auto done = begin(line->connect_stream(server.request(), reports.sink()));
    ASSERT_TRUE(server.run_until([&] { return server.count("media") >= 1; }));
    server.socket->close(1000, "");
    ASSERT_TRUE(server.run_until([&] { return *done; }));
    EXPECT_EQ(reports.last().event, "stream-stopped");
    EXPECT_EQ(server.count("stop"), 0U);
}

TEST_F(EmulatedCall, StopsItsStreamsWhenItEnds) {
    const auto done = begin(line->connect_stream(server.request(), reports.sink()));
    ASSERT_TRUE(server.run_until([&] { return server.count("media") >= 1; }));
    line->end();
    EXPECT_EQ(reports.last().event, "stream-stopped");
    ASSERT_TRUE(server.run_until([&] { return *done; }, milliseconds(500)));
    ASSERT_TRUE(server.run_until([&] { return server.end.has_value(); }));
    EXPECT_EQ(server.received.back().message.at("event"), json::value("stop"));
}

TEST_F(EmulatedCall, GivesAListeningStreamBothTracks) {
    auto request = server.request(false);
    request.track = "both_tracks";
    request.name = "ears";
    line->start_stream(request, reports.sink());
    const auto played = begin(line->play(std::vector<std::uint8_t>(8 * 200, 0x44)));
    ASSERT_TRUE(server.run_until([&] { return *played && server.count("media") >= 24; }));
    EXPECT_EQ(server.of("start")[0]->message.at("start").as_object().at("tracks"),
              json::parse(R"(["inbound","outbound"])"));
    std::size_t outbound = 0;
    std::size_t inbound = 0;
    for (const auto* each : server.of("media")) {
        const auto& media = each->message.at("media").as_object();
        const auto sound = base64_decode(std::string(media.at("payload").as_string()));
        if (media.at("track") == json::value("outbound")) {
            ++outbound;
            EXPECT_TRUE((*sound)[0] == 0x44 || (*sound)[0] == kMulawSilence);
        } else {
            ++inbound;
        }
    }
    EXPECT_EQ(inbound, outbound);
    EXPECT_FALSE(line->stop_stream("nose"));
    EXPECT_TRUE(line->stop_stream("ears"));
    EXPECT_FALSE(line->stop_stream("ears")) << "it is gone";
    ASSERT_TRUE(server.run_until([&] { return server.end.has_value(); }));
    EXPECT_EQ(reports.last().event, "stream-stopped");
}

TEST_F(EmulatedCall, PlaysSoundsWithoutAGapBetweenThem) {
    const auto one = begin(line->play(std::vector<std::uint8_t>(320, 0x11)));
    ASSERT_TRUE(server.run_until([&] { return *one; }));
    const auto two = begin(line->play(std::vector<std::uint8_t>(320, 0x22)));
    ASSERT_TRUE(server.run_until([&] { return *two; }));
    const auto& heard = puppet->heard;
    const auto first = std::find(heard.begin(), heard.end(), 0x11);
    ASSERT_GE(heard.end() - first, 640);
    EXPECT_EQ(*(first + 319), 0x11);
    EXPECT_EQ(*(first + 320), 0x22);
}

TEST_F(EmulatedCall, InterruptsEveryWaitAndGoesOn) {
    const auto digit = std::make_shared<std::optional<char>>('x');
    const auto digit_done = std::make_shared<bool>(false);
    const auto played = begin(line->play(std::vector<std::uint8_t>(80000, 0x11)));
    const auto paused = begin(line->pause(seconds(60)));
    server.spawn(take_digit(line, seconds(60), digit, digit_done));
    ASSERT_TRUE(server.run_until([&] { return heard_of(0x11) > 0; }));
    EXPECT_FALSE(*played || *paused || *digit_done);
    line->interrupt();
    ASSERT_TRUE(
        server.run_until([&] { return *played && *paused && *digit_done; }, milliseconds(500)));
    EXPECT_FALSE(digit->has_value());
    const auto again = begin(line->play(std::vector<std::uint8_t>(160, 0x22)));
    ASSERT_TRUE(server.run_until([&] { return *again; }));
    EXPECT_EQ(heard_of(0x22), 160U);
}

TEST_F(EmulatedCall, GathersKeysAlsoThosePressedBefore) {
    puppet->to_press = "12";
    const auto frames = puppet->frames;
    ASSERT_TRUE(server.run_until([&] { return puppet->frames > frames + 1; }));
    const auto digit = std::make_shared<std::optional<char>>();
    for (const char expected : {'1', '2'}) {
        const auto done = std::make_shared<bool>(false);
        server.spawn(take_digit(line, seconds(5), digit, done));
        ASSERT_TRUE(server.run_until([&] { return *done; }));
        EXPECT_EQ(*digit, expected);
    }
    const auto done = std::make_shared<bool>(false);
    server.spawn(take_digit(line, milliseconds(60), digit, done));
    ASSERT_TRUE(server.run_until([&] { return *done; }));
    EXPECT_FALSE(digit->has_value());
}

TEST_F(EmulatedCall, TellsThePhoneEachDigitOnce) {
    const auto done = begin(line->play_digits("1w5"));
    ASSERT_TRUE(server.run_until([&] { return *done; }));
    EXPECT_EQ(puppet->digits, "15");
    const auto tones = begin(line->play(dtmf_tones("7#")));
    ASSERT_TRUE(server.run_until([&] { return *tones && puppet->digits.size() >= 4; }));
    EXPECT_EQ(puppet->digits, "157#") << "tones in the sound are recognised";
}

TEST_F(EmulatedCall, BridgesTwoPhonesBothWays) {
    const auto other = std::make_shared<Puppet::Strings>();
    other->frames = 50;
    auto second = CallLine::make(server.io().get_executor(), std::make_unique<Puppet>(other), {});
    second->answered();
    const auto done = begin(line->bridge(second, seconds(60)));
    const auto spoken = [](const auto& heard) {
        return heard.size() -
               static_cast<std::size_t>(std::count(heard.begin(), heard.end(), kMulawSilence));
    };
    ASSERT_TRUE(server.run_until(
        [&] { return spoken(puppet->heard) > 1600 && spoken(other->heard) > 1600; }));
    puppet->to_press = "9";
    ASSERT_TRUE(server.run_until([&] { return other->digits == "9"; }));
    EXPECT_FALSE(*done);
    second->end();
    ASSERT_TRUE(server.run_until([&] { return *done; }, milliseconds(500)));
}

TEST_F(EmulatedCall, EndsABridgeAtItsLimit) {
    auto second = CallLine::make(server.io().get_executor(),
                                 std::make_unique<Puppet>(std::make_shared<Puppet::Strings>()), {});
    second->answered();
    const auto began = Clock::now();
    const auto done = begin(line->bridge(second, seconds(1)));
    ASSERT_TRUE(server.run_until([&] { return *done; }));
    EXPECT_GE(Clock::now() - began, seconds(1));
}

TEST_F(EmulatedCall, TellsOnceThatThePersonaHungUp) {
    int told = 0;
    line->on_persona_hung_up([&] {
        ++told;
        line->end();
    });
    const auto paused = begin(line->pause(seconds(60)));
    puppet->hang_up = true;
    ASSERT_TRUE(server.run_until([&] { return told > 0 && *paused; }));
    server.run_until([] { return false; }, milliseconds(60));
    EXPECT_EQ(told, 1);
}

}  // namespace
}  // namespace bridge::emulator
