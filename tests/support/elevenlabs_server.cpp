#include "tests/support/elevenlabs_server.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "base/base64.hpp"

namespace bridge::test {

namespace json = boost::json;

namespace {

constexpr std::string_view kConversation = "/v1/convai/conversation";

std::string string_at(const json::object& object, std::string_view name) {
    const auto* value = object.if_contains(name);
    if (value == nullptr || !value->is_string()) return {};
    return std::string(value->get_string().data(), value->get_string().size());
}

bool is_scalar(const json::value& value) {
    return value.is_string() || value.is_number() || value.is_bool();
}

}  // namespace

int ElevenLabsServer::judge(const net::HttpRequest& head) {
    if (head.path() != kConversation) return 404;
    if (query_value(head.query(), "agent_id") != agent_id) return 404;
    if (key.empty()) return 0;
    // A signature is good for one conversation.
    return signatures_.erase(query_value(head.query(), "conversation_signature")) == 1 ? 0 : 403;
}

net::HttpResponse ElevenLabsServer::respond_to(const net::HttpRequest& request) {
    if (request.path() != "/v1/convai/conversation/get-signed-url" || request.method != "GET") {
        return net::respond(404, "application/json", "{}");
    }
    if (request.headers.find("xi-api-key") != key) {
        return net::respond(401, "application/json",
                            R"({"detail":{"status":"invalid_api_key","message":"Invalid"}})");
    }
    if (signing_status != 200) return net::respond(signing_status, "application/json", "{}");
    if (query_value(request.query(), "agent_id") != agent_id) {
        return net::respond(404, "application/json", R"({"detail":"no such agent"})");
    }
    if (!signed_url_instead.empty()) {
        return net::respond(200, "application/json", signed_url_instead);
    }
    const auto signature = "cvtkn_" + std::to_string(++signed_);
    signatures_.insert(signature);
    return net::respond(
        200, "application/json",
        json::serialize(json::object{
            {"signed_url", "ws://127.0.0.1:" + std::to_string(port()) + std::string(kConversation) +
                               "?agent_id=" + agent_id + "&conversation_signature=" + signature}}));
}

void ElevenLabsServer::opened() {
    initiated_ = false;
    pings_.clear();
    tool_calls_.clear();
}

void ElevenLabsServer::refuse(const std::string& why) {
    complain(why);
    close(1008, why);
}

void ElevenLabsServer::received(std::string_view payload, bool text) {
    if (!text) return refuse("a binary message");
    boost::system::error_code error;
    const auto value = json::parse(payload, error);
    if (error || !value.is_object()) return refuse("a message that is not a JSON object");
    const auto& message = value.get_object();
    if (message.contains("user_audio_chunk")) return take_chunk(message);
    const auto type = string_at(message, "type");
    if (type == "conversation_initiation_client_data") return initiate(message);
    if (!initiated_) return refuse("\"" + type + "\" before the conversation was initiated");
    if (type == "pong") return take_pong(message);
    if (type == "client_tool_result") return take_result(message);
    if (type == "user_activity") {
        if (only(message, type, {"type"})) ++activities;
        return;
    }
    if (type == "contextual_update" || type == "user_message") {
        if (!only(message, type, {"type", "text"})) return;
        if (string_at(message, "text").empty()) return refuse(type + " without text");
        (type == "user_message" ? user_messages : contexts).push_back(string_at(message, "text"));
        return;
    }
    refuse("a message of an unknown type \"" + type + "\"");
}

bool ElevenLabsServer::overrides_allowed(const json::object& overrides) {
    if (!only(overrides, "conversation_config_override", {"agent", "tts"})) return false;
    std::vector<std::string> asked;
    if (const auto* agent = overrides.if_contains("agent")) {
        if (!agent->is_object()) return false;
        if (!only(agent->get_object(), "agent", {"prompt", "first_message", "language"})) {
            return false;
        }
        for (const auto& field : agent->get_object()) asked.emplace_back(field.key());
        if (const auto* prompt = agent->get_object().if_contains("prompt")) {
            if (!prompt->is_object() || string_at(prompt->get_object(), "prompt").empty()) {
                return false;
            }
        }
    }
    if (const auto* tts = overrides.if_contains("tts")) {
        if (!tts->is_object() || string_at(tts->get_object(), "voice_id").empty()) return false;
        asked.emplace_back("voice_id");
    }
    for (const auto& one : asked) {
        if (!overridable.contains(one)) {
            close(1008, "Override for field '" + one + "' is not allowed by config.");
            return false;
        }
    }
    return true;
}

void ElevenLabsServer::initiate(const json::object& message) {
    if (initiated_) return refuse("the conversation was initiated twice");
    if (!only(message, "initiation",
              {"type", "conversation_config_override", "custom_llm_extra_body",
               "dynamic_variables"})) {
        return;
    }
    if (const auto* overrides = message.if_contains("conversation_config_override")) {
        if (!overrides->is_object()) return refuse("overrides that are not an object");
        if (!overrides_allowed(overrides->get_object())) return;
    }
    if (const auto* variables = message.if_contains("dynamic_variables")) {
        if (!variables->is_object()) return refuse("variables that are not an object");
        for (const auto& one : variables->get_object()) {
            if (!is_scalar(one.value())) return refuse("a variable that is not a scalar");
        }
    }
    initiated_ = true;
    initiation = message;
    send(json::serialize(json::object{{"type", "conversation_initiation_metadata"},
                                      {"conversation_initiation_metadata_event",
                                       {{"conversation_id", "conv_" + std::to_string(connections)},
                                        {"agent_output_audio_format", output_format},
                                        {"user_input_audio_format", input_format}}}}));
}

void ElevenLabsServer::take_chunk(const json::object& message) {
    if (!initiated_) return refuse("sound before the conversation was initiated");
    if (!only(message, "user_audio_chunk", {"user_audio_chunk"})) return;
    const auto base64 = string_at(message, "user_audio_chunk");
    std::vector<std::uint8_t> bytes(base64_capacity(base64.size()));
    const auto size = decode_base64(base64, bytes.data());
    if (!size || *size == 0) return refuse("sound that is not base64");
    heard.insert(heard.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(*size));
    ++chunks;
}

void ElevenLabsServer::take_result(const json::object& message) {
    if (!only(message, "client_tool_result", {"type", "tool_call_id", "result", "is_error"}))
        return;
    const auto id = string_at(message, "tool_call_id");
    if (tool_calls_.erase(id) == 0) return refuse("a result that was not asked for: " + id);
    const auto* is_error = message.if_contains("is_error");
    const auto* result = message.if_contains("result");
    if (is_error == nullptr || !is_error->is_bool() || result == nullptr || !result->is_string()) {
        return refuse("a result without result or is_error");
    }
    results.push_back({id, string_at(message, "result"), is_error->get_bool()});
}

void ElevenLabsServer::take_pong(const json::object& message) {
    const auto* id = message.if_contains("event_id");
    if (!only(message, "pong", {"type", "event_id"}) || id == nullptr || !id->is_int64() ||
        pings_.erase(id->get_int64()) == 0) {
        return refuse("a pong without its ping");
    }
    pongs.push_back(id->get_int64());
}

void ElevenLabsServer::audio(std::int64_t event_id, std::span<const std::uint8_t> bytes) {
    send(json::serialize(json::object{
        {"type", "audio"},
        {"audio_event", {{"audio_base_64", encode_base64(bytes)}, {"event_id", event_id}}}}));
}

void ElevenLabsServer::agent_response(std::string_view text) {
    send(json::serialize(json::object{{"type", "agent_response"},
                                      {"agent_response_event", {{"agent_response", text}}}}));
}

void ElevenLabsServer::agent_correction(std::string_view original, std::string_view corrected) {
    send(json::serialize(json::object{
        {"type", "agent_response_correction"},
        {"agent_response_correction_event",
         {{"original_agent_response", original}, {"corrected_agent_response", corrected}}}}));
}

void ElevenLabsServer::user_transcript(std::string_view text) {
    send(json::serialize(json::object{{"type", "user_transcript"},
                                      {"user_transcription_event", {{"user_transcript", text}}}}));
}

void ElevenLabsServer::interruption(std::int64_t event_id) {
    send(json::serialize(
        json::object{{"type", "interruption"}, {"interruption_event", {{"event_id", event_id}}}}));
}

void ElevenLabsServer::ping(std::int64_t event_id) {
    pings_.insert(event_id);
    send(json::serialize(
        json::object{{"type", "ping"}, {"ping_event", {{"event_id", event_id}, {"ping_ms", 20}}}}));
}

void ElevenLabsServer::tool_call(const std::string& id, std::string_view name,
                                 json::object parameters) {
    tool_calls_.insert(id);
    send(json::serialize(json::object{
        {"type", "client_tool_call"},
        {"client_tool_call",
         {{"tool_name", name}, {"tool_call_id", id}, {"parameters", std::move(parameters)}}}}));
}

}  // namespace bridge::test
