// What a media stream says about servers that break the rules: each fault and its code.

#include "emulator/stream_client.hpp"

#include <gtest/gtest.h>

#include <openssl/sha.h>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/streambuf.hpp>
#include <boost/asio/write.hpp>

#include "base/error.hpp"
#include "emulator/base64.hpp"
#include "emulator/mulaw.hpp"
#include "tests/integration/emulator_media/stream_server.hpp"

namespace bridge::emulator {
namespace {

using asio::ip::tcp;
using std::chrono::milliseconds;
using std::chrono::seconds;

class MediaStreamClient : public testing::Test {
protected:
    ~MediaStreamClient() override {
        if (stream) stream->stop();
        EXPECT_TRUE(server.run_until([&] { return server.nothing_left(); }))
            << "the stream's coroutine was left behind";
    }
    void connect(StreamRequest request) {
        stream = std::make_shared<StreamClient>(server.io().get_executor(), std::move(request),
                                                reports.sink());
        stream->start([this] { ++over; });
    }
    void open(bool bidirectional = true) {
        connect(server.request(bidirectional));
        ASSERT_TRUE(server.run_until([&] { return server.count("start") == 1; }));
    }
    void expect_end(int code, milliseconds time = seconds(10)) {
        ASSERT_TRUE(server.run_until([&] { return over > 0; }, time));
        EXPECT_EQ(over, 1);
        EXPECT_EQ(reports.last().event, "stream-error");
        EXPECT_FALSE(reports.last().warning);
        EXPECT_EQ(reports.last().error_code, code) << reports.last().error;
        EXPECT_FALSE(reports.last().error.empty());
        EXPECT_TRUE(stream->over());
    }

