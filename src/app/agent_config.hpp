#pragma once
// The settings of agents: which one has a call, what it is to say, and how each of their services
// is reached. docs/agents.md.

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "agents/deepgram/deepgram_agent.hpp"
#include "agents/elevenlabs/elevenlabs_agent.hpp"
#include "agents/local/chat_client.hpp"
#include "agents/local/speech_to_text.hpp"
#include "agents/openai/openai_options.hpp"
#include "agents/stream_bot/stream_bot_agent.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"

namespace bridge::app {

class SettingReader;

/// Who decides that the caller interrupts.
enum class BargeIn { automatic, detector, agent, off };

/// What the local agent uses; without a language model it is the receptionist.
struct LocalServices {
    agents::local::ChatOptions chat;  ///< no `url`: none
    std::string vosk_url;             ///< one of the two hears
    agents::local::WhisperOptions whisper;
};

struct AgentConfig {
    std::string name;  ///< empty: the person here speaks
    std::string instructions, greeting;
    std::string language = "en";
    BargeIn barge_in = BargeIn::automatic;
    /// When the agent stays away.
    enum class Fallback { automatic, hang_up, person, transfer } fallback = Fallback::automatic;
    std::string transfer_to;      ///< with `transfer`: E.164, sip: or client:
    std::string notice, goodbye;  ///< to be spoken; empty: nothing

    /// As agents::ToolBookOptions has them.
    std::string tools, transfer_targets, tool_file, tool_hosts;
    /// What the .env file sets: for ${NAME} in a tool's headers, after the environment.
    std::map<std::string, Secret> file_variables;
    // What the services of the agents need; instructions and the like are in all of them.
    agents::OpenAiOptions openai;
    agents::ElevenLabsOptions elevenlabs;
    agents::DeepgramOptions deepgram;
    agents::StreamBotOptions bot;  ///< `url` is the agent's name
    std::string dialogue;          ///< a file; empty: the default
    LocalServices local;
};

/// Those with a name of their own; an address is one too.
const std::vector<std::string>& agent_names();
/// Whether the settings that an agent needs are there. Errors: bad_config; names them.
Result<> check_agent(const AgentConfig& config, std::string_view name);

/// Fills `out`; what is wrong is noted in `read`.
void check_agents(SettingReader& read, AgentConfig& out);
/// Notes what the agent that was asked for needs and is not set.
void check_agent_is_ready(SettingReader& read, const AgentConfig& out);

/// The agent a name means, as it is written to configure or start it: lower case but for an
/// address. Errors: bad_field (it is none).
Result<std::string> parse_agent_name(std::string_view text);

}  // namespace bridge::app
