#include "app/agent_shelf.hpp"

#include <fmt/format.h>

#include <boost/asio/post.hpp>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "agents/deepgram/deepgram_agent.hpp"
#include "agents/echo_agent.hpp"
#include "agents/elevenlabs/elevenlabs_agent.hpp"
#include "agents/local/cascade_agent.hpp"
#include "agents/local/receptionist_agent.hpp"
#include "agents/local/speech_to_text.hpp"
#include "agents/openai/openai_agent.hpp"
#include "agents/stream_bot/stream_bot_agent.hpp"
#include "agents/tone_agent.hpp"
#include "agents/tools/tool_box.hpp"
#include "app/agent_config.hpp"
#include "app/dial_rules.hpp"
#include "app/phone_number.hpp"
#include "base/log.hpp"
#include "base/worker_pool.hpp"
#include "call/agent.hpp"
#include "speech/flite_voice.hpp"
#include "speech/phrase_recognizer.hpp"
#include "stores/message_store.hpp"

namespace bridge::app {
namespace {

namespace local = agents::local;

constexpr auto kUserAgent = "agentbridge/" AGENTBRIDGE_VERSION;

/// The receptionist's dialogue, and its ear for it.
struct Receptionist {
    std::shared_ptr<const local::Dialogue> dialogue;
    local::Understand understand;  ///< empty: keys only
};

Result<Receptionist> make_receptionist(const std::string& file) {
    auto dialogue = file.empty() ? local::parse_dialogue(local::default_dialogue())
                                 : local::load_dialogue(file);
    if (!dialogue) return tl::unexpected(dialogue.error());
    Receptionist out;
    out.dialogue = std::make_shared<const local::Dialogue>(std::move(*dialogue));
    const auto name_of = [](local::StateId state) { return fmt::format("state{}", state); };
    std::map<std::string, std::string> grammars;
    for (local::StateId id = 0; id < out.dialogue->states.size(); ++id) {
        if (auto grammar = out.dialogue->grammar(id); !grammar.empty())
            grammars.emplace(name_of(id), std::move(grammar));
    }
    if (!speech::PhraseRecognizer::available() || grammars.empty()) return out;
    auto recognizer = speech::PhraseRecognizer::make({}, grammars, out.dialogue->sounds);
    if (!recognizer && recognizer.error().code == Errc::not_found) {
        log::warning("agents", "the receptionist understands keys only: {}",
                     recognizer.error().message);
        return out;
    }
    if (!recognizer) return tl::unexpected(recognizer.error());
    out.understand = [recognizer = *recognizer, name_of](
                         local::StateId state,
                         const std::vector<std::int16_t>& utterance) -> Result<std::string> {
        auto heard = recognizer->recognize(name_of(state), utterance);
        if (!heard) return tl::unexpected(heard.error());
        return std::move(heard->words);
    };
    return out;
}

class Shelf final : public call::AgentShelf {
public:
    Shelf(AgentConfig config, std::shared_ptr<const agents::ToolBook> tools, Receptionist front,
          std::shared_ptr<metrics::Registry> metrics, std::string ca_file)
        : config_(std::move(config)),
          tools_(std::move(tools)),
          front_(std::move(front)),
          ca_file_(std::move(ca_file)) {
        WorkerPoolOptions pool;
        pool.metrics = std::move(metrics);
        pool_ = std::make_unique<WorkerPool>(std::move(pool));
    }

