#include "agents/openai/realtime_requests.hpp"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include "agents/openai/openai_options.hpp"
#include "base/base64.hpp"

namespace bridge::agents {
namespace {

namespace json = boost::json;

OpenAiOptions keyed_options() {
    OpenAiOptions options;
    options.key = Secret("sk-secret");
    return options;
}

TEST(RealtimeRequests, ConfiguresAPhoneCallInTheCurrentShape) {
    auto options = keyed_options();
    options.instructions = "Be \"brief\".";
    options.language = "de";
    options.noise_reduction = "far_field";
    options.max_output_tokens = 800;
    options.speed = 1.25;
    const std::vector<call::ToolSpec> tools{
        {"end_call", "Ends it.", R"({"type":"object","properties":{"reason":{"type":"string"}}})"},
        {"broken", "", "no JSON"}};
    const auto text = format_session_update(options, tools, "configure");
    EXPECT_EQ(text.find("sk-secret"), std::string::npos);
    EXPECT_EQ(json::parse(text), json::parse(R"({
        "type":"session.update","event_id":"configure","session":{
            "type":"realtime","output_modalities":["audio"],
            "audio":{
                "input":{"format":{"type":"audio/pcmu"},
                    "turn_detection":{"type":"server_vad","threshold":0.5,"prefix_padding_ms":300,
                        "silence_duration_ms":500,"create_response":true,"interrupt_response":false},
                    "transcription":{"model":"gpt-4o-mini-transcribe","language":"de"},
                    "noise_reduction":{"type":"far_field"}},
                "output":{"format":{"type":"audio/pcmu"},"voice":"marin","speed":1.25}},
            "max_output_tokens":800,
            "instructions":"Be \"brief\".",
            "tools":[
                {"type":"function","name":"end_call","description":"Ends it.",
                 "parameters":{"type":"object","properties":{"reason":{"type":"string"}}}},
                {"type":"function","name":"broken","description":"",
                 "parameters":{"type":"object","properties":{}}}],
            "tool_choice":"auto"}})"));
}

TEST(RealtimeRequests, ConfiguresAPhoneCallInTheOlderShape) {
    auto options = keyed_options();
    options.beta = true;
    options.turns = TurnDetection::semantic_vad;
    options.eagerness = "high";
    options.service_interrupts = true;
    options.transcription_model.clear();
    EXPECT_EQ(json::parse(format_session_update(options, {}, "configure")), json::parse(R"({
        "type":"session.update","event_id":"configure","session":{
            "modalities":["text","audio"],
            "input_audio_format":"g711_ulaw","output_audio_format":"g711_ulaw",
            "voice":"marin",
            "turn_detection":{"type":"semantic_vad","eagerness":"high",
                "create_response":true,"interrupt_response":true},
            "input_audio_transcription":null,"input_audio_noise_reduction":null,
            "max_response_output_tokens":"inf",
            "tools":[],"tool_choice":"auto"}})"));
}

TEST(RealtimeRequests, SwitchesTurnDetectionOff) {
    auto options = keyed_options();
    options.turns = TurnDetection::none;
    const auto session = json::parse(format_session_update(options, {}, "x")).at("session");
    EXPECT_TRUE(session.at("audio").at("input").at("turn_detection").is_null());
}

TEST(RealtimeRequests, FormatsEachRequest) {
    const struct {
        std::string text;
        const char* wanted;
    } table[] = {
        {format_commit(), R"({"type":"input_audio_buffer.commit"})"},
        {format_response_create("r-1"), R"({"type":"response.create","event_id":"r-1"})"},
        {format_response_create("r-1", "Greet."),
         R"({"type":"response.create","event_id":"r-1","response":{"instructions":"Greet."}})"},
        {format_response_cancel("resp", "c-1"),
         R"({"type":"response.cancel","event_id":"c-1","response_id":"resp"})"},
        {format_truncate("item", 0, std::chrono::milliseconds(1460), "t-1"),
         R"({"type":"conversation.item.truncate","event_id":"t-1","item_id":"item",)"
         R"("content_index":0,"audio_end_ms":1460})"},
        {format_message(Role::user, "Hi", false),
         R"({"type":"conversation.item.create","item":{"type":"message","role":"user",)"
         R"("content":[{"type":"input_text","text":"Hi"}]}})"},
        {format_message(Role::system, "Hi", true),
         R"({"type":"conversation.item.create","item":{"type":"message","role":"system",)"
         R"("content":[{"type":"input_text","text":"Hi"}]}})"},
        {format_message(Role::assistant, "Hi", false),
         R"({"type":"conversation.item.create","item":{"type":"message","role":"assistant",)"
         R"("content":[{"type":"output_text","text":"Hi"}]}})"},
        {format_message(Role::assistant, "Hi", true),
         R"({"type":"conversation.item.create","item":{"type":"message","role":"assistant",)"
         R"("content":[{"type":"text","text":"Hi"}]}})"},
        {format_function_call("c", "clock", "{}"),
         R"({"type":"conversation.item.create","item":{"type":"function_call","call_id":"c",)"
         R"("name":"clock","arguments":"{}"}})"},
        {format_function_output("c", R"({"a":1})"),
         R"({"type":"conversation.item.create","item":{"type":"function_call_output",)"
         R"("call_id":"c","output":"{\"a\":1}"}})"},
    };
    for (const auto& [text, wanted] : table) {
        EXPECT_EQ(json::parse(text), json::parse(wanted)) << text;
    }
}

TEST(RealtimeRequests, AppendsSoundInMemoryThatIsUsedAgain) {
    const std::vector<std::uint8_t> frame(160, 0xFF);
    std::string out;
    format_append(frame, out);
    const auto* const memory = out.data();
    EXPECT_EQ(json::parse(out).at("audio").as_string(), encode_base64(frame));
    EXPECT_EQ(json::parse(out).at("type").as_string(), "input_audio_buffer.append");
    format_append(frame, out);
    EXPECT_EQ(out.data(), memory);
}

TEST(OpenAiOptions, NamesEverySettingThatIsWrong) {
    EXPECT_TRUE(check_openai_options(keyed_options()));
    OpenAiOptions options;
    options.url = "https://api.openai.com";
    options.speed = 3;
    options.max_output_tokens = 5000;
    options.vad_threshold = 2;
    options.eagerness = "keen";
    options.noise_reduction = "yes";
    options.model = options.voice = "";
    const auto wrong = check_openai_options(options);
    ASSERT_FALSE(wrong);
    EXPECT_EQ(wrong.error().code, Errc::bad_config);
    for (const auto* name : {"OPENAI_API_KEY", "_URL", "_SPEED", "_MAX_TOKENS", "_VAD_THRESHOLD",
                             "_EAGERNESS", "_NOISE_REDUCTION", "_MODEL", "_VOICE"}) {
        EXPECT_NE(wrong.error().message.find(name), std::string::npos) << name;
    }
}

TEST(OpenAiOptions, PutsTheModelIntoTheAddressOnce) {
    auto options = keyed_options();
    EXPECT_EQ(realtime_url(options), "wss://api.openai.com/v1/realtime?model=gpt-realtime");
    options.model = "my model&x";
    EXPECT_EQ(realtime_url(options), "wss://api.openai.com/v1/realtime?model=my%20model%26x");
    options.url = "wss://x.example/openai/realtime?api-version=2025-04-01&deployment=phone";
    EXPECT_EQ(realtime_url(options), options.url);
    options.url = "wss://x.example/v1/realtime?api-version=1";
    options.model = "m";
    EXPECT_EQ(realtime_url(options), options.url + "&model=m");
}

}  // namespace
}  // namespace bridge::agents
