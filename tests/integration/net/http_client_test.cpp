#include "net/http_client.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstdlib>
#include <mutex>
#include <set>

#include "tests/integration/net/net_fixture.hpp"
#include "tests/integration/net/tls_front.hpp"

namespace bridge::net::test {
namespace {

using Stage = HttpFailure::Stage;
using Outcome = tl::expected<HttpResponse, HttpFailure>;

asio::awaitable<HttpResponse> answer(HttpRequest request) {
    const auto path = request.path();
    if (path == "/slow") {
        asio::steady_timer timer(co_await asio::this_coro::executor, milliseconds(400));
        co_await timer.async_wait(asio::use_awaitable);
    }
    if (path == "/large") co_return respond(200, "text/plain", std::string(5000, 'L'));
    if (path == "/peer") co_return respond(200, "text/plain", request.peer);
    if (path == "/303" || path == "/307" || path == "/loop") {
        HttpResponse response;
        response.status = path == "/303" ? 303 : 307;
        response.headers.add("Location", path == "/loop" ? "/loop" : "/target");
        co_return response;
    }
    auto text = request.method + " " + request.target + "\n";
    for (const auto& [name, value] : request.headers.fields()) text += name + ": " + value + "\n";
    text += "\n" + request.body;
    auto response = respond(201, "text/plain", text);
    response.headers.add("X-Many", "one");
    response.headers.add("X-Many", "two");
    co_return response;
}

asio::awaitable<Outcome> ask(std::shared_ptr<HttpClient> client, HttpCall call) {
    co_return co_await client->request(std::move(call));
}

/// Sets an environment variable and puts the old value back.
class Environment {
public:
    Environment(const char* name, const std::string& value) : name_(name) {
        const char* old = std::getenv(name);
        had_ = old != nullptr;
        if (had_) old_ = old;
        ::setenv(name, value.c_str(), 1);
    }
    ~Environment() {
        if (had_) {
            ::setenv(name_, old_.c_str(), 1);
        } else {
            ::unsetenv(name_);
        }
    }
    Environment(const Environment&) = delete;
    Environment& operator=(const Environment&) = delete;

private:
    const char* name_;
    bool had_ = false;
    std::string old_;
};

asio::awaitable<HttpResponse> redirect_to(std::string location) {
    HttpResponse response;
    response.status = 307;
    response.headers.set("Location", location);
    co_return response;
}

class HttpClientTest : public LoopTest {
protected:
    void SetUp() override { use({}); }

    void use(const HttpClientOptions& options) {
        on_loop([&] { client_ = HttpClient::make(executor(), options); });
    }
    std::uint16_t serve_answers() { return serve({}, &answer)->port(); }

    static HttpCall get(std::uint16_t port, const std::string& target) {
        HttpCall call;
        call.url = "http://127.0.0.1:" + std::to_string(port) + target;
        return call;
    }
    static HttpCall post(std::uint16_t port, const std::string& target) {
        auto call = get(port, target);
        call.method = "POST";
        call.body = "To=%2B1555&From=a";
        call.headers.add("Content-Type", "application/x-www-form-urlencoded");
        return call;
    }

    Outcome request(HttpCall call) { return run(ask(client_, std::move(call))); }
    auto request_later(HttpCall call) {
        return asio::co_spawn(executor(), ask(client_, std::move(call)), asio::use_future);
    }

    static void expect_failure(const Outcome& outcome, Errc code, Stage stage, bool sent) {
        ASSERT_FALSE(outcome) << outcome->status << " " << outcome->body;
        EXPECT_EQ(outcome.error().error.code, code) << outcome.error().error.message;
        EXPECT_EQ(outcome.error().stage, stage) << outcome.error().error.message;
        EXPECT_EQ(outcome.error().request_sent, sent) << outcome.error().error.message;
        EXPECT_FALSE(outcome.error().error.message.empty());
    }

    void TearDown() override {
        on_loop([this] { client_.reset(); });
        LoopTest::TearDown();
    }