    Result<std::shared_ptr<call::Agent>> agent(const std::string& name,
                                               const call::AgentHome& home) override {
        if (auto ready = check_agent(config_, name); !ready) return tl::unexpected(ready.error());
        const auto specs = home.tools ? home.tools->specs() : std::vector<call::ToolSpec>{};
        if (name.starts_with("ws")) {
            auto options = config_.bot;
            options.url = name;
            options.ca_file = ca_file_;
            return std::make_shared<agents::StreamBotAgent>(home.executor, std::move(options));
        }
        if (name == "openai") {
            auto options = config_.openai;
            options.ca_file = ca_file_;
            return std::make_shared<agents::OpenAiAgent>(home.executor, home.clock,
                                                         std::move(options), specs);
        }
        if (name == "elevenlabs") {
            auto options = config_.elevenlabs;
            options.ca_file = ca_file_;
            return std::make_shared<agents::ElevenLabsAgent>(home.executor, home.clock, http(home),
                                                             std::move(options));
        }
        if (name == "deepgram") {
            auto options = config_.deepgram;
            options.ca_file = ca_file_;
            return std::make_shared<agents::DeepgramAgent>(home.executor, home.clock,
                                                           std::move(options), specs);
        }
        if (name == "local" && !config_.local.chat.url.empty()) return cascade(home, specs);
        if (name == "local" && front_.dialogue)
            return std::make_shared<local::ReceptionistAgent>(
                local::LocalParts{home.executor, home.clock, *pool_, voice_}, front_.dialogue,
                front_.understand);
        if (name == "echo") return std::make_shared<agents::EchoAgent>();
        if (name == "tone") return std::make_shared<agents::ToneAgent>();
        if (name == "null") return std::make_shared<agents::NullAgent>();
        return fail(Errc::bad_config, fmt::format("the agent '{}' is not ready here", name));
    }

    std::shared_ptr<call::AgentTools> tools(const call::AgentHome& home) override {
        return std::make_shared<agents::ToolBox>(
            tools_, agents::ToolServices{home.clock, home.executor, http(home)});
    }

    void stop() override { pool_->stop(); }

private:
    std::shared_ptr<call::Agent> cascade(const call::AgentHome& home,
                                         const std::vector<call::ToolSpec>& specs) {
        local::CascadeOptions options;
        if (!config_.instructions.empty()) options.instructions = config_.instructions;
        if (!config_.greeting.empty()) options.greeting = config_.greeting;
        options.chat = config_.local.chat;
        options.tools = specs;
        auto ear = config_.local.vosk_url.empty()
                       ? local::make_whisper(home.executor, http(home), config_.local.whisper)
                       : local::make_vosk(home.executor, config_.local.vosk_url, ca_file_);
        return std::make_shared<local::CascadeAgent>(
            local::LocalParts{home.executor, home.clock, *pool_, voice_}, std::move(ear),
            http(home), std::move(options));
    }

    /// One for each io thread, while anybody there uses it.
    std::shared_ptr<net::HttpClient> http(const call::AgentHome& home) {
        const std::scoped_lock lock(mutex_);
        auto& kept = clients_[&home.clock];
        if (auto client = kept.lock()) return client;
        net::HttpClientOptions options;
        options.ca_file = ca_file_;
        options.user_agent = kUserAgent;
        auto client = net::HttpClient::make(home.executor, std::move(options));
        kept = client;
        return client;
    }

