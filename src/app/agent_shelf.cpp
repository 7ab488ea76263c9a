#include "app/agent_shelf.hpp"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "agents/echo_agent.hpp"
#include "agents/tone_agent.hpp"
#include "app/agent_config.hpp"
#include "call/agent.hpp"
#include "speech/flite_voice.hpp"

namespace bridge::app {
namespace {

class Shelf final : public call::AgentShelf {
public:
    explicit Shelf(AgentConfig config) : config_(std::move(config)) {}

    Result<std::shared_ptr<call::Agent>> agent(const std::string& name,
                                               const call::AgentHome&) override {
        if (name == "echo") return std::make_shared<agents::EchoAgent>();
        if (name == "tone") return std::make_shared<agents::ToneAgent>();
        if (name == "null") return std::make_shared<agents::NullAgent>();
        return fail(Errc::bad_config, "there is no agent '" + name + "'");
    }

    std::shared_ptr<call::AgentTools> tools(const call::AgentHome&) override { return nullptr; }

private:
    const AgentConfig config_;
};

Outcome<audio::Samples> spoken(const std::string& text) {
    if (text.empty()) return audio::Samples{};
    auto samples = speech::synthesize(text);
    if (!samples) return tl::unexpected(Failure{ExitCode::failure, samples.error().message});
    return std::make_shared<const std::vector<std::int16_t>>(std::move(*samples));
}

}  // namespace

Outcome<> open_agents(const SessionOptions& options, BridgeOptions& bridge) {
    const auto& config = options.config.agent;
    bridge.agents = std::make_shared<Shelf>(config);
    auto& care = bridge.agent_care;
    using Fallback = call::AgentCare::Fallback;
    switch (config.fallback) {
        case AgentConfig::Fallback::automatic:
            care.fallback = options.mic ? Fallback::person : Fallback::hang_up;
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
    // Later an agent may be put on a call through the control API.
    if (config.name.empty() && options.kind != SessionOptions::Kind::serve) return {};
    auto notice = spoken(config.notice);
    if (!notice) return tl::unexpected(notice.error());
    auto goodbye = spoken(config.goodbye);
    if (!goodbye) return tl::unexpected(goodbye.error());
    care.notice = *notice;
    care.goodbye = *goodbye;
    return {};
}

}  // namespace bridge::app
