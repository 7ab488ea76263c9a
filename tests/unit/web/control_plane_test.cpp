#include "web/control_plane.hpp"

#include <gtest/gtest.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <thread>

namespace bridge::web {
namespace {

namespace asio = boost::asio;

constexpr PageFile kPage[] = {
    {"/index.html", "text/html; charset=utf-8", "\"aa\"", "<!doctype html>", "zipped index"},
    {"/assets/a-1.js", "text/javascript; charset=utf-8", "\"bb\"", "let a;", "zipped"},
    {"/icon.png", "image/png", "\"cc\"", "png", ""},
};

class ControlPlaneTest : public testing::Test {
protected:
    void SetUp() override {
        ControlOptions options;
        options.port = 0;
        options.door = std::make_shared<Door>(
            DoorOptions{"127.0.0.1", false, Secret{"the-token"}, Secret{"the-session"}, {}});
        options.page.emplace(kPage);
        options.metrics = [] { return std::string("calls 1\n"); };
        ApiParts parts;
        parts.calls = &registry;
        parts.desk = call::Desk::open(registry, bus, loop.get_executor(), {});
        parts.door = options.door;
        parts.about = {"1.2.3", 42, "2026-01-02T03:04:05.000Z", "abc", "twilio"};
        options.api = std::make_shared<Api>(loop.get_executor(), std::move(parts));
        auto made = ControlPlane::listen(loop.get_executor(), options);
        ASSERT_TRUE(made) << made.error().message;
        plane = *made;
        plane->start();
    }

    /// The whole answer to one request.
    std::string ask(const std::string& method, const std::string& path,
                    const std::string& host = "127.0.0.1", const std::string& more = {},
                    const std::string& body = {}) {
        std::string answer;
        std::thread client([&, port = plane->port()] {
            asio::io_context mine;
            asio::ip::tcp::socket socket(mine);
            socket.connect({asio::ip::make_address("127.0.0.1"), port});
            asio::write(socket, asio::buffer(method + " " + path + " HTTP/1.1\r\nHost: " + host +
                                             "\r\n" + more +
                                             (more.find("Connection:") == std::string::npos
                                                  ? "Connection: close\r\n\r\n"
                                                  : "\r\n") +
                                             body));
            boost::system::error_code end;
            asio::read(socket, asio::dynamic_buffer(answer), end);
            asio::post(loop, [this] { loop.stop(); });
        });
        loop.restart();
        loop.run();
        client.join();
        return answer;
    }
    static int status(const std::string& answer) {
        return answer.size() < 12 ? 0 : std::stoi(answer.substr(9, 3));
    }

