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

}  // namespace
}  // namespace bridge::web