    std::shared_ptr<HttpClient> client_;
};

TEST_F(HttpClientTest, SendsARequestAndReadsItsAnswer) {
    auto call = get(serve_answers(), "/2010-04-01/Accounts.json?PageSize=1");
    call.headers.add("X-Custom", "value");
    call.headers.add("X-Empty", "");
    const auto outcome = request(call);
    ASSERT_TRUE(outcome) << outcome.error().error.message;
    EXPECT_EQ(outcome->status, 201);
    EXPECT_EQ(outcome->headers.find("content-type"), "text/plain");
    EXPECT_EQ(outcome->headers.find("X-Many"), "one");
    EXPECT_EQ(outcome->body.substr(0, outcome->body.find('\n')),
              "GET /2010-04-01/Accounts.json?PageSize=1");
    EXPECT_NE(outcome->body.find("X-Custom: value\n"), std::string::npos);
    EXPECT_NE(outcome->body.find("X-Empty: \n"), std::string::npos);
    EXPECT_NE(outcome->body.find("User-Agent: agentbridge\n"), std::string::npos);
}

TEST_F(HttpClientTest, PostsABodyWithBasicAuth) {
    auto call = post(serve_answers(), "/Calls.json");
    call.user = "AC1";
    call.password = Secret("tok:en");
    const auto outcome = request(call);
    ASSERT_TRUE(outcome) << outcome.error().error.message;
    EXPECT_EQ(outcome->body.substr(0, 16), "POST /Calls.json");
    EXPECT_NE(outcome->body.find("Authorization: Basic QUMxOnRvazplbg==\n"), std::string::npos);
    EXPECT_NE(outcome->body.find("Content-Type: application/x-www-form-urlencoded\n"),
              std::string::npos);
    EXPECT_EQ(outcome->body.find("Expect:"), std::string::npos);
    EXPECT_EQ(outcome->body.substr(outcome->body.find("\n\n") + 2), call.body);
}

TEST_F(HttpClientTest, ALargeBodyGoesOutWithoutWaitingForContinue) {
    auto call = post(serve_answers(), "/large-upload");
    call.body.assign(200'000, 'u');
    const auto outcome = request(call);
    ASSERT_TRUE(outcome) << outcome.error().error.message;
    EXPECT_EQ(outcome->body.substr(outcome->body.find("\n\n") + 2), call.body);
}

TEST_F(HttpClientTest, CarriesTheUrlByteForByte) {
    const auto port = serve_answers();
    for (const std::string target : {"/a/../b/./c//d", "/%7e%2F%2f?x=%20+&y=a'b&&z=%e2%98%83", "/?",
                                     "/x?u=http://y/?z", "/~a;b=c,d"}) {
        const auto outcome = request(get(port, target));
        ASSERT_TRUE(outcome) << outcome.error().error.message;
        EXPECT_EQ(outcome->body.substr(0, outcome->body.find('\n')), "GET " + target);
    }
}

TEST_F(HttpClientTest, KnowsTheOtherMethods) {
    const auto port = serve_answers();
    for (const std::string method : {"PUT", "DELETE", "PATCH", "OPTIONS"}) {
        auto call = get(port, "/m");
        call.method = method;
        const auto outcome = request(call);
        ASSERT_TRUE(outcome) << outcome.error().error.message;
        EXPECT_EQ(outcome->body.substr(0, outcome->body.find('\n')), method + " /m");
    }
    auto call = get(port, "/m");
    call.method = "HEAD";
    const auto outcome = request(call);
    ASSERT_TRUE(outcome) << outcome.error().error.message;
    EXPECT_EQ(outcome->status, 201);
    EXPECT_EQ(outcome->body, "");
    call.method = "POST";  // without a body
    const auto empty = request(call);
    ASSERT_TRUE(empty) << empty.error().error.message;
    EXPECT_NE(empty->body.find("Content-Length: 0\n"), std::string::npos) << empty->body;
    EXPECT_EQ(empty->body.find("Content-Type"), std::string::npos) << empty->body;
}

TEST_F(HttpClientTest, UsesAConnectionAgain) {
    const auto port = serve_answers();
    const auto first = request(get(port, "/peer"));
    const auto second = request(get(port, "/peer"));
    ASSERT_TRUE(first && second);
    EXPECT_EQ(first->body, second->body);
}

TEST_F(HttpClientTest, ManyRequestsRunAtOnce) {
    const auto port = serve_answers();
    std::vector<std::future<Outcome>> all;
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < 30; ++i) all.push_back(request_later(get(port, "/slow")));
    for (auto& one : all) {
        ASSERT_EQ(one.wait_for(kPatience), std::future_status::ready);
        EXPECT_TRUE(one.get());
    }
    // One after another they would take twelve seconds.
    EXPECT_LT(std::chrono::steady_clock::now() - start, seconds(6));
}

// ---- failures, and whether anything was sent

TEST_F(HttpClientTest, AnUnknownNameMeansNothingWasSent) {
    HttpCall call;
    call.url = "http://no-such-host.invalid/x?token=secret";
    call.connect_timeout = seconds(2);
    use({.ca_file = "", .use_proxy = false, .user_agent = ""});
    const auto outcome = request(call);
    expect_failure(outcome, Errc::unreachable, Stage::resolve, false);
    EXPECT_EQ(outcome.error().error.message.find("secret"), std::string::npos);
    EXPECT_NE(outcome.error().error.message.find("no-such-host.invalid"), std::string::npos);
}

TEST_F(HttpClientTest, ARefusedConnectionMeansNothingWasSent) {
    const DeafPort deaf;
    expect_failure(request(post(deaf.port(), "/x")), Errc::unreachable, Stage::connect, false);
}

#if defined(__linux__)
TEST_F(HttpClientTest, AConnectionThatIsNotAnsweredMeansNothingWasSent) {
    const FullPort full;
    auto call = post(full.port(), "/x");
    call.connect_timeout = milliseconds(100);
    expect_failure(request(call), Errc::unreachable, Stage::connect, false);
}
#endif

TEST_F(HttpClientTest, ATimeoutAfterSendingMayHaveBeenActedUpon) {
    const RawListener silent;
    auto call = post(silent.port(), "/x");
    call.total_timeout = milliseconds(100);
    expect_failure(request(call), Errc::timed_out, Stage::wait, true);
}

TEST_F(HttpClientTest, ATimeoutInTheMiddleOfTheAnswerIsToldApart) {
    const RawListener listener;
    auto call = post(listener.port(), "/x");
    call.total_timeout = milliseconds(300);
    auto later = request_later(call);
    auto peer = listener.accept();
    peer.receive_until(call.body);
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
    expect_failure(later.get(), Errc::timed_out, Stage::receive, true);
}

TEST_F(HttpClientTest, AServerThatHangsUpWithoutAnAnswerMayHaveActed) {
    const RawListener listener;
    const auto call = post(listener.port(), "/x");
    auto later = request_later(call);
    {
        auto peer = listener.accept();
        peer.receive_until(call.body);
    }
    expect_failure(later.get(), Errc::connection_lost, Stage::wait, true);
}

TEST_F(HttpClientTest, AServerThatHangsUpInTheMiddleOfTheAnswerIsALostConnection) {
    const RawListener listener;
    const auto call = post(listener.port(), "/x");
    auto later = request_later(call);
    {
        auto peer = listener.accept();
        peer.receive_until(call.body);
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
    }
    expect_failure(later.get(), Errc::connection_lost, Stage::receive, true);
}

TEST_F(HttpClientTest, AnAnswerThatIsNotHttpIsAProtocolError) {
    const RawListener listener;
    const auto call = post(listener.port(), "/x");
    auto later = request_later(call);
    auto peer = listener.accept();
    peer.receive_until(call.body);
    peer.send("220 mail.example.com ESMTP, and some more of it\r\n\r\n");
    peer.close();
    const auto outcome = later.get();
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().error.code, Errc::protocol) << outcome.error().error.message;
    EXPECT_TRUE(outcome.error().request_sent);
}

TEST_F(HttpClientTest, AnAnswerOverTheLimitIsTooLarge) {
    auto call = get(serve_answers(), "/large");
    call.response_bytes = 4999;
    expect_failure(request(call), Errc::too_large, Stage::receive, true);
    call.response_bytes = 5000;
    EXPECT_TRUE(request(call));
}

TEST_F(HttpClientTest, ABodyCanBeTakenPieceByPieceAsItComes) {
    RawListener listener;
    std::mutex mutex;
    std::string taken;
    const auto has = [&](std::string_view text) {
        return eventually([&] {
            const std::lock_guard lock(mutex);
            return taken == text;
        });
    };
    HttpCall call;
    call.url = "http://127.0.0.1:" + std::to_string(listener.port()) + "/";
    call.on_body = [&](std::string_view piece) {
        const std::lock_guard lock(mutex);
        taken += piece;
        return taken.find("stop") == std::string::npos;
    };
    const auto begin = [&](HttpCall one) {
        return asio::co_spawn(executor(), ask(client_, std::move(one)), asio::use_future);
    };
    const std::string head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

    auto whole = begin(call);
    auto socket = listener.accept();
    socket.receive_until("\r\n\r\n");
    ASSERT_TRUE(socket.send(head + "5\r\nfirst\r\n"));
    EXPECT_TRUE(has("first")) << "before the second is sent";
    ASSERT_TRUE(socket.send("7\r\n second\r\n0\r\n\r\n"));
    const auto outcome = whole.get();
    ASSERT_TRUE(outcome) << outcome.error().error.message;
    EXPECT_TRUE(outcome->body.empty());
    EXPECT_TRUE(has("first second"));
    socket.close();

    auto stopped = begin(call);
    socket = listener.accept();
    socket.receive_until("\r\n\r\n");
    ASSERT_TRUE(socket.send(head + "4\r\nstop\r\n"));
    EXPECT_EQ(stopped.get().error().error.code, Errc::cancelled);
    socket.close();

    auto refused = begin(call);
    socket = listener.accept();
    socket.receive_until("\r\n\r\n");
    ASSERT_TRUE(socket.send("HTTP/1.1 401 No\r\nContent-Length: 7\r\n\r\nno key!"));
    EXPECT_EQ(refused.get()->body, "no key!") << "only what was asked for is taken apart";
    socket.close();

    call.response_bytes = 8;
    call.on_body = [](std::string_view) { return true; };
    auto large = begin(call);
    socket = listener.accept();
    socket.receive_until("\r\n\r\n");
    ASSERT_TRUE(socket.send(head + "5\r\nfirst\r\n5\r\nfirst\r\n"));
    EXPECT_EQ(large.get().error().error.code, Errc::too_large);
}

TEST_F(HttpClientTest, AUrlThatIsNoneIsSaidToBeOne) {
    for (const char* url : {"", "http://", "ftp://127.0.0.1/x", "http://127.0.0.1:99999/",
                            "http://127.0.0.1/\r\nX: y"}) {
        HttpCall call;
        call.url = url;
        const auto outcome = request(call);
        ASSERT_FALSE(outcome) << url;
        EXPECT_EQ(outcome.error().error.code, Errc::bad_field) << url;
        EXPECT_FALSE(outcome.error().request_sent) << url;
    }
    auto call = get(1, "/");
    call.headers.add("X-A", "b\r\nX-C: d");
    const auto outcome = request(call);
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().error.code, Errc::bad_field);
}

