#include "twilio/rest_client.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <deque>

#include "tests/support/run_task.hpp"
#include "twilio/wire/form.hpp"

namespace bridge::twilio {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using Answer = tl::expected<net::HttpResponse, net::HttpFailure>;

net::HttpResponse json(int status, std::string body) {
    return net::respond(status, "application/json", std::move(body));
}

Answer broken(Errc code, bool sent) {
    net::HttpFailure failure;
    failure.error = {make_error_code(code), "scripted"};
    failure.request_sent = sent;
    return tl::unexpected(failure);
}

/// Gives the prepared answers in order, and remembers the requests.
class ScriptedHttp final : public net::HttpClient {
public:
    asio::awaitable<Answer> request(net::HttpCall call) override {
        calls.push_back(std::move(call));
        if (answers.empty()) throw std::logic_error("a request too many");
        auto answer = std::move(answers.front());
        answers.pop_front();
        co_return answer;
    }
    std::deque<Answer> answers;
    std::vector<net::HttpCall> calls;
};

class RestClientTest : public testing::Test {
protected:
    RestClientTest() {
        options.base_url = "https://api.example.com/";
        options.account_sid = "AC00000000000000000000000000000001";
        options.auth_token = Secret{"the-token"};
        options.public_url = *PublicUrl::parse("https://bridge.example.com");
        options.wait = [this](std::chrono::milliseconds delay) { return note(delay); };
    }
    asio::awaitable<void> note(std::chrono::milliseconds delay) {
        waits.push_back(delay);
        co_return;
    }
    template <class T>
    T run(asio::awaitable<T> task) {
        return test::run_task(context, std::move(task));
    }
    RestClient client() { return RestClient(context.get_executor(), http, options); }
    template <class... A>
    void script(A... answers) {
        (http->answers.emplace_back(std::move(answers)), ...);
    }

    call::PlaceCall wanted() {
        call::PlaceCall request;
        request.call = CallId{"c_abc"};
        request.to = "+15551234567";
        request.from = "+15005550006";
        return request;
    }
    static net::HttpResponse created() {
        return json(201, R"({"sid":"CA1","status":"queued","duration":null})");
    }
    static net::HttpResponse refused(int status, int code) {
        return json(status,
                    fmt::format(R"({{"code":{},"message":"m","status":{}}})", code, status));
    }

