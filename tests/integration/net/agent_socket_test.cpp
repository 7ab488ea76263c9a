// What the agents' client does beyond what both clients must do: messages by callback, a peer that
// is gone though its connection stands, a peer that sends faster than anybody listens.

#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <mutex>
#include <vector>

#include "net/server_websocket.hpp"
#include "net/websocket_client.hpp"
#include "net/websocket_frames.hpp"
#include "net/websocket_handshake.hpp"
#include "tests/integration/net/net_fixture.hpp"

namespace bridge::net::test {
namespace {

using ClientPtr = std::shared_ptr<WebSocketClient>;
using Connected = tl::expected<ClientPtr, ConnectFailure>;
using asio::experimental::awaitable_operators::operator||;

asio::awaitable<Result<ReceivedMessage>> receive_from(ClientPtr client) {
    co_return co_await client->receive();
}

/// True: the message came before `time` was over.
asio::awaitable<bool> receive_within(ClientPtr client, milliseconds time) {
    asio::steady_timer timer(co_await asio::this_coro::executor, time);
    auto waiting = receive_from(client);
    auto outcome = co_await (std::move(waiting) || timer.async_wait(asio::use_awaitable));
    co_return outcome.index() == 0;
}

asio::awaitable<bool> passing(milliseconds time) {
    asio::steady_timer timer(co_await asio::this_coro::executor, time);
    co_await timer.async_wait(asio::use_awaitable);
    co_return true;
}

/// A server made of bytes: it answers the handshake, and the rest is the test's.
class AgentSocketTest : public LoopTest {
protected:
    ClientPtr connected(WebSocketTarget to = {}) {
        to.url = "ws://127.0.0.1:" + std::to_string(listener_.port()) + "/agent";
        auto connecting = asio::co_spawn(
            executor(), WebSocketClient::connect(executor(), std::move(to)), asio::use_future);
        peer_ = std::make_unique<RawSocket>(listener_.accept());
        const auto head = peer_->receive_until("\r\n\r\n");
        const auto key = head.substr(head.find("Sec-WebSocket-Key: ") + 19, 24);
        peer_->send(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Accept: " +
            accept_key(key) + "\r\n\r\n");
        auto client = connecting.get();
        if (!client) throw std::runtime_error(client.error().message);
        clients_.push_back(*client);
        return *client;
    }
    Result<ReceivedMessage> receive(const ClientPtr& client) { return run(receive_from(client)); }

    static std::string text(std::string_view payload) {
        std::string frame;
        append_frame(frame, Opcode::text, payload);
        return frame;
    }

    struct Heard {
        std::mutex mutex;
        std::vector<std::string> messages;
        std::vector<WebSocketEnd> ends;
        std::size_t count() {
            const std::lock_guard lock(mutex);
            return messages.size();
        }
        bool ended() {
            const std::lock_guard lock(mutex);
            return !ends.empty();
        }
    };
    void start(const ClientPtr& client) {
        on_loop([&] {
            client->start(
                [this](std::span<const WebSocketMessage> batch) {
                    const std::lock_guard lock(heard_.mutex);
                    for (const auto& one : batch) heard_.messages.emplace_back(one.payload);
                },
                [this](const WebSocketEnd& end) {
                    const std::lock_guard lock(heard_.mutex);
                    heard_.ends.push_back(end);
                });
        });
    }

    void TearDown() override {
        on_loop([this] { clients_.clear(); });
        LoopTest::TearDown();
    }

