#include "net/http_server.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <atomic>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <ctime>
#include <mutex>
#include <optional>
#include <stdexcept>

#include "base/log.hpp"
#include "tests/integration/net/net_fixture.hpp"

namespace bridge::net::test {
namespace {

/// Says what it got: method, target, version, then the body.
asio::awaitable<HttpResponse> mirror(HttpRequest request) {
    if (request.path() == "/throw") throw std::runtime_error("the handler fell over");
    if (request.path() == "/empty") {
        HttpResponse nothing;
        nothing.status = 204;
        co_return nothing;
    }
    auto response =
        respond(200, "text/plain", request.method + " " + request.target + " " + request.body);
    if (request.path() == "/inject") response.headers.add("X-Name", "a\r\nX-Injected: b");
    co_return response;
}

asio::awaitable<HttpResponse> enormous(HttpRequest) {
    co_return respond(200, "text/plain", std::string(64 * 1024 * 1024, 'x'));
}

class Gate {
public:
    asio::awaitable<HttpResponse> wait(HttpRequest request) {
        asio::steady_timer timer(co_await asio::this_coro::executor);
        ++waiting;
        while (!open) {
            timer.expires_after(milliseconds(1));
            co_await timer.async_wait(asio::use_awaitable);
        }
        co_return respond(200, "text/plain", "late " + request.target);
    }
    std::atomic<int> waiting{0};
    std::atomic<bool> open{false};
};

std::string get(std::string_view path, std::string_view more = "") {
    return "GET " + std::string(path) + " HTTP/1.1\r\nHost: x\r\n" + std::string(more) + "\r\n";
}

class HttpServerTest : public LoopTest {
protected:
    std::uint16_t serve_mirror(HttpLimits limits = {}, UpgradeHandler upgrade = {}) {
        HttpServerOptions options;
        options.limits = limits;
        return serve(options, &mirror, std::move(upgrade))->port();
    }
};

TEST_F(HttpServerTest, AnswersManyRequestsOnOneConnection) {
    RawSocket client(serve_mirror());
    for (int i = 0; i < 3; ++i) {
        client.send(get("/a?n=" + std::to_string(i)));
        const auto answer = client.receive_answer();
        EXPECT_EQ(answer.status, 200);
        EXPECT_EQ(answer.body, "GET /a?n=" + std::to_string(i) + " ");
        EXPECT_NE(answer.head.find("Server: agentbridge\r\n"), std::string::npos);
        EXPECT_EQ(answer.head.find("Connection: close"), std::string::npos);
    }
}

TEST_F(HttpServerTest, AnswersPipelinedRequestsInOrder) {
    RawSocket client(serve_mirror());
    client.send(get("/1") + "POST /2 HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc" +
                get("/3"));
    EXPECT_EQ(client.receive_answer().body, "GET /1 ");
    EXPECT_EQ(client.receive_answer().body, "POST /2 abc");
    EXPECT_EQ(client.receive_answer().body, "GET /3 ");
}

TEST_F(HttpServerTest, PassesTheTargetOnByteForByte) {
    RawSocket client(serve_mirror());
    client.send(get("/a//b/../c/%7e%2F?x=%20+&y=a'b&&z"));
    EXPECT_EQ(client.receive_answer().body, "GET /a//b/../c/%7e%2F?x=%20+&y=a'b&&z ");
}

TEST_F(HttpServerTest, TakesARequestThatComesByteByByte) {
    RawSocket client(serve_mirror());
    for (const char c :
         std::string("POST /s HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody")) {
        client.send({&c, 1});
    }
    EXPECT_EQ(client.receive_answer().body, "POST /s body");
}

TEST_F(HttpServerTest, TakesMethodsItHasNeverHeardOf) {
    RawSocket client(serve_mirror());
    client.send("BREW /pot HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_EQ(client.receive_answer().body, "BREW /pot ");
}

TEST_F(HttpServerTest, IgnoresEmptyLinesBetweenRequests) {
    RawSocket client(serve_mirror());
    client.send(get("/1") + "\r\n" + get("/2"));
    EXPECT_EQ(client.receive_answer().body, "GET /1 ");
    EXPECT_EQ(client.receive_answer().body, "GET /2 ");
}

TEST_F(HttpServerTest, PutsChunksTogether) {
    RawSocket client(serve_mirror());
    client.send("POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    client.send("4;ext=1\r\ndefg\r\n0\r\nTrailer: t\r\n\r\n" + get("/next"));
    EXPECT_EQ(client.receive_answer().body, "POST /c abcdefg");
    EXPECT_EQ(client.receive_answer().body, "GET /next ");
}

TEST_F(HttpServerTest, AnswersHeadWithoutABodyButWithItsLength) {
    RawSocket client(serve_mirror());
    client.send("HEAD /h HTTP/1.1\r\nHost: x\r\n\r\n" + get("/next"));
    const auto answer = client.receive_answer(false);
    EXPECT_NE(answer.head.find("Content-Length: 8\r\n"), std::string::npos) << answer.head;
    EXPECT_EQ(client.receive_answer().body, "GET /next ");
}

TEST_F(HttpServerTest, Answers204WithNeitherBodyNorLength) {
    RawSocket client(serve_mirror());
    client.send(get("/empty") + get("/next"));
    const auto answer = client.receive_answer();
    EXPECT_EQ(answer.status, 204);
    EXPECT_EQ(answer.head.find("Content-Length"), std::string::npos);
    EXPECT_EQ(client.receive_answer().body, "GET /next ");
}

TEST_F(HttpServerTest, SaysContinueToAClientThatWaitsForIt) {
    RawSocket client(serve_mirror());
    client.send("POST /e HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    EXPECT_EQ(client.receive_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("ok");
    EXPECT_EQ(client.receive_answer().body, "POST /e ok");
}

TEST_F(HttpServerTest, ClosesWhenAskedToAndAfterHttp10) {
    const auto port = serve_mirror();
    RawSocket asks(port);
    asks.send(get("/x", "Connection: close\r\n"));
    EXPECT_NE(asks.receive_all().find("Connection: close\r\n"), std::string::npos);
    RawSocket old(port);
    old.send("GET /old HTTP/1.0\r\n\r\n");
    const auto answer = old.receive_all();
    EXPECT_NE(answer.find("GET /old "), std::string::npos);
}

TEST_F(HttpServerTest, RefusesARequestWithoutHost) {
    RawSocket client(serve_mirror());
    client.send("GET / HTTP/1.1\r\n\r\n");
    EXPECT_EQ(client.receive_answer().status, 400);
}

TEST_F(HttpServerTest, RefusesWhatIsNotHttp) {
    const auto port = serve_mirror();
    for (const std::string_view bytes :
         {"\x16\x03\x01\x02\x00 a TLS hello\r\n\r\n", "GET /\r\n\r\n",
          "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
          "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"}) {
        RawSocket client(port);
        client.send(bytes);
        const auto answer = client.receive_all();
        EXPECT_EQ(answer.substr(0, 12), "HTTP/1.1 400") << bytes;
    }
}

TEST_F(HttpServerTest, RefusesAHeadThatIsTooLarge) {
    HttpLimits limits;
    limits.head_bytes = 512;
    const auto port = serve_mirror(limits);
    RawSocket complete(port);
    complete.send(get("/", "X: " + std::string(600, 'x') + "\r\n"));
    EXPECT_EQ(complete.receive_all().substr(0, 12), "HTTP/1.1 431");
    RawSocket endless(port);
    endless.send("GET / HTTP/1.1\r\nX: " + std::string(5000, 'x'));
    EXPECT_EQ(endless.receive_all().substr(0, 12), "HTTP/1.1 431");
    RawSocket fits(port);
    fits.send(get("/", "X: " + std::string(400, 'x') + "\r\n"));
    EXPECT_EQ(fits.receive_answer().status, 200);
}

TEST_F(HttpServerTest, RefusesABodyThatIsTooLarge) {
    HttpLimits limits;
    limits.body_bytes = 100;
    const auto port = serve_mirror(limits);
    RawSocket announced(port);
    announced.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 101\r\n\r\n");
    EXPECT_EQ(announced.receive_all().substr(0, 12), "HTTP/1.1 413");
    RawSocket chunked(port);
    chunked.send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n40\r\n" +
                 std::string(64, 'a') + "\r\n40\r\n" + std::string(64, 'b') + "\r\n0\r\n\r\n");
    EXPECT_EQ(chunked.receive_all().substr(0, 12), "HTTP/1.1 413");
    RawSocket fits(port);
    fits.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n" + std::string(100, 'c'));
    EXPECT_EQ(fits.receive_answer().status, 200);
}

TEST_F(HttpServerTest, ABodyIsAsLargeAsItsHeadMayBring) {
    HttpLimits limits;
    limits.body_bytes = 10;
    limits.body_bytes_of = [](const HttpRequest& head) {
        return head.path() == "/file" && head.headers.find("X-May") ? std::size_t{200}
                                                                    : std::size_t{100};
    };
    const auto port = serve_mirror(limits);
    const auto status = [&](const std::string& head, std::size_t bytes) {
        RawSocket client(port);
        client.send("POST " + head + "\r\nHost: x\r\nContent-Length: " + std::to_string(bytes) +
                    "\r\n\r\n");
        if (bytes <= 200) client.send(std::string(bytes, 'c'));
        return client.receive_answer().status;
    };
    EXPECT_EQ(status("/file HTTP/1.1\r\nX-May: yes", 200), 200);
    EXPECT_EQ(status("/file HTTP/1.1\r\nX-May: yes", 201), 413);
    EXPECT_EQ(status("/file HTTP/1.1", 100), 200);
    EXPECT_EQ(status("/file HTTP/1.1", 101), 413);
    RawSocket chunked(port);
    chunked.send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n40\r\n" +
                 std::string(64, 'a') + "\r\n40\r\n" + std::string(64, 'b') + "\r\n0\r\n\r\n");
    EXPECT_EQ(chunked.receive_all().substr(0, 12), "HTTP/1.1 413");
    RawSocket two(port);
    const std::string one =
        "POST /file HTTP/1.1\r\nHost: x\r\nX-May: yes\r\nContent-Length: 150\r\n\r\n" +
        std::string(150, 'd');
    two.send(one + one);
    EXPECT_EQ(two.receive_answer().status, 200);
    EXPECT_EQ(two.receive_answer().status, 200);
}

TEST_F(HttpServerTest, AnAnswerArrivesThoughTheClientWasStillSending) {
    HttpLimits limits;
    limits.body_bytes = 1000;
    RawSocket client(serve_mirror(limits));
    client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 500000\r\n\r\n");
    client.send(std::string(300000, 'x'));
    EXPECT_EQ(client.receive_answer().status, 413);
}

TEST_F(HttpServerTest, GivesUpOnASlowHead) {
    HttpLimits limits;
    limits.head_time = milliseconds(50);
    RawSocket client(serve_mirror(limits));
    client.send("GET / HTTP/1.1\r\nHost");
    EXPECT_EQ(client.receive_all().substr(0, 12), "HTTP/1.1 408");
}

TEST_F(HttpServerTest, GivesUpOnASlowBody) {
    HttpLimits limits;
    limits.body_time = milliseconds(50);
    RawSocket client(serve_mirror(limits));
    client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nabc");
    EXPECT_EQ(client.receive_all().substr(0, 12), "HTTP/1.1 408");
}

TEST_F(HttpServerTest, ClosesAnIdleConnectionWithoutAWord) {
    HttpLimits limits;
    limits.head_time = milliseconds(50);
    RawSocket client(serve_mirror(limits));
    client.send(get("/1"));
    EXPECT_EQ(client.receive_answer().status, 200);
    EXPECT_EQ(client.receive_all(), "");
}

TEST_F(HttpServerTest, DropsAClientThatDoesNotReadItsAnswer) {
    HttpServerOptions options;
    options.limits.write_time = milliseconds(50);
    RawSocket client(serve(options, &enormous)->port());
    client.send(get("/big"));
    // The acceptor's coroutine stays; the connection's ends although nothing is read here.
    EXPECT_TRUE(eventually([] { return live_tasks() == 2; }));
    EXPECT_TRUE(eventually([] { return live_tasks() == 1; }));
}

TEST_F(HttpServerTest, TurnsAnExceptionInto500AndALogLine) {
    std::mutex mutex;
    std::string lines;
    log::Options options;
    options.write = [&](std::string_view line) {
        const std::lock_guard lock(mutex);
        lines += line;
    };
    log::start(options);
    RawSocket client(serve_mirror());
    client.send(get("/throw?secret=1") + get("/next"));
    EXPECT_EQ(client.receive_answer().status, 500);
    EXPECT_EQ(client.receive_answer().body, "GET /next ");
    log::flush();
    log::stop();
    const std::lock_guard lock(mutex);
    EXPECT_NE(lines.find("the handler fell over"), std::string::npos) << lines;
    EXPECT_EQ(lines.find("secret=1"), std::string::npos) << lines;
}

TEST_F(HttpServerTest, AHeaderValueCannotStartAnotherHeader) {
    RawSocket client(serve_mirror());
    client.send(get("/inject"));
    EXPECT_EQ(client.receive_answer().head.find("\r\nX-Injected"), std::string::npos);
}

TEST_F(HttpServerTest, TellsTheHandlerWhoAsksAndInWhichVersion) {
    std::optional<HttpRequest> seen;
    const auto server = serve({}, [&seen](HttpRequest request) {
        seen = request;
        return mirror(std::move(request));
    });
    RawSocket client(server->port());
    client.send("GET / HTTP/1.0\r\nX-A: 1\r\nx-a: 2\r\n\r\n");
    client.receive_all();
    ASSERT_TRUE(seen);
    EXPECT_EQ(seen->peer.substr(0, 10), "127.0.0.1:");
    EXPECT_EQ(seen->version, 10U);
    EXPECT_EQ(seen->headers.find("X-A"), "1");
}

constexpr std::string_view kUpgradeFields =
    "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n";

TEST_F(HttpServerTest, HandsAnUpgradeOverWithWhatCameAfterTheHead) {
    std::promise<Upgrade> promise;
    const auto port =
        serve_mirror({}, [&promise](Upgrade upgrade) { promise.set_value(std::move(upgrade)); });
    RawSocket client(port);
    client.send(get("/first") + get("/media/abc?x", kUpgradeFields) + "leftover");
    EXPECT_EQ(client.receive_answer().body, "GET /first ");
    auto future = promise.get_future();
    ASSERT_EQ(future.wait_for(kPatience), std::future_status::ready);
    auto upgrade = future.get();
    EXPECT_EQ(upgrade.head.target, "/media/abc?x");
    EXPECT_EQ(upgrade.leftover, "leftover");
    // The socket is the handler's: nobody reads or times it out behind its back.
    EXPECT_TRUE(eventually([] { return live_tasks() == 1; }));
    on_loop([&] { refuse(std::move(upgrade), respond(403, "text/plain", "no")); });
    const auto answer = client.receive_answer();
    EXPECT_EQ(answer.status, 403);
    EXPECT_EQ(answer.body, "no");
    EXPECT_EQ(client.receive_all(), "");
}

TEST_F(HttpServerTest, WithoutAnUpgradeHandlerThereIsNoWebSocket) {
    RawSocket client(serve_mirror());
    client.send(get("/media/abc", kUpgradeFields));
    EXPECT_EQ(client.receive_answer().status, 404);
}

TEST_F(HttpServerTest, AtItsLimitTheConnectionThatIsSilentLongestGivesWay) {
    HttpLimits limits;
    limits.connections = 2;
    const auto port = serve_mirror(limits);
    {
        RawSocket slow(port);
        slow.send("POST /slow HTTP/1.1\r\nHost: x\r\nConte");
        RawSocket two(port);
        two.send(get("/2"));
        EXPECT_EQ(two.receive_answer().status, 200);
        RawSocket three(port);
        three.send(get("/3"));
        EXPECT_EQ(three.receive_answer().status, 200);
        EXPECT_EQ(slow.receive_all(), "");
    }
    EXPECT_TRUE(eventually([] { return live_tasks() == 1; }));
}

TEST_F(HttpServerTest, AtItsLimitNoRequestInHandGivesWay) {
    HttpLimits limits;
    limits.connections = 2;
    Gate gate;
    HttpServerOptions options;
    options.limits = limits;
    const auto port =
        serve(options, [&](HttpRequest request) { return gate.wait(request); })->port();
    RawSocket one(port);
    RawSocket two(port);
    one.send(get("/1"));
    two.send(get("/2"));
    EXPECT_TRUE(eventually([&] { return gate.waiting == 2; }));
    RawSocket three(port);
    EXPECT_EQ(three.receive_all(), "");
    gate.open = true;
    EXPECT_EQ(one.receive_answer().status, 200);
    EXPECT_EQ(two.receive_answer().status, 200);
}

TEST_F(HttpServerTest, StopClosesIdleConnectionsAndLetsARequestInHandFinish) {
    Gate gate;
    const auto server =
        serve({}, [&gate](HttpRequest request) { return gate.wait(std::move(request)); });
    RawSocket idle(server->port());
    RawSocket busy(server->port());
    busy.send(get("/busy"));
    ASSERT_TRUE(eventually([&] { return gate.waiting == 1; }));
    ASSERT_TRUE(eventually([] { return live_tasks() == 3; }));
    on_loop([&] { server->stop(); });
    EXPECT_EQ(idle.receive_all(), "");
    gate.open = true;
    const auto answer = busy.receive_all();
    EXPECT_NE(answer.find("late /busy"), std::string::npos);
    EXPECT_NE(answer.find("Connection: close"), std::string::npos);
    RawSocket late;
    EXPECT_THROW(late.connect(server->port()), std::runtime_error);
}

TEST_F(HttpServerTest, SaysWhichPortIsTaken) {
    const auto port = serve_mirror();
    HttpServerOptions options;
    options.port = port;
    const auto second = HttpServer::listen(executor(), options, &mirror);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, Errc::exists);
    EXPECT_NE(second.error().message.find("127.0.0.1"), std::string::npos);
    EXPECT_NE(second.error().message.find(std::to_string(port)), std::string::npos);
}

TEST_F(HttpServerTest, RefusesAnAddressThatIsNotOurs) {
    HttpServerOptions options;
    options.host = "192.0.2.1";  // TEST-NET-1 (RFC 5737)
    const auto server = HttpServer::listen(executor(), options, &mirror);
    ASSERT_FALSE(server);
    EXPECT_EQ(server.error().code, Errc::bad_config);
    EXPECT_NE(server.error().message.find("192.0.2.1"), std::string::npos);
    options.host = "not a host name";
    const auto nonsense = HttpServer::listen(executor(), options, &mirror);
    ASSERT_FALSE(nonsense);
    EXPECT_EQ(nonsense.error().code, Errc::bad_config);
}

#if defined(__linux__)
TEST_F(HttpServerTest, SeveralListenersMayShareAPort) {
    HttpServerOptions options;
    options.reuse_port = true;
    const auto first = serve(options, &mirror);
    options.port = first->port();
    const auto second = serve(options, &mirror);
    for (int i = 0; i < 8; ++i) {
        RawSocket client(first->port());
        client.send(get("/shared"));
        EXPECT_EQ(client.receive_answer().status, 200);
    }
}

double cpu_seconds() {
    timespec used{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) * 1e-9;
}

TEST_F(HttpServerTest, OutOfDescriptorsItSaysSoOnceAndWaitsWithoutSpinning) {
    std::atomic<int> complaints{0};
    log::Options options;
    options.write = [&](std::string_view line) {
        if (line.find("cannot accept") != std::string_view::npos) ++complaints;
    };
    log::start(options);
    const auto port = serve_mirror();
    RawSocket client;
    rlimit before{};
    getrlimit(RLIMIT_NOFILE, &before);
    rlimit none = before;
    none.rlim_cur = static_cast<rlim_t>(client.fd()) + 1;  // lower numbers are all taken
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
    const auto cpu = cpu_seconds();
    client.connect(port);
    client.send(get("/patience"));
    EXPECT_TRUE(eventually([&] { return complaints > 0; }));
    EXPECT_THROW(client.receive_some(milliseconds(350)), std::runtime_error);
    EXPECT_LT(cpu_seconds() - cpu, 0.25);
    setrlimit(RLIMIT_NOFILE, &before);
    EXPECT_EQ(client.receive_answer().status, 200);
    log::flush();
    log::stop();
    EXPECT_EQ(complaints, 1);
}
#endif

}  // namespace
}  // namespace bridge::net::test
