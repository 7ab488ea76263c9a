#include "twilio/media_stream.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "base/log.hpp"
#include "call/timeline.hpp"

// counted_allocations.cpp
std::size_t allocations_so_far();

namespace bridge::twilio {
namespace {

using namespace std::chrono_literals;
namespace input = call::input;

/// Remembers what it was asked to send, and plays what the test says.
class ScriptedSocket final : public net::ServerWebSocket {
public:
    explicit ScriptedSocket(const Clock& on) : clock(on), heard(on.now()) {}
    void start(OnBatch on_batch, OnEnd on_end) override {
        batch = std::move(on_batch);
        ended = std::move(on_end);
    }
    bool send(std::string_view text) override {
        if (full) return false;
        sent.assign(text);
        ++sends;
        return true;
    }
    bool send_binary(std::string_view) override { return false; }
    void close(std::uint16_t code, std::string_view reason) override {
        closes.push_back(fmt::format("{} {}", code, reason));
        end = {code, std::string(reason), false, {}};
    }
    void ping() override { ++pings; }
    Clock::Time last_heard() const override { return heard; }
    net::WebSocketStats stats() const override { return {}; }
    std::size_t outbox_bytes() const override { return 0; }
    void expect(const HotLines* lines) override { expected = lines; }

    void receive(std::string_view text, bool is_text = true) {
        heard = clock.now();
        const net::WebSocketMessage message{is_text, text};
        batch(std::span(&message, 1));
    }
    void finish(net::WebSocketEnd how) {
        ended(how);
        batch = {};
        ended = {};
    }

    const Clock& clock;
    Clock::Time heard;
    OnBatch batch;
    OnEnd ended;
    std::string sent;
    std::size_t sends = 0;
    const HotLines* expected = nullptr;
    bool full = false;
    std::vector<std::string> closes;
    net::WebSocketEnd end;
    int pings = 0;
};

/// A call that writes down what it is told.
class DiaryCall final : public call::Call {
public:
    void accept(const call::CallInput& in) override {
        if (const auto* media = std::get_if<input::Media>(&in)) {
            ++media_count;
            last_media = {media->sequence, media->timestamp.count(),
                          media->track == call::Track::inbound, media->mulaw.size()};
            return;
        }
        diary.push_back(std::visit([this](const auto& one) { return line(one); }, in));
    }
    const CallId& id() const override { return spec_.id; }
    const CallSid& sid() const override { return spec_.sid; }
    const call::CallSpec& spec() const override { return spec_; }
    call::CallState state() const override { return call::CallState::in_progress; }
    bool has_stream() const override { return true; }
    std::uint64_t open_stream() override { return 7; }
    bool over() const override { return false; }
    call::CallSnapshot snapshot() const override { return {}; }
    std::size_t guests() const override { return 0; }
    const call::Timeline& timeline() const override { return timeline_; }
    void list_hot(HotLines& lines) const override { lines.add(this, sizeof(*this)); }

    std::string line(const input::StreamStarted& in) {
        phone = in.line;
        return fmt::format("started {} {}", in.stream, in.line->stream_sid());
    }
    std::string line(const input::MarkEchoed& in) {
        return fmt::format("mark {} {} {}", in.stream, in.sequence, in.name);
    }
    std::string line(const input::DtmfReceived& in) {
        return fmt::format("dtmf {} {} {}", in.stream, in.sequence, in.digit);
    }
    std::string line(const input::BadMessage& in) {
        return fmt::format("bad {} {}", in.stream, in.reason);
    }
    std::string line(const input::StreamStopped& in) {
        return fmt::format("stopped {}", in.stream);
    }
    std::string line(const input::StreamClosed& in) {
        phone.reset();
        return fmt::format("closed {} {} {}", in.stream, in.clean ? "clean" : "not clean",
                           in.reason);
    }
    template <class Other>
    std::string line(const Other&) {
        return "something else";
    }

