#include "agents/local/chat_stream.hpp"

#include <gtest/gtest.h>

namespace bridge::agents::local {
namespace {

std::string piece(const std::string& text) {
    return R"(data: {"choices":[{"index":0,"delta":{"content":")" + text + "\"}}]}\n\n";
}
constexpr const char* kStop = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
constexpr const char* kDone = "data: [DONE]\n\n";

TEST(ChatStream, GivesTheWordsAsTheyCome) {
    ChatStream stream;
    EXPECT_EQ(stream.take(piece("Hel")).value(), "Hel");
    EXPECT_EQ(stream.take(piece("lo.") + kStop + kDone).value(), "lo.");
    EXPECT_TRUE(stream.complete());
    EXPECT_EQ(stream.finish().value(), "");
    EXPECT_TRUE(stream.tools().empty());
}

TEST(ChatStream, DoesNotCareHowTheBytesWereCut) {
    const auto all = ": comment\r\n\r\n" + piece("One ") + "event: x\n" + piece("two.") + kDone;
    ChatStream stream;
    std::string text;
    for (const char byte : all) text += stream.take(std::string_view(&byte, 1)).value();
    EXPECT_EQ(text, "One two.");
    EXPECT_TRUE(stream.finish());
}

TEST(ChatStream, PutsTheToolsTogetherFromTheirPieces) {
    ChatStream stream;
    const std::string events =
        R"(data: {"choices":[{"delta":{"tool_calls":[{"index":0,"id":"c1","type":"function","function":{"name":"end_call","arguments":""}}]}}]}
data: {"choices":[{"delta":{"tool_calls":[{"index":1,"function":{"name":"hold"}}]}}]}
data: {"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"reason\":"}}]}}]}
data: {"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"\"bye\"}"}}]},"finish_reason":"tool_calls"}]}
)";
    EXPECT_EQ(stream.take(events).value(), "");
    EXPECT_TRUE(stream.finish());
    const auto tools = stream.tools();
    ASSERT_EQ(tools.size(), 2U);
    EXPECT_EQ(tools[0].id, "c1");
    EXPECT_EQ(tools[0].name, "end_call");
    EXPECT_EQ(tools[0].arguments, R"({"reason":"bye"})");
    EXPECT_EQ(tools[1].id, "call_1") << "a server that counts for itself gave none";
    EXPECT_EQ(tools[1].arguments, "{}");
}

TEST(ChatStream, TakesAnAnswerThatCameAllAtOnce) {
    ChatStream stream;
    EXPECT_EQ(stream.take("{\n \"choices\": [{\"message\": {\"content\": \"Hello.\"},\n").value(),
              "");
    EXPECT_EQ(stream.take("\"finish_reason\": \"stop\"}]}").value(), "");
    EXPECT_EQ(stream.finish().value(), "Hello.");
}

TEST(ChatStream, SaysWhatTheServerSaysIsWrong) {
    for (const auto* text : {"data: {\"error\":{\"message\":\"out of memory\"}}\n",
                             "data: {\"error\":\"out of memory\"}\n"}) {
        ChatStream stream;
        const auto words = stream.take(text);
        ASSERT_FALSE(words);
        EXPECT_EQ(words.error().code, Errc::refused);
        EXPECT_EQ(words.error().message, "out of memory");
    }
}

TEST(ChatStream, AnAnswerThatEndsInTheMiddleIsNone) {
    ChatStream stream;
    EXPECT_TRUE(stream.take(piece("Hel")));
    EXPECT_EQ(stream.finish().error().code, Errc::protocol);
}

TEST(ChatStream, NonsenseIsIgnoredOrRefusedAndNeverMore) {
    for (const auto* text :
         {"data: 7\n", "data: []\n", "data: {\"choices\":7}\n", "data: {\"choices\":[]}\n",
          "data: {\"choices\":[7]}\n", "data: {\"choices\":[{\"delta\":[]}]}\n",
          "data: {\"choices\":[{\"delta\":{\"content\":7,\"tool_calls\":{}}}]}\n",
          "data: "
          "{\"choices\":[{\"delta\":{\"tool_calls\":[7,{\"index\":\"x\",\"function\":[]}]}}]}\n"}) {
        ChatStream stream;
        const auto words = stream.take(text);
        ASSERT_TRUE(words) << text;
        EXPECT_EQ(*words, "");
        EXPECT_TRUE(stream.tools().empty()) << text;
    }
    ChatStream no_json;
    EXPECT_EQ(no_json.take("data: {\n").error().code, Errc::not_json);
    ChatStream long_line;
    EXPECT_EQ(long_line.take(std::string(300'000, 'x')).error().code, Errc::too_large);
    ChatStream many_tools;
    std::string all = "data: {\"choices\":[{\"delta\":{\"tool_calls\":[";
    for (int i = 0; i < 40; ++i)
        all += std::string(i ? "," : "") + "{\"function\":{\"name\":\"x\"}}";
    EXPECT_EQ(many_tools.take(all + "]}}]}\n").error().code, Errc::too_large);
}

}  // namespace
}  // namespace bridge::agents::local
