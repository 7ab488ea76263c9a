#include <fmt/format.h>

#include <ostream>
#include <utility>

#include "app/commands/commands.hpp"

namespace bridge::app {

std::optional<LoadedConfig> load_for(const Invocation& invocation, const ConfigNeeds& needs,
                                     Console& console) {
    auto loaded = load_config(gather_sources(invocation.env_file, console.folder,
                                             console.environment, invocation.settings),
                              needs);
    for (const auto& warning : loaded.warnings) console.err << "warning: " << warning << "\n";
    if (loaded.problems.empty()) return loaded;
    console.err << fmt::format("agentbridge: {} {} to be put right:\n", loaded.problems.size(),
                               loaded.problems.size() == 1 ? "setting has" : "settings have");
    for (const auto& problem : loaded.problems)
        console.err << "  " << format_problem(problem) << "\n";
    return std::nullopt;
}

LogSession::LogSession(const LoadedConfig& loaded, const TerminalTraits& terminal,
                       std::function<void(std::string_view)> write) {
    for (const auto& secret : secrets_of(loaded)) log::hide(secret);
    log::Options options;
    options.level = loaded.config.log_level;
    options.json = loaded.config.log_json;
    options.color = terminal.color && !options.json;
    options.write = std::move(write);
    log::start(std::move(options));
}

LogSession::~LogSession() {
    log::stop();
}

}  // namespace bridge::app