    call::CallSpec spec_ = [] {
        call::CallSpec spec;
        spec.id = CallId{"c_test"};
        return spec;
    }();
    call::Timeline timeline_{{}};
    std::vector<std::string> diary;
    std::shared_ptr<call::PhoneLine> phone;
    std::size_t media_count = 0;
    std::tuple<std::uint64_t, std::int64_t, bool, std::size_t> last_media{};
};

std::string seed(std::string_view name) {
    std::ifstream file(fmt::format("{}/twilio/messages/{}.json", AGENTBRIDGE_TEST_DATA, name));
    return {std::istreambuf_iterator<char>(file), {}};
}

constexpr std::string_view kSid = "CAc5e3d4ab8c1f4b6d9a7e0f1234567890";
constexpr std::string_view kStream = "MZ18ad3ab5a668481ce02b83e7395059f0";

class MediaStreamTest : public testing::Test {
protected:
    void open(bool listen_only = false, std::string_view expected = kSid) {
        log::Options quiet;
        quiet.level = log::Level::error;
        quiet.write = [](std::string_view) {};
        log::start(quiet);
        call->spec_.listen_only = listen_only;
        socket = std::make_shared<ScriptedSocket>(clock);
        auto stream = std::make_shared<MediaStream>(call, CallSid{std::string(expected)}, 7, socket,
                                                    clock, std::make_shared<MediaScratch>(),
                                                    MediaStreamOptions{}, metrics);
        weak = stream;
        stream->start();
    }
    void open_and_start(bool listen_only = false) {
        open(listen_only);
        socket->receive(seed("connected"));
        socket->receive(seed("start"));
        ASSERT_TRUE(call->phone);
        call->diary.clear();
    }
    void TearDown() override {
        // A stream and its socket hold each other until the connection has ended.
        if (socket && socket->ended) socket->finish({});
        EXPECT_EQ(clock.pending(), 0u);
        log::stop();
    }

