// Our own servers over TLS: HTTP and WebSockets, what cannot be a certificate, certificates that
// change, and clients that do not finish the handshake.

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <fstream>

#include "net/beast_websocket.hpp"
#include "net/http_client.hpp"
#include "net/server_websocket.hpp"
#include "net/tls.hpp"
#include "tests/integration/net/net_fixture.hpp"
#include "tests/integration/net/tls_front.hpp"

namespace bridge::net::test {
namespace {

using HttpResult = tl::expected<HttpResponse, HttpFailure>;

asio::awaitable<HttpResponse> tls_mirror(HttpRequest request) {
    co_return respond(200, "text/plain", request.method + " " + request.target + request.body);
}

asio::awaitable<HttpResult> tls_ask(std::shared_ptr<HttpClient> client, HttpCall call) {
    co_return co_await client->request(std::move(call));
}

asio::awaitable<Result<ReceivedMessage>> receive_from(std::shared_ptr<BeastWebSocket> client) {
    co_return co_await client->receive();
}

void write_file(const std::string& path, const std::string& text) {
    std::ofstream(path, std::ios::binary) << text;
}

class TlsServerTest : public LoopTest {
protected:
    std::shared_ptr<TlsIdentity> identity() {
        auto loaded = TlsIdentity::load({certificate_file_.path(), key_file_.path()});
        if (!loaded) throw std::runtime_error(loaded.error().message);
        return *loaded;
    }

    std::uint16_t serve_tls(HttpLimits limits = {}) {
        HttpServerOptions options;
        options.tls = identity();
        options.limits = limits;
        return serve(options, &tls_mirror,
                     [this](Upgrade upgrade) {
                         EXPECT_TRUE(upgrade.tls);
                         auto socket = ServerWebSocket::accept(std::move(upgrade), {});
                         auto* raw = socket.get();
                         sockets_.push_back(std::move(socket));
                         raw->start(
                             [raw](std::span<const WebSocketMessage> batch) {
                                 for (const auto& one : batch) raw->send(one.payload);
                             },
                             [this](const WebSocketEnd& end) { code_ = end.code; });
                     })
            ->port();
    }

    HttpResult get(std::uint16_t port, const std::string& trusted, std::string body = {}) {
        std::shared_ptr<HttpClient> client;
        HttpClientOptions options;
        options.ca_file = trusted;
        options.use_proxy = false;
        on_loop([&] { client = HttpClient::make(executor(), options); });
        HttpCall call;
        call.method = "POST";
        call.url = "https://localhost:" + std::to_string(port) + "/page?x=1";
        call.body = std::move(body);
        auto answer = run(tls_ask(client, std::move(call)));
        on_loop([&] { client.reset(); });
        return answer;
    }

    void TearDown() override {
        on_loop([this] { sockets_.clear(); });
        LoopTest::TearDown();
    }

