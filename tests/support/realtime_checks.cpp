#include "tests/support/realtime_checks.hpp"

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <initializer_list>

namespace bridge::test {
namespace {

namespace json = boost::json;
using Names = std::initializer_list<std::string_view>;

bool among(std::string_view value, Names names) {
    return std::find(names.begin(), names.end(), value) != names.end();
}

Refusal missing(const std::string& param) {
    return {"missing_required_parameter", "Missing required parameter: '" + param + "'.", param};
}

Refusal invalid(const std::string& param, const std::string& why) {
    return {"invalid_value", "Invalid value for '" + param + "': " + why, param};
}

std::optional<Refusal> only(const json::object& object, const std::string& where, Names names) {
    for (const auto& field : object) {
        if (among(field.key(), names)) continue;
        const auto param = where + "." + std::string(field.key());
        return Refusal{"unknown_parameter", "Unknown parameter: '" + param + "'.", param};
    }
    return std::nullopt;
}

std::optional<double> number_at(const json::object& object, std::string_view name) {
    const auto* value = object.if_contains(name);
    if (value == nullptr || !value->is_number()) return std::nullopt;
    return value->to_number<double>();
}

std::optional<Refusal> in_range(const json::object& object, const std::string& where,
                                const std::string& name, double low, double high) {
    const auto* value = object.if_contains(name);
    if (value == nullptr) return std::nullopt;
    const auto number = number_at(object, name);
    if (!number || *number < low || *number > high) {
        return invalid(where + "." + name, "not a number within its range");
    }
    return std::nullopt;
}

bool is_voice(std::string_view voice) {
    return among(voice, {"alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse",
                         "marin", "cedar"});
}

std::optional<Refusal> take_turns(const json::object& owner, const std::string& where,
                                  RealtimeSettings& settings) {
    const auto* value = owner.if_contains("turn_detection");
    if (value == nullptr) return std::nullopt;
    settings.vad = !value->is_null();
    if (value->is_null()) return std::nullopt;
    const auto* turns = value->if_object();
    const auto name = where + ".turn_detection";
    if (turns == nullptr) return invalid(name, "not an object");
    const auto type = text_at(*turns, "type");
    std::optional<Refusal> wrong;
    if (type == "server_vad") {
        wrong = only(*turns, name,
                     {"type", "threshold", "prefix_padding_ms", "silence_duration_ms",
                      "create_response", "interrupt_response", "idle_timeout_ms"});
    } else if (type == "semantic_vad") {
        wrong = only(*turns, name, {"type", "eagerness", "create_response", "interrupt_response"});
        if (!wrong && turns->contains("eagerness") &&
            !among(text_at(*turns, "eagerness"), {"low", "medium", "high", "auto"})) {
            wrong = invalid(name + ".eagerness", "none of low, medium, high, auto");
        }
    } else {
        wrong = invalid(name + ".type", "neither server_vad nor semantic_vad");
    }
    if (!wrong) wrong = in_range(*turns, name, "threshold", 0, 1);
    if (!wrong) wrong = in_range(*turns, name, "prefix_padding_ms", 0, 10000);
    if (!wrong) wrong = in_range(*turns, name, "silence_duration_ms", 0, 10000);
    if (wrong) return wrong;
    settings.prefix_ms =
        static_cast<std::uint64_t>(number_at(*turns, "prefix_padding_ms").value_or(300));
    settings.silence_ms =
        static_cast<std::uint64_t>(number_at(*turns, "silence_duration_ms").value_or(500));
    const auto flag = [&](std::string_view key) {
        const auto* set = turns->if_contains(key);
        return set == nullptr || !set->is_bool() || set->get_bool();
    };
    settings.create_response = flag("create_response");
    settings.interrupt_response = flag("interrupt_response");
    return std::nullopt;
}

std::optional<Refusal> take_transcription(const json::object& owner, std::string_view key,
                                          const std::string& where, RealtimeSettings& settings) {
    const auto* value = owner.if_contains(key);
    if (value == nullptr || value->is_null()) {
        if (value != nullptr) settings.transcription = false;
        return std::nullopt;
    }
    const auto name = where + "." + std::string(key);
    const auto* words = value->if_object();
    if (words == nullptr) return invalid(name, "not an object");
    if (auto wrong = only(*words, name, {"model", "language", "prompt"})) return wrong;
    if (text_at(*words, "model").empty()) return missing(name + ".model");
    settings.transcription = true;
    return std::nullopt;
}

std::optional<Refusal> check_noise(const json::object& owner, std::string_view key,
                                   const std::string& where) {
    const auto* value = owner.if_contains(key);
    if (value == nullptr || value->is_null()) return std::nullopt;
    const auto* noise = value->if_object();
    if (noise == nullptr || !among(text_at(*noise, "type"), {"near_field", "far_field"})) {
        return invalid(where + "." + std::string(key), "neither near_field nor far_field");
    }
    return std::nullopt;
}

std::optional<Refusal> check_format(const json::object& owner, const std::string& where) {
    const auto* format = object_at(owner, "format");
    if (format == nullptr) {
        return owner.contains("format") ? std::optional(invalid(where + ".format", "no object"))
                                        : std::nullopt;
    }
    const auto type = text_at(*format, "type");
    if (among(type, {"audio/pcmu", "audio/pcma"}))
        return only(*format, where + ".format", {"type"});
    if (type == "audio/pcm" && number_at(*format, "rate") == 24000.0) return std::nullopt;
    return invalid(where + ".format", "not a supported format");
}

std::optional<Refusal> take_tools(const json::object& session, RealtimeSettings& settings) {
    const auto* value = session.if_contains("tools");
    if (value == nullptr) return std::nullopt;
    const auto* tools = value->if_array();
    if (tools == nullptr) return invalid("session.tools", "not an array");
    for (const auto& tool : *tools) {
        const auto* object = tool.if_object();
        if (object == nullptr) return invalid("session.tools", "not objects");
        if (auto wrong =
                only(*object, "session.tools", {"type", "name", "description", "parameters"})) {
            return wrong;
        }
        if (text_at(*object, "type") != "function") return missing("session.tools.type");
        const auto name = text_at(*object, "name");
        const bool good =
            !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), [](char c) {
                return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       c == '_' || c == '-';
            });
        if (!good) return invalid("session.tools.name", "not a name");
        const auto* parameters = object_at(*object, "parameters");
        if (parameters == nullptr || text_at(*parameters, "type") != "object") {
            return invalid("session.tools.parameters", "not the schema of an object");
        }
    }
    settings.tools = json::serialize(*tools);
    return std::nullopt;
}

