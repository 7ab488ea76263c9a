// The REST client against a server that answers what the test says, over TCP and across threads.

#include "twilio/rest_client.hpp"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <deque>
#include <future>
#include <mutex>
#include <thread>

#include "net/http_server.hpp"
#include "net/shards.hpp"

namespace bridge::twilio {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;

class RestServerTest : public testing::Test {
protected:
    RestServerTest() {
        server = *net::HttpServer::listen(
            shards[0].executor(), {},
            [this](net::HttpRequest request) { return answer(std::move(request)); });
        shards.start();
        shards.run_on(0, [this] { server->start(); });
        options.base_url = "http://127.0.0.1:" + std::to_string(server->port());
        options.account_sid = "AC1";
        options.auth_token = Secret{"token"};
        options.public_url = *PublicUrl::parse("https://bridge.example.com");
        options.first_backoff = 1ms;
        options.total_timeout = 5s;
    }
    ~RestServerTest() override {
        client.reset();
        shards.run_on(1, [this] { http.reset(); });
        shards.run_on(0, [this] { server->stop(); });
    }

    asio::awaitable<net::HttpResponse> answer(net::HttpRequest request) {
        std::pair<net::HttpResponse, std::chrono::milliseconds> next{
            net::respond(500, "text/plain", "a request too many"), 0ms};
        {
            const std::lock_guard lock(mutex);
            requests.push_back(std::move(request));
            if (!answers.empty()) {
                next = std::move(answers.front());
                answers.pop_front();
            }
        }
        if (next.second > 0ms) {
            asio::steady_timer timer(co_await asio::this_coro::executor, next.second);
            co_await timer.async_wait(asio::use_awaitable);
        }
        co_return std::move(next.first);
    }
    void script(int status, std::string body, std::chrono::milliseconds after = 0ms) {
        answers.emplace_back(net::respond(status, "application/json", std::move(body)), after);
    }
    /// The client lives on shard 1 and is asked from this thread's own loop.
    RestClient& rest() {
        shards.run_on(1, [this] { http = net::HttpClient::make(shards[1].executor(), {}); });
        client = std::make_unique<RestClient>(shards[1].executor(), http, options);
        return *client;
    }
    template <class T>
    T run(asio::awaitable<T> task) {
        std::promise<T> promise;
        auto future = promise.get_future();
        const auto here = std::this_thread::get_id();
        asio::io_context context;
        asio::co_spawn(context, std::move(task), [&](std::exception_ptr error, T value) {
            EXPECT_EQ(std::this_thread::get_id(), here) << "resumed on another thread";
            if (error) {
                promise.set_exception(error);
            } else {
                promise.set_value(std::move(value));
            }
        });
        context.run_for(20s);
        if (future.wait_for(0s) != std::future_status::ready)
            throw std::runtime_error("no answer in time");
        return future.get();
    }
    static call::PlaceCall wanted() {
        call::PlaceCall request;
        request.call = CallId{"c_abc"};
        request.to = "+15551234567";
        request.from = "+15005550006";
        return request;
    }

    net::Shards shards{2};
    std::mutex mutex;
    std::vector<net::HttpRequest> requests;
    std::deque<std::pair<net::HttpResponse, std::chrono::milliseconds>> answers;
    std::shared_ptr<net::HttpServer> server;
    std::shared_ptr<net::HttpClient> http;
    std::unique_ptr<RestClient> client;
    RestOptions options;
};

TEST_F(RestServerTest, PlacesACallWithBasicAuth) {
    script(201, R"({"sid":"CA1","status":"queued"})");
    const auto placed = run(rest().place_call(wanted()));
    ASSERT_TRUE(placed) << placed.error().error.message;
    EXPECT_EQ(placed->sid.str(), "CA1");
    ASSERT_EQ(requests.size(), 1u);
    EXPECT_EQ(requests[0].target, "/2010-04-01/Accounts/AC1/Calls.json");
    EXPECT_EQ(requests[0].headers.find("Authorization"), "Basic QUMxOnRva2Vu");
    EXPECT_NE(requests[0].body.find("TimeLimit=14400"), std::string::npos);
}

TEST_F(RestServerTest, TriesAgainAfter429WithTheTimeTheServerAsksFor) {
    script(429, R"({"code":20429,"message":"Too Many Requests","status":429})");
    answers.back().first.headers.add("Retry-After", "0");
    script(429, "");
    script(201, R"({"sid":"CA1","status":"queued"})");
    EXPECT_TRUE(run(rest().place_call(wanted())));
    EXPECT_EQ(requests.size(), 3u);
}

TEST_F(RestServerTest, ACreateThatTimedOutIsNotRepeated) {
    options.total_timeout = 200ms;
    script(201, R"({"sid":"CA1","status":"queued"})", 600ms);
    const auto placed = run(rest().place_call(wanted()));
    ASSERT_FALSE(placed);
    EXPECT_TRUE(placed.error().outcome_unknown);
    EXPECT_EQ(placed.error().error.code, Errc::timed_out);
    const std::lock_guard lock(mutex);
    EXPECT_EQ(requests.size(), 1u);
}

TEST_F(RestServerTest, ACreateThatFailedInsideTwilioIsNotRepeated) {
    script(503, R"({"code":20503,"message":"Service unavailable","status":503})");
    const auto placed = run(rest().place_call(wanted()));
    ASSERT_FALSE(placed);
    EXPECT_TRUE(placed.error().outcome_unknown);
    EXPECT_EQ(placed.error().carrier_code, 20503);
    EXPECT_EQ(requests.size(), 1u);
}

TEST_F(RestServerTest, ACreateThatNeverLeftIsKnownToHaveFailed) {
    asio::io_context unused;
    asio::ip::tcp::acceptor acceptor(unused, {asio::ip::make_address("127.0.0.1"), 0});
    const auto port = acceptor.local_endpoint().port();
    acceptor.close();
    options.base_url = "http://127.0.0.1:" + std::to_string(port);
    const auto placed = run(rest().place_call(wanted()));
    ASSERT_FALSE(placed);
    EXPECT_FALSE(placed.error().outcome_unknown);
    EXPECT_EQ(placed.error().error.code, Errc::unreachable);
}

TEST_F(RestServerTest, AHangUpIsRepeatedUntilItIsHeard) {
    options.total_timeout = 300ms;
    script(200, "{}", 800ms);
    script(500, "");
    script(200, R"({"sid":"CA1","status":"completed"})");
    EXPECT_TRUE(run(rest().hang_up(CallSid{"CA1"})));
    const std::lock_guard lock(mutex);
    EXPECT_EQ(requests.size(), 3u);
}

TEST_F(RestServerTest, ManyRequestsAtOnceLeaveTogether) {
    for (int i = 0; i < 20; ++i) script(200, R"({"sid":"CA1","status":"completed"})", 100ms);
    auto& carrier = rest();
    asio::io_context context;
    int done = 0;
    for (int i = 0; i < 20; ++i) {
        asio::co_spawn(context, carrier.hang_up(CallSid{"CA" + std::to_string(i)}),
                       [&](std::exception_ptr, Result<> result) {
                           EXPECT_TRUE(result);
                           ++done;
                       });
    }
    context.run_for(20s);
    EXPECT_EQ(done, 20);
}

}  // namespace
}  // namespace bridge::twilio