/// A keep-alive server that answers the first request and closes on the second.
std::size_t requests_until_given_up(const RawListener& listener, const std::string& mark) {
    std::size_t requests = 0;
    {
        auto peer = listener.accept();
        peer.receive_until(mark);
        ++requests;
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        if (!peer.receive_until(mark).empty()) ++requests;
    }
    return requests;
}

TEST_F(HttpClientTest, APostIsNeverRepeatedOnItsOwnWhenAReusedConnectionDies) {
    const RawListener listener;
    const auto call = post(listener.port(), "/Calls.json");
    std::size_t requests = 0;
    std::thread server([&] { requests = requests_until_given_up(listener, call.body); });
    ASSERT_TRUE(request(call));
    const auto second = request(call);
    server.join();
    EXPECT_EQ(requests, 2U);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().error.code, Errc::connection_lost) << second.error().error.message;
    EXPECT_TRUE(second.error().request_sent);
    // A new connection may have been opened in vain; no request came over it.
    if (listener.somebody_waits()) {
        EXPECT_EQ(listener.accept().receive_all(), "");
    }
}

TEST_F(HttpClientTest, AGetIsRepeatedWhenAReusedConnectionDies) {
    const RawListener listener;
    const auto call = get(listener.port(), "/x");
    std::thread server([&] {
        requests_until_given_up(listener, "\r\n\r\n");
        auto peer = listener.accept();
        peer.receive_until("\r\n\r\n");
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nagain");
    });
    ASSERT_TRUE(request(call));
    const auto second = request(call);
    server.join();
    ASSERT_TRUE(second) << second.error().error.message;
    EXPECT_EQ(second->body, "again");
}

