// `agentbridge doctor`

#include "app/doctor/doctor.hpp"

#include <cstdlib>
#include <ostream>

#include "app/commands/commands.hpp"
#include "app/doctor/examine.hpp"

namespace bridge::app {

ExitCode run_doctor(const Invocation& invocation, Console& console) {
    ExamineOptions options;
    options.loaded = load_config(gather_sources(invocation.env_file, console.folder,
                                                console.environment, invocation.settings),
                                 {true, true, false});
    options.environment = console.environment;
    options.user_agent = "agentbridge/" AGENTBRIDGE_VERSION;
    // The findings say it all; at debug level everybody else may speak too.
    auto quiet = options.loaded;
    if (quiet.config.log_level > log::Level::debug) quiet.config.log_level = log::Level::error;
    const LogSession log(quiet, console.terminal,
                         [&console](std::string_view line) { console.err << line << std::flush; });
    const auto facts = examine(std::move(options));
    const auto findings = judge(facts);
    const auto exit = exit_of(findings);
    if (invocation.json) {
        console.out << format_findings_json(findings);
    } else {
        console.out << format_findings(findings,
                                       console.terminal.out_tty && console.terminal.color);
    }
    console.out.flush();
    if (!facts.sound.done && facts.loaded.config.speaker != "none") {
        // A thread of ours is still inside the sound library and would be torn down under its feet.
        log::flush();
        std::_Exit(to_int(exit));
    }
    return exit;
}

}  // namespace bridge::app
