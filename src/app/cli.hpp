#pragma once
// The command line: text in, one plain value out. Nothing is done here, so that every command and
// every mistake can be tested as a table.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "app/exit_code.hpp"
#include "base/result.hpp"

namespace bridge::app {

/// `serve`, `call`, and the program without a command.
struct RunCommand {
    enum class Kind { serve, call } kind = Kind::serve;
    std::string target;  ///< checked: E.164, sip: or client:; empty with serve only
    bool no_audio = false;
    bool mic = false;  ///< the microphone goes to the phone
    bool listen_only = false;
    bool yes = false;
    bool dry_run = false;
    bool no_bell = false;
    bool open_page = false;  ///< serve: in a browser
    bool force = false;      ///< serve: take the number even if it is somebody else's
    bool detach = false;     ///< call: the running program places it, and this one ends
};
struct DemoCommand {
    std::string persona, wav, to;
    bool no_audio = false;
    bool mic = false;  ///< the microphone goes to the phone
    bool no_bell = false;
};
struct DevicesCommand {
    enum class Action { list, test } action = Action::list;
    std::string device;   ///< to test; empty: the configured one
    bool no_mic = false;  ///< test: the speaker only
};
struct ConfigCommand {
    enum class Action { show, check, init } action = Action::show;
    bool show_origin = false;
    bool force = false;
    std::string file;  ///< init: where to; empty: .env
};
struct EmulatorServeCommand {
    std::string host = "127.0.0.1";
    std::uint16_t port = 8010;
    std::vector<std::pair<std::string, std::string>> personas;
    std::string ledger, ca, voice_url;
    std::vector<std::string> faults;  ///< "create=429*2"
};
struct EmulatorTriggerCommand {
    std::string from, to, persona,
        emulator_url;  ///< empty: the emulator's or the environment's defaults
};
struct EmulatorLoadCommand {
    std::size_t calls = 10;
    std::chrono::seconds length{30};
    double per_second = 50;
    std::string to;  ///< the bridge's URL; empty: as the settings say
    std::string persona;
    bool outbound = false;
    std::uint16_t port = 0;
};
struct EmulatorLedgerCommand {
    std::string emulator_url;
};
/// `agentbridge calls`: a running program is asked.
struct CallsCommand {
    enum class Action {
        list,
        show,
        watch,
        dial,
        hangup,
        mute,
        unmute,
        hold,
        resume,
        dtmf,
        transfer,
        join,
        cancel_transfer,
        accept,
        reject,
        focus,
        solo,
        unsolo,
        volume,
        clear,
        say,
        play,
        agent,
        record,
    } action = Action::list;
    std::string instance;    ///< PID or URL; empty: the only one that runs
    std::string id;          ///< CallId, CallSid or the beginning of one; empty: the only call
    std::string state;       ///< list: only these
    std::string keys;        ///< dtmf
    std::string agent;       ///< agent: its name, a mode, or off
    std::string record;      ///< record: pause, resume, stop; empty: start
    std::string text;        ///< say
    std::string file;        ///< play: a WAV file
    bool interrupt = false;  ///< say: what is being said is cut off first
    std::string to;          ///< dial, transfer
    std::string from;        ///< dial; empty: the configured number
    std::optional<bool> recorded, transcribed;       ///< dial; nothing: as that program is set up
    std::optional<std::chrono::seconds> time_limit;  ///< likewise
    bool muted = false;                              ///< dial: it begins muted
    std::string notice;    ///< record: none, beep or spoken; empty: as that program is set up
    int percent = 100;     ///< volume
    bool silence = false;  ///< hold, warm transfer: without music
    bool warm = false;     ///< transfer: the target is talked to first
    bool focus = true;     ///< dial: the person here speaks to it
    bool in_band = false;  ///< dtmf: as tones in the sound
};
/// `listen` and `talk`.
struct ListenCommand {
    bool talk = false;
    std::string instance;  ///< PID or URL; empty: the only one that runs
    std::string id;        ///< CallId, CallSid or the beginning of one; empty: the only call
    std::string side = "both";
    bool raw = false;  ///< 16-bit samples to stdout instead of the speakers
    std::string wav;   ///< a WAV file instead of the speakers
    std::string file;  ///< talk: this sound file instead of the microphone
};
/// `transcript`: what was said in a call of a running program.
struct TranscriptCommand {
    std::string instance;         ///< PID or URL; empty: the only one that runs
    std::string id;               ///< CallId, CallSid or the beginning of one; empty: the only call
    std::string format = "text";  ///< text, json, srt or vtt
    bool make = false;            ///< its recording is taken down now
};
/// `transcribe`: a sound file is taken down here.
struct TranscribeCommand {
    std::string file;
    std::string format = "text";
};
struct RecordingsCommand {
    enum class Action { list, play, save, remove } action = Action::list;
    std::string name;  ///< or CallId, or the beginning of one
    std::string to;    ///< save: the file
};
struct NumbersCommand {
    enum class Action { list, use, restore } action = Action::list;
    std::string number;  ///< E.164; restore: empty means all
    bool force = false;
    std::string instance;  ///< use: PID or URL; empty: the only one that runs
};
/// `replay`: captured calls are done again.
struct ReplayCommand {
    std::vector<std::string> files;
    bool report = false, all = false, step = false;
    std::string until;  ///< seconds since the call began, or a word of an event
    std::string wav, speaker_wav;
};
/// `agentbridge history`: the calls of the past, read where they are kept.
struct HistoryCommand {
    enum class Action { list, search, show, remove, write_out } action = Action::list;
    std::string id;                  ///< show, delete: CallId or CallSid
    std::vector<std::string> words;  ///< search
    std::optional<std::chrono::system_clock::time_point> since, until;  ///< created
    std::string number, direction;
    std::string state;  ///< ended, live, all, or one; empty: ended
    std::optional<std::size_t> limit;
};
struct ReapCommand {
    bool dry_run = false;
};
struct DoctorCommand {};
struct CompletionCommand {
    std::string shell;  ///< bash, zsh or fish
};
struct VersionCommand {};
struct HelpCommand {
    std::string topic;  ///< empty: the overview
    bool man = false;   ///< the man page instead
};

struct Invocation {
    bool json = false;
    bool no_color = false;
    std::string env_file;
    std::map<std::string, std::string>
        settings;  ///< setting → value, of the flags that are settings
    std::variant<RunCommand, DemoCommand, DevicesCommand, ConfigCommand, EmulatorServeCommand,
                 EmulatorTriggerCommand, EmulatorLoadCommand, EmulatorLedgerCommand, CallsCommand,
                 ListenCommand, HistoryCommand, RecordingsCommand, TranscriptCommand,
                 TranscribeCommand, NumbersCommand, ReplayCommand, ReapCommand, DoctorCommand,
                 CompletionCommand, VersionCommand, HelpCommand>
        command;
};

/// The command line asked for help, or was wrong: print, and end.
struct CommandLineEnd {
    ExitCode exit = ExitCode::usage;
    std::string out;  ///< for stdout
    std::string err;  ///< for stderr
};

/// `arguments` without the program's name.
tl::expected<Invocation, CommandLineEnd> parse_command_line(
    const std::vector<std::string>& arguments);

}  // namespace bridge::app