    const AgentConfig config_;
    const std::shared_ptr<const agents::ToolBook> tools_;
    const Receptionist front_;
    const std::string ca_file_;
    const local::Synthesize voice_ = local::remembering(speech::synthesize);
    std::unique_ptr<WorkerPool> pool_;
    std::mutex mutex_;  // guards what follows; held for a look-up, once or twice a call
    std::map<const Clock*, std::weak_ptr<net::HttpClient>> clients_;
};

/// A demo leaves nothing behind: what an agent takes down is shown, and kept nowhere.
class ShownMessages final : public call::MessageBox {
public:
    void keep(call::TakenMessage message, boost::asio::any_io_executor executor,
              std::function<void(Result<std::string>)> done) override {
        auto shown = fmt::format("\"{}\"", message.text);
        if (!message.name.empty()) shown += " from " + message.name;
        if (!message.number.empty()) shown += ", " + message.number;
        boost::asio::post(executor, [done = std::move(done), shown = std::move(shown)] {
            done(shown + " (not kept: a demo)");
        });
    }
};

Outcome<audio::Samples> spoken(const std::string& text) {
    if (text.empty()) return audio::Samples{};
    auto samples = speech::synthesize(text);
    if (!samples) return tl::unexpected(Failure{ExitCode::failure, samples.error().message});
    return std::make_shared<const std::vector<std::int16_t>>(std::move(*samples));
}

Result<std::shared_ptr<const agents::ToolBook>> open_tools(const AgentConfig& config,
                                                           const DialRules& rules) {
    agents::ToolBookOptions book;
    book.builtin = config.tools;
    book.targets = config.transfer_targets;
    book.file = config.tool_file;
    book.hosts = config.tool_hosts;
    book.check_target = [rules](std::string_view to) -> Result<std::string> {
        auto target = parse_target(to);
        if (!target) return target;
        if (auto allowed = check_destination(rules, *target); !allowed)
            return tl::unexpected(allowed.error());
        return target;
    };
    book.variable = [environment = process_environment(),
                     file = config.file_variables](std::string_view name) -> std::optional<Secret> {
        Secret value;
        if (const auto set = environment.find(std::string(name)); set != environment.end()) {
            value = Secret(set->second);
        } else if (const auto line = file.find(std::string(name)); line != file.end()) {
            value = line->second;
        } else {
            return std::nullopt;
        }
        log::hide(value);
        return value;
    };
    return agents::ToolBook::make(book);
}

call::AgentCare care_for(const AgentConfig& config, bool mic) {
    using Fallback = call::AgentCare::Fallback;
    call::AgentCare care;
    switch (config.fallback) {
        case AgentConfig::Fallback::automatic:
            care.fallback = mic ? Fallback::person : Fallback::hang_up;
            break;
        case AgentConfig::Fallback::hang_up:
            care.fallback = Fallback::hang_up;
            break;
        case AgentConfig::Fallback::person:
            care.fallback = Fallback::person;
            break;
        case AgentConfig::Fallback::transfer:
            care.fallback = Fallback::transfer;
            care.transfer_to = config.transfer_to;
            break;
    }
    switch (config.barge_in) {
        case BargeIn::automatic:
            break;
        case BargeIn::detector:
            care.barge_in = call::BargeIn::detector;
            break;
        case BargeIn::agent:
            care.barge_in = call::BargeIn::agent;
            break;
        case BargeIn::off:
            care.barge_in = call::BargeIn::off;
            break;
    }
    // OpenAI tells of quiet only after its own wait: its hints last longer than the speech did.
    care.turns.hint_speech = care.turns.min_speech + config.openai.vad_silence;
    return care;
}

}  // namespace

Outcome<> open_agents(const SessionOptions& options, BridgeOptions& bridge) {
    const auto& config = options.config.agent;
    // Later an agent may be put on a call through the control API.
    const bool any = !config.name.empty() || options.kind == SessionOptions::Kind::serve;
    if (!any) return {};
    const auto wrong = [](const Error& error) {
        return tl::unexpected(Failure{ExitCode::configuration, error.message});
    };
    auto tools = open_tools(config, options.config.dial_rules);
    if (!tools) return wrong(tools.error());
    if (auto may = check_destination(options.config.dial_rules, config.transfer_to); !may)
        return tl::unexpected(
            Failure{ExitCode::configuration, "AGENTBRIDGE_AGENT_FALLBACK: " + may.error().message});
    auto front = make_receptionist(config.dialogue);
    if (!front) return wrong(front.error());
    bridge.agents = std::make_shared<Shelf>(config, std::move(*tools), std::move(*front),
                                            bridge.metrics, options.config.ca_file);
    bridge.agent_care = care_for(config, options.mic);
    auto notice = spoken(config.notice);
    if (!notice) return tl::unexpected(notice.error());
    auto goodbye = spoken(config.goodbye);
    if (!goodbye) return tl::unexpected(goodbye.error());
    bridge.agent_care.notice = *notice;
    bridge.agent_care.goodbye = *goodbye;
    if (options.kind == SessionOptions::Kind::demo) {
        bridge.messages = std::make_shared<ShownMessages>();
        return {};
    }
    stores::MessageOptions box;
    box.folder = options.config.state_dir / "messages";
    box.metrics = bridge.metrics;
    auto messages = stores::MessageStore::open(std::move(box));
    if (!messages) return wrong(messages.error());
    bridge.messages = *messages;
    return {};
}

}  // namespace bridge::app
