#include "agents/elevenlabs/conversation_events.hpp"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "base/base64.hpp"
#include "net/wire_text.hpp"

namespace bridge::agents::elevenlabs {

namespace json = boost::json;

namespace {

// Far above anything a conversation needs, and far below what a peer may accept.
constexpr std::size_t kTextBytes = 64 * 1024;

tl::unexpected<Error> bad(std::string_view field, std::string_view why) {
    return fail(Errc::bad_field, std::string(field) + ": " + std::string(why));
}

std::string string_of(const json::object& object, std::string_view name) {
    return std::string(net::text_field(object, name));
}

Result<Event> audio(const json::object& part) {
    const auto id = net::integer_field(part, "event_id");
    if (!id) return bad("audio_event.event_id", "not a number");
    const auto base64 = net::text_field(part, "audio_base_64");
    event::Audio out{*id, std::vector<std::uint8_t>(base64_capacity(base64.size()))};
    const auto bytes = decode_base64(base64, out.bytes.data());
    if (!bytes) return bad("audio_event.audio_base_64", "not base64");
    out.bytes.resize(*bytes);
    return out;
}

Result<Event> tool_call(const json::object& part) {
    event::ToolCall out{string_of(part, "tool_call_id"), string_of(part, "tool_name"), "{}"};
    if (out.id.empty()) return bad("client_tool_call.tool_call_id", "missing");
    if (out.name.empty()) return bad("client_tool_call.tool_name", "missing");
    if (const auto* parameters = net::object_field(part, "parameters")) {
        out.arguments = json::serialize(*parameters);
    }
    return out;
}

template <class Numbered>
Result<Event> numbered(const json::object& part, std::string_view where) {
    const auto id = net::integer_field(part, "event_id");
    if (!id) return bad(std::string(where) + ".event_id", "not a number");
    return Numbered{*id};
}

json::string text_of(std::string_view text) {
    return json::string(net::valid_text(text, kTextBytes));
}

std::string message(std::string_view type, std::string_view field, std::string_view text) {
    json::object out;
    out["type"] = json::string(type);
    out[json::string_view(field.data(), field.size())] = text_of(text);
    return json::serialize(out);
}

}  // namespace

Result<Event> parse_event(std::string_view text) {
    const auto object = net::parse_object(text);
    if (!object) return fail(Errc::not_json, "message: not a JSON object");
    const auto type = net::text_field(*object, "type");
    if (type.empty()) return bad("type", "missing");
    const auto part = [&](std::string_view name) {
        static const json::object kNothing;
        const auto* found = net::object_field(*object, name);
        return found == nullptr ? &kNothing : found;
    };
    if (type == "audio") return audio(*part("audio_event"));
    if (type == "ping") return numbered<event::Ping>(*part("ping_event"), "ping_event");
    if (type == "interruption") {
        return numbered<event::Interruption>(*part("interruption_event"), "interruption_event");
    }
    if (type == "agent_response") {
        return event::AgentResponse{string_of(*part("agent_response_event"), "agent_response")};
    }
    if (type == "agent_response_correction") {
        return event::AgentCorrection{
            string_of(*part("agent_response_correction_event"), "corrected_agent_response")};
    }
    if (type == "user_transcript") {
        return event::UserTranscript{
            string_of(*part("user_transcription_event"), "user_transcript")};
    }
    if (type == "client_tool_call") return tool_call(*part("client_tool_call"));
    if (type == "conversation_initiation_metadata") {
        const auto& metadata = *part("conversation_initiation_metadata_event");
        return event::Metadata{string_of(metadata, "conversation_id"),
                               string_of(metadata, "agent_output_audio_format"),
                               string_of(metadata, "user_input_audio_format")};
    }
    return event::Other{std::string(type.substr(0, 64))};
}

std::string format_initiation(const Initiation& initiation) {
    json::object agent;
    if (!initiation.prompt.empty()) {
        agent["prompt"] = json::object{{"prompt", text_of(initiation.prompt)}};
    }
    if (initiation.first_message) agent["first_message"] = text_of(*initiation.first_message);
    if (!initiation.language.empty()) agent["language"] = text_of(initiation.language);
    json::object overrides;
    if (!agent.empty()) overrides["agent"] = std::move(agent);
    if (!initiation.voice_id.empty()) {
        overrides["tts"] = json::object{{"voice_id", text_of(initiation.voice_id)}};
    }
    json::object out;
    out["type"] = "conversation_initiation_client_data";
    if (!overrides.empty()) out["conversation_config_override"] = std::move(overrides);
    json::object variables;
    for (const auto& [name, value] : initiation.variables) variables[name] = text_of(value);
    if (!variables.empty()) out["dynamic_variables"] = std::move(variables);
    return json::serialize(out);
}

void format_audio(std::span<const std::uint8_t> bytes, std::string& out) {
    out.assign(R"({"user_audio_chunk":")");
    const auto at = out.size();
    out.resize(at + base64_length(bytes.size()));
    encode_base64(bytes, out.data() + at);
    out.append(R"("})");
}

std::string format_pong(std::int64_t id) {
    return json::serialize(json::object{{"type", "pong"}, {"event_id", id}});
}

std::string format_tool_result(std::string_view id, std::string_view result, bool failed) {
    json::object out;
    out["type"] = "client_tool_result";
    out["tool_call_id"] = text_of(id);
    out["result"] = text_of(result);
    out["is_error"] = failed;
    return json::serialize(out);
}

std::string format_context(std::string_view text) {
    return message("contextual_update", "text", text);
}

std::string format_user_message(std::string_view text) {
    return message("user_message", "text", text);
}

std::string format_user_activity() {
    return R"({"type":"user_activity"})";
}

}  // namespace bridge::agents::elevenlabs
