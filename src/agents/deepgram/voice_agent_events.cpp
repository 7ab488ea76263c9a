#include "agents/deepgram/voice_agent_events.hpp"

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "net/wire_text.hpp"

namespace bridge::agents::deepgram {

namespace json = boost::json;

namespace {

constexpr std::size_t kTextBytes = 64 * 1024;
constexpr std::size_t kMostCalls = 64;  // in one request

std::string string_of(const json::object& object, std::string_view name) {
    return std::string(net::text_field(object, name));
}

json::string text_of(std::string_view text) {
    return json::string(net::valid_text(text, kTextBytes));
}

tl::unexpected<Error> bad(std::string_view field, std::string_view why) {
    return fail(Errc::bad_field, std::string(field) + ": " + std::string(why));
}

Result<Event> function_calls(const json::object& object) {
    const auto* functions = object.if_contains("functions");
    if (functions == nullptr || !functions->is_array()) return bad("functions", "not a list");
    if (functions->get_array().size() > kMostCalls) return bad("functions", "too many");
    event::FunctionCallRequest out;
    for (const auto& one : functions->get_array()) {
        const auto* call = one.if_object();
        if (call == nullptr) return bad("functions", "not a list of objects");
        const auto* client_side = call->if_contains("client_side");
        const bool ours =
            client_side == nullptr || !client_side->is_bool() || client_side->get_bool();
        out.calls.push_back({string_of(*call, "id"), string_of(*call, "name"),
                             string_of(*call, "arguments"), ours});
        if (out.calls.back().id.empty()) return bad("functions.id", "missing");
        if (out.calls.back().name.empty()) return bad("functions.name", "missing");
        if (out.calls.back().arguments.empty()) out.calls.back().arguments = "{}";
    }
    return out;
}

json::object provider(std::string_view type, std::string_view model) {
    json::object out;
    out["type"] = text_of(type);
    out["model"] = text_of(model);
    return out;
}

json::object function_of(const Settings::Function& function) {
    json::object out;
    out["name"] = text_of(function.name);
    out["description"] = text_of(function.description);
    auto parameters = net::parse_object(function.parameters);
    out["parameters"] = parameters
                            ? std::move(*parameters)
                            : json::object{{"type", "object"}, {"properties", json::object()}};
    return out;
}

json::object think_of(const Settings& settings) {
    auto how = provider(settings.think_provider, settings.think_model);
    if (settings.temperature) how["temperature"] = *settings.temperature;
    json::object think;
    think["provider"] = std::move(how);
    if (!settings.prompt.empty()) think["prompt"] = text_of(settings.prompt);
    if (!settings.functions.empty()) {
        json::array functions;
        for (const auto& one : settings.functions) functions.push_back(function_of(one));
        think["functions"] = std::move(functions);
    }
    return think;
}

json::object agent_of(const Settings& settings) {
    json::object agent;
    if (!settings.language.empty()) agent["language"] = text_of(settings.language);
    agent["listen"] = {{"provider", provider("deepgram", settings.listen_model)}};
    agent["think"] = think_of(settings);
    agent["speak"] = {{"provider", provider("deepgram", settings.speak_model)}};
    if (!settings.greeting.empty()) agent["greeting"] = text_of(settings.greeting);
    if (!settings.history.empty()) {
        json::array messages;
        for (const auto& said : settings.history) {
            messages.push_back({{"type", "History"},
                                {"role", said.by_user ? "user" : "assistant"},
                                {"content", text_of(said.text)}});
        }
        agent["context"] = {{"messages", std::move(messages)}};
    }
    return agent;
}

}  // namespace

Result<Event> parse_event(std::string_view text) {
    const auto object = net::parse_object(text);
    if (!object) return fail(Errc::not_json, "message: not a JSON object");
    const auto type = net::text_field(*object, "type");
    if (type.empty()) return bad("type", "missing");
    if (type == "ConversationText") {
        const auto role = net::text_field(*object, "role");
        if (role != "user" && role != "assistant") return bad("role", "not user or assistant");
        return event::ConversationText{role == "user", string_of(*object, "content")};
    }
    if (type == "UserStartedSpeaking") return event::UserStartedSpeaking{};
    if (type == "AgentAudioDone") return event::AgentAudioDone{};
    if (type == "FunctionCallRequest") return function_calls(*object);
    if (type == "Welcome") return event::Welcome{string_of(*object, "request_id")};
    if (type == "SettingsApplied") return event::SettingsApplied{};
    if (type == "Error") {
        return event::Failure{string_of(*object, "code"), string_of(*object, "description")};
    }
    if (type == "Warning") {
        return event::Warning{string_of(*object, "code"), string_of(*object, "description")};
    }
    if (type == "InjectionRefused") return event::InjectionRefused{};
    return event::Other{std::string(type.substr(0, 64))};
}

std::string format_settings(const Settings& settings) {
    json::object out;
    out["type"] = "Settings";
    out["audio"] = {
        {"input", {{"encoding", "mulaw"}, {"sample_rate", 8000}}},
        {"output", {{"encoding", "mulaw"}, {"sample_rate", 8000}, {"container", "none"}}}};
    out["agent"] = agent_of(settings);
    return json::serialize(out);
}

std::string format_function_response(std::string_view id, std::string_view name,
                                     std::string_view content, bool failed) {
    json::object out;
    out["type"] = "FunctionCallResponse";
    out["id"] = text_of(id);
    out["name"] = text_of(name);
    out["content"] = text_of(failed ? "It failed: " + std::string(content) : std::string(content));
    return json::serialize(out);
}

std::string format_user_message(std::string_view text) {
    return json::serialize(json::object{{"type", "InjectUserMessage"}, {"content", text_of(text)}});
}

std::string format_prompt(std::string_view prompt) {
    return json::serialize(json::object{{"type", "UpdatePrompt"}, {"prompt", text_of(prompt)}});
}

std::string format_keep_alive() {
    return R"({"type":"KeepAlive"})";
}

bool fails_again(std::string_view code, bool applied) {
    // Of the codes that Deepgram documents these say that what we send is wrong; what else goes
    // wrong before the settings are accepted is taken for the settings' fault as well.
    if (code == "INVALID_SETTINGS") return true;
    if (applied) return false;
    static constexpr std::array kPassing{
        "INTERNAL_SERVER_ERROR", "CLIENT_MESSAGE_TIMEOUT", "FAILED_TO_THINK",    "FAILED_TO_SPEAK",
        "FAILED_TO_LISTEN",      "TOO_MANY_REQUESTS",      "SERVICE_UNAVAILABLE"};
    return std::none_of(kPassing.begin(), kPassing.end(),
                        [code](std::string_view one) { return one == code; });
}

}  // namespace bridge::agents::deepgram
