#include "agents/openai/realtime_requests.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include "base/base64.hpp"

namespace bridge::agents {
namespace {

namespace json = boost::json;

json::value turn_detection(const OpenAiOptions& options) {
    if (options.turns == TurnDetection::none) return nullptr;
    json::object turns;
    if (options.turns == TurnDetection::semantic_vad) {
        turns["type"] = "semantic_vad";
        turns["eagerness"] = options.eagerness;
    } else {
        turns["type"] = "server_vad";
        turns["threshold"] = options.vad_threshold;
        turns["prefix_padding_ms"] = options.vad_prefix.count();
        turns["silence_duration_ms"] = options.vad_silence.count();
    }
    turns["create_response"] = true;
    turns["interrupt_response"] = options.service_interrupts;
    return turns;
}

json::value transcription(const OpenAiOptions& options) {
    if (options.transcription_model.empty()) return nullptr;
    json::object words{{"model", options.transcription_model}};
    if (!options.language.empty()) words["language"] = options.language;
    return words;
}

json::value noise_reduction(const OpenAiOptions& options) {
    if (options.noise_reduction.empty()) return nullptr;
    return json::object{{"type", options.noise_reduction}};
}

json::array tool_list(const std::vector<call::ToolSpec>& tools) {
    json::array list;
    for (const auto& tool : tools) {
        json::error_code error;
        auto parameters = json::parse(tool.parameters, error);
        if (error || !parameters.is_object()) {
            parameters = json::object{{"type", "object"}, {"properties", json::object{}}};
        }
        list.push_back(json::object{{"type", "function"},
                                    {"name", tool.name},
                                    {"description", tool.description},
                                    {"parameters", std::move(parameters)}});
    }
    return list;
}

json::value token_cap(const OpenAiOptions& options) {
    if (options.max_output_tokens == 0) return "inf";
    return options.max_output_tokens;
}

json::object current_session(const OpenAiOptions& options) {
    const json::object mulaw{{"type", "audio/pcmu"}};
    json::object input{{"format", mulaw},
                       {"turn_detection", turn_detection(options)},
                       {"transcription", transcription(options)},
                       {"noise_reduction", noise_reduction(options)}};
    json::object output{{"format", mulaw}, {"voice", options.voice}, {"speed", options.speed}};
    return {{"type", "realtime"},
            {"output_modalities", json::array{"audio"}},
            {"audio", json::object{{"input", std::move(input)}, {"output", std::move(output)}}},
            {"max_output_tokens", token_cap(options)}};
}

json::object older_session(const OpenAiOptions& options) {
    return {{"modalities", json::array{"text", "audio"}},
            {"input_audio_format", "g711_ulaw"},
            {"output_audio_format", "g711_ulaw"},
            {"voice", options.voice},
            {"turn_detection", turn_detection(options)},
            {"input_audio_transcription", transcription(options)},
            {"input_audio_noise_reduction", noise_reduction(options)},
            {"max_response_output_tokens", token_cap(options)}};
}

std::string item_create(json::object item) {
    return json::serialize(
        json::object{{"type", "conversation.item.create"}, {"item", std::move(item)}});
}

}  // namespace

std::string format_session_update(const OpenAiOptions& options,
                                  const std::vector<call::ToolSpec>& tools,
                                  std::string_view event_id) {
    auto session = options.beta ? older_session(options) : current_session(options);
    if (!options.instructions.empty()) session["instructions"] = options.instructions;
    session["tools"] = tool_list(tools);
    session["tool_choice"] = "auto";
    return json::serialize(json::object{
        {"type", "session.update"}, {"event_id", event_id}, {"session", std::move(session)}});
}

void format_append(std::span<const std::uint8_t> mulaw, std::string& out) {
    out.assign(R"({"type":"input_audio_buffer.append","audio":")");
    const auto at = out.size();
    out.resize(at + base64_length(mulaw.size()));
    encode_base64(mulaw, out.data() + at);
    out.append(R"("})");
}

std::string format_commit() {
    return R"({"type":"input_audio_buffer.commit"})";
}

std::string format_response_create(std::string_view event_id, std::string_view instructions) {
    json::object request{{"type", "response.create"}, {"event_id", event_id}};
    if (!instructions.empty()) request["response"] = json::object{{"instructions", instructions}};
    return json::serialize(request);
}

std::string format_response_cancel(std::string_view response, std::string_view event_id) {
    return json::serialize(json::object{
        {"type", "response.cancel"}, {"event_id", event_id}, {"response_id", response}});
}

std::string format_truncate(std::string_view item, std::uint64_t content_index,
                            std::chrono::milliseconds heard, std::string_view event_id) {
    return json::serialize(json::object{{"type", "conversation.item.truncate"},
                                        {"event_id", event_id},
                                        {"item_id", item},
                                        {"content_index", content_index},
                                        {"audio_end_ms", heard.count()}});
}

std::string format_message(Role role, std::string_view text, bool beta) {
    std::string_view name = "user", content = "input_text";
    if (role == Role::system) name = "system";
    if (role == Role::assistant) {
        name = "assistant";
        content = beta ? "text" : "output_text";
    }
    return item_create({{"type", "message"},
                        {"role", name},
                        {"content", json::array{json::object{{"type", content}, {"text", text}}}}});
}

std::string format_function_call(std::string_view call_id, std::string_view name,
                                 std::string_view arguments) {
    return item_create({{"type", "function_call"},
                        {"call_id", call_id},
                        {"name", name},
                        {"arguments", arguments}});
}

std::string format_function_output(std::string_view call_id, std::string_view output) {
    return item_create(
        {{"type", "function_call_output"}, {"call_id", call_id}, {"output", output}});
}

}  // namespace bridge::agents