    StreamServer server;
    Reports reports;
    std::shared_ptr<StreamClient> stream;
    int over = 0;
};

TEST(StreamUrl, TakesWssAnywhereAndWsOnThisMachine) {
    EXPECT_EQ(stream_url("wss://bridge.example.com/media/abc?x=1#y"),
              "wss://bridge.example.com/media/abc");
    EXPECT_EQ(stream_url("ws://127.0.0.1:8000/m"), "ws://127.0.0.1:8000/m");
    EXPECT_TRUE(stream_url("ws://localhost:8000/m"));
    EXPECT_TRUE(stream_url("ws://[::1]:8000/m"));
    for (const auto* refused :
         {"ws://bridge.example.com/m", "https://bridge.example.com/m", "ws://10.0.0.1/m"}) {
        const auto url = stream_url(refused);
        ASSERT_FALSE(url) << refused;
        EXPECT_EQ(url.error().code, Errc::refused) << refused;
    }
    for (const auto* malformed :
         {"", "bridge", "wss://", "wss://a b/", "wss:// host/", "wss://host:99999/"}) {
        const auto url = stream_url(malformed);
        ASSERT_FALSE(url) << malformed;
        EXPECT_EQ(url.error().code, Errc::bad_field) << malformed;
    }
}

TEST_F(MediaStreamClient, ReportsABadUrlAndABadTrack) {
    auto request = server.request();
    request.url = "ws://bridge.example.com/media";
    connect(request);
    expect_end(31922);
    request.url = "wss://bridge.example.com:what/";
    over = 0;
    connect(request);
    expect_end(31923);
    request = server.request();
    request.track = "both_tracks";
    over = 0;
    connect(request);
    expect_end(31941);
}

TEST_F(MediaStreamClient, ReportsAServerThatIsNotThere) {
    auto request = server.request();
    {
        tcp::acceptor closed(server.io(), tcp::endpoint(asio::ip::address_v4::loopback(), 0));
        request.url = "ws://127.0.0.1:" + std::to_string(closed.local_endpoint().port()) + "/";
    }
    connect(request);
    expect_end(31902);
}

TEST_F(MediaStreamClient, ReportsAServerThatNeverAnswers) {
    tcp::acceptor silent(server.io(), tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    auto request = server.request();
    request.url = "ws://127.0.0.1:" + std::to_string(silent.local_endpoint().port()) + "/";
    connect(request);
    expect_end(31901, seconds(15));
}

TEST_F(MediaStreamClient, ReportsARefusedHandshakeWithItsStatus) {
    server.refuse_with = 403;
    connect(server.request());
    expect_end(31920);
    EXPECT_NE(reports.last().error.find("403"), std::string::npos) << reports.last().error;
    EXPECT_EQ(reports.all->size(), 1U) << "it never started";
}

TEST_F(MediaStreamClient, ReportsFailedTls) {
    auto request = server.request();
    request.url = "wss://127.0.0.1:" + std::to_string(server.port()) + "/";
    connect(request);
    expect_end(31910);
}

TEST_F(MediaStreamClient, CanBeStoppedWhileItConnects) {
    tcp::acceptor silent(server.io(), tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    auto request = server.request();
    request.url = "ws://127.0.0.1:" + std::to_string(silent.local_endpoint().port()) + "/";
    connect(request);
    server.run_until([] { return false; }, milliseconds(30));
    stream->stop();
    stream->stop();
    EXPECT_EQ(over, 1);
    EXPECT_EQ(reports.last().event, "stream-stopped");
    EXPECT_TRUE(server.run_until([&] { return server.nothing_left(); }, seconds(1)))
        << "connecting is given up at once";
}

TEST_F(MediaStreamClient, EndsNormallyWhenTheServerOfATwoWayStreamCloses) {
    open();
    server.socket->close(1000, "bye");
    ASSERT_TRUE(server.run_until([&] { return over == 1; }));
    EXPECT_EQ(reports.last().event, "stream-stopped");
}

TEST_F(MediaStreamClient, ReportsAServerThatClosesAListeningStream) {
    open(false);
    server.socket->close(1001, "going");
    expect_end(31921);
    EXPECT_NE(reports.last().error.find("1001"), std::string::npos);
}

TEST_F(MediaStreamClient, EndsAListeningStreamThatIsSpokenTo) {
    open(false);
    server.send_mark("hello");
    expect_end(31924);
}

TEST_F(MediaStreamClient, WarnsOnceOfEachKindOfBadMessageAndGoesOn) {
    const std::string sid = server.request().stream_sid;
    const std::string bad[] = {
        "not json",
        R"({"event":"hello","streamSid":")" + sid + R"("})",
        R"({"event":"clear"})",
        R"({"event":"clear","streamSid":"MZffffffffffffffffffffffffffffffff"})",
        R"({"event":"media","streamSid":")" + sid +
            R"(","media":{"payload":"//","track":"outbound"}})",
        R"({"event":"media","streamSid":")" + sid + R"(","media":{"payload":"*"}})",
        R"({"event":"media","streamSid":")" + sid + R"(","media":{"payload":""}})",
        R"({"event":"mark","streamSid":")" + sid + R"("})",
    };
    open();
    for (const auto& message : bad) server.send(message);
    server.send_mark("still here");
    ASSERT_TRUE(server.run_until([&] { return server.count("mark") == 1; }));
    EXPECT_EQ(reports.count(31951), 1U);
    EXPECT_EQ(over, 0);
    EXPECT_TRUE(reports.last().warning);
}

TEST_F(MediaStreamClient, WarnsOfEachBadMessageWhenItIsTheFirst) {
    const std::string sid = server.request().stream_sid;
    const std::string bad[] = {
        "[1]", R"({"event":"stop","streamSid":")" + sid + R"("})",
        R"({"event":"clear","streamSid":")" + sid + R"(","extra":1})",
        R"({"event":"media","streamSid":")" + sid + R"(","media":{"payload":"/w"}})"};
    for (const auto& message : bad) {
        StreamServer fresh;
        Reports said;
        auto client =
            std::make_shared<StreamClient>(fresh.io().get_executor(), fresh.request(), said.sink());
        client->start([] {});
        ASSERT_TRUE(fresh.run_until([&] { return fresh.count("start") == 1; }));
        fresh.send(message);
        EXPECT_TRUE(fresh.run_until([&] { return said.count(31951) == 1; })) << message;
        client->stop();
        EXPECT_TRUE(fresh.run_until([&] { return fresh.nothing_left(); }));
    }
}

TEST_F(MediaStreamClient, WarnsOnceWhenMoreThanTenMinutesWait) {
    open();
    for (int minute = 0; minute < 25; ++minute) {
        server.send_media(8UL * 30 * 1000);
        // The server's outbox holds half a megabyte: let each message leave.
        server.run_until([&] { return reports.count(31931) > 0; }, milliseconds(40));
    }
    ASSERT_TRUE(server.run_until([&] { return reports.count(31931) == 1; }));
    server.send_media(8000);
    server.send_clear();
    server.send_mark("after");
    ASSERT_TRUE(server.run_until([&] { return server.count("mark") == 1; }));
    EXPECT_EQ(reports.count(31931), 1U);
    EXPECT_EQ(over, 0);
}

// A server of a few lines, for what a proper one never does.
class RawServer {
public:
    explicit RawServer(asio::io_context& io)
        : acceptor_(io, tcp::endpoint(asio::ip::address_v4::loopback(), 0)), socket_(io) {
        acceptor_.async_accept(socket_, [this](const boost::system::error_code& error) {
            if (!error) read_head();
        });
    }
    std::string url() const {
        return "ws://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port()) + "/";
    }
    tcp::socket& socket() { return socket_; }
    bool answered() const { return answered_; }
    /// Bytes as they are; blocking, they fit the kernel's buffer.
    void send(const std::string& bytes) { asio::write(socket_, asio::buffer(bytes)); }

private:
    void read_head() {
        asio::async_read_until(socket_, buffer_, "\r\n\r\n",
                               [this](const boost::system::error_code& error, std::size_t) {
                                   if (!error) answer();
                               });
    }
    void answer() {
        const std::string head(asio::buffers_begin(buffer_.data()),
                               asio::buffers_end(buffer_.data()));
        constexpr std::string_view kName = "Sec-WebSocket-Key: ";
        const auto at = head.find(kName);
        ASSERT_NE(at, std::string::npos);
        const auto key =
            head.substr(at + kName.size(), 24) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
        std::array<unsigned char, SHA_DIGEST_LENGTH> digest{};
        SHA1(reinterpret_cast<const unsigned char*>(key.data()), key.size(), digest.data());
        send(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Accept: " +
            base64_encode(digest) + "\r\n\r\n");
        answered_ = true;
    }

