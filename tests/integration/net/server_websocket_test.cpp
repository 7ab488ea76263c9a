#include "net/server_websocket.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/post.hpp>
#include <mutex>
#include <optional>
#include <vector>

#include "net/websocket_frames.hpp"
#include "tests/integration/net/net_fixture.hpp"

namespace bridge::net::test {
namespace {

constexpr MaskKey kKey{1, 2, 3, 4};
constexpr std::string_view kHandshake =
    "GET /media HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n";

std::string masked(Opcode opcode, std::string_view payload, bool final = true) {
    std::string out;
    append_masked_frame(out, opcode, payload, kKey, final);
    return out;
}

std::string text(std::string_view payload) {
    return masked(Opcode::text, payload);
}

asio::awaitable<HttpResponse> nothing(HttpRequest) {
    co_return respond(404, "text/plain", "");
}

/// A client that reads the server's frames with the frame parser.
class FrameClient : public RawSocket {
public:
    explicit FrameClient(std::uint16_t port, std::string_view extra = "") : RawSocket(port) {
        send(std::string(kHandshake) + std::string(extra));
        head = receive_until("\r\n\r\n");
    }

    /// The next frame as "text:…", "pong:…", "close:1000:…" or "end".
    std::string next() {
        while (true) {
            const auto event = parser_.next(std::span(bytes_).subspan(used_));
            used_ += event.consumed;
            const std::string payload(event.payload);
            switch (event.kind) {
                case FrameEvent::Kind::message:
                    return (event.text ? "text:" : "binary:") + payload;
                case FrameEvent::Kind::ping:
                    return "ping:" + payload;
                case FrameEvent::Kind::pong:
                    return "pong:" + payload;
                case FrameEvent::Kind::close:
                    return "close:" + std::to_string(event.code) + ":" + payload;
                case FrameEvent::Kind::fault:
                    return "fault:" + payload;
                case FrameEvent::Kind::fragment:
                    return "fragment";
                case FrameEvent::Kind::need_more:
                    break;
            }
            bytes_.erase(0, used_);
            used_ = 0;
            const auto more = receive_some();
            if (more.empty()) return "end";
            bytes_ += more;
        }
    }

    std::string head;

private:
    FrameParser parser_{FrameParser::Side::client, 1 << 24};
    std::string bytes_;
    std::size_t used_ = 0;
};

/// A server that writes down what it hears and answers as the test says.
class ServerWebSocketTest : public LoopTest {
protected:
    using Messages = std::vector<std::string>;

    std::uint16_t serve_sockets() {
        return serve({}, &nothing, [this](Upgrade upgrade) { take(std::move(upgrade)); })->port();
    }

    void take(Upgrade upgrade) {
        if (!ServerWebSocket::check(upgrade.head)) {
            auto answer = ServerWebSocket::refusal(upgrade.head);
            refuse(std::move(upgrade), std::move(answer));
            return;
        }
        socket_ = ServerWebSocket::accept(std::move(upgrade), limits_);
        if (!start_) {
            socket_.reset();
            return;
        }
        ++started_;
        socket_->start([this](std::span<const WebSocketMessage> batch) { hear(batch); },
                       [this](const WebSocketEnd& end) {
                           const std::lock_guard lock(mutex_);
                           ends_.push_back(end);
                       });
        if (drop_) socket_.reset();
    }

    void hear(std::span<const WebSocketMessage> batch) {
        const std::lock_guard lock(mutex_);
        batches_.push_back(batch.size());
        for (const auto& message : batch) {
            messages_.push_back((message.text ? "text:" : "binary:") +
                                std::string(message.payload));
            if (echo_ && socket_) socket_->send(message.payload);
            if (message.payload == "close me") socket_->close(4000, "as you wish");
        }
    }

    /// The server's end of a client that has just come, once both hear each other.
    std::shared_ptr<ServerWebSocket> socket_of(FrameClient& client) {
        client.send(text("are you there"));
        EXPECT_EQ(client.next(), "text:are you there");
        std::shared_ptr<ServerWebSocket> socket;
        on_loop([&] { socket = socket_; });
        return socket;
    }

