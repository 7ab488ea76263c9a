#include "app/lookups.hpp"

#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <cctype>
#include <utility>

#include "app/agent_config.hpp"
#include "app/doctor/examine.hpp"

namespace bridge::app {
namespace {

namespace json = boost::json;
using Answered = web::Lookups::Answered;
using Sources = std::shared_ptr<const LookupSources>;

json::string text(std::string_view view) {
    return json::string(view.data(), view.size());
}

json::value name_or_null(const std::string& name) {
    return name.empty() ? json::value() : json::value(name);
}

Answered at_once(std::string answer) {
    co_return answer;
}

std::string agents_json(const AgentConfig& config) {
    json::array agents;
    for (const auto& name : agent_names()) {
        const auto ready = check_agent(config, name);
        agents.push_back(
            json::object{{"name", name},
                         {"ready", ready.has_value()},
                         {"problem", ready ? json::value() : json::value(ready.error().message)}});
    }
    return json::serialize(
        json::object{{"agents", std::move(agents)}, {"default", name_or_null(config.name)}});
}

std::string config_json(const LoadedConfig& loaded) {
    json::array settings;
    for (const auto& value : loaded.values) {
        settings.push_back(
            json::object{{"name", text(value.setting->name)},
                         {"value", value.text.empty() ? json::value() : json::value(value.shown())},
                         {"origin", value.text.empty() ? "unset" : format_origin(value.origin)},
                         {"secret", value.setting->secret()}});
    }
    return json::serialize(json::object{{"settings", std::move(settings)}});
}

Result<std::string> devices_json(const LookupSources& sources) {
    std::vector<devices::DeviceListing> found;
    if (devices::has_sound_cards()) {
        auto listed = devices::list_devices();
        if (!listed) return tl::unexpected(std::move(listed.error()));
        found = std::move(*listed);
    }
    json::array outputs, inputs;
    const auto add = [](json::array& to, const devices::DeviceListing& device, int channels,
                        bool is_default) {
        if (channels == 0) return;
        to.push_back(json::object{{"id", device.name},
                                  {"name", device.name},
                                  {"default", is_default},
                                  {"rate", device.default_rate},
                                  {"channels", channels}});
    };
    for (const auto& device : found) {
        add(outputs, device, device.outputs, device.default_output);
        add(inputs, device, device.inputs, device.default_input);
    }
    return json::serialize(
        json::object{{"outputs", std::move(outputs)},
                     {"inputs", std::move(inputs)},
                     {"in_use", json::object{{"output", name_or_null(sources.speaker)},
                                             {"input", name_or_null(sources.microphone)}}}});
}

const char* word_of(Finding::Status status) {
    switch (status) {
        case Finding::Status::ok:
            return "ok";
        case Finding::Status::warn:
            return "warning";
        case Finding::Status::fail:
            return "failed";
        case Finding::Status::skip:
            break;
    }
    return "skipped";
}

/// "public-url" → "Public url".
std::string title_of(std::string id) {
    for (auto& c : id) c = c == '-' ? ' ' : c;
    if (!id.empty())
        id.front() = static_cast<char>(std::toupper(static_cast<unsigned char>(id.front())));
    return id;
}

/// As `agentbridge doctor`, but for the sound: the devices are in use here, and nobody opens them a
/// second time.
Result<std::string> doctor_json(const LookupSources& sources) {
    ExamineOptions options;
    options.loaded = *sources.loaded;
    options.loaded.config.speaker = "none";
    options.loaded.config.microphone = "none";
    options.environment = process_environment();
    options.user_agent = sources.user_agent;
    auto facts = examine(std::move(options));
    facts.loaded = *sources.loaded;
    facts.sound = {};
    facts.sound.done = true;
    facts.sound.device = sources.speaker;
    facts.sound.microphone = sources.microphone;
    facts.sound.microphone_note = sources.microphone_note;
    if (sources.speaker.empty()) facts.loaded.config.speaker = "none";
    if (sources.microphone.empty()) facts.loaded.config.microphone = "none";
    json::array out;
    for (const auto& finding : judge(facts)) {
        json::object one{{"id", finding.check},
                         {"title", title_of(finding.check)},
                         {"status", word_of(finding.status)},
                         {"detail", finding.what}};
        if (!finding.fix.empty()) one["fix"] = finding.fix;
        out.push_back(std::move(one));
    }
    return json::serialize(json::object{{"findings", std::move(out)}});
}

using LookUp = Result<std::string> (*)(const LookupSources&);

Answered looked_up(WorkerPool* pool, Sources sources, LookUp look_up) {
    const auto executor = co_await boost::asio::this_coro::executor;
    auto work = [sources, look_up] { return look_up(*sources); };
    auto found = co_await offload(*pool, executor, std::move(work), boost::asio::use_awaitable);
    co_return found;
}

}  // namespace

LookupDesk::LookupDesk(std::shared_ptr<metrics::Registry> metrics)
    : pool_({"lookups", 1, 8, std::move(metrics)}) {}

web::Lookups LookupDesk::lookups(LookupSources from) {
    const Sources sources = std::make_shared<const LookupSources>(std::move(from));
    web::Lookups out;
    out.agents = [sources] { return at_once(agents_json(sources->agents)); };
    out.devices = [this, sources] { return looked_up(&pool_, sources, devices_json); };
    if (!sources->loaded) return out;
    out.config = [sources] { return at_once(config_json(*sources->loaded)); };
    out.doctor = [this, sources] { return looked_up(&pool_, sources, doctor_json); };
    return out;
}

}  // namespace bridge::app
