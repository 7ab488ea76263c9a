// What both clients must do: the one agents use, in our own framing, and the emulator's in Beast's.

#include "net/websocket_client.hpp"

#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <array>
#include <atomic>
#include <mutex>
#include <vector>

#include "net/beast_websocket.hpp"
#include "net/server_websocket.hpp"
#include "net/websocket_frames.hpp"
#include "tests/integration/net/net_fixture.hpp"
#include "tests/integration/net/tls_front.hpp"

namespace bridge::net::test {
namespace {

using Stage = ConnectFailure::Stage;

/// What the two have in common.
class AnyClient {
public:
    virtual ~AnyClient() = default;
    virtual asio::awaitable<Result<ReceivedMessage>> receive() = 0;
    virtual bool send(std::string_view text) = 0;
    virtual bool send_binary(std::string_view bytes) = 0;
    virtual void close(std::uint16_t code, std::string_view reason) = 0;
    virtual void abort() = 0;
    virtual WebSocketEnd end() const = 0;
    virtual std::size_t outbox_bytes() const = 0;
};
using ClientPtr = std::shared_ptr<AnyClient>;
using Dialled = tl::expected<ClientPtr, ConnectFailure>;

template <class Client>
class Wrapped final : public AnyClient {
public:
    explicit Wrapped(std::shared_ptr<Client> client) : client_(std::move(client)) {}
    asio::awaitable<Result<ReceivedMessage>> receive() override { return client_->receive(); }
    bool send(std::string_view text) override { return client_->send(text); }
    bool send_binary(std::string_view bytes) override { return client_->send_binary(bytes); }
    void close(std::uint16_t code, std::string_view reason) override {
        client_->close(code, reason);
    }
    void abort() override { client_->abort(); }
    WebSocketEnd end() const override { return client_->end(); }
    std::size_t outbox_bytes() const override { return client_->outbox_bytes(); }

private:
    std::shared_ptr<Client> client_;
};

template <class Client>
asio::awaitable<Dialled> dial(asio::any_io_executor executor, WebSocketTarget target) {
    auto connected = co_await Client::connect(std::move(executor), std::move(target));
    if (!connected) co_return tl::unexpected(connected.error());
    co_return std::make_shared<Wrapped<Client>>(std::move(*connected));
}

enum class Framing { own, beast };

asio::awaitable<HttpResponse> forbidden(HttpRequest) {
    co_return respond(403, "text/plain", "no WebSocket for you");
}

asio::awaitable<Result<ReceivedMessage>> receive_from(ClientPtr client) {
    co_return co_await client->receive();
}

class WebSocketClientTest : public LoopTest, public testing::WithParamInterface<Framing> {
protected:
    asio::awaitable<Dialled> dialling(WebSocketTarget to) {
        return GetParam() == Framing::own ? dial<WebSocketClient>(executor(), std::move(to))
                                          : dial<BeastWebSocket>(executor(), std::move(to));
    }

    std::uint16_t serve_echo() {
        return serve({}, &forbidden,
                     [this](Upgrade upgrade) {
                         head_ = upgrade.head;
                         ++accepted_;
                         server_ = ServerWebSocket::accept(std::move(upgrade), {});
                         server_->start(
                             [this](std::span<const WebSocketMessage> batch) {
                                 for (const auto& message : batch) {
                                     ++heard_;
                                     binary_ += message.text ? 0 : 1;
                                     if (echo_) server_->send(message.payload);
                                 }
                             },
                             [this](const WebSocketEnd& end) {
                                 const std::lock_guard lock(mutex_);
                                 ends_.push_back(end);
                             });
                     })
            ->port();
    }

    static WebSocketTarget target(std::uint16_t port, const std::string& path = "/media/x") {
        WebSocketTarget to;
        to.url = "ws://127.0.0.1:" + std::to_string(port) + path;
        return to;
    }