    RawListener listener_;
    std::unique_ptr<RawSocket> peer_;
    std::vector<ClientPtr> clients_;
    Heard heard_;
};

TEST_F(AgentSocketTest, GivesMessagesByCallback) {
    const auto client = connected();
    start(client);
    peer_->send(text("one") + text("two"));
    ASSERT_TRUE(eventually([this] { return heard_.count() == 2; }));
    EXPECT_EQ(heard_.messages, (std::vector<std::string>{"one", "two"}));
    std::string goodbye;
    append_frame(goodbye, Opcode::close, format_close_payload(4004, "that is all"));
    peer_->send(goodbye);
    ASSERT_TRUE(eventually([this] { return heard_.ended(); }));
    EXPECT_EQ(heard_.ends[0].code, 4004);
    EXPECT_EQ(heard_.ends[0].reason, "that is all");
    EXPECT_EQ(client->end().code, 4004);
}

TEST_F(AgentSocketTest, AFirstMessageThatCameWithTheHandshakeIsHeard) {
    const auto client = connected();
    peer_->send(text("early"));
    const auto message = receive(client);
    ASSERT_TRUE(message);
    EXPECT_EQ(message->payload, "early");
}

TEST_F(AgentSocketTest, APeerThatIsFrozenEndsTheReceiveAsTimedOut) {
    WebSocketTarget to;
    to.ping_interval = milliseconds(20);
    to.silence_limit = milliseconds(100);
    const auto client = connected(to);
    // The peer's kernel takes all that is sent, and nobody answers.
    const auto message = receive(client);
    ASSERT_FALSE(message);
    EXPECT_EQ(message.error().code, Errc::timed_out);
    EXPECT_NE(message.error().message.find("100 ms"), std::string::npos) << message.error().message;
    EXPECT_TRUE(client->end().silent);
    on_loop([&] { EXPECT_FALSE(client->send("too late")); });
    auto pings = peer_->receive_all();
    EXPECT_GE(pings.size(), 2U * 6U) << "no pings came before the end";
}

TEST_F(AgentSocketTest, APeerThatIsFrozenEndsTheCallbacksAsSilent) {
    WebSocketTarget to;
    to.silence_limit = milliseconds(50);
    start(connected(to));
    ASSERT_TRUE(eventually([this] { return heard_.ended(); }));
    EXPECT_TRUE(heard_.ends[0].silent);
    EXPECT_EQ(heard_.ends[0].code, close_code::abnormal);
}

TEST_F(AgentSocketTest, APeerThatOnlyAnswersPingsIsThere) {
    WebSocketTarget to;
    to.ping_interval = milliseconds(10);
    to.silence_limit = milliseconds(1000);
    const auto client = connected(to);
    start(client);
    std::string pong;
    append_frame(pong, Opcode::pong, {});
    const auto began = std::chrono::steady_clock::now();
    // Longer than the limit, and no message in all that time.
    while (std::chrono::steady_clock::now() - began < milliseconds(1300)) {
        const auto ping = peer_->receive_exactly(6);
        ASSERT_EQ(static_cast<unsigned char>(ping[0]), 0x89) << "a masked, empty ping";
        peer_->send(pong);
    }
    EXPECT_FALSE(heard_.ended());
}

TEST_F(AgentSocketTest, WhoIsNotListenedToIsNotSilent) {
    WebSocketTarget to;
    to.silence_limit = milliseconds(50);
    const auto client = connected(to);
    std::string many;
    for (int i = 0; i < 2000; ++i) many += text(std::to_string(i));
    peer_->send(many);
    ASSERT_EQ(receive(client)->payload, "0");
    // Nobody receives, so reading rests; well after the limit all of it is still there.
    run(passing(milliseconds(200)));
    for (int i = 1; i < 2000; ++i) {
        const auto message = receive(client);
        ASSERT_TRUE(message) << i << ": " << message.error().message;
        ASSERT_EQ(message->payload, std::to_string(i));
    }
}

TEST_F(AgentSocketTest, ReceivedMessagesDoNotPileUp) {
    const auto client = connected();
    const auto one = text(std::string(1000, 'x'));
    peer_->send(text("first"));
    ASSERT_EQ(receive(client)->payload, "first");
    // Nobody receives: the kernel's buffers fill up, and then the peer has to wait.
    std::size_t sent = 0;
    for (; sent < 64UL * 1024 * 1024; sent += one.size()) {
        const auto n = ::send(peer_->fd(), one.data(), one.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && !eventually([&] {
                pollfd writable{peer_->fd(), POLLOUT, 0};
                return ::poll(&writable, 1, 50) > 0;
            })) {
            break;
        }
        if (n >= 0 && static_cast<std::size_t>(n) < one.size()) break;
    }
    EXPECT_LT(sent, 32UL * 1024 * 1024);
}

TEST_F(AgentSocketTest, AReceiveThatIsCancelledLosesNothing) {
    const auto client = connected();
    EXPECT_FALSE(run(receive_within(client, milliseconds(20))));
    peer_->send(text("still here"));
    const auto message = receive(client);
    ASSERT_TRUE(message) << message.error().message;
    EXPECT_EQ(message->payload, "still here");
}

TEST_F(AgentSocketTest, LettingGoCutsTheConnection) {
    auto client = connected();
    start(client);
    on_loop([&] {
        clients_.clear();
        client.reset();
    });
    EXPECT_EQ(peer_->receive_all(), "");
    EXPECT_FALSE(heard_.ended());
}

TEST_F(AgentSocketTest, LettingGoAfterACloseLetsTheGoodbyeGoOn) {
    auto client = connected();
    start(client);
    on_loop([&] {
        client->send("last words");
        client->close(1000, "done");
        clients_.clear();
        client.reset();
    });
    // Two masked frames: 2 + 4 + 10 and 2 + 4 + 2 + 4 bytes.
    EXPECT_EQ(peer_->receive_exactly(28).size(), 28U);
    std::string goodbye;
    append_frame(goodbye, Opcode::close, format_close_payload(1000, ""));
    peer_->send(goodbye);
    EXPECT_EQ(peer_->receive_all(), "");
}

TEST_F(AgentSocketTest, ACallbackMayLetGoOfTheClient) {
    auto client = connected();
    clients_.clear();
    std::atomic<bool> gone{false};
    on_loop([&] {
        auto* const raw = client.get();
        raw->start(
            [&, kept = std::move(client)](std::span<const WebSocketMessage>) mutable {
                const std::string witness(64, 'w');  // in the closure's memory, were it freed
                kept.reset();
                gone = witness.size() == 64;
            },
            [](const WebSocketEnd&) { ADD_FAILURE() << "nobody is left to be told"; });
    });
    peer_->send(text("go") + text("not heard"));
    EXPECT_EQ(peer_->receive_all(), "");
    EXPECT_TRUE(eventually([&] { return gone.load(); }));
}

TEST_F(AgentSocketTest, AFieldWithALineBreakIsRefused) {
    WebSocketTarget to;
    to.url = "ws://127.0.0.1:" + std::to_string(listener_.port()) + "/";
    to.headers.add("Authorization", "Bearer k\r\nX-Other: 1");
    const auto client = run(WebSocketClient::connect(executor(), to));
    ASSERT_FALSE(client);
    EXPECT_NE(client.error().message.find("Authorization"), std::string::npos);
    EXPECT_EQ(client.error().message.find("Bearer"), std::string::npos);
}

}  // namespace
}  // namespace bridge::net::test