// ---- redirects

TEST_F(HttpClientTest, ARedirectIsAnAnswerUnlessFollowingIsAskedFor) {
    const auto outcome = request(get(serve_answers(), "/307"));
    ASSERT_TRUE(outcome);
    EXPECT_EQ(outcome->status, 307);
    EXPECT_EQ(outcome->headers.find("Location"), "/target");
}

TEST_F(HttpClientTest, FollowsRedirectsWithTheRightMethod) {
    const auto port = serve_answers();
    auto call = post(port, "/307");
    call.max_redirects = 3;
    const auto same = request(call);
    ASSERT_TRUE(same) << same.error().error.message;
    EXPECT_EQ(same->body.substr(0, 12), "POST /target");
    EXPECT_NE(same->body.find(call.body), std::string::npos);
    call.url = get(port, "/303").url;
    const auto other = request(call);
    ASSERT_TRUE(other) << other.error().error.message;
    EXPECT_EQ(other->body.substr(0, 11), "GET /target");
}

TEST_F(HttpClientTest, TellsThePasswordToNoOtherHost) {
    const auto target = serve_answers();
    const auto location = "http://127.0.0.1:" + std::to_string(target) + "/elsewhere";
    const auto first = serve({}, [location](HttpRequest) { return redirect_to(location); })->port();
    auto call = get(first, "/Recordings/RE1.wav");
    call.user = "AC1";
    call.password = Secret("tok:en");
    call.max_redirects = 3;
    const auto outcome = request(call);
    ASSERT_TRUE(outcome) << outcome.error().error.message;
    EXPECT_EQ(outcome->body.substr(0, 14), "GET /elsewhere");
    EXPECT_EQ(outcome->body.find("Authorization"), std::string::npos) << outcome->body;
}
TEST_F(HttpClientTest, ALoopOfRedirectsEnds) {
    auto call = get(serve_answers(), "/loop");
    call.max_redirects = 3;
    const auto outcome = request(call);
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().error.code, Errc::protocol);
    EXPECT_TRUE(outcome.error().request_sent);
}