    Messages messages() {
        const std::lock_guard lock(mutex_);
        return messages_;
    }
    bool ended() {
        const std::lock_guard lock(mutex_);
        return !ends_.empty();
    }
    /// The only end; asks again a little later whether it stayed the only one.
    WebSocketEnd end() {
        EXPECT_TRUE(eventually([this] { return ended(); }));
        on_loop([] {});
        on_loop([] {});
        const std::lock_guard lock(mutex_);
        EXPECT_EQ(ends_.size(), 1U);
        return ends_.empty() ? WebSocketEnd{} : ends_[0];
    }

    void TearDown() override {
        on_loop([this] { socket_.reset(); });
        // The callbacks use this object until they have told of the end.
        EXPECT_TRUE(eventually([this] {
            const std::lock_guard lock(mutex_);
            return ends_.size() == started_;
        }));
        LoopTest::TearDown();
    }

    WebSocketLimits limits_;
    bool echo_ = true;
    bool start_ = true;
    bool drop_ = false;
    std::atomic<std::size_t> started_{0};
    std::shared_ptr<ServerWebSocket> socket_;
    std::mutex mutex_;  // the test's thread looks at what the io thread writes down
    Messages messages_;
    std::vector<std::size_t> batches_;
    std::vector<WebSocketEnd> ends_;
};

TEST_F(ServerWebSocketTest, AnswersTheHandshakeOfTheRfcWithoutExtensions) {
    FrameClient client(serve_sockets());
    EXPECT_EQ(client.head,
              "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
              "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n");
}

TEST_F(ServerWebSocketTest, RefusesABadHandshake) {
    const auto port = serve_sockets();
    RawSocket old(port);
    std::string head(kHandshake);
    head.replace(head.find("Version: 13"), 11, "Version: 12");
    old.send(head);
    EXPECT_EQ(old.receive_answer().status, 426);
    RawSocket keyless(port);
    head = kHandshake;
    head.replace(head.find("dGhl"), 4, "!!!!");
    keyless.send(head);
    EXPECT_EQ(keyless.receive_answer().status, 400);
}

TEST_F(ServerWebSocketTest, HearsAndAnswers) {
    FrameClient client(serve_sockets());
    client.send(text("Hello"));
    EXPECT_EQ(client.next(), "text:Hello");
    client.send(masked(Opcode::binary, "\x01\x02"));
    EXPECT_EQ(client.next(), "text:\x01\x02");
    EXPECT_EQ(messages(), (Messages{"text:Hello", "binary:\x01\x02"}));
}

TEST_F(ServerWebSocketTest, FramesThatCameWithTheHandshakeAreHeardFirst) {
    const auto all = text("one") + text("two");
    FrameClient client(serve_sockets(), all.substr(0, all.size() - 2));
    EXPECT_EQ(client.next(), "text:one");
    client.send(all.substr(all.size() - 2) + text("three"));
    EXPECT_EQ(client.next(), "text:two");
    EXPECT_EQ(client.next(), "text:three");
}

TEST_F(ServerWebSocketTest, MessagesThatComeTogetherAreOneBatch) {
    FrameClient client(serve_sockets());
    std::string bytes;
    Messages expected;
    for (int i = 0; i < 20; ++i) {
        bytes += text("message " + std::to_string(i));
        expected.push_back("text:message " + std::to_string(i));
    }
    client.send(bytes);
    for (const auto& one : expected) EXPECT_EQ(client.next(), one);
    EXPECT_EQ(messages(), expected);
    const std::lock_guard lock(mutex_);
    EXPECT_EQ(batches_, (std::vector<std::size_t>{20}));
}

TEST_F(ServerWebSocketTest, FragmentedMessagesOfOneReadKeepTheirTexts) {
    FrameClient client(serve_sockets());
    client.send(text("whole") + masked(Opcode::text, "a", false) +
                masked(Opcode::continuation, "b") + masked(Opcode::text, "c", false) +
                masked(Opcode::ping, "now") + masked(Opcode::continuation, "d") + text("end"));
    EXPECT_EQ(client.next(), "text:whole");
    EXPECT_EQ(client.next(), "text:ab");
    EXPECT_EQ(client.next(), "pong:now");
    EXPECT_EQ(client.next(), "text:cd");
    EXPECT_EQ(client.next(), "text:end");
}

TEST_F(ServerWebSocketTest, ALargeMessageGrowsTheBufferAndTheNextIsFineToo) {
    FrameClient client(serve_sockets());
    const std::string large(200'000, 'L');
    client.send(text(large) + text("small"));
    EXPECT_EQ(client.next(), "text:" + large);
    EXPECT_EQ(client.next(), "text:small");
}

TEST_F(ServerWebSocketTest, FramesMayComeByteByByte) {
    FrameClient client(serve_sockets());
    for (const char c : text(std::string(300, 'b')) + text("end")) client.send({&c, 1});
    EXPECT_EQ(client.next(), "text:" + std::string(300, 'b'));
    EXPECT_EQ(client.next(), "text:end");
}

TEST_F(ServerWebSocketTest, AllThatCameWhileTheLoopStoodStillIsHeardAndTheEndAfterIt) {
    constexpr std::size_t kMessages = 1000;
    echo_ = false;
    FrameClient client(serve_sockets());
    client.send(text("first"));
    ASSERT_TRUE(eventually([this] { return messages().size() == 1; }));
    std::promise<void> go_on;
    auto held = asio::co_spawn(
        executor(),
        [](std::future<void> wait) -> asio::awaitable<void> {
            wait.wait();
            co_return;
        }(go_on.get_future()),
        asio::use_future);
    // More than is read in a row, and nothing comes after it but the end.
    std::string all;
    for (std::size_t i = 0; i < kMessages; ++i) all += text(std::string(200, 'm'));
    client.send(all);
    client.finish_sending();
    go_on.set_value();
    held.get();
    EXPECT_EQ(end().code, 1006);
    EXPECT_EQ(messages().size(), 1 + kMessages);
}

TEST_F(ServerWebSocketTest, SocketsThatSendInTurnsKeepTheirOrder) {
    const auto port = serve_sockets();
    FrameClient one(port);
    auto first = socket_of(one);
    FrameClient two(port);
    ASSERT_NE(socket_of(two), first);
    on_loop([&] {
        for (int i = 0; i < 3; ++i) {
            const auto number = std::to_string(i);
            EXPECT_TRUE(first->send("a" + number));
            if (i == 1) first->ping();
            EXPECT_TRUE(socket_->send("b" + number));
        }
        first->close(1000, "");
    });
    for (const char* expected : {"text:a0", "text:a1", "ping:", "text:a2", "close:1000:"}) {
        EXPECT_EQ(one.next(), expected);
    }
    for (const char* expected : {"text:b0", "text:b1", "text:b2"}) EXPECT_EQ(two.next(), expected);
    on_loop([&] { first.reset(); });
}

TEST_F(ServerWebSocketTest, ASocketWhosePeerStopsReadingKeepsItsOrderAndHoldsUpNobody) {
    limits_.outbox_bytes = 256 * 1024;
    const auto port = serve_sockets();
    FrameClient slow(port);
    auto first = socket_of(slow);
    FrameClient quick(port);
    ASSERT_NE(socket_of(quick), first);
    const std::string load(3000, 'l');
    int taken = 0;
    // Some of these turns are those in which the kernel has no more room, for a part of what the
    // socket has in them.
    ASSERT_TRUE(eventually([&] {
        bool full = false;
        int ticks = 0;
        on_loop([&] {
            for (; ticks < 12 && !full; ++ticks) {
                full = !first->send(std::to_string(taken) + load);
                if (!full) ++taken;
                EXPECT_TRUE(socket_->send("tick"));
            }
        });
        for (int i = 0; i < ticks; ++i) EXPECT_EQ(quick.next(), "text:tick");
        return full;
    }));
    for (int i = 0; i < taken; ++i) ASSERT_EQ(slow.next(), "text:" + std::to_string(i) + load);
    on_loop([&] { first.reset(); });
}

TEST_F(ServerWebSocketTest, WhatIsSentInOneTurnLeavesInOneWrite) {
    FrameClient client(serve_sockets());
    ASSERT_TRUE(eventually([this] {
        bool there = false;
        on_loop([&] { there = socket_ != nullptr; });
        return there;
    }));
    std::string expected;
    on_loop([&] {
        for (int i = 0; i < 50; ++i) {
            const auto message = "frame " + std::to_string(i);
            EXPECT_TRUE(socket_->send(message));
            append_frame(expected, Opcode::text, message);
        }
    });
    EXPECT_EQ(client.receive_some(), expected);
    on_loop([&] {
        EXPECT_EQ(socket_->stats().messages_out, 50U);
        EXPECT_EQ(socket_->stats().refused_out, 0U);
    });
}

TEST_F(ServerWebSocketTest, AnswersAPingAndHearsAPong) {
    FrameClient client(serve_sockets());
    client.send(masked(Opcode::ping, "are you there"));
    EXPECT_EQ(client.next(), "pong:are you there");
    Clock::Time before{};
    on_loop([&] {
        before = socket_->last_heard();
        socket_->ping();
    });
    EXPECT_EQ(client.next(), "ping:");
    client.send(masked(Opcode::pong, ""));
    EXPECT_TRUE(eventually([&] {
        bool later = false;
        on_loop([&] { later = socket_->last_heard() > before; });
        return later;
    }));
    EXPECT_FALSE(ended());
}

struct Fault {
    const char* name;
    std::string bytes;
    std::uint16_t code;
    std::string words;
};

class BrokenClient : public ServerWebSocketTest, public testing::WithParamInterface<Fault> {};

TEST_P(BrokenClient, IsToldWhyAndHungUpOn) {
    limits_.message_bytes = 1000;
    FrameClient client(serve_sockets());
    client.send(text("fine") + GetParam().bytes + text("not heard any more"));
    EXPECT_EQ(client.next(), "text:fine");
    EXPECT_EQ(client.next().substr(0, 11), "close:" + std::to_string(GetParam().code) + ":");
    EXPECT_EQ(client.next(), "end");
    client.close();
    const auto how = end();
    EXPECT_EQ(how.code, GetParam().code);
    EXPECT_TRUE(how.by_peer);
    EXPECT_NE(how.fault.find(GetParam().words), std::string::npos) << how.fault;
    EXPECT_EQ(messages(), (Messages{"text:fine"}));
}

INSTANTIATE_TEST_SUITE_P(
    Faults, BrokenClient,
    testing::Values(
        Fault{"Unmasked", std::string("\x81\x01x"), 1002, "unmasked"},
        Fault{"ReservedBit", std::string("\xC1\x80\0\0\0\0", 6), 1002, "reserved"},
        Fault{"ReservedOpcode", std::string("\x83\x80\0\0\0\0", 6), 1002, "opcode"},
        Fault{"LongPing", masked(Opcode::ping, std::string(126, 'p')), 1002, "125"},
        Fault{"FragmentedPing", masked(Opcode::ping, "p", false), 1002, "fragmented"},
        Fault{"LoneContinuation", masked(Opcode::continuation, "x"), 1002, "continuation"},
        Fault{"InterruptedMessage", masked(Opcode::text, "a", false) + text("b"), 1002, "inside"},
        Fault{"TooLong", text(std::string(1001, 'x')), 1009, "too long"},
        Fault{"NotUtf8", text("\xFF"), 1007, "UTF-8"},
        Fault{"HalfACloseCode", masked(Opcode::close, "x"), 1002, "half"},
        Fault{"ForbiddenCloseCode", masked(Opcode::close, "\x03\xEE"), 1002, "code"},
        Fault{"CloseReasonNotUtf8", masked(Opcode::close, "\x03\xE8\xFF"), 1007, "reason"}),
    [](const auto& one) { return std::string(one.param.name); });

TEST_F(ServerWebSocketTest, AClientThatBreaksTheRulesAndStaysIsCutOffInTheEnd) {
    limits_.close_time = milliseconds(50);
    FrameClient client(serve_sockets());
    client.send("\x81\x01x");
    EXPECT_EQ(end().code, 1002);
    EXPECT_FALSE(end().fault.empty());
}

TEST_F(ServerWebSocketTest, AnswersTheClientsCloseWithTheSameCode) {
    FrameClient client(serve_sockets());
    client.send(text("last words") + masked(Opcode::close, format_close_payload(3001, "bye")));
    EXPECT_EQ(client.next(), "text:last words");
    EXPECT_EQ(client.next(), "close:3001:");
    EXPECT_EQ(client.next(), "end");
    const auto how = end();
    EXPECT_EQ(how.code, 3001);
    EXPECT_EQ(how.reason, "bye");
    EXPECT_TRUE(how.by_peer);
    EXPECT_EQ(how.fault, "");
}

TEST_F(ServerWebSocketTest, ACloseWithoutACodeIs1005) {
    FrameClient client(serve_sockets());
    client.send(masked(Opcode::close, ""));
    EXPECT_EQ(client.next(), "close:1005:");
    EXPECT_EQ(end().code, 1005);
}

TEST_F(ServerWebSocketTest, ClosesAndWaitsForTheClientsAnswer) {
    FrameClient client(serve_sockets());
    client.send(text("close me") + text("not heard any more"));
    EXPECT_EQ(client.next(), "text:close me");
    EXPECT_EQ(client.next(), "close:4000:as you wish");
    EXPECT_FALSE(ended());
    on_loop([this] {
        EXPECT_FALSE(socket_->send("too late"));
        socket_->close(1000, "again");
        socket_->ping();
    });
    client.send(text("nor this") + masked(Opcode::close, format_close_payload(4000, "")));
    EXPECT_EQ(client.next(), "end");
    const auto how = end();
    EXPECT_EQ(how.code, 4000);
    EXPECT_EQ(how.reason, "as you wish");
    EXPECT_FALSE(how.by_peer);
    for (const auto& message : messages()) EXPECT_NE(message, "text:nor this");
}

TEST_F(ServerWebSocketTest, AClientThatDoesNotAnswerTheCloseIsCutOff) {
    limits_.close_time = milliseconds(50);
    FrameClient client(serve_sockets());
    client.send(text("close me"));
    EXPECT_EQ(client.next(), "text:close me");
    EXPECT_EQ(client.next(), "close:4000:as you wish");
    EXPECT_EQ(client.next(), "end");
    const auto how = end();
    EXPECT_EQ(how.code, 1006);
    EXPECT_FALSE(how.by_peer);
}

TEST_F(ServerWebSocketTest, AClientThatHangsUpWithoutACloseEndsWith1006) {
    const auto port = serve_sockets();
    {
        FrameClient client(port);
        client.send(text("x"));
        EXPECT_EQ(client.next(), "text:x");
    }
    const auto how = end();
    EXPECT_EQ(how.code, 1006);
    EXPECT_TRUE(how.by_peer);
}

TEST_F(ServerWebSocketTest, AResetEndsWith1006) {
    FrameClient client(serve_sockets());
    client.send(text("x"));
    EXPECT_EQ(client.next(), "text:x");
    client.reset();
    EXPECT_EQ(end().code, 1006);
    on_loop([this] { EXPECT_FALSE(socket_->send("nobody there")); });
}

TEST_F(ServerWebSocketTest, ACloseThatTravelsBeforeAHangUpIsHeardThoughWritingFails) {
    FrameClient client(serve_sockets());
    client.send(text("x"));
    EXPECT_EQ(client.next(), "text:x");
    // While the loop is held up the client says goodbye and goes; then the server writes first.
    on_loop([&] {
        client.send(masked(Opcode::close, format_close_payload(1000, "bye")));
        client.close();
        for (int i = 0; i < 3; ++i) socket_->send("into the void");
    });
    const auto how = end();
    EXPECT_TRUE(how.by_peer);
    EXPECT_EQ(how.code, 1000);
}

TEST_F(ServerWebSocketTest, AFullOutboxRefusesAndLosesNothingItTook) {
    echo_ = false;
    limits_.outbox_bytes = 64 * 1024;
    FrameClient client(serve_sockets());
    client.send(text("hello"));
    ASSERT_TRUE(eventually([this] { return messages().size() == 1; }));
    int taken = 0;
    const std::string load(1000, 'l');
    // The kernel takes some megabytes before the outbox begins to fill.
    ASSERT_TRUE(eventually([&] {
        bool full = false;
        on_loop([&] {
            for (int i = 0; i < 100 && !full; ++i) {
                full = !socket_->send(std::to_string(taken) + load);
                if (!full) ++taken;
            }
        });
        return full;
    }));
    on_loop([this] { EXPECT_EQ(socket_->stats().refused_out, 1U); });
    for (int i = 0; i < taken; ++i) ASSERT_EQ(client.next(), "text:" + std::to_string(i) + load);
    on_loop([this] { EXPECT_TRUE(socket_->send("room again")); });
    EXPECT_EQ(client.next(), "text:room again");
}

TEST_F(ServerWebSocketTest, GoesOnAndEndsOnceThoughItsOwnerLetGo) {
    drop_ = true;
    FrameClient client(serve_sockets());
    client.send(text("still heard"));
    EXPECT_TRUE(eventually([this] { return messages() == Messages{"text:still heard"}; }));
    client.send(masked(Opcode::close, format_close_payload(1000, "")));
    EXPECT_EQ(client.next(), "close:1000:");
    EXPECT_EQ(end().code, 1000);
}

TEST_F(ServerWebSocketTest, AcceptedButNeverStartedItAnswersAndCloses) {
    start_ = false;
    FrameClient client(serve_sockets());
    EXPECT_EQ(client.head.substr(0, 12), "HTTP/1.1 101");
    EXPECT_EQ(client.next(), "end");
}

TEST_F(ServerWebSocketTest, ItsCallbacksAreForgottenAtTheEnd) {
    // The usual owner: held by the callbacks it gave, and holding the socket.
    const auto owner = std::make_shared<int>(1);
    std::shared_ptr<ServerWebSocket> socket;
    std::atomic<bool> over{false};
    const auto server = serve({}, &nothing, [&](Upgrade upgrade) {
        socket = ServerWebSocket::accept(std::move(upgrade), {});
        socket->start([owner](std::span<const WebSocketMessage>) {},
                      [owner, &over](const WebSocketEnd&) { over = true; });
    });
    {
        FrameClient client(server->port());
        client.send(masked(Opcode::close, ""));
        EXPECT_EQ(client.next(), "close:1005:");
    }
    EXPECT_TRUE(eventually([&] { return over.load(); }));
    on_loop([] {});
    EXPECT_EQ(owner.use_count(), 1);
    on_loop([&] { socket.reset(); });
}

TEST_F(ServerWebSocketTest, CountsWhatPasses) {
    FrameClient client(serve_sockets());
    client.send(text("12345") + text("678"));
    EXPECT_EQ(client.next(), "text:12345");
    EXPECT_EQ(client.next(), "text:678");
    on_loop([this] {
        const auto stats = socket_->stats();
        EXPECT_EQ(stats.messages_in, 2U);
        EXPECT_EQ(stats.bytes_in, 8U);
        EXPECT_EQ(stats.messages_out, 2U);
        EXPECT_EQ(stats.bytes_out, 8U);
    });
}

}  // namespace
}  // namespace bridge::net::test