    asio::io_context loop;
    VirtualClock clock;
    call::EventBus bus;
    call::CallRegistry registry{{{loop.get_executor(), &clock}}, {bus, nullptr, nullptr, {}}};
    std::shared_ptr<ControlPlane> plane;
};

TEST_F(ControlPlaneTest, SaysInOneWordThatItIsWell) {
    const auto answer = ask("GET", "/healthz");
    EXPECT_EQ(status(answer), 200);
    EXPECT_TRUE(answer.ends_with("\r\n\r\nok\n")) << answer;
    EXPECT_TRUE(ask("GET", "/readyz").ends_with("ready\n"));
}

TEST_F(ControlPlaneTest, IsNotReadyOnceItTakesNoCalls) {
    plane->drain();
    EXPECT_EQ(status(ask("GET", "/readyz")), 503);
    EXPECT_EQ(status(ask("GET", "/healthz")), 200);
}

TEST_F(ControlPlaneTest, ShowsFiguresToWhoeverHasTheToken) {
    EXPECT_EQ(status(ask("GET", "/metrics")), 401);
    EXPECT_EQ(status(ask("GET", "/metrics", "127.0.0.1", "Authorization: Bearer wrong\r\n")), 401);
    EXPECT_EQ(status(ask("GET", "/metrics", "127.0.0.1", "Authorization: Bearer the-toke\r\n")),
              401);
    const auto answer =
        ask("GET", "/metrics?x=1", "localhost:9", "Authorization: Bearer the-token\r\n");
    EXPECT_EQ(status(answer), 200);
    EXPECT_NE(answer.find("calls 1\n"), std::string::npos);
    EXPECT_NE(answer.find("version=0.0.4"), std::string::npos);
}

TEST_F(ControlPlaneTest, AnswersToNoNameButThisMachines) {
    EXPECT_EQ(status(ask("GET", "/healthz", "evil.example")), 421);
    EXPECT_EQ(status(ask("GET", "/healthz", "127.0.0.1.evil.example")), 421);
    EXPECT_EQ(status(ask("GET", "/healthz", "[::1]:8080")), 200);
}

TEST_F(ControlPlaneTest, HasNothingElse) {
    EXPECT_EQ(status(ask("GET", "/twilio/voice")), 404);
    EXPECT_EQ(status(ask("POST", "/metrics", "127.0.0.1", "Content-Length: 0\r\n")), 405);
}

TEST_F(ControlPlaneTest, LetsNobodyElseUseTheApi) {
    const std::string token = "Authorization: Bearer the-token\r\n";
    struct Case {
        std::string host, headers;
        int expected;
        std::string code;
    };
    const std::vector<Case> cases{
        {"127.0.0.1", "", 401, "unauthorized"},
        {"127.0.0.1", "Authorization: Bearer the-toke\r\n", 401, "unauthorized"},
        {"127.0.0.1", "Authorization: Basic the-token\r\n", 401, "unauthorized"},
        {"127.0.0.1", "Authorization: the-token\r\n", 401, "unauthorized"},
        {"evil.example", token, 421, "wrong_host"},
        {"127.0.0.1", token + "Origin: http://evil.example\r\n", 403, "wrong_origin"},
        {"127.0.0.1", token + "Origin: null\r\n", 403, "wrong_origin"},
        {"127.0.0.1:8080", token + "Origin: https://127.0.0.1:8080\r\n", 403, "wrong_origin"},
        {"127.0.0.1:8080", token + "Origin: http://127.0.0.1:8081\r\n", 403, "wrong_origin"},
        {"127.0.0.1:8080", token + "Origin: http://127.0.0.1:8080\r\n", 200, ""},
        {"localhost:8080", token, 200, ""},
    };
    for (const auto& one : cases) {
        const auto answer = ask("GET", "/api/v1/calls", one.host, one.headers);
        EXPECT_EQ(status(answer), one.expected) << one.host << " " << one.headers;
        EXPECT_NE(answer.find(one.code.empty() ? "{\"calls\":[]," : "\"code\":\"" + one.code),
                  std::string::npos)
            << answer;
        // A command is refused as early: 404, since there is no such call.
        const auto post =
            ask("POST", "/api/v1/calls/c_1/mute", one.host, one.headers + "Content-Length: 0\r\n");
        EXPECT_EQ(status(post), one.expected == 200 ? 404 : one.expected);
    }
}

std::string header(const std::string& answer, const std::string& name) {
    const auto at = answer.find("\r\n" + name + ": ");
    if (at == std::string::npos || at > answer.find("\r\n\r\n")) return {};
    const auto begin = at + name.size() + 4;
    return answer.substr(begin, answer.find("\r\n", begin) - begin);
}

std::string json_body(const std::string& text) {
    return "Content-Type: application/json\r\nContent-Length: " + std::to_string(text.size()) +
           "\r\n";
}

TEST_F(ControlPlaneTest, GivesThePageACookieForTheToken) {
    const std::string right = R"({"token":"the-token"})", wrong = R"({"token":"the-tokem"})";
    const auto path = "/api/v1/session";
    const auto answer = ask("POST", path, "127.0.0.1", json_body(right), right);
    EXPECT_EQ(status(answer), 204);
    const auto name = "agentbridge_" + std::to_string(plane->port());
    EXPECT_EQ(header(answer, "Set-Cookie"),
              name + "=the-session; HttpOnly; SameSite=Strict; Path=/");
    EXPECT_EQ(answer.find("the-token"), std::string::npos);
    const auto refused = ask("POST", path, "127.0.0.1", json_body(wrong), wrong);
    EXPECT_EQ(status(refused), 401);
    EXPECT_EQ(header(refused, "Set-Cookie"), "");
    EXPECT_EQ(status(ask("POST", path, "127.0.0.1",
                         "Content-Type: text/plain\r\nContent-Length: 21\r\n", right)),
              415);
    EXPECT_EQ(status(ask("POST", path, "127.0.0.1",
                         json_body(right) + "Origin: http://evil.example\r\n", right)),
              403);

    const std::string cookie = "Cookie: other=1; " + name + "=the-session\r\n";
    const auto session = ask("GET", path, "127.0.0.1", cookie);
    EXPECT_EQ(status(session), 200);
    EXPECT_NE(session.find(R"("version":"1.2.3")"), std::string::npos);
    EXPECT_EQ(status(ask("GET", path)), 401);
    EXPECT_EQ(status(ask("GET", path, "127.0.0.1", "Cookie: agentbridge_1=the-session\r\n")), 401);
    EXPECT_EQ(status(ask("GET", path, "127.0.0.1", "Cookie: " + name + "=the-token\r\n")), 401);
    const auto ended = ask("DELETE", path, "127.0.0.1", cookie + "Origin: http://127.0.0.1\r\n");
    EXPECT_EQ(status(ended), 204);
    EXPECT_EQ(header(ended, "Set-Cookie"),
              name + "=; Max-Age=0; HttpOnly; SameSite=Strict; Path=/");
}

TEST_F(ControlPlaneTest, TakesTheCookieFromItsOwnPageOnly) {
    const std::string cookie =
        "Cookie: agentbridge_" + std::to_string(plane->port()) + "=the-session\r\n";
    const std::string host = "127.0.0.1:" + std::to_string(plane->port());
    const std::string own = "Origin: http://" + host + "\r\n";
    const std::string empty = "Content-Length: 0\r\n";
    const auto mute = "/api/v1/calls/c_1/mute";
    EXPECT_EQ(status(ask("POST", mute, host, cookie + own + empty)), 404) << "no such call";
    EXPECT_EQ(status(ask("POST", mute, host, cookie + empty)), 403) << "from nowhere";
    EXPECT_EQ(status(ask("POST", mute, host, cookie + empty + "Origin: http://127.0.0.1:1\r\n")),
              403);
    EXPECT_EQ(status(ask("GET", "/api/v1/calls", host, cookie)), 200);
    EXPECT_EQ(status(ask("GET", "/api/v1/calls", host, cookie + own)), 200);
    EXPECT_EQ(status(ask("GET", "/api/v1/calls", host, cookie + "Origin: http://x\r\n")), 403);
    EXPECT_EQ(status(ask("GET", "/api/v1/calls", host, cookie + "Sec-Fetch-Site: same-site\r\n")),
              403)
        << "a page on another port of this machine";
    EXPECT_EQ(status(ask("GET", "/metrics", host, cookie)), 200);
    EXPECT_EQ(status(ask("GET", "/api/v1/calls", host, cookie + "Authorization: Bearer wrong\r\n")),
              401);
}

TEST_F(ControlPlaneTest, RefusesAWebSocketAsItRefusesARequest) {
    const std::string cookie =
        "Cookie: agentbridge_" + std::to_string(plane->port()) + "=the-session\r\n";
    const std::string upgrade =
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n";
    const auto path = "/api/v1/calls/c_1/nothing";
    EXPECT_EQ(status(ask("GET", path, "127.0.0.1", upgrade)), 401);
    EXPECT_EQ(status(ask("GET", path, "evil.example", upgrade + cookie)), 421);
    EXPECT_EQ(status(ask("GET", path, "127.0.0.1", upgrade + cookie)), 403) << "from nowhere";
    EXPECT_EQ(
        status(ask("GET", path, "127.0.0.1", upgrade + cookie + "Origin: http://127.0.0.1:81\r\n")),
        403);
    EXPECT_EQ(
        status(ask("GET", path, "127.0.0.1", upgrade + cookie + "Origin: http://127.0.0.1\r\n")),
        404);
}

TEST_F(ControlPlaneTest, ServesThePageToAnybodyOfThisMachine) {
    const auto index = ask("GET", "/");
    EXPECT_EQ(status(index), 200);
    EXPECT_TRUE(index.ends_with("\r\n\r\n<!doctype html>")) << index;
    EXPECT_EQ(header(index, "Content-Type"), "text/html; charset=utf-8");
    EXPECT_EQ(header(index, "Cache-Control"), "no-cache");
    const auto policy = header(index, "Content-Security-Policy");
    EXPECT_NE(policy.find("default-src 'none'; script-src 'self';"), std::string::npos);
    EXPECT_EQ(policy.find("unsafe"), std::string::npos);
    EXPECT_EQ(header(index, "X-Content-Type-Options"), "nosniff");
    EXPECT_EQ(header(index, "Referrer-Policy"), "no-referrer");
    EXPECT_EQ(header(index, "Cross-Origin-Opener-Policy"), "same-origin");
    EXPECT_EQ(header(index, "Permissions-Policy"), "microphone=(self)");

    const auto script = ask("GET", "/assets/a-1.js", "127.0.0.1", "Accept-Encoding: br, gzip\r\n");
    EXPECT_TRUE(script.ends_with("\r\n\r\nzipped")) << script;
    EXPECT_EQ(header(script, "Content-Encoding"), "gzip");
    EXPECT_EQ(header(script, "Vary"), "Accept-Encoding");
    EXPECT_EQ(header(script, "Cache-Control"), "public, max-age=31536000, immutable");
    EXPECT_TRUE(ask("GET", "/assets/a-1.js").ends_with("\r\n\r\nlet a;"));
    const auto head = ask("HEAD", "/assets/a-1.js");
    EXPECT_EQ(header(head, "Content-Length"), "6");
    EXPECT_TRUE(head.ends_with("\r\n\r\n"));
    EXPECT_EQ(status(ask("GET", "/", "127.0.0.1", "If-None-Match: \"aa\"\r\n")), 304);
    EXPECT_EQ(status(ask("GET", "/icon.png")), 200);
    EXPECT_EQ(status(ask("POST", "/", "127.0.0.1", "Content-Length: 0\r\n")), 405);
    EXPECT_EQ(status(ask("GET", "/", "evil.example")), 421);
}

TEST_F(ControlPlaneTest, ShowsThePageWhereverABrowserAsksForOne) {
    const std::string html = "Accept: text/html,application/xhtml+xml\r\n";
    for (const auto* path : {"/dial", "/calls/c_1", "/history?x=1"}) {
        EXPECT_TRUE(ask("GET", path, "127.0.0.1", html).ends_with("<!doctype html>")) << path;
        EXPECT_EQ(status(ask("GET", path)), 404) << path;
    }
    EXPECT_EQ(status(ask("GET", "/assets/gone.js", "127.0.0.1", html)), 404);
    EXPECT_EQ(status(ask("GET", "/api/v1/nothing", "127.0.0.1", html)), 401);
    EXPECT_EQ(status(ask("GET", "/healthz", "127.0.0.1", html)), 200);
}

TEST_F(ControlPlaneTest, DescribesItselfToAnybodyOfThisMachine) {
    const auto answer = ask("GET", "/api/v1/openapi.json");
    EXPECT_EQ(status(answer), 200);
    EXPECT_NE(answer.find("\"openapi\": \"3.1.0\""), std::string::npos);
}

TEST(Door, TakesTheCertificatesNameWithTls) {
    DoorOptions options{"0.0.0.0", true, Secret{"t"}, Secret{"s"}, {}};
    options.certified = [](const std::string& name) { return name == "bridge.example"; };
    Door door(std::move(options));
    door.opened(443);
    net::HttpRequest request;
    request.headers.set("Authorization", "Bearer t");
    request.headers.set("Host", "bridge.example:443");
    request.headers.set("Origin", "https://bridge.example:443");
    EXPECT_FALSE(door.refuses(request));
    request.headers.set("Origin", "http://bridge.example:443");
    EXPECT_EQ(door.refuses(request)->status, 403);
    request.headers.set("Host", "other.example");
    EXPECT_EQ(door.refuses(request)->status, 421);
    EXPECT_TRUE(door.cookie().ends_with("; Secure"));
    EXPECT_TRUE(door.no_cookie().ends_with("; Secure"));
}

TEST(Door, IsClosedWithoutSecrets) {
    Door door(DoorOptions{});
    net::HttpRequest request;
    request.headers.set("Host", "127.0.0.1");
    request.headers.set("Authorization", "Bearer ");
    EXPECT_EQ(door.refuses(request)->status, 401);
    net::HttpRequest other;
    other.headers.set("Host", "127.0.0.1");
    other.headers.set("Cookie", "agentbridge_0=");
    EXPECT_EQ(door.refuses(other)->status, 401);
}

TEST_F(ControlPlaneTest, TakesNoEndlessBody) {
    const auto answer = ask("POST", "/api/v1/calls", "127.0.0.1",
                            "Authorization: Bearer the-token\r\nContent-Length: 70000\r\n");
    EXPECT_EQ(status(answer), 413);
}

}  // namespace
}  // namespace bridge::web