std::optional<Refusal> check_tokens(const json::object& session, std::string_view key) {
    const auto* value = session.if_contains(key);
    if (value == nullptr) return std::nullopt;
    const auto* text = value->if_string();
    if (text != nullptr && *text == "inf") return std::nullopt;
    const auto number = number_at(session, key);
    if (number && *number >= 1 && *number <= 4096) return std::nullopt;
    return invalid("session." + std::string(key), "neither 1 to 4096 nor 'inf'");
}

std::optional<Refusal> take_voice(const json::object& owner, const std::string& where,
                                  RealtimeSettings& settings) {
    if (!owner.contains("voice")) return std::nullopt;
    const auto voice = text_at(owner, "voice");
    if (!is_voice(voice)) return invalid(where + ".voice", "not a supported voice");
    settings.voice = voice;
    return std::nullopt;
}

std::optional<Refusal> take_current(const json::object& session, RealtimeSettings& settings) {
    if (!session.contains("type")) return missing("session.type");
    if (text_at(session, "type") != "realtime") return invalid("session.type", "not 'realtime'");
    if (auto wrong = only(
            session, "session",
            {"type", "model", "output_modalities", "audio", "instructions", "tools", "tool_choice",
             "max_output_tokens", "tracing", "prompt", "include", "truncation"})) {
        return wrong;
    }
    if (const auto* modes = session.if_contains("output_modalities")) {
        const auto text = json::serialize(*modes);
        if (!among(text, {R"(["audio"])", R"(["text"])"})) {
            return invalid("session.output_modalities", "neither ['audio'] nor ['text']");
        }
    }
    const auto* audio = object_at(session, "audio");
    if (audio == nullptr) return std::nullopt;
    if (auto wrong = only(*audio, "session.audio", {"input", "output"})) return wrong;
    std::string in, out;
    if (const auto* input = object_at(*audio, "input")) {
        const std::string where = "session.audio.input";
        if (auto wrong = only(*input, where,
                              {"format", "turn_detection", "transcription", "noise_reduction"})) {
            return wrong;
        }
        if (auto wrong = check_format(*input, where)) return wrong;
        if (auto wrong = take_turns(*input, where, settings)) return wrong;
        if (auto wrong = take_transcription(*input, "transcription", where, settings)) return wrong;
        if (auto wrong = check_noise(*input, "noise_reduction", where)) return wrong;
        if (const auto* format = object_at(*input, "format")) in = text_at(*format, "type");
    }
    if (const auto* output = object_at(*audio, "output")) {
        const std::string where = "session.audio.output";
        if (auto wrong = only(*output, where, {"format", "voice", "speed"})) return wrong;
        if (auto wrong = check_format(*output, where)) return wrong;
        if (auto wrong = take_voice(*output, where, settings)) return wrong;
        if (auto wrong = in_range(*output, where, "speed", 0.25, 1.5)) return wrong;
        if (const auto* format = object_at(*output, "format")) out = text_at(*format, "type");
    }
    settings.mulaw = in == "audio/pcmu" && out == "audio/pcmu";
    return check_tokens(session, "max_output_tokens");
}