    tcp::acceptor acceptor_;
    tcp::socket socket_;
    asio::streambuf buffer_;
    bool answered_ = false;
};

class RawMediaServer : public MediaStreamClient {
protected:
    void open_raw() {
        auto request = server.request();
        request.url = raw.url();
        connect(request);
        ASSERT_TRUE(server.run_until([&] { return raw.answered() && !reports.all->empty(); }));
    }
    RawServer raw{server.io()};
};

TEST_F(RawMediaServer, WarnsOnceOfBinaryMessages) {
    open_raw();
    raw.send(std::string("\x82\x01x\x82\x01y", 6));
    ASSERT_TRUE(server.run_until([&] { return reports.count(31950) == 1; }));
    EXPECT_EQ(over, 0);
    raw.send(std::string("\x81\x01x", 3));
    ASSERT_TRUE(server.run_until([&] { return reports.count(31951) == 1; }));
    EXPECT_EQ(reports.count(31950), 1U);
    raw.socket().close();
}

TEST_F(RawMediaServer, ReportsAConnectionThatBreaks) {
    open_raw();
    raw.socket().set_option(tcp::socket::linger(true, 0));
    raw.socket().close();
    expect_end(31903);
}

TEST_F(RawMediaServer, ReportsABrokenProtocol) {
    open_raw();
    raw.send(std::string("\xBF\x00", 2));  // a control frame that does not exist
    // The server stays on the line; the next frame finds that out.
    MulawFrame frame;
    frame.fill(kMulawSilence);
    ASSERT_TRUE(server.run_until(
        [&] {
            stream->frame(frame, frame);
            return over > 0;
        },
        milliseconds(500)));
    expect_end(31924);
    raw.socket().close();
}

TEST_F(RawMediaServer, WarnsOnceOfAServerThatDoesNotRead) {
    open_raw();
    MulawFrame frame;
    frame.fill(kMulawSilence);
    // Some seconds of audio fill what the two kernels take, and then a second of ours; without the
    // small send buffer it would be minutes.
    int frames = 0;
    for (; frames < 50 * 60 && reports.count(31930) == 0; ++frames) {
        stream->frame(frame, frame);
        if (frames % 10 == 0) server.io().poll();
    }
    EXPECT_LT(frames, 50 * 40) << "seconds: " << frames / 50;
    for (int k = 0; k < 100; ++k) stream->frame(frame, frame);
    EXPECT_EQ(reports.count(31930), 1U);
    EXPECT_EQ(over, 0);
    raw.socket().close();
}

}  // namespace
}  // namespace bridge::emulator
