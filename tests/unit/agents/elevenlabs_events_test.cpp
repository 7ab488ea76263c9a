#include "agents/elevenlabs/conversation_events.hpp"

#include <gtest/gtest.h>

namespace bridge::agents::elevenlabs {
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

// The examples of ElevenLabs' AsyncAPI description.

TEST(ElevenLabsEvents, ReadsTheFormatsOfTheConversation) {
    const auto metadata = parsed<event::Metadata>(
        R"({"type":"conversation_initiation_metadata","conversation_initiation_metadata_event":
            {"conversation_id":"conv_123456789","agent_output_audio_format":"pcm_16000",
             "user_input_audio_format":"ulaw_8000"}})");
    EXPECT_EQ(metadata.conversation_id, "conv_123456789");
    EXPECT_EQ(metadata.output_format, "pcm_16000");
    EXPECT_EQ(metadata.input_format, "ulaw_8000");
}

TEST(ElevenLabsEvents, ReadsSoundAndItsNumber) {
    const auto audio = parsed<event::Audio>(
        R"({"audio_event":{"audio_base_64":"AP8Q","event_id":7},"type":"audio"})");
    EXPECT_EQ(audio.id, 7);
    EXPECT_EQ(audio.bytes, (std::vector<std::uint8_t>{0x00, 0xFF, 0x10}));
}

TEST(ElevenLabsEvents, ReadsInterruptionsPingsAndTexts) {
    EXPECT_EQ(parsed<event::Interruption>(
                  R"({"type":"interruption","interruption_event":{"event_id":3}})")
                  .id,
              3);
    EXPECT_EQ(
        parsed<event::Ping>(R"({"type":"ping","ping_event":{"event_id":12345,"ping_ms":50}})").id,
        12345);
    EXPECT_EQ(parsed<event::AgentResponse>(
                  R"({"type":"agent_response","agent_response_event":{"agent_response":"Hi"}})")
                  .text,
              "Hi");
    EXPECT_EQ(parsed<event::AgentCorrection>(
                  R"({"type":"agent_response_correction","agent_response_correction_event":
                      {"original_agent_response":"Hi there","corrected_agent_response":"Hi"}})")
                  .text,
              "Hi");
    EXPECT_EQ(
        parsed<event::UserTranscript>(
            R"({"type":"user_transcript","user_transcription_event":{"user_transcript":"Yes"}})")
            .text,
        "Yes");
}

TEST(ElevenLabsEvents, ReadsToolCalls) {
    const auto call = parsed<event::ToolCall>(
        R"({"type":"client_tool_call","client_tool_call":{"tool_name":"check_account_status",
            "tool_call_id":"tool_call_123","parameters":{"user_id":"user_123"}}})");
    EXPECT_EQ(call.id, "tool_call_123");
    EXPECT_EQ(call.name, "check_account_status");
    EXPECT_EQ(call.arguments, R"({"user_id":"user_123"})");
}

TEST(ElevenLabsEvents, PassesOverWhatItDoesNotKnow) {
    EXPECT_EQ(
        parsed<event::Other>(R"({"type":"vad_score","vad_score_event":{"vad_score":0.95}})").type,
        "vad_score");
    EXPECT_EQ(
        parsed<event::Ping>(R"({"new":[{}],"type":"ping","ping_event":{"event_id":1,"x":2}})").id,
        1);
    EXPECT_EQ(parsed<event::AgentResponse>(R"({"type":"agent_response"})").text, "");
}

TEST(ElevenLabsEvents, SaysWhatIsWrong) {
    struct Case {
        const char* text;
        std::string_view message;
    };
    for (const auto& [text, message] :
         {Case{"", "message: not a JSON object"}, Case{"5", "message: not a JSON object"},
          Case{R"({"type":"ping")", "message: not a JSON object"},
          Case{R"({"type":null})", "type: missing"},
          Case{R"({"type":"ping"})", "ping_event.event_id: not a number"},
          Case{R"({"type":"ping","ping_event":{"event_id":18446744073709551615}})",
               "ping_event.event_id: not a number"},
          Case{R"({"type":"interruption","interruption_event":{"event_id":"1"}})",
               "interruption_event.event_id: not a number"},
          Case{R"({"type":"audio","audio_event":{"event_id":1,"audio_base_64":"AA="}})",
               "audio_event.audio_base_64: not base64"},
          Case{R"({"type":"client_tool_call","client_tool_call":{"tool_name":"x"}})",
               "client_tool_call.tool_call_id: missing"},
          Case{R"({"type":"client_tool_call","client_tool_call":{"tool_call_id":"x"}})",
               "client_tool_call.tool_name: missing"}}) {
        const auto event = parse_event(text);
        ASSERT_FALSE(event) << text;
        EXPECT_EQ(event.error().message, message) << text;
    }
    EXPECT_FALSE(parse_event(std::string(100, '[') + std::string(100, ']')));
}

TEST(ElevenLabsEvents, WritesWhatTheReferenceShows) {
    EXPECT_EQ(format_pong(12345), R"({"type":"pong","event_id":12345})");
    EXPECT_EQ(
        format_tool_result("tool_call_123", "Account is active", false),
        R"({"type":"client_tool_result","tool_call_id":"tool_call_123","result":"Account is active","is_error":false})");
    EXPECT_EQ(format_context("User is viewing the pricing page"),
              R"({"type":"contextual_update","text":"User is viewing the pricing page"})");
    EXPECT_EQ(format_user_message("Hi \"you\""), R"({"type":"user_message","text":"Hi \"you\""})");
    EXPECT_EQ(format_user_activity(), R"({"type":"user_activity"})");
    std::string chunk = "used before";
    const std::array<std::uint8_t, 3> bytes{0x00, 0xFF, 0x10};
    format_audio(bytes, chunk);
    EXPECT_EQ(chunk, R"({"user_audio_chunk":"AP8Q"})");
}

TEST(ElevenLabsEvents, AnInitiationHoldsOnlyWhatIsSet) {
    EXPECT_EQ(format_initiation({}), R"({"type":"conversation_initiation_client_data"})");
    Initiation all{"Be brief.", "en", "v1", "Hello.", {{"name", "Ada"}}};
    EXPECT_EQ(
        format_initiation(all),
        R"({"type":"conversation_initiation_client_data","conversation_config_override":)"
        R"({"agent":{"prompt":{"prompt":"Be brief."},"first_message":"Hello.","language":"en"},)"
        R"("tts":{"voice_id":"v1"}},"dynamic_variables":{"name":"Ada"}})");
    EXPECT_EQ(format_initiation({"", "", "", "", {}}),
              R"({"type":"conversation_initiation_client_data","conversation_config_override":)"
              R"({"agent":{"first_message":""}}})");
}

}  // namespace
}  // namespace bridge::agents::elevenlabs