    Dialled connect(WebSocketTarget to) {
        auto client = run(dialling(std::move(to)));
        if (client) clients_.push_back(*client);
        return client;
    }
    ClientPtr connected(std::uint16_t port) {
        auto client = connect(target(port));
        if (!client) throw std::runtime_error(client.error().message);
        return *client;
    }
    Result<ReceivedMessage> receive(const ClientPtr& client) { return run(receive_from(client)); }

    std::string next_text(const ClientPtr& client) {
        auto message = receive(client);
        return message ? message->payload : "error: " + message.error().message;
    }

    WebSocketEnd server_end() {
        EXPECT_TRUE(eventually([this] {
            const std::lock_guard lock(mutex_);
            return !ends_.empty();
        }));
        const std::lock_guard lock(mutex_);
        return ends_.empty() ? WebSocketEnd{} : ends_[0];
    }

    void TearDown() override {
        on_loop([this] {
            clients_.clear();
            server_.reset();
        });
        // The server's callbacks use this object until they have told of the end.
        EXPECT_TRUE(eventually([this] {
            const std::lock_guard lock(mutex_);
            return ends_.size() == accepted_;
        }));
        LoopTest::TearDown();
    }

    HttpRequest head_;
    std::shared_ptr<ServerWebSocket> server_;
    std::vector<ClientPtr> clients_;
    std::atomic<std::size_t> accepted_{0};
    std::atomic<int> heard_{0};
    std::atomic<int> binary_{0};
    std::atomic<bool> echo_{true};
    std::mutex mutex_;
    std::vector<WebSocketEnd> ends_;
};

TEST_P(WebSocketClientTest, SpeaksWithOurServer) {
    const auto client = connected(serve_echo());
    on_loop([&] {
        EXPECT_TRUE(client->send("one"));
        EXPECT_TRUE(client->send(std::string(100'000, '2')));
        EXPECT_TRUE(client->send_binary("three"));
    });
    const auto one = receive(client);
    ASSERT_TRUE(one);
    EXPECT_TRUE(one->text);
    EXPECT_EQ(one->payload, "one");
    EXPECT_EQ(next_text(client), std::string(100'000, '2'));
    EXPECT_EQ(next_text(client), "three");
    EXPECT_EQ(binary_, 1);
    on_loop([&] { EXPECT_EQ(client->outbox_bytes(), 0U); });
}

TEST_P(WebSocketClientTest, SendsItsHeadersAndTheTargetByteForByte) {
    auto to = target(serve_echo(), "/media//a%2Fb/../c?x=1&y='");
    to.headers.add("X-Twilio-Signature", "c2ln");
    const auto client = connect(to);
    ASSERT_TRUE(client);
    EXPECT_EQ(head_.target, "/media//a%2Fb/../c?x=1&y='");
    EXPECT_EQ(head_.headers.find("X-Twilio-Signature"), "c2ln");
    EXPECT_EQ(head_.headers.find("Host"), to.url.substr(5, to.url.find('/', 5) - 5));
    EXPECT_FALSE(head_.headers.find("Sec-WebSocket-Extensions"));
}

TEST_P(WebSocketClientTest, AnswersPings) {
    const auto client = connected(serve_echo());
    Clock::Time before{};
    on_loop([&] {
        before = server_->last_heard();
        server_->ping();
        server_->send("after the ping");
    });
    EXPECT_EQ(next_text(client), "after the ping");
    EXPECT_TRUE(eventually([&] {
        bool later = false;
        on_loop([&] { later = server_->last_heard() > before; });
        return later;
    }));
}

TEST_P(WebSocketClientTest, ClosesWithAnAnswer) {
    const auto client = connected(serve_echo());
    on_loop([&] {
        EXPECT_TRUE(client->send("sent before the close"));
        client->close(1000, "done");
        EXPECT_FALSE(client->send("too late"));
    });
    // What the server still said is not promised to arrive; what was sent before is.
    EXPECT_TRUE(eventually([this] { return heard_ == 1; }));
    const auto last = receive(client);
    ASSERT_FALSE(last);
    EXPECT_EQ(last.error().code, Errc::cancelled);
    EXPECT_EQ(client->end().code, 1000);
    EXPECT_FALSE(client->end().by_peer);
    const auto seen = server_end();
    EXPECT_EQ(seen.code, 1000);
    EXPECT_EQ(seen.reason, "done");
    EXPECT_TRUE(seen.by_peer);
    EXPECT_EQ(receive(client).error().code, Errc::cancelled);
}

TEST_P(WebSocketClientTest, ClosesThoughNobodyReceives) {
    const auto client = connected(serve_echo());
    on_loop([&] { client->close(4001, "alone"); });
    EXPECT_EQ(server_end().code, 4001);
}

TEST_P(WebSocketClientTest, HearsTheServersCloseCode) {
    const auto client = connected(serve_echo());
    on_loop([&] { server_->close(3999, "server is tired"); });
    EXPECT_EQ(receive(client).error().code, Errc::cancelled);
    EXPECT_EQ(client->end().code, 3999);
    EXPECT_EQ(client->end().reason, "server is tired");
    EXPECT_TRUE(client->end().by_peer);
    EXPECT_EQ(server_end().code, 3999);
    EXPECT_FALSE(server_end().by_peer);
}

TEST_P(WebSocketClientTest, AbortCutsWithoutACloseFrame) {
    const auto client = connected(serve_echo());
    on_loop([&] { client->abort(); });
    EXPECT_EQ(server_end().code, 1006);
    EXPECT_TRUE(server_end().by_peer);
    EXPECT_EQ(receive(client).error().code, Errc::connection_lost);
    EXPECT_EQ(client->end().code, 1006);
    on_loop([&] { EXPECT_FALSE(client->send("x")); });
}

TEST_P(WebSocketClientTest, AbortEndsAReceiveThatWaits) {
    const auto client = connected(serve_echo());
    auto waiting = asio::co_spawn(executor(), receive_from(client), asio::use_future);
    on_loop([&] { client->abort(); });
    ASSERT_EQ(waiting.wait_for(kPatience), std::future_status::ready);
    EXPECT_EQ(waiting.get().error().code, Errc::connection_lost);
}

TEST_P(WebSocketClientTest, AFullOutboxRefuses) {
    echo_ = false;
    auto to = target(serve_echo());
    to.outbox_bytes = 1050;
    const auto client = connect(to);
    ASSERT_TRUE(client);
    on_loop([&] {
        EXPECT_TRUE((*client)->send(std::string(900, 'a')));
        EXPECT_GE((*client)->outbox_bytes(), 900U);
        EXPECT_FALSE((*client)->send(std::string(200, 'b')));
        EXPECT_TRUE((*client)->send(std::string(100, 'c')));
    });
    EXPECT_TRUE(eventually([this] { return heard_ == 2; }));
}

TEST_P(WebSocketClientTest, AMessageOverTheLimitIsTooLarge) {
    auto to = target(serve_echo());
    to.message_bytes = 1000;
    const auto client = connect(to);
    ASSERT_TRUE(client);
    on_loop([&] { server_->send(std::string(1001, 'x')); });
    EXPECT_EQ(receive(*client).error().code, Errc::too_large);
}

/// A server made of bytes: reads the handshake and says what the test wants.
class RawServer {
public:
    explicit RawServer(const RawListener& listener) : socket_(listener.accept()) {
        head_ = socket_.receive_until("\r\n\r\n");
    }
    RawSocket& socket() { return socket_; }

    void accept() const {
        auto text = head_.substr(head_.find("Sec-WebSocket-Key: ") + 19, 24);
        text += "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
        std::array<unsigned char, 20> digest{};
        EVP_Digest(text.data(), text.size(), digest.data(), nullptr, EVP_sha1(), nullptr);
        std::array<unsigned char, 32> key{};
        const auto size = EVP_EncodeBlock(key.data(), digest.data(), 20);
        socket_.send(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Accept: " +
            std::string(key.begin(), key.begin() + size) + "\r\n\r\n");
    }

private:
    RawSocket socket_;
    std::string head_;
};

TEST_P(WebSocketClientTest, AServerThatVanishesIsALostConnection) {
    const RawListener listener;
    auto connecting =
        asio::co_spawn(executor(), dialling(target(listener.port())), asio::use_future);
    {
        RawServer server(listener);
        server.accept();
        const auto client = connecting.get();
        ASSERT_TRUE(client) << client.error().message;
        clients_.push_back(*client);
    }
    EXPECT_EQ(receive(clients_[0]).error().code, Errc::connection_lost);
    EXPECT_EQ(clients_[0]->end().code, 1006);
    EXPECT_TRUE(clients_[0]->end().by_peer);
}

TEST_P(WebSocketClientTest, AServerThatBreaksTheRulesIsAProtocolError) {
    const RawListener listener;
    auto connecting =
        asio::co_spawn(executor(), dialling(target(listener.port())), asio::use_future);
    RawServer server(listener);
    server.accept();
    const auto client = connecting.get();
    ASSERT_TRUE(client) << client.error().message;
    clients_.push_back(*client);
    std::string wrong;
    append_masked_frame(wrong, Opcode::text, "a server does not mask", MaskKey{1, 2, 3, 4});
    server.socket().send(wrong);
    server.socket().finish_sending();
    EXPECT_EQ(receive(clients_[0]).error().code, Errc::protocol);
    EXPECT_FALSE(clients_[0]->end().fault.empty());
}

// ---- why a connection cannot be opened

TEST_P(WebSocketClientTest, ABadUrlIsFoundBeforeAnythingIsTried) {
    for (const char* url : {"", "http://127.0.0.1/x", "ws//x", "ws://", "ws:///x", "ws://h:0/",
                            "ws://h:99999/", "ws://h:x/", "ws://u@h/", "ws://h/a b", " ws://h/",
                            "ws://h/\n", "ws://[::1", "ws://h/#f"}) {
        WebSocketTarget to;
        to.url = url;
        const auto client = connect(to);
        ASSERT_FALSE(client) << url;
        EXPECT_EQ(client.error().stage, Stage::bad_url) << url;
    }
}

TEST_P(WebSocketClientTest, AnUnknownNameIsToldApart) {
    WebSocketTarget to;
    to.url = "ws://no-such-host.invalid/x";
    to.connect_timeout = seconds(2);
    const auto client = connect(to);
    ASSERT_FALSE(client);
    EXPECT_EQ(client.error().stage, Stage::resolve);
    EXPECT_NE(client.error().message.find("no-such-host.invalid"), std::string::npos);
}

TEST_P(WebSocketClientTest, ARefusedConnectionIsToldApart) {
    const DeafPort deaf;
    const auto client = connect(target(deaf.port()));
    ASSERT_FALSE(client);
    EXPECT_EQ(client.error().stage, Stage::connect_refused);
}

#if defined(__linux__)
TEST_P(WebSocketClientTest, AConnectionThatNobodyAnswersTimesOut) {
    const FullPort full;
    auto to = target(full.port());
    to.connect_timeout = milliseconds(100);
    const auto client = connect(to);
    ASSERT_FALSE(client);
    EXPECT_EQ(client.error().stage, Stage::connect_timeout);
}
#endif

TEST_P(WebSocketClientTest, AnHttpAnswerGivesItsStatus) {
    const auto server = serve({}, &forbidden, [](Upgrade upgrade) {
        refuse(std::move(upgrade), respond(403, "text/plain", "no"));
    });
    const auto client = connect(target(server->port()));
    ASSERT_FALSE(client);
    EXPECT_EQ(client.error().stage, Stage::handshake);
    EXPECT_EQ(client.error().http_status, 403);
}

TEST_P(WebSocketClientTest, AServerThatAcceptsAndStaysSilentTimesOut) {
    const RawListener silent;
    auto to = target(silent.port());
    to.handshake_timeout = milliseconds(100);
    const auto client = connect(to);
    ASSERT_FALSE(client);
    EXPECT_EQ(client.error().stage, Stage::connect_timeout);
}

TEST_P(WebSocketClientTest, SomethingThatIsNotHttpIsAFailedHandshakeWithoutAStatus) {
    const RawListener listener;
    auto connecting =
        asio::co_spawn(executor(), dialling(target(listener.port())), asio::use_future);
    RawServer server(listener);
    server.socket().send("220 mail.example.com ESMTP\r\n\r\n");
    server.socket().close();
    const auto client = connecting.get();
    ASSERT_FALSE(client);
    EXPECT_EQ(client.error().stage, Stage::handshake);
    EXPECT_EQ(client.error().http_status, 0);
}

TEST_P(WebSocketClientTest, AServerThatHangsUpIsAFailedHandshakeWithoutAStatus) {
    const RawListener listener;
    auto connecting =
        asio::co_spawn(executor(), dialling(target(listener.port())), asio::use_future);
    { RawServer server(listener); }
    const auto client = connecting.get();
    ASSERT_FALSE(client);
    EXPECT_EQ(client.error().stage, Stage::handshake);
    EXPECT_EQ(client.error().http_status, 0);
}

// ---- TLS

TEST_P(WebSocketClientTest, SpeaksTlsWithACertificateItTrusts) {
    const auto certificate = make_certificate("DNS:localhost");
    const TemporaryFile trusted(certificate.certificate_pem);
    const TlsFront front(certificate, serve_echo());
    WebSocketTarget to;
    to.url = "wss://localhost:" + std::to_string(front.port()) + "/media/tls";
    to.ca_file = trusted.path();
    const auto client = connect(to);
    ASSERT_TRUE(client) << client.error().message;
    on_loop([&] { (*client)->send("over TLS"); });
    EXPECT_EQ(next_text(*client), "over TLS");
    on_loop([&] { (*client)->close(1000, ""); });
    EXPECT_EQ(receive(*client).error().code, Errc::cancelled);
    EXPECT_EQ(server_end().code, 1000);
}

TEST_P(WebSocketClientTest, ACertificateNobodyVouchesForIsATlsFailure) {
    const TlsFront front(make_certificate("DNS:localhost"), 1);
    WebSocketTarget to;
    to.url = "wss://localhost:" + std::to_string(front.port()) + "/";
    const auto client = connect(to);
    ASSERT_FALSE(client);
    EXPECT_EQ(client.error().stage, Stage::tls);
    EXPECT_NE(client.error().message.find("certificate"), std::string::npos)
        << client.error().message;
}

TEST_P(WebSocketClientTest, ACertificateOfAnotherHostIsATlsFailure) {
    const auto certificate = make_certificate("DNS:other.example");
    const TemporaryFile trusted(certificate.certificate_pem);
    const TlsFront front(certificate, 1);
    WebSocketTarget to;
    to.url = "wss://localhost:" + std::to_string(front.port()) + "/";
    to.ca_file = trusted.path();
    const auto client = connect(to);
    ASSERT_FALSE(client);
    EXPECT_EQ(client.error().stage, Stage::tls);
}

TEST_P(WebSocketClientTest, AServerThatDoesNotSpeakTlsIsATlsFailure) {
    WebSocketTarget to;
    to.url = "wss://127.0.0.1:" + std::to_string(serve_echo()) + "/";
    const auto client = connect(to);
    ASSERT_FALSE(client);
    EXPECT_EQ(client.error().stage, Stage::tls);
    const RawListener silent;
    to.url = "wss://127.0.0.1:" + std::to_string(silent.port()) + "/";
    to.handshake_timeout = milliseconds(100);
    const auto slow = connect(to);
    ASSERT_FALSE(slow);
    EXPECT_EQ(slow.error().stage, Stage::tls);
}

INSTANTIATE_TEST_SUITE_P(Framing, WebSocketClientTest,
                         testing::Values(Framing::own, Framing::beast), [](const auto& given) {
                             return given.param == Framing::own ? "Own" : "Beast";
                         });

}  // namespace
}  // namespace bridge::net::test
