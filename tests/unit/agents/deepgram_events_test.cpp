#include "agents/deepgram/voice_agent_events.hpp"

#include <gtest/gtest.h>

namespace bridge::agents::deepgram {
namespace {

template <class T>
T parsed(std::string_view text) {
    auto event = parse_event(text);
    if (!event) {
        ADD_FAILURE() << event.error().message;
        return T{};
    }
    if (!std::holds_alternative<T>(*event)) {
        ADD_FAILURE() << "another event: " << event->index();
        return T{};
    }
    return std::get<T>(*event);
}

// The examples of Deepgram's AsyncAPI description.

TEST(DeepgramEvents, ReadsTheWayToAConfiguredSession) {
    EXPECT_EQ(parsed<event::Welcome>(R"({"type":"Welcome","request_id":"fc553ec9"})").request_id,
              "fc553ec9");
    parsed<event::SettingsApplied>(R"({"type":"SettingsApplied"})");
}

TEST(DeepgramEvents, ReadsTheConversation) {
    const auto user = parsed<event::ConversationText>(
        R"({"type":"ConversationText","role":"user","content":"What's the weather?"})");
    EXPECT_TRUE(user.by_user);
    EXPECT_EQ(user.text, "What's the weather?");
    EXPECT_FALSE(parsed<event::ConversationText>(
                     R"({"type":"ConversationText","role":"assistant","content":"Sunny."})")
                     .by_user);
    parsed<event::UserStartedSpeaking>(R"({"type":"UserStartedSpeaking"})");
    parsed<event::AgentAudioDone>(R"({"type":"AgentAudioDone"})");
    parsed<event::InjectionRefused>(R"({"type":"InjectionRefused","message":"no"})");
}

TEST(DeepgramEvents, ReadsFunctionCalls) {
    const auto request = parsed<event::FunctionCallRequest>(
        R"({"type":"FunctionCallRequest","functions":[
            {"id":"fc_1","name":"check_order_status","arguments":"{\"order_id\": \"ORD-123456\"}",
             "client_side":true},
            {"id":"fc_2","name":"theirs","arguments":"{}","client_side":false},
            {"id":"fc_3","name":"bare"}]})");
    ASSERT_EQ(request.calls.size(), 3U);
    EXPECT_EQ(request.calls[0].name, "check_order_status");
    EXPECT_EQ(request.calls[0].arguments, R"({"order_id": "ORD-123456"})");
    EXPECT_TRUE(request.calls[0].ours);
    EXPECT_FALSE(request.calls[1].ours);
    EXPECT_TRUE(request.calls[2].ours);
    EXPECT_EQ(request.calls[2].arguments, "{}");
}

TEST(DeepgramEvents, ReadsErrorsAndWarnings) {
    const auto failure = parsed<event::Failure>(
        R"({"type":"Error","description":"Failed to process audio","code":"INVALID_AUDIO_FORMAT"})");
    EXPECT_EQ(failure.code, "INVALID_AUDIO_FORMAT");
    EXPECT_EQ(failure.description, "Failed to process audio");
    EXPECT_EQ(parsed<event::Warning>(
                  R"({"type":"Warning","description":"x","code":"AUDIO_QUALITY_WARNING"})")
                  .code,
              "AUDIO_QUALITY_WARNING");
    EXPECT_EQ(parsed<event::Failure>(R"({"type":"Error","code":5})").code, "");
}

TEST(DeepgramEvents, PassesOverWhatItDoesNotKnow) {
    EXPECT_EQ(parsed<event::Other>(R"({"type":"AgentThinking","content":"hm"})").type,
              "AgentThinking");
    EXPECT_EQ(parsed<event::Other>(R"({"type":"History","role":"user","content":"x"})").type,
              "History");
}

TEST(DeepgramEvents, SaysWhatIsWrong) {
    struct Case {
        const char* text;
        std::string_view message;
    };
    for (const auto& [text, message] :
         {Case{"", "message: not a JSON object"}, Case{"[]", "message: not a JSON object"},
          Case{"{}", "type: missing"},
          Case{R"({"type":"ConversationText","role":"system"})", "role: not user or assistant"},
          Case{R"({"type":"FunctionCallRequest","functions":{}})", "functions: not a list"},
          Case{R"({"type":"FunctionCallRequest","functions":[1]})",
               "functions: not a list of objects"},
          Case{R"({"type":"FunctionCallRequest","functions":[{"name":"x"}]})",
               "functions.id: missing"},
          Case{R"({"type":"FunctionCallRequest","functions":[{"id":"x"}]})",
               "functions.name: missing"}}) {
        const auto event = parse_event(text);
        ASSERT_FALSE(event) << text;
        EXPECT_EQ(event.error().message, message) << text;
    }
    std::string many = R"({"type":"FunctionCallRequest","functions":[{"id":"x","name":"y"})";
    for (int i = 0; i < 64; ++i) many += R"(,{"id":"x","name":"y"})";
    EXPECT_EQ(parse_event(many + "]}").error().message, "functions: too many");
}

TEST(DeepgramEvents, WritesSettingsForAPhoneCall) {
    Settings settings;
    settings.language = "en";
    settings.greeting = "Hello.";
    settings.listen_model = "nova-3";
    settings.think_provider = "open_ai";
    settings.think_model = "gpt-4o-mini";
    settings.temperature = 0.5;
    settings.prompt = "Be brief.";
    settings.speak_model = "aura-2-thalia-en";
    settings.functions = {{"end_call", "Ends it.", R"({"type":"object","properties":{}})"}};
    settings.history = {{true, "Hi."}, {false, "Hello."}};
    EXPECT_EQ(format_settings(settings),
              R"({"type":"Settings","audio":{"input":{"encoding":"mulaw","sample_rate":8000},)"
              R"("output":{"encoding":"mulaw","sample_rate":8000,"container":"none"}},)"
              R"("agent":{"language":"en",)"
              R"("listen":{"provider":{"type":"deepgram","model":"nova-3"}},)"
              R"("think":{"provider":{"type":"open_ai","model":"gpt-4o-mini","temperature":5E-1},)"
              R"("prompt":"Be brief.","functions":[{"name":"end_call","description":"Ends it.",)"
              R"("parameters":{"type":"object","properties":{}}}]},)"
              R"("speak":{"provider":{"type":"deepgram","model":"aura-2-thalia-en"}},)"
              R"("greeting":"Hello.",)"
              R"("context":{"messages":[{"type":"History","role":"user","content":"Hi."},)"
              R"({"type":"History","role":"assistant","content":"Hello."}]}}})");
}

TEST(DeepgramEvents, WritesWhatTheReferenceShows) {
    EXPECT_EQ(format_function_response("fc_1", "check", "Shipped", false),
              R"({"type":"FunctionCallResponse","id":"fc_1","name":"check","content":"Shipped"})");
    EXPECT_EQ(
        format_function_response("fc_1", "check", "no such order", true),
        R"({"type":"FunctionCallResponse","id":"fc_1","name":"check","content":"It failed: no such order"})");
    EXPECT_EQ(format_user_message("Hi"), R"({"type":"InjectUserMessage","content":"Hi"})");
    EXPECT_EQ(format_prompt("Be brief."), R"({"type":"UpdatePrompt","prompt":"Be brief."})");
    EXPECT_EQ(format_keep_alive(), R"({"type":"KeepAlive"})");
}

TEST(DeepgramEvents, KnowsWhichFailuresWouldComeAgain) {
    EXPECT_TRUE(fails_again("INVALID_SETTINGS", false));
    EXPECT_TRUE(fails_again("INVALID_SETTINGS", true));
    EXPECT_TRUE(fails_again("UNPARSABLE_CLIENT_MESSAGE", false));
    EXPECT_FALSE(fails_again("UNPARSABLE_CLIENT_MESSAGE", true));
    EXPECT_FALSE(fails_again("INTERNAL_SERVER_ERROR", false));
    EXPECT_FALSE(fails_again("FAILED_TO_THINK", true));
    EXPECT_TRUE(fails_again("", false));
    EXPECT_FALSE(fails_again("", true));
}

}  // namespace
}  // namespace bridge::agents::deepgram
