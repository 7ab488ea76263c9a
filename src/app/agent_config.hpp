#pragma once
// The settings of agents: which one has a call, what it is to say, and how each of their services
// is reached. docs/agents.md.

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/secret.hpp"

namespace bridge::app {

class SettingReader;

/// Who decides that the caller interrupts.
enum class BargeIn { automatic, detector, agent, off };

struct AgentConfig {
    std::string name;  ///< empty: the person here speaks
    std::string instructions, greeting;
    std::string language = "en";
    BargeIn barge_in = BargeIn::automatic;
    /// When the agent stays away.
    enum class Fallback { automatic, hang_up, person, transfer } fallback = Fallback::automatic;
    std::string transfer_to;      ///< with `transfer`: E.164, sip: or client:
    std::string notice, goodbye;  ///< to be spoken; empty: nothing
};

/// Fills `out`; what is wrong is noted in `read`.
void check_agents(SettingReader& read, AgentConfig& out);

/// The agent a name means, as it is written to configure or start it: lower case but for an
/// address. Errors: bad_field (it is none).
Result<std::string> parse_agent_name(std::string_view text);

}  // namespace bridge::app
