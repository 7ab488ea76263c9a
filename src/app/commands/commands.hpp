#pragma once
// One function per command. Each does its work on the calling thread and returns what to tell the
// shell.

#include "app/cli.hpp"
#include "app/config.hpp"
#include "app/console.hpp"
#include "app/control_client.hpp"
#include "app/history_parts.hpp"
#include "app/instance.hpp"
#include "app/load_service.hpp"
#include "app/numbers.hpp"
#include "app/session.hpp"
#include "call/transcript_document.hpp"
#include "stores/recording_store.hpp"

namespace bridge::app {

ExitCode run_calls(const Invocation& invocation, const RunCommand& command, Console& console,
                   const OpenSession& open);
/// From checked options to the end of the session, with its screen and its keys.
ExitCode run_session(SessionOptions options, const LoadedConfig& loaded, bool as_json, bool bell,
                     Console& console, const OpenSession& open);
/// Has a running program place a call (`order`: the body of POST /calls), and prints it.
ExitCode place_call(const ControlAddress& program, const std::string& order, bool as_json,
                    Console& console);
/// The program that takes calls for this configuration, if one runs: a second one could not listen.
std::optional<RunningInstance> program_for_call(const Config& config);
/// Has the call placed there.
ExitCode call_elsewhere(const Invocation& invocation, const RunCommand& command,
                        const RunningInstance& program, const LoadedConfig& loaded,
                        Console& console);
ExitCode run_demo(const Invocation& invocation, const DemoCommand& command, Console& console,
                  const OpenSession& open);
ExitCode run_devices(const Invocation& invocation, const DevicesCommand& command, Console& console);
ExitCode run_config(const Invocation& invocation, const ConfigCommand& command, Console& console);
ExitCode run_emulator(const Invocation& invocation, const EmulatorServeCommand& command,
                      Console& console, const OpenEmulator& open);
ExitCode trigger_emulator(const Invocation& invocation, const EmulatorTriggerCommand& command,
                          Console& console);
ExitCode load_emulator(const Invocation& invocation, const EmulatorLoadCommand& command,
                       Console& console, const OpenLoad& open);
ExitCode show_ledger(const Invocation& invocation, const EmulatorLedgerCommand& command,
                     Console& console);
ExitCode steer_calls(const Invocation& invocation, const CallsCommand& command, Console& console);
ExitCode listen_to_call(const Invocation& invocation, const ListenCommand& command,
                        Console& console);
ExitCode show_transcript(const Invocation& invocation, const TranscriptCommand& command,
                         Console& console, const FormerTranscript& former);
ExitCode transcribe_sound(const Invocation& invocation, const TranscribeCommand& command,
                          Console& console);
ExitCode run_recordings(const Invocation& invocation, const RecordingsCommand& command,
                        Console& console, const HistoryParts& parts);
ExitCode run_numbers(const Invocation& invocation, const NumbersCommand& command, Console& console,
                     const NumberParts& parts);
ExitCode replay_captures(const Invocation& invocation, const ReplayCommand& command,
                         Console& console);
ExitCode run_history(const Invocation& invocation, const HistoryCommand& command, Console& console,
                     const HistoryParts& parts);
ExitCode reap(const Invocation& invocation, const ReapCommand& command, Console& console,
              const ReapCalls& reap_calls);
ExitCode show_version(const Invocation& invocation, Console& console);

/// Reads the settings for a command. What is wrong goes to stderr; nothing comes back then.
std::optional<LoadedConfig> load_for(const Invocation& invocation, const ConfigNeeds& needs,
                                     Console& console);
/// The recording that `name` means: its own, a call's, or the beginning of one. Failures: failure
/// (there is none), usage (there are several).
Outcome<stores::StoredRecording> choose_recording(const stores::RecordingFolder& folder,
                                                  const std::string& name);
/// Starts the log as the settings say; `write` as in log::Options. Stops it when destroyed.
class LogSession {
public:
    LogSession(const LoadedConfig& loaded, const TerminalTraits& terminal,
               std::function<void(std::string_view)> write);
    ~LogSession();
    LogSession(const LogSession&) = delete;
    LogSession& operator=(const LogSession&) = delete;
};

}  // namespace bridge::app