    Certificate made_ = make_certificate("DNS:localhost");
    TemporaryFile certificate_file_{made_.certificate_pem};
    TemporaryFile key_file_{made_.key_pem};
    std::vector<std::shared_ptr<ServerWebSocket>> sockets_;
    std::atomic<int> code_{0};
};

TEST_F(TlsServerTest, AnswersHttps) {
    const auto answer = get(serve_tls(), certificate_file_.path(), std::string(100'000, 'x'));
    ASSERT_TRUE(answer) << answer.error().error.message;
    EXPECT_EQ(answer->status, 200);
    EXPECT_EQ(answer->body, "POST /page?x=1" + std::string(100'000, 'x'));
}

TEST_F(TlsServerTest, CarriesWebSocketMessagesOfEverySize) {
    WebSocketTarget to;
    to.url = "wss://localhost:" + std::to_string(serve_tls()) + "/media/x";
    to.ca_file = certificate_file_.path();
    auto client = run(BeastWebSocket::connect(executor(), to));
    ASSERT_TRUE(client) << client.error().message;
    for (const std::size_t size : {0UL, 1UL, 380UL, 4096UL, 16'384UL, 20'000UL, 100'000UL, 5UL}) {
        on_loop([&] { EXPECT_TRUE((*client)->send(std::string(size, 'm'))); });
    }
    for (const std::size_t size : {0UL, 1UL, 380UL, 4096UL, 16'384UL, 20'000UL, 100'000UL, 5UL}) {
        const auto message = run(receive_from(*client));
        ASSERT_TRUE(message) << message.error().message;
        EXPECT_EQ(message->payload, std::string(size, 'm'));
    }
    on_loop([&] { (*client)->close(1000, "done"); });
    EXPECT_EQ(run(receive_from(*client)).error().code, Errc::cancelled);
    EXPECT_TRUE(eventually([&] { return code_ == 1000; }));
    on_loop([&] { client->reset(); });
}

TEST_F(TlsServerTest, UsesAChangedCertificateForNewConnectionsAndKeepsOldOnesAlive) {
    const auto port = serve_tls();
    WebSocketTarget to;
    to.url = "wss://localhost:" + std::to_string(port) + "/media/x";
    to.ca_file = certificate_file_.path();
    auto client = run(BeastWebSocket::connect(executor(), to));
    ASSERT_TRUE(client) << client.error().message;

    const auto next = make_certificate("DNS:localhost");
    const TemporaryFile trusted(next.certificate_pem);
    EXPECT_FALSE(get(port, trusted.path()));
    // The certificate first, the key a moment later: what does not fit together is not used.
    write_file(certificate_file_.path(), next.certificate_pem);
    std::this_thread::sleep_until(std::chrono::steady_clock::now() + TlsIdentity::kLookAgain);
    EXPECT_FALSE(get(port, trusted.path()));
    write_file(key_file_.path(), next.key_pem);
    EXPECT_TRUE(eventually([&] { return get(port, trusted.path()).has_value(); }));

    on_loop([&] { (*client)->send("still here"); });
    const auto message = run(receive_from(*client));
    ASSERT_TRUE(message) << message.error().message;
    EXPECT_EQ(message->payload, "still here");
    on_loop([&] {
        (*client)->abort();
        client->reset();
    });
    EXPECT_TRUE(eventually([&] { return code_ == 1006; }));
}

TEST_F(TlsServerTest, TellsAClientWithoutTlsWhatItMissed) {
    RawSocket client(serve_tls());
    client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    const auto answer = client.receive_answer();
    EXPECT_EQ(answer.status, 400);
    EXPECT_NE(answer.body.find("TLS"), std::string::npos);
}

TEST_F(TlsServerTest, GivesUpOnAClientThatNeverFinishesTheHandshake) {
    HttpLimits limits;
    limits.handshake_time = milliseconds(50);
    const auto port = serve_tls(limits);
    RawSocket silent(port);
    RawSocket slow(port);
    slow.send("\x16\x03\x01\x02");
    EXPECT_EQ(silent.receive_all(), "");
    EXPECT_EQ(slow.receive_all(), "");
    EXPECT_TRUE(get(port, certificate_file_.path()));
}

TEST_F(TlsServerTest, SevenHundredOpenHandshakesDoNotLockOutAClientThatSpeaks) {
    const auto port = serve_tls();
    std::vector<RawSocket> silent;
    for (int i = 0; i < 700; ++i) silent.emplace_back(port);
    const auto answer = get(port, certificate_file_.path());
    EXPECT_TRUE(answer) << answer.error().error.message;
    EXPECT_EQ(silent.front().receive_all(), "");  // the oldest gave way
}

TEST(TlsIdentity, SaysWhatIsWrongWithTheFiles) {
    const auto one = make_certificate("DNS:localhost");
    const auto two = make_certificate("DNS:localhost");
    const TemporaryFile certificate(one.certificate_pem);
    const TemporaryFile key(one.key_pem);
    const TemporaryFile other_key(two.key_pem);
    const TemporaryFile nonsense("nonsense\n");
    const TemporaryFile encrypted(
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n");
    const auto said = [](const std::string& cert, const std::string& its_key) {
        const auto loaded = TlsIdentity::load({cert, its_key});
        return loaded ? std::string("nothing") : loaded.error().message;
    };
    const auto has = [](const std::string& text, const std::string& part) {
        return text.find(part) != std::string::npos;
    };
    EXPECT_EQ(said(certificate.path(), key.path()), "nothing");
    EXPECT_TRUE(has(said("/nonexistent.pem", key.path()), "/nonexistent.pem: No such file"));
    EXPECT_TRUE(has(said(certificate.path(), "/nonexistent.pem"), "the key /nonexistent.pem"));
    EXPECT_TRUE(has(said("/tmp", key.path()), "is not a file"));
    EXPECT_TRUE(has(said(nonsense.path(), key.path()), "no certificate in PEM"));
    EXPECT_TRUE(has(said(certificate.path(), nonsense.path()), "no private key in PEM"));
    EXPECT_TRUE(has(said(key.path(), certificate.path()), "swapped"));
    EXPECT_TRUE(has(said(certificate.path(), certificate.path()), "swapped"));
    EXPECT_TRUE(has(said(certificate.path(), other_key.path()), "does not belong"));
    EXPECT_TRUE(has(said(certificate.path(), encrypted.path()), "password"));
}

TEST(TlsIdentity, WarnsOfAnExpiredCertificateAndAKeyThatOthersRead) {
    const auto old = make_certificate("IP:127.0.0.1", -2);
    const TemporaryFile certificate(old.certificate_pem);
    const TemporaryFile key(old.key_pem);
    ::chmod(key.path().c_str(), 0644);
    const auto loaded = TlsIdentity::load({certificate.path(), key.path()});
    ASSERT_TRUE(loaded) << loaded.error().message;
    const auto warnings = (*loaded)->warnings();
    ASSERT_EQ(warnings.size(), 2U);
    EXPECT_NE(warnings[0].find("expired"), std::string::npos);
    EXPECT_NE(warnings[1].find("chmod 600"), std::string::npos);
    EXPECT_TRUE((*loaded)->covers("127.0.0.1"));
    EXPECT_FALSE((*loaded)->covers("127.0.0.2"));
    EXPECT_FALSE((*loaded)->covers("localhost"));
}

}  // namespace
}  // namespace bridge::net::test