    asio::io_context context;
    std::shared_ptr<ScriptedHttp> http = std::make_shared<ScriptedHttp>();
    RestOptions options;
    std::vector<std::chrono::milliseconds> waits;
};

TEST_F(RestClientTest, PlacesACallWithItsLimitsAndWebhooks) {
    script(created());
    auto request = wanted();
    request.ring_timeout = 20s;
    request.extra = {{"MachineDetection", "Enable"}, {"AsyncAmd", "true"}};
    auto rest = client();
    const auto placed = run(rest.place_call(request));
    ASSERT_TRUE(placed);
    EXPECT_EQ(placed->sid.str(), "CA1");
    EXPECT_EQ(placed->status, "queued");
    ASSERT_EQ(http->calls.size(), 1u);
    const auto& call = http->calls[0];
    EXPECT_EQ(call.method, "POST");
    EXPECT_EQ(call.url,
              "https://api.example.com/2010-04-01/Accounts/AC00000000000000000000000000000001/"
              "Calls.json");
    EXPECT_EQ(call.user, options.account_sid);
    EXPECT_EQ(call.password.reveal(), "the-token");
    EXPECT_EQ(call.headers.find("Content-Type"), "application/x-www-form-urlencoded");
    const auto form = parse_form(call.body);
    ASSERT_TRUE(form);
    const std::vector<Form::Pair> expected{
        {"To", "+15551234567"},
        {"From", "+15005550006"},
        {"Url", "https://bridge.example.com/twilio/voice?call=c_abc"},
        {"Method", "POST"},
        {"FallbackUrl", "https://bridge.example.com/twilio/fallback?call=c_abc"},
        {"StatusCallback", "https://bridge.example.com/twilio/status?call=c_abc"},
        {"StatusCallbackMethod", "POST"},
        {"StatusCallbackEvent", "initiated"},
        {"StatusCallbackEvent", "ringing"},
        {"StatusCallbackEvent", "answered"},
        {"StatusCallbackEvent", "completed"},
        {"Timeout", "20"},
        {"TimeLimit", "14400"},
        {"AsyncAmd", "true"},
        {"MachineDetection", "Enable"},
        {"AsyncAmdStatusCallback", "https://bridge.example.com/twilio/amd?call=c_abc"},
        {"AsyncAmdStatusCallbackMethod", "POST"}};
    EXPECT_EQ(form->pairs(), expected);
}

TEST_F(RestClientTest, GivesALiveCallNewInstructions) {
    const call::CallRef live{CallId{"c_abc"}, CallSid{"CA1"}};
    call::TransferOrder order;
    order.to = "+15557654321";
    order.timeout = 20s;
    order.time_limit = 60s;
    auto rest = client();
    script(json(200, "{}"), json(200, "{}"), json(200, "{}"), json(200, "{}"));
    EXPECT_TRUE(run(rest.play_digits(live, "12#")));
    EXPECT_TRUE(run(rest.transfer(live, order)));
    EXPECT_TRUE(run(rest.join_conference(live, "room")));
    EXPECT_TRUE(run(rest.reconnect(live)));
    const std::string head = R"(<?xml version="1.0" encoding="UTF-8"?><Response>)";
    const std::string here = "https://bridge.example.com/twilio/";
    const std::string again =
        R"(<Redirect method="POST">)" + here + "voice?call=c_abc</Redirect></Response>";
    const std::vector<std::string> documents{
        head + R"(<Play digits="12#"/>)" + again,
        head + R"(<Dial timeout="20" timeLimit="60" action=")" + here +
            R"(dial-result?call=c_abc" method="POST"><Number statusCallback=")" + here +
            R"(participant?call=c_abc" statusCallbackMethod="POST" statusCallbackEvent="initiated ringing answered completed">+15557654321</Number></Dial></Response>)",
        head +
            R"(<Dial><Conference beep="false" startConferenceOnEnter="true" endConferenceOnExit="true" statusCallback=")" +
            here +
            R"(conference?call=c_abc" statusCallbackEvent="start end join leave">room</Conference></Dial></Response>)",
        head + again};
    ASSERT_EQ(http->calls.size(), documents.size());
    for (std::size_t i = 0; i < documents.size(); ++i) {
        EXPECT_EQ(http->calls[i].method, "POST");
        EXPECT_TRUE(http->calls[i].url.ends_with("/Calls/CA1.json")) << http->calls[i].url;
        EXPECT_EQ(parse_form(http->calls[i].body)->pairs(),
                  (std::vector<Form::Pair>{{"Twiml", documents[i]}}));
    }
}

TEST_F(RestClientTest, NeverRepeatsInstructionsThatMayHaveBeenTaken) {
    const call::CallRef live{CallId{"c_abc"}, CallSid{"CA1"}};
    auto rest = client();
    script(broken(Errc::timed_out, true));
    EXPECT_EQ(run(rest.play_digits(live, "1")).error().code, Errc::timed_out);
    script(refused(500, 20500));
    EXPECT_FALSE(run(rest.play_digits(live, "1")));
    script(refused(400, 21220));
    EXPECT_EQ(run(rest.play_digits(live, "1")).error().code, Errc::not_found) << "the call is over";
    script(refused(429, 20429), json(200, "{}"));
    EXPECT_TRUE(run(rest.play_digits(live, "1"))) << "Twilio did nothing with the first";
    EXPECT_EQ(run(rest.redirect(CallSid{"CA1"}, std::string(4001, 'x'))).error().code,
              Errc::too_large);
    EXPECT_TRUE(http->answers.empty());
}

TEST_F(RestClientTest, UsesAnApiKeyInsteadOfTheTokenIfThereIsOne) {
    options.api_key = "SK1";
    options.api_secret = Secret{"s"};
    script(created());
    auto rest = client();
    ASSERT_TRUE(run(rest.place_call(wanted())));
    EXPECT_EQ(http->calls[0].user, "SK1");
    EXPECT_EQ(http->calls[0].password.reveal(), "s");
    EXPECT_NE(http->calls[0].url.find("/Accounts/AC0"), std::string::npos);
}

