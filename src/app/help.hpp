#pragma once
// The texts of `agentbridge help`.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bridge::app {

/// What `agentbridge --help` prints.
std::string help_overview();
/// A topic's page, or nothing for a topic that does not exist.
std::optional<std::string> help_topic(std::string_view topic);
/// exit-codes, environment, config, emulator, audio
std::vector<std::string> help_topics();
/// The commands of the top level, for "did you mean".
std::vector<std::string> command_names();

}  // namespace bridge::app
