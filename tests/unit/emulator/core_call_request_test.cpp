#include "emulator/call_request.hpp"

#include <gtest/gtest.h>

namespace bridge::emulator {
namespace {

using std::chrono::seconds;

Fields good(Fields more = {}) {
    Fields form{{"To", "+12025550100"}, {"From", "+15005550006"}, {"Url", "http://127.0.0.1/v"}};
    for (auto& [name, value] : more) {
        bool known = false;
        for (auto& field : form) {
            if (field.first != name) continue;
            field.second = value;
            known = true;
        }
        if (!known) form.emplace_back(name, value);
    }
    return form;
}

TEST(CallRequest, HasTwiliosDefaults) {
    const auto order = read_call_create(good());
    ASSERT_TRUE(order) << order.error().message;
    EXPECT_EQ(order->first.method, "POST");
    EXPECT_EQ(order->ring_timeout, seconds(60));
    EXPECT_EQ(order->time_limit, seconds(14'400));
    EXPECT_EQ(order->status_events, std::set<std::string>{"completed"});
    EXPECT_EQ(order->direction, "outbound-api");
}

TEST(CallRequest, ReadsEveryParameterItUses) {
    auto form = good({{"Method", "GET"},
                      {"FallbackUrl", "http://127.0.0.1/f"},
                      {"StatusCallback", "http://127.0.0.1/s"},
                      {"Timeout", "5"},
                      {"TimeLimit", "20000"},
                      {"SendDigits", "1wW#"},
                      {"MachineDetection", "DetectMessageEnd"},
                      {"MachineDetectionTimeout", "10"},
                      {"AsyncAmd", "true"}});
    form.emplace_back("StatusCallbackEvent", "initiated");
    form.emplace_back("StatusCallbackEvent", "answered");
    const auto order = read_call_create(form);
    ASSERT_TRUE(order) << order.error().message;
    EXPECT_EQ(order->first.method, "GET");
    EXPECT_EQ(order->fallback_url, "http://127.0.0.1/f");
    EXPECT_EQ(order->status_events, (std::set<std::string>{"initiated", "answered"}));
    EXPECT_EQ(order->ring_timeout, seconds(5));
    EXPECT_EQ(order->time_limit, seconds(14'400));
    EXPECT_EQ(order->send_digits, "1www#");
    EXPECT_TRUE(order->machine_detection.async);
    EXPECT_EQ(order->machine_detection.timeout, seconds(10));
}

TEST(CallRequest, TakesInlineTwimlOnlyWithoutAUrl) {
    const Fields both{{"Twiml", "<Response/>"}};
    EXPECT_TRUE(read_call_create(good(both))->first.twiml.empty());
    const auto order = read_call_create(good({{"Url", ""}, {"Twiml", "<Response/>"}}));
    ASSERT_TRUE(order);
    EXPECT_EQ(order->first.twiml, "<Response/>");
}

TEST(CallRequest, RefusesWithTwiliosCodes) {
    struct Case {
        Fields change;
        int code;
    };
    const Case cases[] = {
        {{{"To", ""}}, 21201},
        {{{"To", "12025550100"}}, 21211},
        {{{"To", "hello"}}, 21211},
        {{{"From", ""}}, 21213},
        {{{"From", "5005550006"}}, 21212},
        {{{"Url", ""}}, 21205},
        {{{"Url", "example.com/voice"}}, 21205},
        {{{"Url", "ftp://example.com/"}}, 21205},
        {{{"FallbackUrl", "nonsense"}}, 21205},
        {{{"StatusCallback", "nonsense"}}, kNoCode},
        {{{"StatusCallback", "http://under_score.example/"}}, kNoCode},
        {{{"StatusCallbackEvent", "in-progress"}}, kNoCode},
        {{{"Method", "PUT"}}, 21209},
        {{{"Timeout", "0"}}, 21208},
        {{{"Timeout", "601"}}, 21208},
        {{{"Timeout", "soon"}}, 21208},
        {{{"SendDigits", "12x"}}, 21206},
        {{{"SendDigits", std::string(33, '1')}}, 21206},
        {{{"MachineDetection", "true"}}, 21234},
        {{{"MachineDetectionTimeout", "2"}}, 21234},
        {{{"ApplicationSid", "AP00000000000000000000000000000000"}}, 21218},
        {{{"Url", ""}, {"Twiml", std::string(4001, 'x')}}, 32018},
    };
    for (const auto& one : cases) {
        const auto order = read_call_create(good(one.change));
        ASSERT_FALSE(order) << one.code;
        EXPECT_EQ(order.error().code, one.code) << order.error().message;
        EXPECT_EQ(order.error().status, 400);
    }
}

TEST(CallRequest, CountsCharactersOfTwimlAndNotBytes) {
    std::string text;
    for (int i = 0; i < 4000; ++i) text += "\xC3\xA9";
    EXPECT_TRUE(read_call_create(good({{"Url", ""}, {"Twiml", text}})));
}

TEST(CallRequest, ReadsAnUpdate) {
    const auto hang_up = read_call_update({{"Status", "completed"}});
    ASSERT_TRUE(hang_up);
    EXPECT_EQ(hang_up->status, "completed");
    EXPECT_FALSE(hang_up->redirect);
    const auto redirect = read_call_update({{"Url", "http://127.0.0.1/n"}, {"Method", "GET"}});
    ASSERT_TRUE(redirect);
    EXPECT_EQ(redirect->redirect->url, "http://127.0.0.1/n");
    EXPECT_FALSE(read_call_update({{"Status", "busy"}}));
    EXPECT_FALSE(read_call_update({{"Url", "http://127.0.0.1/"}, {"Twiml", "<Response/>"}}));
}

}  // namespace
}  // namespace bridge::emulator