TEST_F(RestClientTest, RepeatsACreateThatTwilioDidNotTake) {
    script(refused(429, 20429), refused(429, 20429), created());
    auto rest = client();
    EXPECT_TRUE(run(rest.place_call(wanted())));
    ASSERT_EQ(waits.size(), 2u);
    EXPECT_GE(waits[0], 100ms);
    EXPECT_LE(waits[0], 200ms);
    EXPECT_GE(waits[1], 200ms);
    EXPECT_LE(waits[1], 400ms);
}

TEST_F(RestClientTest, GivesUpAfterThreeTries) {
    script(refused(429, 20429), refused(429, 20429), refused(429, 20429));
    auto rest = client();
    const auto placed = run(rest.place_call(wanted()));
    ASSERT_FALSE(placed);
    EXPECT_EQ(placed.error().carrier_code, 20429);
    EXPECT_FALSE(placed.error().outcome_unknown);
    EXPECT_EQ(http->calls.size(), 3u);
}

TEST_F(RestClientTest, HonoursRetryAfter) {
    auto slow = refused(429, 20429);
    slow.headers.add("Retry-After", "7");
    script(slow, created());
    auto rest = client();
    EXPECT_TRUE(run(rest.place_call(wanted())));
    EXPECT_EQ(waits, std::vector<std::chrono::milliseconds>{7s});
}

TEST_F(RestClientTest, DoesNotWaitForARetryAfterOfAnHour) {
    auto slow = refused(429, 20429);
    slow.headers.add("Retry-After", "3600");
    script(slow);
    auto rest = client();
    EXPECT_FALSE(run(rest.place_call(wanted())));
    EXPECT_TRUE(waits.empty());
}

TEST_F(RestClientTest, RepeatsACreateWhenNothingWasSent) {
    script(broken(Errc::unreachable, false), created());
    auto rest = client();
    EXPECT_TRUE(run(rest.place_call(wanted())));
    script(broken(Errc::unreachable, false), broken(Errc::unreachable, false),
           broken(Errc::timed_out, false));
    const auto placed = run(rest.place_call(wanted()));
    ASSERT_FALSE(placed);
    EXPECT_FALSE(placed.error().outcome_unknown);
}

TEST_F(RestClientTest, NeverRepeatsACreateThatMayHaveArrived) {
    std::vector<Answer> unclear{broken(Errc::timed_out, true), broken(Errc::connection_lost, true),
                                broken(Errc::protocol, true),  Answer(refused(500, 20500)),
                                Answer(json(502, "<html>")),   Answer(json(503, "")),
                                Answer(json(408, "")),         Answer(json(201, "not json")),
                                Answer(json(201, "{}"))};
    for (const auto& answer : unclear) {
        http->calls.clear();
        script(answer);
        auto rest = client();
        const auto placed = run(rest.place_call(wanted()));
        ASSERT_FALSE(placed);
        EXPECT_TRUE(placed.error().outcome_unknown) << placed.error().error.message;
        EXPECT_EQ(http->calls.size(), 1u);
    }
}

TEST_F(RestClientTest, TellsARefusalWithItsCode) {
    script(refused(400, 21215));
    auto rest = client();
    const auto placed = run(rest.place_call(wanted()));
    ASSERT_FALSE(placed);
    EXPECT_FALSE(placed.error().outcome_unknown);
    EXPECT_EQ(placed.error().carrier_code, 21215);
    EXPECT_EQ(placed.error().http_status, 400);
    EXPECT_NE(placed.error().error.message.find("Geo permissions"), std::string::npos);
    script(json(400, R"({"message":"Trial accounts have limited parameter access","status":400})"));
    const auto trial = run(rest.place_call(wanted()));
    ASSERT_FALSE(trial);
    EXPECT_NE(trial.error().error.message.find("agentbridge demo"), std::string::npos);
}