    const std::shared_ptr<metrics::Registry> metrics = std::make_shared<metrics::Registry>();
    VirtualClock clock;
    std::shared_ptr<DiaryCall> call = std::make_shared<DiaryCall>();
    std::shared_ptr<ScriptedSocket> socket;
    std::weak_ptr<MediaStream> weak;
};

using Lines = std::vector<std::string>;

TEST_F(MediaStreamTest, TurnsTheMessagesOfACallIntoInputs) {
    open();
    for (const auto* name : {"connected", "start", "media", "dtmf", "mark", "stop"})
        socket->receive(seed(name));
    socket->finish({1000, "", true, {}});
    EXPECT_EQ(call->diary,
              (Lines{fmt::format("started 7 {}", kStream), "dtmf 7 5 1", "mark 7 9 reply-42",
                     "stopped 7", "closed 7 clean closed by the carrier with code 1000"}));
    EXPECT_EQ(call->media_count, 1u);
    EXPECT_EQ(call->last_media,
              (std::tuple<std::uint64_t, std::int64_t, bool, std::size_t>{2, 5, true, 160}));
    socket.reset();
    EXPECT_TRUE(weak.expired()) << "nothing keeps a stream that has ended";
    EXPECT_EQ(clock.pending(), 0u);
}

TEST_F(MediaStreamTest, TellsTheTrack) {
    open_and_start();
    socket->receive(seed("media_outbound"));
    EXPECT_EQ(call->last_media,
              (std::tuple<std::uint64_t, std::int64_t, bool, std::size_t>{3, 5, false, 3}));
}

TEST_F(MediaStreamTest, WritesSpeechMarksAndClear) {
    open_and_start();
    std::array<audio::AudioFrame, 2> frames{};
    frames[1].pcm.fill(-32768);
    ASSERT_TRUE(call->phone->send(frames));
    std::string expected;
    std::vector<std::uint8_t> mulaw(320, 0xFF);
    std::fill(mulaw.begin() + 160, mulaw.end(), std::uint8_t{0});
    format_media(kStream, mulaw, expected);
    EXPECT_EQ(socket->sent, expected);
    ASSERT_TRUE(call->phone->mark("g1:1"));
    EXPECT_EQ(
        socket->sent,
        fmt::format(R"({{"event":"mark","streamSid":"{}","mark":{{"name":"g1:1"}}}})", kStream));
    ASSERT_TRUE(call->phone->clear());
    EXPECT_EQ(socket->sent, fmt::format(R"({{"event":"clear","streamSid":"{}"}})", kStream));
    socket->full = true;
    EXPECT_FALSE(call->phone->send(frames));
    socket->full = false;
    socket->sends = 0;
    EXPECT_TRUE(call->phone->send({}));
    EXPECT_EQ(socket->sends, 0u) << "an empty payload is never sent";
}

TEST_F(MediaStreamTest, SaysNothingOnAListenOnlyStream) {
    open_and_start(true);
    EXPECT_FALSE(call->phone->can_send());
    EXPECT_FALSE(call->phone->send(std::array<audio::AudioFrame, 1>{}));
    EXPECT_FALSE(call->phone->mark("m"));
    EXPECT_FALSE(call->phone->clear());
    EXPECT_EQ(socket->sends, 0u);
}

TEST_F(MediaStreamTest, ClosesAStreamOfAnotherCall) {
    open(false, "CA00000000000000000000000000000000");
    socket->receive(seed("connected"));
    socket->receive(seed("start"));
    EXPECT_EQ(socket->closes, Lines{"1008 start.callSid is not this call"});
    socket->receive(seed("media"));
    socket->finish(socket->end);
    EXPECT_EQ(call->diary,
              Lines{"closed 7 not clean closed by this side: start.callSid is not this call"});
    EXPECT_EQ(call->media_count, 0u);
}

TEST_F(MediaStreamTest, ClosesAStreamThatIsNotMulaw) {
    open();
    auto start = seed("start");
    start.replace(start.find("8000"), 4, "16000");
    socket->receive(start);
    EXPECT_EQ(socket->closes.size(), 1u);
    EXPECT_TRUE(call->diary.empty());
}

TEST_F(MediaStreamTest, WaitsTenSecondsForStart) {
    open();
    socket->receive(seed("connected"));
    clock.advance(9999ms);
    EXPECT_TRUE(socket->closes.empty());
    clock.advance(1ms);
    EXPECT_EQ(socket->closes, Lines{"1008 no start"});
    socket->finish(socket->end);
    EXPECT_EQ(call->diary, Lines{"closed 7 not clean closed by this side: no start"});
    EXPECT_EQ(clock.pending(), 0u);
}

TEST_F(MediaStreamTest, OneBadMessageDoesNotEndACall) {
    open_and_start();
    socket->receive("not json");
    socket->receive("\x01\x02", false);
    socket->receive(seed("start"));
    auto other = seed("media");
    other.replace(other.find("MZ18"), 4, "MZ99");
    socket->receive(other);
    socket->receive(seed("media"));
    EXPECT_EQ(call->diary,
              (Lines{"bad 7 message: not a JSON object", "bad 7 a binary message",
                     "bad 7 a second start", "bad 7 media: streamSid is of another stream"}));
    EXPECT_EQ(call->media_count, 1u);
    EXPECT_TRUE(socket->closes.empty());
}

TEST_F(MediaStreamTest, AHundredBadMessagesDo) {
    open_and_start();
    for (int i = 0; i < 99; ++i) socket->receive("{}");
    EXPECT_TRUE(socket->closes.empty());
    socket->receive("{}");
    EXPECT_EQ(socket->closes, Lines{"1008 too many bad messages"});
    socket->receive("{}");
    EXPECT_EQ(call->diary.size(), 100u) << "nothing is read after the close";
}

TEST_F(MediaStreamTest, NothingIsTakenBeforeStart) {
    open();
    for (const auto* name : {"media", "mark", "dtmf", "stop"}) socket->receive(seed(name));
    EXPECT_EQ(call->diary, (Lines{"bad 7 media before start", "bad 7 mark before start",
                                  "bad 7 dtmf before start", "bad 7 stop before start"}));
    EXPECT_EQ(call->media_count, 0u);
}

TEST_F(MediaStreamTest, AnEventOfTheFutureIsNoFault) {
    open_and_start();
    for (int i = 0; i < 1000; ++i) socket->receive(R"({"event":"weather","sequenceNumber":"7"})");
    EXPECT_TRUE(call->diary.empty());
    EXPECT_TRUE(socket->closes.empty());
}

TEST_F(MediaStreamTest, PingsASilentSocketAndTakesItForDeadAfterTenSeconds) {
    open_and_start();
    clock.advance(4s);
    EXPECT_EQ(socket->pings, 0);
    clock.advance(2s);
    EXPECT_EQ(socket->pings, 1);
    socket->heard = clock.now();  // the pong: no media, but somebody is there
    clock.advance(6s);
    EXPECT_EQ(socket->pings, 2);
    EXPECT_TRUE(socket->closes.empty());
    clock.advance(3s);
    EXPECT_TRUE(socket->closes.empty());
    clock.advance(2s);
    EXPECT_EQ(socket->pings, 2);
    EXPECT_EQ(socket->closes, Lines{"1008 nothing came for 10 s, not even an answer to a ping: "
                                    "nobody is there"});
}

TEST_F(MediaStreamTest, ClosesWhenTheCarrierForgetsToAfterStop) {
    open_and_start();
    socket->receive(seed("stop"));
    EXPECT_FALSE(call->phone->can_send());
    clock.advance(4s);
    EXPECT_TRUE(socket->closes.empty());
    clock.advance(2s);
    EXPECT_EQ(socket->closes, Lines{"1000 done"});
}

TEST_F(MediaStreamTest, TellsALostConnectionFromACleanEnd) {
    open_and_start();
    auto phone = call->phone;
    socket->finish({1006, "", true, {}});
    EXPECT_EQ(call->diary, Lines{"closed 7 not clean the connection was lost without a close"});
    EXPECT_FALSE(phone->send(std::array<audio::AudioFrame, 1>{}));
    phone->close();
    EXPECT_TRUE(socket->closes.empty());
}

TEST_F(MediaStreamTest, CountsWhyItsConnectionEnded) {
    const auto count = [this](const char* reason) {
        return metrics->counter("agentbridge_websocket_closes_total", "", {{"reason", reason}})
            .value();
    };
    open_and_start();
    socket->finish({1006, "", true, ""});
    EXPECT_EQ(count("lost"), 1U);
    open_and_start();
    socket->receive(seed("stop"));
    socket->finish({1000, "", true, ""});
    EXPECT_EQ(count("carrier"), 1U);
    open_and_start();
    socket->finish({1002, "", true, "a frame that is not masked"});
    EXPECT_EQ(count("protocol"), 1U);
    open(false, "CAanother");
    socket->receive(seed("connected"));
    socket->receive(seed("start"));
    socket->finish({1008, "", false, ""});
    EXPECT_EQ(count("wrong_call"), 1U);
}

TEST_F(MediaStreamTest, ClosesOnRequestOnce) {
    open_and_start();
    call->phone->close();
    call->phone->close();
    EXPECT_EQ(socket->closes, Lines{"1000 done"});
    socket->finish(socket->end);
    EXPECT_EQ(call->diary, Lines{"closed 7 clean closed by this side with code 1000: done"});
}

TEST_F(MediaStreamTest, AllocatesNothingForAMediaMessageInOrOut) {
    open_and_start();
    const auto text = seed("media");
    const std::array<audio::AudioFrame, 5> frames{};
    const auto both = [&] {
        socket->receive(text);
        ASSERT_TRUE(call->phone->send(frames));
    };
    for (int i = 0; i < 10; ++i) both();
    const auto before = allocations_so_far();
    for (int i = 0; i < 1000; ++i) both();
    EXPECT_EQ(allocations_so_far() - before, 0u);
    EXPECT_EQ(call->media_count, 1010u);
}

}  // namespace
}  // namespace bridge::twilio
