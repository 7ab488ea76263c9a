#include "agents/openai/realtime_events.hpp"

#include <fmt/format.h>

#include <array>
#include <boost/json/monotonic_resource.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <limits>
#include <optional>

#include "base/base64.hpp"

namespace bridge::agents {
namespace {

namespace json = boost::json;

std::string_view text_of(const json::object& object, std::string_view name) {
    const auto* value = object.if_contains(name);
    const auto* text = value == nullptr ? nullptr : value->if_string();
    return text == nullptr ? std::string_view{} : std::string_view(*text);
}

/// Numbers that are negative, huge or none at all count as 0.
std::uint64_t number_of(const json::object& object, std::string_view name) {
    const auto* value = object.if_contains(name);
    if (value == nullptr) return 0;
    if (const auto* number = value->if_uint64()) return *number;
    if (const auto* number = value->if_int64()) {
        return *number > 0 ? static_cast<std::uint64_t>(*number) : 0;
    }
    if (const auto* number = value->if_double()) {
        if (*number > 0 && *number < 1e15) return static_cast<std::uint64_t>(*number);
    }
    return 0;
}

const json::object* object_of(const json::object& object, std::string_view name) {
    const auto* value = object.if_contains(name);
    return value == nullptr ? nullptr : value->if_object();
}

/// A function call that is complete and can be answered.
std::optional<realtime::FunctionCall> function_call(const json::object& item) {
    if (text_of(item, "type") != "function_call") return std::nullopt;
    if (text_of(item, "status") == "incomplete") return std::nullopt;
    const realtime::FunctionCall call{text_of(item, "call_id"), text_of(item, "name"),
                                      text_of(item, "arguments")};
    if (call.id.empty() || call.name.empty()) return std::nullopt;
    return call;
}

realtime::Failure failure(const json::object& error) {
    return {text_of(error, "type"), text_of(error, "code"), text_of(error, "message"),
            text_of(error, "param"), text_of(error, "event_id")};
}

}  // namespace

struct RealtimeEventParser::State {
    Result<RealtimeEvent> read(const json::object& event);
    Result<RealtimeEvent> audio(const json::object& event);
    RealtimeEvent response_done(const json::object& event);