TEST_F(RestClientTest, HangsUpUntilItIsDone) {
    script(broken(Errc::timed_out, true), refused(500, 20500),
           json(200, R"({"sid":"CA1","status":"completed"})"));
    auto rest = client();
    EXPECT_TRUE(run(rest.hang_up(CallSid{"CA1"})));
    ASSERT_EQ(http->calls.size(), 3u);
    EXPECT_TRUE(http->calls[2].url.ends_with("/Calls/CA1.json"));
    EXPECT_EQ(http->calls[2].body, "Status=completed");
}

TEST_F(RestClientTest, ACallThatIsOverIsHungUp) {
    auto rest = client();
    for (const auto& answer : {refused(404, 20404), refused(400, 21220)}) {
        script(answer);
        EXPECT_TRUE(run(rest.hang_up(CallSid{"CA1"})));
    }
    script(refused(401, 20003));
    const auto hung_up = run(rest.hang_up(CallSid{"CA1"}));
    ASSERT_FALSE(hung_up);
    EXPECT_EQ(hung_up.error().code, Errc::unauthorized);
}

TEST_F(RestClientTest, DoesNotRepeatARedirect) {
    script(broken(Errc::timed_out, true));
    auto rest = client();
    EXPECT_FALSE(run(rest.redirect(CallSid{"CA1"}, "<Response/>")));
    EXPECT_EQ(http->calls.size(), 1u);
    EXPECT_EQ(http->calls[0].body, "Twiml=%3CResponse%2F%3E");
}

TEST_F(RestClientTest, FetchesACallWithNumbersAsText) {
    script(json(
        200,
        R"({"sid":"CA1","status":"completed","to":"+1","from":null,"direction":"outbound-api","duration":"12","date_created":"Tue, 31 Aug 2010 20:36:28 +0000","new":[{}]})"));
    auto rest = client();
    const auto call = run(rest.fetch(CallSid{"CA1"}));
    ASSERT_TRUE(call);
    EXPECT_EQ(call->status, "completed");
    EXPECT_EQ(call->from, "");
    EXPECT_EQ(call->duration, 12s);
    script(json(200, "[]"));
    EXPECT_EQ(run(rest.fetch(CallSid{"CA1"})).error().code, Errc::protocol);
    script(refused(404, 20404));
    EXPECT_EQ(run(rest.fetch(CallSid{"CA1"})).error().code, Errc::not_found);
}

TEST_F(RestClientTest, ListsCallsOverAllPages) {
    script(
        json(
            200,
            R"({"calls":[{"sid":"CA1"},7,{"sid":"CA2"}],"next_page_uri":"/2010-04-01/Accounts/AC1/Calls.json?Page=1"})"),
        json(200, R"({"calls":[{"sid":"CA3"}],"next_page_uri":null})"));
    auto rest = client();
    const auto calls = run(
        rest.list({.to = "+1555", .from = "+1500", .status = {}, .start_time_from = "2026-01-31"}));
    ASSERT_TRUE(calls);
    ASSERT_EQ(calls->size(), 3u);
    EXPECT_EQ((*calls)[2].sid.str(), "CA3");
    EXPECT_TRUE(http->calls[0].url.ends_with(
        "/Calls.json?To=%2B1555&From=%2B1500&StartTime%3E=2026-01-31&PageSize=1000"))
        << http->calls[0].url;
    EXPECT_EQ(http->calls[1].url,
              "https://api.example.com/2010-04-01/Accounts/AC1/Calls.json?Page=1");
}

TEST_F(RestClientTest, NeverFollowsAPageToAnotherHost) {
    script(json(200, R"({"calls":[{"sid":"CA1"}],"next_page_uri":"@evil.example/2010-04-01/"})"));
    auto rest = client();
    EXPECT_EQ(run(rest.list({}))->size(), 1u);
}