std::optional<Refusal> take_older(const json::object& session, RealtimeSettings& settings) {
    if (auto wrong = only(
            session, "session",
            {"modalities", "instructions", "voice", "input_audio_format", "output_audio_format",
             "input_audio_transcription", "turn_detection", "input_audio_noise_reduction", "tools",
             "tool_choice", "temperature", "max_response_output_tokens", "speed", "model"})) {
        return wrong;
    }
    for (const auto* key : {"input_audio_format", "output_audio_format"}) {
        if (session.contains(key) &&
            !among(text_at(session, key), {"pcm16", "g711_ulaw", "g711_alaw"})) {
            return invalid(std::string("session.") + key, "not a supported format");
        }
    }
    settings.mulaw = text_at(session, "input_audio_format") == "g711_ulaw" &&
                     text_at(session, "output_audio_format") == "g711_ulaw";
    if (auto wrong = take_turns(session, "session", settings)) return wrong;
    if (auto wrong = take_transcription(session, "input_audio_transcription", "session", settings))
        return wrong;
    if (auto wrong = check_noise(session, "input_audio_noise_reduction", "session")) return wrong;
    if (auto wrong = take_voice(session, "session", settings)) return wrong;
    return check_tokens(session, "max_response_output_tokens");
}

}  // namespace

std::string_view text_at(const json::object& object, std::string_view name) {
    const auto* value = object.if_contains(name);
    const auto* text = value == nullptr ? nullptr : value->if_string();
    return text == nullptr ? std::string_view{} : std::string_view(*text);
}

const json::object* object_at(const json::object& object, std::string_view name) {
    const auto* value = object.if_contains(name);
    return value == nullptr ? nullptr : value->if_object();
}

std::optional<Refusal> take_settings(const json::object& session, bool beta,
                                     RealtimeSettings& settings) {
    auto changed = settings;
    auto wrong = beta ? take_older(session, changed) : take_current(session, changed);
    if (!wrong) wrong = take_tools(session, changed);
    if (wrong) return wrong;
    if (session.contains("instructions")) changed.instructions = text_at(session, "instructions");
    changed.taken = true;
    settings = std::move(changed);
    return std::nullopt;
}

std::optional<Refusal> check_item(const json::object& item, bool beta) {
    const auto type = text_at(item, "type");
    if (type == "function_call") {
        for (const auto* key : {"call_id", "name", "arguments"}) {
            if (text_at(item, key).empty()) return missing(std::string("item.") + key);
        }
        return only(item, "item",
                    {"id", "object", "type", "status", "call_id", "name", "arguments"});
    }
    if (type == "function_call_output") {
        if (text_at(item, "call_id").empty()) return missing("item.call_id");
        if (!item.contains("output") || !item.at("output").is_string()) {
            return missing("item.output");
        }
        return only(item, "item", {"id", "object", "type", "status", "call_id", "output"});
    }
    if (type != "message") return invalid("item.type", "not a kind of item");
    if (auto wrong = only(item, "item", {"id", "object", "type", "status", "role", "content"})) {
        return wrong;
    }
    const auto role = text_at(item, "role");
    if (!among(role, {"user", "assistant", "system"})) return invalid("item.role", "not a role");
    const auto* content = item.if_contains("content");
    if (content == nullptr || !content->is_array() || content->get_array().empty()) {
        return missing("item.content");
    }
    for (const auto& part : content->get_array()) {
        if (!part.is_object()) return invalid("item.content", "not objects");
        const auto kind = text_at(part.get_object(), "type");
        const std::string_view words = beta ? "text" : "output_text";
        const bool good = role == "assistant" ? kind == words : kind == "input_text";
        if (!good) return invalid("item.content.type", "not for this role");
        if (text_at(part.get_object(), "text").empty()) return missing("item.content.text");
    }
    return std::nullopt;
}

std::optional<Refusal> check_response(const json::object& response, bool beta) {
    if (beta) {
        return only(
            response, "response",
            {"modalities", "instructions", "voice", "output_audio_format", "tools", "tool_choice",
             "temperature", "max_response_output_tokens", "conversation", "metadata", "input"});
    }
    return only(response, "response",
                {"output_modalities", "audio", "instructions", "tools", "tool_choice",
                 "max_output_tokens", "conversation", "metadata", "input", "prompt"});
}

}  // namespace bridge::test
