#include "app/control_client.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bridge::app {
namespace {

using testing::AllOf;
using testing::HasSubstr;

RunningInstance running(int pid) {
    return {pid, "2026-11-25T10:00:00Z", "https://x.ngrok.app",
            "http://127.0.0.1:" + std::to_string(8000 + pid),
            Secret{"token" + std::to_string(pid)}};
}

TEST(ChooseInstance, TakesTheOnlyOne) {
    const auto chosen = choose_instance({running(1)}, {}, "");
    ASSERT_TRUE(chosen);
    EXPECT_EQ(chosen->url, "http://127.0.0.1:8001");
    EXPECT_EQ(chosen->token.reveal(), "token1");
}

TEST(ChooseInstance, AsksWhichOfSeveral) {
    const auto chosen = choose_instance({running(1), running(2)}, {}, "");
    ASSERT_FALSE(chosen);
    EXPECT_EQ(chosen.error().exit, ExitCode::usage);
    EXPECT_THAT(chosen.error().message,
                AllOf(HasSubstr("--instance"), HasSubstr("1  http://127.0.0.1:8001"),
                      HasSubstr("2  http://127.0.0.1:8002")));
    EXPECT_THAT(chosen.error().message, testing::Not(HasSubstr("token")));
    EXPECT_EQ(choose_instance({running(1), running(2)}, {}, "2")->url, "http://127.0.0.1:8002");
    EXPECT_EQ(choose_instance({running(1), running(2)}, {}, "http://127.0.0.1:8002/")->token,
              Secret{"token2"});
}

TEST(ChooseInstance, SaysWhatIsMissing) {
    Config config;
    config.state_dir = "/state";
    auto chosen = choose_instance({}, config, "");
    EXPECT_EQ(chosen.error().exit, ExitCode::failure);
    EXPECT_THAT(chosen.error().message, HasSubstr("/state/instances"));
    chosen = choose_instance({running(1)}, config, "7");
    EXPECT_EQ(chosen.error().exit, ExitCode::usage);
    chosen = choose_instance({running(1)}, config, "http://127.0.0.1:9");
    EXPECT_EQ(chosen.error().exit, ExitCode::configuration);
    EXPECT_THAT(chosen.error().message, HasSubstr("AGENTBRIDGE_CONTROL_TOKEN"));
    auto starting = running(3);
    starting.control_url.clear();
    EXPECT_THAT(choose_instance({starting}, config, "").error().message, HasSubstr("starting"));
}

TEST(ChooseInstance, FollowsTheSettings) {
    Config config;
    config.control_url = "http://127.0.0.1:9";
    config.control_token = Secret{"mine"};
    const auto chosen = choose_instance({running(1), running(2)}, config, "");
    ASSERT_TRUE(chosen);
    EXPECT_EQ(chosen->url, "http://127.0.0.1:9");
    EXPECT_EQ(chosen->token.reveal(), "mine");
    EXPECT_EQ(choose_instance({running(1), running(2)}, config, "1")->url, "http://127.0.0.1:8001")
        << "a flag beats a setting";
}

call::CallSnapshot call_of(const std::string& id, const std::string& sid = {}) {
    call::CallSnapshot call;
    call.id = CallId{id};
    call.sid = CallSid{sid};
    call.state = call::CallState::in_progress;
    call.to = "+15551234567";
    return call;
}

TEST(ChooseCall, TakesANameOrItsBeginningOrTheOnlyOne) {
    const std::vector<call::CallSnapshot> two{call_of("c_abc", "CA11"), call_of("c_abd", "CA12")};
    EXPECT_EQ(choose_call(two, "c_abc")->str(), "c_abc");
    EXPECT_EQ(choose_call(two, "CA12")->str(), "c_abd");
    EXPECT_EQ(choose_call(two, "c_abd")->str(), "c_abd");
    for (const auto* name : {"", "c_ab", "CA1"}) {
        const auto chosen = choose_call(two, name);
        ASSERT_FALSE(chosen) << name;
        EXPECT_EQ(chosen.error().exit, ExitCode::usage);
        EXPECT_THAT(chosen.error().message, AllOf(HasSubstr("c_abc  to +1"), HasSubstr("c_abd")));
    }
    EXPECT_EQ(choose_call(two, "x").error().exit, ExitCode::failure);
    EXPECT_EQ(choose_call({}, "").error().message, "there is no call");
    EXPECT_EQ(choose_call({call_of("c_abc")}, "")->str(), "c_abc");
    auto three = two;
    EXPECT_EQ(choose_call(three, "", MeantCalls::ringing).error().message, "no call rings here");
    EXPECT_EQ(choose_call(three, "", MeantCalls::transferred).error().message,
              "no call is being transferred");
    three[0].transfer = {"+1", "briefing", CallId{"c_abe"}};
    three[1].local.ringing = true;
    three.push_back(call_of("c_abe"));
    three[2].parent = CallId{"c_abc"};
    EXPECT_EQ(choose_call(three, "", MeantCalls::ringing)->str(), "c_abd");
    EXPECT_EQ(choose_call(three, "", MeantCalls::transferred)->str(), "c_abc");
    EXPECT_EQ(choose_call(three, "c_abe", MeantCalls::transferred)->str(), "c_abe");
    const std::vector<call::CallSnapshot> longer{call_of("c_a"), call_of("c_ab")};
    EXPECT_EQ(choose_call(longer, "c_a")->str(), "c_a") << "a whole name is no beginning";
}

}  // namespace
}  // namespace bridge::app
