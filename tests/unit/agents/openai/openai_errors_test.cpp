#include "agents/openai/openai_errors.hpp"

#include <gtest/gtest.h>

namespace bridge::agents {
namespace {

OpenAiOptions keyed() {
    OpenAiOptions options;
    options.key = Secret("my-own-key-0123456789");
    return options;
}

TEST(OpenAiErrors, NeverShowAKey) {
    const auto words = plain_words(
        "Incorrect API key provided: sk-proj-ab***yz, or my-own-key-0123456789.\nSee 'sk-1'.",
        keyed());
    EXPECT_EQ(words, "Incorrect API key provided: sk-***, or ***. See 'sk-***'.");
    EXPECT_LE(plain_words(std::string(10'000, 'x'), keyed()).size(), 240U);
}

TEST(OpenAiErrors, EndASessionOnlyWhereItCannotGoOn) {
    const auto options = keyed();
    realtime::Failure failure;
    failure.type = "invalid_request_error";
    failure.code = "invalid_value";
    failure.param = "session.audio.output.voice";
    failure.message = "Not a voice.";
    EXPECT_FALSE(judge(failure, false, options));
    const auto end = judge(failure, true, options);
    ASSERT_TRUE(end);
    EXPECT_EQ(end->how, call::AgentEnd::refused);
    EXPECT_NE(end->reason.find("AGENTBRIDGE_OPENAI_VOICE"), std::string::npos);
    failure.param = "session.something.new";
    EXPECT_NE(judge(failure, true, options)->reason.find("AGENTBRIDGE_OPENAI_"), std::string::npos);
    failure.type = "server_error";
    EXPECT_EQ(judge(failure, true, options)->how, call::AgentEnd::dropped);
    failure.type = "authentication_error";
    EXPECT_EQ(judge(failure, false, options)->how, call::AgentEnd::refused);
}

}  // namespace
}  // namespace bridge::agents
