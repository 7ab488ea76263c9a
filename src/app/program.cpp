#include "app/program.hpp"

#include <exception>
#include <ostream>

#include "app/cli.hpp"
#include "app/cli_model.hpp"
#include "app/commands/commands.hpp"
#include "app/help.hpp"

namespace bridge::app {
namespace {

struct Dispatch {
    const Invocation& invocation;
    Console& console;
    const Parts& parts;

    ExitCode operator()(const RunCommand& command) const {
        return run_calls(invocation, command, console, parts.open_session);
    }
    ExitCode operator()(const DemoCommand& command) const {
        return run_demo(invocation, command, console, parts.open_session);
    }
    ExitCode operator()(const DevicesCommand& command) const {
        return run_devices(invocation, command, console);
    }
    ExitCode operator()(const ConfigCommand& command) const {
        return run_config(invocation, command, console);
    }
    ExitCode operator()(const EmulatorServeCommand& command) const {
        return run_emulator(invocation, command, console, parts.open_emulator);
    }
    ExitCode operator()(const EmulatorTriggerCommand& command) const {
        return trigger_emulator(invocation, command, console);
    }
    ExitCode operator()(const EmulatorLoadCommand& command) const {
        return load_emulator(invocation, command, console, parts.open_load);
    }
    ExitCode operator()(const EmulatorLedgerCommand& command) const {
        return show_ledger(invocation, command, console);
    }
    ExitCode operator()(const CallsCommand& command) const {
        return steer_calls(invocation, command, console);
    }
    ExitCode operator()(const ListenCommand& command) const {
        return listen_to_call(invocation, command, console);
    }
    ExitCode operator()(const TranscriptCommand& command) const {
        return show_transcript(invocation, command, console, parts.former_transcript);
    }
    ExitCode operator()(const TranscribeCommand& command) const {
        return transcribe_sound(invocation, command, console);
    }
    ExitCode operator()(const RecordingsCommand& command) const {
        return run_recordings(invocation, command, console, parts.history);
    }
    ExitCode operator()(const HistoryCommand& command) const {
        return run_history(invocation, command, console, parts.history);
    }
    ExitCode operator()(const NumbersCommand& command) const {
        return run_numbers(invocation, command, console, parts.numbers);
    }
    ExitCode operator()(const ReplayCommand& command) const {
        return replay_captures(invocation, command, console);
    }
    ExitCode operator()(const ReapCommand& command) const {
        return reap(invocation, command, console, parts.reap_calls);
    }
    ExitCode operator()(const DoctorCommand&) const {
        return parts.run_doctor(invocation, console);
    }
    ExitCode operator()(const VersionCommand&) const { return show_version(invocation, console); }
    ExitCode operator()(const CompletionCommand& command) const {
        console.out << format_completion(command_line_model(), command.shell);
        return ExitCode::ok;
    }
    ExitCode operator()(const HelpCommand& command) const {
        if (command.man) {
            console.out << format_man_page(command_line_model(), AGENTBRIDGE_VERSION);
            return ExitCode::ok;
        }
        console.out << (command.topic.empty() ? help_overview()
                                              : help_topic(command.topic).value_or(""));
        return ExitCode::ok;
    }
};

}  // namespace

ExitCode run_program(const std::vector<std::string>& arguments, Console& console,
                     const Parts& parts) {
    try {
        const auto invocation = parse_command_line(arguments);
        if (!invocation) {
            console.out << invocation.error().out << std::flush;
            console.err << invocation.error().err << std::flush;
            return invocation.error().exit;
        }
        if (invocation->no_color) console.terminal.color = false;
        const auto exit = std::visit(Dispatch{*invocation, console, parts}, invocation->command);
        console.out.flush();
        if (!console.out && exit == ExitCode::ok) {
            console.err << "agentbridge: the results could not be written to stdout\n";
            return ExitCode::failure;
        }
        return exit;
    } catch (const std::exception& error) {
        console.err << "agentbridge: " << error.what() << "\n" << std::flush;
        return ExitCode::failure;
    }
}

}  // namespace bridge::app