    // The first part of a message's values; longer ones come from the heap.
    std::array<unsigned char, 4096> room{};
    std::optional<json::monotonic_resource> memory;
    std::optional<json::value> value;
    std::vector<std::uint8_t> bytes;
    std::vector<realtime::FunctionCall> calls;
};

Result<RealtimeEvent> RealtimeEventParser::State::audio(const json::object& event) {
    const realtime::AudioDelta delta{text_of(event, "response_id"),
                                     text_of(event, "item_id"),
                                     number_of(event, "content_index"),
                                     {}};
    if (delta.item.empty()) return fail(Errc::bad_field, "item_id: missing");
    const auto encoded = text_of(event, "delta");
    bytes.resize(base64_capacity(encoded.size()));
    const auto count = decode_base64(encoded, bytes.data());
    if (!count) return fail(Errc::bad_field, "delta: not base64");
    auto whole = delta;
    whole.audio = std::span<const std::uint8_t>(bytes.data(), *count);
    return whole;
}

RealtimeEvent RealtimeEventParser::State::response_done(const json::object& event) {
    using Status = realtime::ResponseDone::Status;
    realtime::ResponseDone done;
    const auto* response = object_of(event, "response");
    if (response == nullptr) return done;
    done.response = text_of(*response, "id");
    const auto status = text_of(*response, "status");
    if (status == "cancelled") done.status = Status::cancelled;
    if (status == "failed") done.status = Status::failed;
    if (status == "incomplete") done.status = Status::incomplete;
    if (const auto* details = object_of(*response, "status_details")) {
        done.reason = text_of(*details, "reason");
        if (const auto* error = object_of(*details, "error")) {
            const auto code = text_of(*error, "code");
            done.error_code = code.empty() ? text_of(*error, "type") : code;
            done.message = text_of(*error, "message");
        }
    }
    calls.clear();
    const auto* output = response->if_contains("output");
    if (const auto* items = output == nullptr ? nullptr : output->if_array()) {
        for (const auto& item : *items) {
            const auto* object = item.if_object();
            if (object == nullptr) continue;
            if (const auto call = function_call(*object)) calls.push_back(*call);
        }
    }
    done.calls = calls;
    return done;
}

Result<RealtimeEvent> RealtimeEventParser::State::read(const json::object& event) {
    using Kind = realtime::CallerText::Kind;
    const auto type = text_of(event, "type");
    if (type.empty()) return fail(Errc::bad_field, "type: missing");
    const auto item = text_of(event, "item_id");
    const auto response = text_of(event, "response_id");

    // The most frequent ones first.
    if (type == "response.output_audio.delta" || type == "response.audio.delta") {
        return audio(event);
    }
    if (type == "response.output_audio_transcript.delta" ||
        type == "response.audio_transcript.delta") {
        return realtime::AgentText{false, response, item, text_of(event, "delta")};
    }
    if (type == "response.output_audio_transcript.done" ||
        type == "response.audio_transcript.done") {
        return realtime::AgentText{true, response, item, text_of(event, "transcript")};
    }
    if (type == "response.output_audio.done" || type == "response.audio.done") {
        return realtime::AudioDone{response, item};
    }
    if (type == "input_audio_buffer.speech_started") {
        return realtime::SpeechStarted{number_of(event, "audio_start_ms"), item};
    }
    if (type == "input_audio_buffer.speech_stopped") {
        return realtime::SpeechStopped{number_of(event, "audio_end_ms"), item};
    }
    if (type == "input_audio_buffer.committed") return realtime::Committed{item};
    if (type == "conversation.item.input_audio_transcription.delta") {
        return realtime::CallerText{Kind::delta, item, text_of(event, "delta")};
    }
    if (type == "conversation.item.input_audio_transcription.completed") {
        return realtime::CallerText{Kind::completed, item, text_of(event, "transcript")};
    }
    if (type == "conversation.item.input_audio_transcription.failed") {
        const auto* error = object_of(event, "error");
        return realtime::CallerText{
            Kind::failed, item, error == nullptr ? std::string_view{} : text_of(*error, "message")};
    }
    if (type == "response.created") {
        const auto* object = object_of(event, "response");
        if (object == nullptr) return fail(Errc::bad_field, "response: missing");
        return realtime::ResponseCreated{text_of(*object, "id")};
    }
    if (type == "response.output_item.done") {
        const auto* object = object_of(event, "item");
        const auto call = object == nullptr ? std::nullopt : function_call(*object);
        if (call) return realtime::CallMade{response, *call};
        return realtime::Other{type};
    }
    if (type == "response.done") return response_done(event);
    if (type == "session.created") return realtime::SessionCreated{};
    if (type == "session.updated") return realtime::SessionUpdated{};
    if (type == "error") {
        const auto* error = object_of(event, "error");
        return error == nullptr ? realtime::Failure{} : failure(*error);
    }
    return realtime::Other{type};
}

RealtimeEventParser::RealtimeEventParser() : state_(std::make_unique<State>()) {}
RealtimeEventParser::~RealtimeEventParser() = default;

Result<RealtimeEvent> RealtimeEventParser::parse(std::string_view text) {
    auto& state = *state_;
    state.value.reset();
    state.memory.emplace(state.room.data(), state.room.size());
    json::error_code error;
    state.value.emplace(json::parse(text, error, &*state.memory));
    if (error) return fail(Errc::not_json, "not JSON: " + error.message());
    const auto* event = state.value->if_object();
    if (event == nullptr) return fail(Errc::not_json, "not a JSON object");
    return state.read(*event);
}

}  // namespace bridge::agents
