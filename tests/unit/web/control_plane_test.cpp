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

class ControlPlaneTest : public testing::Test {
protected:
    void SetUp() override {
        ControlOptions options;
        options.port = 0;
        options.token = Secret{"the-token"};
        options.metrics = [] { return std::string("calls 1\n"); };
        ApiParts parts;
        parts.calls = &registry;
        parts.desk = call::Desk::open(registry, bus, loop.get_executor(), {});
        options.api = std::make_shared<Api>(loop.get_executor(), std::move(parts));
        auto made = ControlPlane::listen(loop.get_executor(), options);
        ASSERT_TRUE(made) << made.error().message;
        plane = *made;
        plane->start();
    }

    /// The whole answer to one request.
    std::string ask(const std::string& method, const std::string& path,
                    const std::string& host = "127.0.0.1", const std::string& more = {}) {
        std::string answer;
        std::thread client([&, port = plane->port()] {
            asio::io_context mine;
            asio::ip::tcp::socket socket(mine);
            socket.connect({asio::ip::make_address("127.0.0.1"), port});
            asio::write(socket, asio::buffer(method + " " + path + " HTTP/1.1\r\nHost: " + host +
                                             "\r\n" + more + "Connection: close\r\n\r\n"));
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
        EXPECT_NE(answer.find(one.code.empty() ? "{\"calls\":[]}" : "\"code\":\"" + one.code),
                  std::string::npos)
            << answer;
        // A command is refused as early: 404, since there is no such call.
        const auto post =
            ask("POST", "/api/v1/calls/c_1/mute", one.host, one.headers + "Content-Length: 0\r\n");
        EXPECT_EQ(status(post), one.expected == 200 ? 404 : one.expected);
    }
}

TEST_F(ControlPlaneTest, TakesNoEndlessBody) {
    const auto answer = ask("POST", "/api/v1/calls", "127.0.0.1",
                            "Authorization: Bearer the-token\r\nContent-Length: 70000\r\n");
    EXPECT_EQ(status(answer), 413);
}

}  // namespace
}  // namespace bridge::web