// ---- cancellation

TEST_F(HttpClientTest, CancellingTheCoroutineEndsTheTransfer) {
    const RawListener silent;
    asio::cancellation_signal signal;
    std::promise<Outcome> promise;
    on_loop([&] {
        asio::co_spawn(
            executor(), ask(client_, post(silent.port(), "/x")),
            asio::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr, Outcome outcome) {
                promise.set_value(std::move(outcome));
            }));
    });
    auto peer = silent.accept();
    peer.receive_until("From=a");
    on_loop([&] { signal.emit(asio::cancellation_type::terminal); });
    auto future = promise.get_future();
    ASSERT_EQ(future.wait_for(kPatience), std::future_status::ready);
    const auto outcome = future.get();
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().error.code, Errc::cancelled);
    EXPECT_TRUE(outcome.error().request_sent);
    EXPECT_EQ(peer.receive_all(), "");  // the connection is gone, not merely forgotten
}

TEST_F(HttpClientTest, RequestsOfAClientThatGoesAwayEndAsCancelled) {
    const RawListener silent;
    auto call = post(silent.port(), "/x");
    std::future<Outcome> later;
    on_loop([&] {
        // The coroutine must not keep the client: request() is called, the client then let go.
        later = asio::co_spawn(executor(), client_->request(call), asio::use_future);
    });
    auto peer = silent.accept();
    peer.receive_until("From=a");
    on_loop([&] { client_.reset(); });
    ASSERT_EQ(later.wait_for(kPatience), std::future_status::ready);
    const auto outcome = later.get();
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().error.code, Errc::cancelled);
    EXPECT_EQ(peer.receive_all(), "");
}

