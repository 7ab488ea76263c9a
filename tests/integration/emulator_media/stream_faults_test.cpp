// What a media stream does when it is told to misbehave.

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json/value_to.hpp>

#include "emulator/mulaw.hpp"
#include "emulator/stream_client.hpp"
#include "tests/integration/emulator_media/stream_server.hpp"

namespace bridge::emulator {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Clock = std::chrono::steady_clock;

class FaultyStream : public testing::Test {
protected:
    ~FaultyStream() override {
        if (stream) stream->stop();
        EXPECT_TRUE(server.run_until([&] { return server.nothing_left(); }));
    }
    Fault fault(Switch where, const std::string& text) {
        const auto parsed = parse_fault(where, text);
        EXPECT_TRUE(parsed) << (parsed ? "" : parsed.error().message);
        return parsed.value_or(Fault{});
    }
    void connect(StreamFaults faults) {
        auto request = server.request();
        request.faults = std::move(faults);
        stream = std::make_shared<StreamClient>(server.io().get_executor(), std::move(request),
                                                reports.sink());
        stream->start([this] { ++over; });
    }
    void open(StreamFaults faults) {
        connect(std::move(faults));
        ASSERT_TRUE(server.run_until([&] { return server.socket != nullptr; }));
        ASSERT_TRUE(server.run_until([&] { return !reports.all->empty(); }));
    }
    void open_with(Switch where, const std::string& text) {
        StreamFaults faults;
        if (where == Switch::socket) faults.socket = fault(where, text);
        if (where == Switch::pace) faults.pace = fault(where, text);
        open(std::move(faults));
    }
    /// A stream whose frames go wrong as the list says: "" for those that do not.
    void open_with_frames(std::vector<std::string> what) {
        StreamFaults faults;
        faults.next_frame = [this, what = std::move(what), at = 0U]() mutable {
            const auto text = at < what.size() ? what[at] : "";
            ++at;
            return text.empty() ? std::optional<Fault>{} : fault(Switch::frames, text);
        };
        open(std::move(faults));
    }
    void say(int frames) {
        MulawFrame frame;
        frame.fill(kMulawSilence);
        for (int i = 0; i < frames; ++i) stream->frame(frame, frame);
    }
    std::vector<int> sequences() const {
        std::vector<int> out;
        for (const auto* media : server.of("media")) {
            out.push_back(
                std::stoi(boost::json::value_to<std::string>(media->message.at("sequenceNumber"))));
        }
        return out;
    }
    void expect_end(const char* event, int code) {
        ASSERT_TRUE(server.run_until([&] { return over == 1; }));
        EXPECT_EQ(reports.last().event, event);
        EXPECT_EQ(reports.last().error_code, code) << reports.last().error;
    }

