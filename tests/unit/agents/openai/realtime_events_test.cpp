#include "agents/openai/realtime_events.hpp"

#include <gtest/gtest.h>

#include <string>

namespace bridge::agents {
namespace {

class RealtimeEventTest : public testing::Test {
protected:
    template <class T>
    T read(std::string_view text) {
        const auto event = parser_.parse(text);
        if (!event) {
            ADD_FAILURE() << event.error().message;
            return {};
        }
        const auto* value = std::get_if<T>(&*event);
        if (value == nullptr) {
            ADD_FAILURE() << "another event: " << event->index();
            return {};
        }
        return *value;
    }
    RealtimeEventParser parser_;
};

TEST_F(RealtimeEventTest, KnowsTheNamesOfBothShapes) {
    for (const std::string name : {"response.output_audio.delta", "response.audio.delta"}) {
        const auto event = read<realtime::AudioDelta>(
            R"({"event_id":"e","type":")" + name +
            R"(","response_id":"r","item_id":"i","output_index":0,"content_index":2,"delta":"/wB/"})");
        EXPECT_EQ(event.response, "r");
        EXPECT_EQ(event.item, "i");
        EXPECT_EQ(event.content_index, 2U);
        EXPECT_EQ(std::vector<std::uint8_t>(event.audio.begin(), event.audio.end()),
                  (std::vector<std::uint8_t>{0xFF, 0x00, 0x7F}));
    }
    for (const std::string name : {"response.output_audio.done", "response.audio.done"}) {
        EXPECT_EQ(read<realtime::AudioDone>(R"({"type":")" + name + R"(","item_id":"i"})").item,
                  "i");
    }
    for (const std::string name :
         {"response.output_audio_transcript.delta", "response.audio_transcript.delta"}) {
        const auto event = read<realtime::AgentText>(R"({"type":")" + name +
                                                     R"(","item_id":"i","delta":"Grüezi "})");
        EXPECT_FALSE(event.done);
        EXPECT_EQ(event.text, "Grüezi ");
    }
    for (const std::string name :
         {"response.output_audio_transcript.done", "response.audio_transcript.done"}) {
        const auto event = read<realtime::AgentText>(R"({"type":")" + name +
                                                     R"(","item_id":"i","transcript":"All."})");
        EXPECT_TRUE(event.done);
        EXPECT_EQ(event.text, "All.");
    }
}

TEST_F(RealtimeEventTest, ReadsWhatTheDetectorAndTheTranscriptionSay) {
    const auto started = read<realtime::SpeechStarted>(
        R"({"type":"input_audio_buffer.speech_started","audio_start_ms":1240,"item_id":"i"})");
    EXPECT_EQ(started.audio_start_ms, 1240U);
    EXPECT_EQ(read<realtime::SpeechStopped>(
                  R"({"type":"input_audio_buffer.speech_stopped","audio_end_ms":2600})")
                  .audio_end_ms,
              2600U);
    EXPECT_EQ(
        read<realtime::Committed>(R"({"type":"input_audio_buffer.committed","item_id":"i"})").item,
        "i");
    using TextKind = realtime::CallerText::Kind;
    auto text = read<realtime::CallerText>(
        R"({"type":"conversation.item.input_audio_transcription.delta","item_id":"i","delta":"He"})");
    EXPECT_EQ(text.kind, TextKind::delta);
    EXPECT_EQ(text.text, "He");
    text = read<realtime::CallerText>(
        R"({"type":"conversation.item.input_audio_transcription.completed","item_id":"i","transcript":"Hello."})");
    EXPECT_EQ(text.kind, TextKind::completed);
    EXPECT_EQ(text.text, "Hello.");
    text = read<realtime::CallerText>(
        R"({"type":"conversation.item.input_audio_transcription.failed","item_id":"i","error":{"message":"unintelligible"}})");
    EXPECT_EQ(text.kind, TextKind::failed);
    EXPECT_EQ(text.text, "unintelligible");
}

