#include "net/body_stream.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <string>

#include "tests/integration/net/net_fixture.hpp"

namespace bridge::net::test {
namespace {

/// What streams of a test have in common; outlives them.
struct Source {
    std::string piece;
    std::atomic<int> pieces{0};  ///< so many at once; then it waits
    std::atomic<int> given{0}, stopped{0};
};

class TestStream final : public BodyStream {
public:
    TestStream(asio::any_io_executor executor, std::shared_ptr<Source> source)
        : source_(std::move(source)), timer_(std::move(executor)) {}

    asio::awaitable<std::string> next() override {
        if (source_->given < source_->pieces && !stopped_) {
            ++source_->given;
            co_return source_->piece;
        }
        timer_.expires_at(std::chrono::steady_clock::time_point::max());
        if (!stopped_) co_await timer_.async_wait(asio::as_tuple(asio::use_awaitable));
        co_return std::string();
    }
    void stop() override {
        stopped_ = true;
        ++source_->stopped;
        timer_.cancel();
    }

private:
    const std::shared_ptr<Source> source_;
    asio::steady_timer timer_;
    bool stopped_ = false;
};

asio::awaitable<HttpResponse> stream_of(asio::any_io_executor executor,
                                        std::shared_ptr<Source> source) {
    auto response = respond(200, "text/event-stream", "");
    response.stream = std::make_shared<TestStream>(std::move(executor), std::move(source));
    co_return response;
}

class BodyStreamTest : public LoopTest {
protected:
    std::uint16_t serve_stream(HttpLimits limits = {}) {
        HttpServerOptions options;
        options.limits = limits;
        server = serve(options, [this](HttpRequest) { return stream_of(executor(), source); });
        return server->port();
    }

    const std::shared_ptr<Source> source = std::make_shared<Source>();
    std::shared_ptr<HttpServer> server;
};

constexpr auto kAsk = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

TEST_F(BodyStreamTest, ComesAfterAHeadWithoutALength) {
    source->piece = "data: 1\n\n";
    source->pieces = 3;
    RawSocket client(serve_stream());
    client.send(kAsk);
    std::string all;
    while (all.find("data: 1\n\ndata: 1\n\ndata: 1\n\n") == std::string::npos)
        all += client.receive_some();
    EXPECT_EQ(all.find("Content-Length"), std::string::npos) << all;
    EXPECT_NE(all.find("Connection: close\r\n"), std::string::npos);
}

TEST_F(BodyStreamTest, IsStoppedAtOnceWhenItsClientGoes) {
    RawSocket client(serve_stream());
    client.send(kAsk);
    client.receive_some();
    EXPECT_EQ(source->stopped, 0);
    client.close();
    EXPECT_TRUE(eventually([&] { return source->stopped > 0; }));
}

TEST_F(BodyStreamTest, IsCutOffWhenItsClientTakesNothing) {
    source->piece = std::string(64 * 1024, 'x');
    source->pieces = 1'000'000;
    HttpLimits limits;
    limits.stream_time = milliseconds(200);
    RawSocket client(serve_stream(limits));
    client.send(kAsk);
    EXPECT_TRUE(eventually([&] { return source->stopped > 0; }));
    EXPECT_LT(source->given, 1000) << "the kernel keeps megabytes for who does not read";
}

TEST_F(BodyStreamTest, EndsWithTheServer) {
    RawSocket client(serve_stream());
    client.send(kAsk);
    client.receive_some();
    on_loop([this] { server->stop(); });
    while (!client.receive_some().empty()) {
    }
    EXPECT_TRUE(eventually([&] { return source->stopped > 0; }));
}

TEST_F(BodyStreamTest, IsNotBegunForAHead) {
    source->piece = "data: 1\n\n";
    source->pieces = 3;
    RawSocket client(serve_stream());
    client.send("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n");
    std::string all;
    for (std::string more; !(more = client.receive_some()).empty();) all += more;
    EXPECT_TRUE(all.ends_with("\r\n\r\n")) << all;
    EXPECT_EQ(source->given, 0);
}

}  // namespace
}  // namespace bridge::net::test