// ---- proxies

TEST_F(HttpClientTest, GoesThroughTheProxyOfTheEnvironmentButNotToThisMachine) {
    const auto port = serve_answers();
    const Environment proxy("http_proxy", "http://127.0.0.1:" + std::to_string(port));
    const Environment no_proxy("no_proxy", "excluded.invalid");
    HttpCall call;
    call.url = "http://api.example.invalid/x";
    const auto through = request(call);
    ASSERT_TRUE(through) << through.error().error.message;
    EXPECT_EQ(through->body.substr(0, through->body.find('\n')),
              "GET http://api.example.invalid/x");
    const DeafPort deaf;
    const Environment dead("http_proxy", "http://127.0.0.1:" + std::to_string(deaf.port()));
    EXPECT_TRUE(request(get(port, "/direct")));
    call.url = "http://localhost:" + std::to_string(port) + "/direct";
    EXPECT_TRUE(request(call));
    call.url = "http://excluded.invalid/";
    call.connect_timeout = seconds(2);
    expect_failure(request(call), Errc::unreachable, Stage::resolve, false);
}

TEST_F(HttpClientTest, AProxyThatRefusesTheTunnelMeansNothingWasSent) {
    const RawListener listener;
    const Environment proxy("https_proxy", "http://127.0.0.1:" + std::to_string(listener.port()));
    HttpCall call;
    call.url = "https://api.example.invalid/x";
    auto later = request_later(call);
    auto peer = listener.accept();
    EXPECT_EQ(peer.receive_until("\r\n").substr(0, 8), "CONNECT ");
    peer.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
    const auto outcome = later.get();
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().error.code, Errc::unreachable) << outcome.error().error.message;
    EXPECT_FALSE(outcome.error().request_sent);
}

// ---- TLS

TEST_F(HttpClientTest, SpeaksTlsWithACertificateItTrusts) {
    const auto certificate = make_certificate("DNS:localhost");
    const TemporaryFile trusted(certificate.certificate_pem);
    const TlsFront front(certificate, serve_answers());
    use({.ca_file = trusted.path(), .use_proxy = true, .user_agent = "test/1"});
    HttpCall call;
    call.url = "https://localhost:" + std::to_string(front.port()) + "/secure";
    const auto outcome = request(call);
    ASSERT_TRUE(outcome) << outcome.error().error.message;
    EXPECT_EQ(outcome->body.substr(0, 11), "GET /secure");
    EXPECT_NE(outcome->body.find("User-Agent: test/1\n"), std::string::npos);
    on_loop([this] { client_.reset(); });
}

TEST_F(HttpClientTest, AnUntrustedCertificateMeansNothingWasSent) {
    const TlsFront front(make_certificate("DNS:localhost"), 1);
    HttpCall call;
    call.method = "POST";
    call.url = "https://localhost:" + std::to_string(front.port()) + "/";
    expect_failure(request(call), Errc::unreachable, Stage::tls, false);
}

TEST_F(HttpClientTest, ACertificateOfAnotherHostMeansNothingWasSent) {
    const auto certificate = make_certificate("DNS:other.example");
    const TemporaryFile trusted(certificate.certificate_pem);
    const TlsFront front(certificate, 1);
    use({.ca_file = trusted.path(), .use_proxy = true, .user_agent = ""});
    HttpCall call;
    call.url = "https://localhost:" + std::to_string(front.port()) + "/";
    expect_failure(request(call), Errc::unreachable, Stage::tls, false);
}

TEST_F(HttpClientTest, ATlsHandshakeThatIsNotAnsweredMeansNothingWasSent) {
    const RawListener silent;
    HttpCall call;
    call.method = "POST";
    call.url = "https://127.0.0.1:" + std::to_string(silent.port()) + "/";
    call.connect_timeout = milliseconds(100);
    expect_failure(request(call), Errc::unreachable, Stage::tls, false);
}

}  // namespace
}  // namespace bridge::net::test
