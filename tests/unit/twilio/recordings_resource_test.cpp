#include "twilio/recordings_resource.hpp"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <deque>
#include <vector>

#include "tests/support/run_task.hpp"
#include "twilio/wire/form.hpp"

namespace bridge::twilio {
namespace {

namespace asio = boost::asio;
using HttpOutcome = tl::expected<net::HttpResponse, net::HttpFailure>;

/// Gives the prepared answers in order, a 2xx body through `on_body` if that is wanted.
class PreparedHttp final : public net::HttpClient {
public:
    asio::awaitable<HttpOutcome> request(net::HttpCall call) override {
        auto answer = std::move(answers.front());
        answers.pop_front();
        if (call.on_body && answer && answer->status == 200) call.on_body(answer->body);
        calls.push_back(std::move(call));
        co_return answer;
    }
    std::deque<HttpOutcome> answers;
    std::vector<net::HttpCall> calls;
};

class RecordingsResourceTest : public testing::Test {
protected:
    RecordingsResourceTest() {
        RestOptions options;
        options.base_url = "https://api.example.com";
        options.account_sid = "AC1";
        options.auth_token = Secret{"the-token"};
        options.public_url = *PublicUrl::parse("https://bridge.example.com");
        options.first_backoff = options.longest_backoff = std::chrono::milliseconds(1);
        recordings.emplace(std::make_shared<RestClient>(context.get_executor(), http, options));
    }
    template <class T>
    T run(asio::awaitable<T> task) {
        return test::run_task(context, std::move(task));
    }
    void script(int status, std::string body) {
        http->answers.emplace_back(net::respond(status, "application/json", std::move(body)));
    }
    std::string path(std::size_t which) const {
        return http->calls[which].url.substr(
            std::string_view("https://api.example.com/2010-04-01/Accounts/AC1").size());
    }

    asio::io_context context;
    std::shared_ptr<PreparedHttp> http = std::make_shared<PreparedHttp>();
    std::optional<RecordingsResource> recordings;
};

TEST_F(RecordingsResourceTest, BeginsWithBothSidesApartAndIsTold) {
    script(201, R"({"sid":"RE1","status":"in-progress"})");
    const auto begun = run(recordings->start({CallId{"c_abc"}, CallSid{"CA1"}}, "2026-c_abc"));
    ASSERT_TRUE(begun) << begun.error().message;
    EXPECT_EQ(*begun, "RE1");
    EXPECT_EQ(http->calls[0].method, "POST");
    EXPECT_EQ(path(0), "/Calls/CA1/Recordings.json");
    const std::vector<Form::Pair> expected{
        {"RecordingChannels", "dual"},
        {"RecordingStatusCallback",
         "https://bridge.example.com/twilio/recording-status?call=c_abc&name=2026-c_abc"},
        {"RecordingStatusCallbackMethod", "POST"},
        {"RecordingStatusCallbackEvent", "completed absent"}};
    EXPECT_EQ(parse_form(http->calls[0].body)->pairs(), expected);
}

TEST_F(RecordingsResourceTest, IsNotBegunTwiceWhenItIsUnknownWhatBecameOfIt) {
    script(500, "");
    EXPECT_FALSE(run(recordings->start({CallId{"c_abc"}, CallSid{"CA1"}}, "name")));
    EXPECT_EQ(http->calls.size(), 1U);
}

TEST_F(RecordingsResourceTest, PausesAreSilence) {
    using Status = call::RecordingStatus;
    const std::vector<std::pair<Status, std::string>> cases{
        {Status::paused, "Status=paused&PauseBehavior=silence"},
        {Status::recording, "Status=in-progress"},
        {Status::stopped, "Status=stopped"}};
    for (const auto& [status, body] : cases) {
        script(200, "{}");
        EXPECT_TRUE(run(recordings->change(CallSid{"CA1"}, "RE1", status)));
        EXPECT_EQ(http->calls.back().body, body);
        EXPECT_EQ(path(http->calls.size() - 1), "/Calls/CA1/Recordings/RE1.json");
    }
}

TEST_F(RecordingsResourceTest, IsFetchedInTwoChannelsPieceByPieceAndOnce) {
    http->answers.emplace_back(net::respond(200, "audio/x-wav", "RIFF"));
    std::string sound;
    const std::function<bool(std::string_view)> take = [&](std::string_view piece) {
        sound += piece;
        return true;
    };
    EXPECT_TRUE(run(recordings->fetch("RE1", take)));
    EXPECT_EQ(sound, "RIFF");
    const auto& call = http->calls[0];
    EXPECT_EQ(path(0), "/Recordings/RE1.wav?RequestedChannels=2");
    EXPECT_EQ(call.user, "AC1");
    EXPECT_EQ(call.response_bytes, RecordingsResource::kMostBytes);
    EXPECT_GT(call.max_redirects, 0);
    EXPECT_GE(call.total_timeout, std::chrono::minutes(5));
    script(503, "");
    const auto refused = run(recordings->fetch("RE1", take));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::unreachable);
    EXPECT_EQ(http->calls.size(), 2U);
    EXPECT_EQ(sound, "RIFF");
}

TEST_F(RecordingsResourceTest, HasAStatusAndCanGo) {
    script(200, R"({"sid":"RE1","status":"processing"})");
    EXPECT_EQ(run(recordings->status("RE1")).value(), "processing");
    script(404, R"({"code":20404,"message":"not found","status":404})");
    EXPECT_EQ(run(recordings->status("RE1")).error().code, Errc::not_found);
    script(200, "nonsense");
    EXPECT_EQ(run(recordings->status("RE1")).error().code, Errc::protocol);
    script(204, "");
    EXPECT_TRUE(run(recordings->remove("RE1")));
    EXPECT_EQ(http->calls.back().method, "DELETE");
    script(404, R"({"code":20404,"message":"not found","status":404})");
    EXPECT_TRUE(run(recordings->remove("RE1")));
    script(401, R"({"code":20003,"message":"Authenticate","status":401})");
    EXPECT_EQ(run(recordings->remove("RE1")).error().code, Errc::unauthorized);
}

}  // namespace
}  // namespace bridge::twilio