TEST_F(RealtimeEventTest, ReadsAResponseFromItsBeginningToItsEnd) {
    using Status = realtime::ResponseDone::Status;
    EXPECT_EQ(
        read<realtime::ResponseCreated>(R"({"type":"response.created","response":{"id":"r"}})")
            .response,
        "r");
    const auto call = read<realtime::CallMade>(
        R"({"type":"response.output_item.done","response_id":"r","item":{"type":"function_call",)"
        R"("status":"completed","call_id":"c","name":"clock","arguments":"{\"zone\":\"CET\"}"}})");
    EXPECT_EQ(call.response, "r");
    EXPECT_EQ(call.call.id, "c");
    EXPECT_EQ(call.call.arguments, R"({"zone":"CET"})");
    auto done = read<realtime::ResponseDone>(
        R"({"type":"response.done","response":{"id":"r","status":"completed","output":[)"
        R"({"type":"message","id":"m"},{"type":"function_call","call_id":"c","name":"clock","arguments":"{}"},)"
        R"({"type":"function_call","status":"incomplete","call_id":"d","name":"clock","arguments":"{"},7]}})");
    EXPECT_EQ(done.status, Status::completed);
    ASSERT_EQ(done.calls.size(), 1U);
    EXPECT_EQ(done.calls[0].id, "c");
    done = read<realtime::ResponseDone>(
        R"({"type":"response.done","response":{"id":"r","status":"cancelled","status_details":)"
        R"({"type":"cancelled","reason":"turn_detected"}}})");
    EXPECT_EQ(done.status, Status::cancelled);
    EXPECT_EQ(done.reason, "turn_detected");
    EXPECT_TRUE(done.calls.empty());
    done = read<realtime::ResponseDone>(
        R"({"type":"response.done","response":{"id":"r","status":"failed","status_details":)"
        R"({"error":{"type":"server_error","code":null,"message":"Sorry."}}}})");
    EXPECT_EQ(done.status, Status::failed);
    EXPECT_EQ(done.error_code, "server_error");
    EXPECT_EQ(done.message, "Sorry.");
    EXPECT_EQ(
        read<realtime::ResponseDone>(
            R"({"type":"response.done","response":{"id":"r","status":"incomplete","status_details":{"reason":"max_output_tokens"}}})")
            .status,
        Status::incomplete);
}

TEST_F(RealtimeEventTest, ReadsSessionsAndErrors) {
    read<realtime::SessionCreated>(R"({"type":"session.created","session":{"id":"s"}})");
    read<realtime::SessionUpdated>(R"({"type":"session.updated","session":{}})");
    const auto error = read<realtime::Failure>(
        R"({"type":"error","event_id":"e","error":{"type":"invalid_request_error","code":"invalid_value",)"
        R"("message":"No.","param":"session.voice","event_id":"configure"}})");
    EXPECT_EQ(error.type, "invalid_request_error");
    EXPECT_EQ(error.code, "invalid_value");
    EXPECT_EQ(error.param, "session.voice");
    EXPECT_EQ(error.event, "configure");
    EXPECT_EQ(read<realtime::Failure>(R"({"type":"error"})").message, "");
}

TEST_F(RealtimeEventTest, PassesOverWhatItDoesNotKnow) {
    EXPECT_EQ(read<realtime::Other>(R"({"type":"rate_limits.updated","rate_limits":[]})").type,
              "rate_limits.updated");
    EXPECT_EQ(
        read<realtime::Other>(R"({"type":"response.output_item.done","item":{"type":"message"}})")
            .type,
        "response.output_item.done");
    read<realtime::Other>(
        R"({"type":"response.output_item.done","item":{"type":"function_call","name":"clock"}})");
    // Fields of the wrong type count as missing.
    EXPECT_EQ(
        read<realtime::SpeechStarted>(
            R"({"type":"input_audio_buffer.speech_started","audio_start_ms":-5,"item_id":{}})")
            .audio_start_ms,
        0U);
    EXPECT_EQ(read<realtime::SpeechStarted>(
                  R"({"type":"input_audio_buffer.speech_started","audio_start_ms":1e300})")
                  .audio_start_ms,
              0U);
}

TEST_F(RealtimeEventTest, RefusesWhatCannotBeRead) {
    for (const auto* text : {
             "",
             "[]",
             "{",
             "7",
             R"({"event":"media"})",
             R"({"type":7})",
             R"({"type":"response.created"})",
             R"({"type":"response.audio.delta","item_id":"i","delta":"?"})",
             R"({"type":"response.audio.delta","delta":"/w=="})",
         }) {
        EXPECT_FALSE(parser_.parse(text)) << text;
    }
    EXPECT_FALSE(parser_.parse(std::string(100'000, '[')));
}

}  // namespace
}  // namespace bridge::agents