    StreamServer server;
    Reports reports;
    std::shared_ptr<StreamClient> stream;
    int over = 0;
};

TEST_F(FaultyStream, IsResetAfterAWhile) {
    const auto begun = Clock::now();
    open_with(Switch::socket, "drop@100ms");
    expect_end("stream-error", 31903);
    EXPECT_GE(Clock::now() - begun, milliseconds(95));
    ASSERT_TRUE(server.run_until([&] { return server.end.has_value(); }));
    EXPECT_EQ(server.end->code, 1006);
    EXPECT_EQ(server.end->reason.find("hung up"), std::string::npos) << server.end->reason;
}

TEST_F(FaultyStream, EndsWithoutAClose) {
    open_with(Switch::socket, "fin@20ms");
    expect_end("stream-error", 31903);
    ASSERT_TRUE(server.run_until([&] { return server.end.has_value(); }));
    EXPECT_EQ(server.end->code, 1006);
    EXPECT_NE(server.end->reason.find("hung up"), std::string::npos) << server.end->reason;
}

TEST_F(FaultyStream, IsHalfOpen) {
    open_with(Switch::socket, "half_open");
    server.run_until([] { return false; }, milliseconds(20));
    const auto before = server.received.size();
    const auto heard = server.socket->last_heard();
    server.socket->ping();
    server.send_mark("anybody there");
    say(10);
    EXPECT_FALSE(
        server.run_until([&] { return server.received.size() > before || server.end || over > 0; },
                         milliseconds(200)));
    EXPECT_EQ(server.socket->last_heard(), heard) << "a ping is not answered either";
    stream->stop();
    EXPECT_EQ(over, 1);
}

TEST_F(FaultyStream, ReadsSlowly) {
    open_with(Switch::socket, "slow_read:150ms");
    for (int i = 0; i < 4; ++i) server.send_mark("m" + std::to_string(i));
    const auto begun = Clock::now();
    ASSERT_TRUE(server.run_until([&] { return server.count("mark") == 4; }));
    EXPECT_GE(Clock::now() - begun, milliseconds(440));
}

TEST_F(FaultyStream, LetsTheServersSendsBackUp) {
    open_with(Switch::socket, "slow_read:10s");
    // Far more than the kernel keeps for a reader with a small buffer: the rest waits in the
    // server's outbox, which is half a megabyte, and then it refuses.
    bool refused = false;
    for (int i = 0; i < 400 && !refused; ++i) {
        server.send_media(16'000);
        server.run_until([] { return false; }, milliseconds(1));
        refused = server.socket->stats().refused_out > 0;
    }
    EXPECT_TRUE(refused);
    stream->stop();
}

TEST_F(FaultyStream, TricklesItsMessages) {
    open_with(Switch::socket, "trickle:2ms");
    const auto begun = Clock::now();
    say(10);
    ASSERT_TRUE(server.run_until([&] { return server.count("media") == 10; }));
    EXPECT_GE(Clock::now() - begun, milliseconds(60)) << "ten messages of four pieces and more";
    EXPECT_EQ(sequences(), (std::vector<int>{2, 3, 4, 5, 6, 7, 8, 9, 10, 11}));
}

TEST_F(FaultyStream, StallsOnceAndGoesOn) {
    open_with(Switch::pace, "stall:200ms");
    say(5);
    EXPECT_FALSE(server.run_until([&] { return server.count("media") > 0; }, milliseconds(120)));
    ASSERT_TRUE(server.run_until([&] { return server.count("media") == 5; }));
    const auto media = server.of("media");
    EXPECT_LT(media.back()->at - media.front()->at, milliseconds(50)) << "all at once";
    say(1);
    ASSERT_TRUE(server.run_until([&] { return server.count("media") == 6; }, milliseconds(100)));
}

TEST_F(FaultyStream, SendsInBursts) {
    open_with(Switch::pace, "burst:100ms");
    std::size_t most_at_once = 0, seen = 0;
    for (int i = 0; i < 30; ++i) {
        say(1);
        server.run_until([] { return false; }, milliseconds(10));
        const auto now = server.count("media");
        most_at_once = std::max(most_at_once, now - seen);
        seen = now;
    }
    EXPECT_GE(most_at_once, 4U);
    stream->stop();
    ASSERT_TRUE(server.run_until([&] { return server.count("stop") == 1; }));
    EXPECT_EQ(server.count("media"), 30U) << "what was held back leaves before the stop";
}

TEST_F(FaultyStream, JittersAndKeepsTheOrder) {
    open_with(Switch::pace, "jitter:40ms");
    for (int i = 0; i < 10; ++i) {
        say(1);
        server.run_until([] { return false; }, milliseconds(10));
    }
    ASSERT_TRUE(server.run_until([&] { return server.count("media") == 10; }));
    auto sorted = sequences();
    std::sort(sorted.begin(), sorted.end());
    EXPECT_EQ(sequences(), sorted);
}

TEST_F(FaultyStream, LosesRepeatsAndReordersFrames) {
    open_with_frames({"", "missing", "", "duplicated", "reordered", "", ""});
    say(7);
    // start is 1; 3 is lost, 5 comes twice, 6 after 7
    ASSERT_TRUE(server.run_until([&] { return server.count("media") == 7; }));
    EXPECT_EQ(sequences(), (std::vector<int>{2, 4, 5, 5, 7, 6, 8}));
}

TEST_F(FaultyStream, IsRefusedUnansweredOrNeverTried) {
    StreamFaults faults;
    faults.socket = fault(Switch::socket, "refused:503");
    connect(faults);
    expect_end("stream-error", 31920);
    EXPECT_NE(reports.last().error.find("503"), std::string::npos);
    over = 0;
    faults.socket = fault(Switch::socket, "unanswered:50ms");
    connect(faults);
    expect_end("stream-error", 31901);
    over = 0;
    faults.socket = {};
    faults.cut_off = true;
    connect(faults);
    expect_end("stream-error", 31902);
    over = 0;
    reports.all->clear();
    faults.cut_off = false;
    faults.socket = fault(Switch::socket, "absent");
    connect(faults);
    EXPECT_FALSE(server.run_until([&] { return over > 0; }, milliseconds(100)));
    EXPECT_TRUE(reports.all->empty());
    EXPECT_EQ(server.socket, nullptr) << "nobody ever connected";
    stream->stop();
}

TEST_F(FaultyStream, TellsWhenTheTunnelDies) {
    milliseconds told{0};
    StreamFaults faults;
    faults.tunnel = fault(Switch::tunnel, "dead:7s@50ms");
    faults.tunnel_dies = [&](milliseconds time) {
        told = time;
        stream->cut("the tunnel is gone");
    };
    open(std::move(faults));
    expect_end("stream-error", 31903);
    EXPECT_EQ(told, seconds(7));
}

TEST_F(FaultyStream, BeginsToMisbehaveWhileItRuns) {
    open({});
    say(3);
    ASSERT_TRUE(server.run_until([&] { return server.count("media") == 3; }));
    StreamFaults faults;
    faults.socket = fault(Switch::socket, "drop");
    stream->misbehave(faults);
    expect_end("stream-error", 31903);
}

}  // namespace
}  // namespace bridge::emulator