TEST_F(RestClientTest, FindsTheCallsOfALostCreateByTheCarriersClock) {
    const auto call = [](std::string sid, std::string direction, std::string to, std::string date) {
        return fmt::format(
            R"({{"sid":"{}","direction":"{}","to":"{}","from":"+1500","date_created":"{}"}})", sid,
            direction, to, date);
    };
    const auto date = [](int second) {
        return fmt::format("Sun, 22 Nov 2026 21:38:{:02} +0000", second);
    };
    auto page = json(200, fmt::format(R"({{"calls":[{}, {}, {}, {}, {}, {}]}})",
                                      call("CA1", "outbound-api", "+1555", date(20)),
                                      call("CA2", "inbound", "+1555", date(20)),
                                      call("CA3", "outbound-api", "+15556", date(20)),
                                      call("CA4", "outbound-api", "+1555", date(5)),
                                      call("CA5", "outbound-api", "+1555", date(55)),
                                      call("CA6", "outbound-api", "+1555", "")));
    page.headers.set("Date", "Sun, 22 Nov 2026 21:38:40 GMT");
    script(page);
    // Our clock is an hour behind the carrier's.
    const auto now = std::chrono::system_clock::time_point(1795383520s - 1h);
    options.wall_now = [now] { return now; };
    auto rest = client();
    const auto found = run(rest.created_calls({"+1555", "+1500", now - 25s, now + 5s}));
    ASSERT_TRUE(found);
    ASSERT_EQ(found->size(), 1u);
    EXPECT_EQ(found->front().sid.str(), "CA1");
    EXPECT_TRUE(http->calls[0].url.find("To=%2B1555&From=%2B1500") != std::string::npos);
}

TEST_F(RestClientTest, ReadsTheAccountsType) {
    script(json(
        200,
        R"({"sid":"AC1","friendly_name":"me","status":"active","type":"Trial","auth_token":"secret"})"));
    auto rest = client();
    const auto account = run(rest.account());
    ASSERT_TRUE(account);
    EXPECT_TRUE(account->trial());
    EXPECT_EQ(account->status, "active");
    script(refused(401, 20003));
    EXPECT_EQ(run(rest.account()).error().code, Errc::unauthorized);
}

TEST_F(RestClientTest, AnApiKeyWithoutTheAccountIsTriedOnTheCalls) {
    options.api_key = "SK1";
    options.api_secret = Secret{"s"};
    script(refused(403, 70051), json(200, R"({"calls":[]})"));
    auto rest = client();
    const auto account = run(rest.account());
    ASSERT_TRUE(account);
    EXPECT_EQ(account->type, "");
    EXPECT_TRUE(http->calls[1].url.ends_with("/Calls.json?PageSize=1"));
    script(refused(401, 20003), refused(401, 20003));
    EXPECT_EQ(run(rest.account()).error().code, Errc::unauthorized);
}

TEST_F(RestClientTest, FindsAndUpdatesANumber) {
    script(
        json(
            200,
            R"({"incoming_phone_numbers":[{"sid":"PN1","phone_number":"+15551234567","voice_url":"https://old","trunk_sid":null,"capabilities":{"voice":true}},{"sid":"PN2","phone_number":"+155512345678"}],"next_page_uri":null})"),
        json(200, R"({"sid":"PN1","phone_number":"+15551234567","voice_url":"https://new"})"));
    auto rest = client();
    const auto numbers = run(rest.numbers("+15551234567"));
    ASSERT_TRUE(numbers);
    ASSERT_EQ(numbers->size(), 1u);
    EXPECT_EQ((*numbers)[0].voice_url, "https://old");
    Form fields;
    fields.add("VoiceUrl", "https://new");
    fields.add("VoiceApplicationSid", "");
    const auto updated = run(rest.update_number("PN1", fields));
    ASSERT_TRUE(updated);
    EXPECT_EQ(updated->voice_url, "https://new");
    EXPECT_EQ(http->calls[1].body, "VoiceUrl=https%3A%2F%2Fnew&VoiceApplicationSid=");
}

TEST(RestBaseUrl, NamesTheRegionAndTheEdge) {
    EXPECT_EQ(rest_base_url("", ""), "https://api.twilio.com");
    EXPECT_EQ(rest_base_url("ie1", "dublin"), "https://api.dublin.ie1.twilio.com");
    EXPECT_EQ(rest_base_url("", "sydney"), "https://api.sydney.us1.twilio.com");
    EXPECT_EQ(rest_base_url("au1", ""), "https://api.au1.twilio.com");
}

}  // namespace
}  // namespace bridge::twilio
