#include "tests/support/deepgram_server.hpp"

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

namespace bridge::test {

namespace json = boost::json;

namespace {

const json::object* object_at(const json::object& object, std::string_view name) {
    const auto* value = object.if_contains(name);
    return value == nullptr ? nullptr : value->if_object();
}

std::string text_at(const json::object& object, std::string_view name) {
    const auto* value = object.if_contains(name);
    if (value == nullptr || !value->is_string()) return {};
    return std::string(value->get_string().data(), value->get_string().size());
}

bool is_8k_mulaw(const json::object* part) {
    if (part == nullptr || text_at(*part, "encoding") != "mulaw") return false;
    const auto* rate = part->if_contains("sample_rate");
    return rate != nullptr && rate->is_int64() && rate->get_int64() == 8000;
}

}  // namespace

int DeepgramServer::judge(const net::HttpRequest& head) {
    if (head.path() != "/v1/agent/converse") return 404;
    return head.headers.find("Authorization") == "Token " + key ? 0 : 401;
}

void DeepgramServer::opened() {
    applied_ = false;
    asked_.clear();
    if (welcomes) send(R"({"type":"Welcome","request_id":"fc553ec9-5874-49ca-a47c-b670d525a4b1"})");
}

void DeepgramServer::refuse(std::string_view code, const std::string& why) {
    complain(why);
    error(code, why);
    close(1011, "");
}

void DeepgramServer::received(std::string_view payload, bool is_text) {
    if (!is_text) {
        if (!applied_) return refuse("BAD_SEQUENCE", "sound before SettingsApplied");
        heard.insert(heard.end(), payload.begin(), payload.end());
        ++frames;
        return;
    }
    boost::system::error_code error;
    const auto value = json::parse(payload, error);
    if (error || !value.is_object()) {
        return refuse("UNPARSABLE_CLIENT_MESSAGE", "a message that is not a JSON object");
    }
    const auto& message = value.get_object();
    const auto type = text_at(message, "type");
    if (type == "Settings") return configure(message);
    if (type == "KeepAlive") {
        if (only(message, type, {"type"})) ++keep_alives;
        return;
    }
    if (!applied_) return refuse("BAD_SEQUENCE", "\"" + type + "\" before SettingsApplied");
    take(message, type);
}

void DeepgramServer::take(const json::object& message, const std::string& type) {
    if (type == "InjectUserMessage" && takes_user_messages) {
        if (only(message, type, {"type", "content"})) {
            user_messages.push_back(text_at(message, "content"));
        }
        return;
    }
    if (type == "UpdatePrompt") {
        if (only(message, type, {"type", "prompt"})) prompts.push_back(text_at(message, "prompt"));
        return;
    }
    if (type == "FunctionCallResponse") {
        if (!only(message, type, {"type", "id", "name", "content"})) return;
        const auto id = text_at(message, "id");
        const auto asked = asked_.find(id);
        if (asked == asked_.end() || asked->second != text_at(message, "name")) {
            return refuse("INVALID_FUNCTION_RESPONSE", "a response that was not asked for: " + id);
        }
        asked_.erase(asked);
        responses.push_back({id, text_at(message, "name"), text_at(message, "content")});
        return;
    }
    refuse("UNPARSABLE_CLIENT_MESSAGE",
           "Text message received from client did not match any of the formats we expect.");
}

void DeepgramServer::configure(const json::object& message) {
    if (applied_) return refuse("SETTINGS_ALREADY_APPLIED", "Settings were sent twice");
    if (!settings_right(message)) {
        return refuse("UNPARSABLE_CLIENT_MESSAGE", "the settings have an unexpected form");
    }
    settings = message;
    if (!applies) return;
    applied_ = true;
    event("SettingsApplied");
}

bool DeepgramServer::settings_right(const json::object& message) {
    const auto* audio = object_at(message, "audio");
    const auto* agent = object_at(message, "agent");
    return only(message, "Settings", {"type", "audio", "agent"}) && audio != nullptr &&
           agent != nullptr && audio_right(*audio) && agent_right(*agent);
}

bool DeepgramServer::audio_right(const json::object& audio) {
    if (!only(audio, "audio", {"input", "output"})) return false;
    const auto* input = object_at(audio, "input");
    const auto* output = object_at(audio, "output");
    return is_8k_mulaw(input) && is_8k_mulaw(output) &&
           only(*input, "audio.input", {"encoding", "sample_rate"}) &&
           only(*output, "audio.output", {"encoding", "sample_rate", "container"}) &&
           text_at(*output, "container") == "none";
}

bool DeepgramServer::provider_right(const json::object& agent, std::string_view part) {
    const auto* stage = object_at(agent, part);
    const auto* provider = stage == nullptr ? nullptr : object_at(*stage, "provider");
    return provider != nullptr && !text_at(*provider, "type").empty() &&
           !text_at(*provider, "model").empty() &&
           only(*provider, part, {"type", "model", "temperature"});
}

bool DeepgramServer::agent_right(const json::object& agent) {
    if (!only(agent, "agent", {"language", "listen", "think", "speak", "greeting", "context"})) {
        return false;
    }
    for (const auto* part : {"listen", "think", "speak"}) {
        if (!provider_right(agent, part)) return false;
    }
    const auto* context = object_at(agent, "context");
    return think_right(*object_at(agent, "think")) &&
           (context == nullptr || history_right(*context));
}

bool DeepgramServer::think_right(const json::object& think) {
    if (!only(think, "agent.think", {"provider", "prompt", "functions"})) return false;
    const auto* functions = think.if_contains("functions");
    if (functions == nullptr) return true;
    if (!functions->is_array()) return false;
    for (const auto& one : functions->get_array()) {
        const auto* function = one.if_object();
        // The real one has no field "client_side" here and refuses all settings for it.
        if (function == nullptr ||
            !only(*function, "functions", {"name", "description", "parameters", "endpoint"}) ||
            text_at(*function, "name").empty() || object_at(*function, "parameters") == nullptr) {
            return false;
        }
    }
    return true;
}

bool DeepgramServer::history_right(const json::object& context) {
    const auto* messages = context.if_contains("messages");
    if (!only(context, "agent.context", {"messages"}) || messages == nullptr ||
        !messages->is_array()) {
        return false;
    }
    for (const auto& one : messages->get_array()) {
        const auto* said = one.if_object();
        if (said == nullptr || !only(*said, "history", {"type", "role", "content"})) return false;
        const auto role = text_at(*said, "role");
        if (text_at(*said, "type") != "History" || text_at(*said, "content").empty() ||
            (role != "user" && role != "assistant")) {
            return false;
        }
    }
    return true;
}

void DeepgramServer::text(std::string_view role, std::string_view content) {
    send(json::serialize(
        json::object{{"type", "ConversationText"}, {"role", role}, {"content", content}}));
}

void DeepgramServer::event(std::string_view type) {
    send(json::serialize(json::object{{"type", type}}));
}

void DeepgramServer::error(std::string_view code, std::string_view description) {
    send(json::serialize(
        json::object{{"type", "Error"}, {"description", description}, {"code", code}}));
}

void DeepgramServer::warning(std::string_view code, std::string_view description) {
    send(json::serialize(
        json::object{{"type", "Warning"}, {"description", description}, {"code", code}}));
}

void DeepgramServer::function_calls(const std::vector<Call>& calls) {
    json::array functions;
    for (const auto& call : calls) {
        if (call.client_side) asked_[call.id] = call.name;
        functions.push_back({{"id", call.id},
                             {"name", call.name},
                             {"arguments", call.arguments},
                             {"client_side", call.client_side}});
    }
    send(json::serialize(
        json::object{{"type", "FunctionCallRequest"}, {"functions", std::move(functions)}}));
}

}  // namespace bridge::test
