#include "app/cli.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <functional>
#include <set>

#include "app/cli_calls.hpp"
#include "app/cli_history.hpp"
#include "app/cli_model.hpp"
#include "app/config.hpp"
#include "app/dial_rules.hpp"
#include "app/help.hpp"
#include "app/nearest.hpp"
#include "app/phone_number.hpp"

namespace bridge::app {
namespace {

/// Flags that stand before a command and take a value, so that the value is not taken for the
/// command.
const std::set<std::string>& flags_with_value() {
    static const std::set<std::string> flags{
        "--env-file",    "--log-level",  "--log-format",   "--workers",       "--target",
        "--from",        "--time-limit", "--ring-timeout", "--speaker",       "--microphone",
        "--answer",      "--unanswered", "--tunnel",       "--url-check",     "--instance",
        "--other-calls", "--on-machine", "--transcriber",  "--record-notice", "--retain"};
    return flags;
}

bool is_number(const std::string& word) {
    return word.find_first_of("+0123456789") == 0;
}

/// Puts the command first: "--json config show" reads as "config --json show", and a line without a
/// command as "serve".
std::vector<std::string> with_command_first(std::vector<std::string> arguments) {
    for (std::size_t at = 0; at < arguments.size(); ++at) {
        const auto& word = arguments[at];
        if (word.empty() || word[0] != '-') {
            std::rotate(arguments.begin(), arguments.begin() + static_cast<std::ptrdiff_t>(at),
                        arguments.begin() + static_cast<std::ptrdiff_t>(at) + 1);
            return arguments;
        }
        if (flags_with_value().count(word) != 0) ++at;
        // The file of a message stands apart.
        if (word == "--on-machine" && at < arguments.size() && arguments[at] == "message") ++at;
        // This one's value may be left out.
        if (word == "--use-number" && at + 1 < arguments.size() && is_number(arguments[at + 1]))
            ++at;
    }
    const auto has = [&](const char* flag) {
        return std::find(arguments.begin(), arguments.end(), flag) != arguments.end();
    };
    if (!has("--help") && !has("-h") && !has("--version"))
        arguments.insert(arguments.begin(), "serve");
    return arguments;
}

/// The whole command line, as CLI11 sees it. Not movable: CLI11 keeps pointers to the members.
class Grammar {
public:
    Grammar() : app_("agentbridge: a phone call on your speakers", "agentbridge") {
        app_.set_help_flag("-h,--help", "this help");
        app_.add_flag("--version", version_, "version of this program and its libraries");
        app_.add_flag("--json", invocation_.json, "results on stdout as JSON");
        app_.add_flag("--no-color", invocation_.no_color, "no colours");
        option(&app_, "--env-file", invocation_.env_file, "FILE",
               "settings from FILE in place of the nearest .env");
        setting(&app_, "--log-level", "LOG_LEVEL", "LEVEL", "DEBUG, INFO, WARNING or ERROR");
        setting(&app_, "--log-format", "AGENTBRIDGE_LOG_FORMAT", "text|json", "how log lines look");
        setting(&app_, "--workers", "AGENTBRIDGE_WORKERS", "N|auto",
                "io threads that share the calls");
        add_run(RunCommand::Kind::serve, "serve",
                "Answer inbound calls until Ctrl-C; with --target, place that call and end with it",
                "  agentbridge serve\n  agentbridge serve --answer reject --log-format json\n"
                "  agentbridge --target +15551234567");
        add_run(RunCommand::Kind::call, "call", "Place a call, hear it, and end with it",
                "  agentbridge call --target +15551234567\n"
                "  agentbridge call --target +15551234567 --speaker file:call.wav --time-limit 2m "
                "--yes\n"
                "  agentbridge call --target +15551234567 --dry-run");
        add_demo();
        add_calls();
        add_listen();
        add_transcripts();
        add_recordings();
        add_history();
        add_numbers();
        add_devices();
        add_config();
        add_emulator();
        add_replay();
        auto* reap =
            command(&app_, "reap", "End calls of former runs that nobody holds any more",
                    "  agentbridge reap --dry-run\n  agentbridge reap", [this] { return reap_; });
        reap->add_flag("--dry-run", reap_.dry_run, "only show them");
        command(
            &app_, "doctor",
            "Check the whole way from Twilio to here, and say how to fix what is wrong",
            "  agentbridge doctor\n  agentbridge doctor --json\n\n"
            "Exit code: 0 all is well (warnings allowed); else that of the most serious failure, "
            "in "
            "this order:\n3 configuration, 4 credentials, 7 public URL, 8 named audio device, 1 "
            "anything else.",
            [] { return DoctorCommand{}; });
        command(&app_, "version", "Version of this program and its libraries", "",
                [] { return VersionCommand{}; });
        auto* completion =
            command(&app_, "completion", "The completion script for a shell",
                    "  source <(agentbridge completion bash)\n"
                    "  agentbridge completion fish > ~/.config/fish/completions/agentbridge.fish",
                    [this] { return completion_; });
        completion->add_option("shell", completion_.shell, "the shell")
            ->option_text("bash|zsh|fish")
            ->required()
            ->check(CLI::IsMember({"bash", "zsh", "fish"}));
        auto* help =
            command(&app_, "help", "Help on a topic or a command", "", [this] { return help_; });
        help->add_flag("--man", help_.man, "the man page, as roff");
        help->add_option("topic", help_.topic, fmt::format("{}", fmt::join(help_topics(), ", ")));
    }
    Grammar(const Grammar&) = delete;
    Grammar& operator=(const Grammar&) = delete;

    CliCommand model() { return model_of(&app_, ""); }

    tl::expected<Invocation, CommandLineEnd> parse(const std::vector<std::string>& arguments) {
        auto reversed = with_command_first(arguments);
        // "help call" must not be read as the command call.
        if (reversed.size() > 1 && reversed[0] == "help" && reversed[1].substr(0, 1) != "-") {
            help_.topic = reversed[1];
            reversed.erase(reversed.begin() + 1);
        }
        std::reverse(reversed.begin(), reversed.end());
        try {
            app_.parse(reversed);
        } catch (const CLI::CallForHelp&) {
            return tl::unexpected(help_of(deepest(&app_)));
        } catch (const CLI::ParseError& error) {
            return tl::unexpected(usage(explain(error)));
        }
        return finish();
    }

private:
    using Command = decltype(Invocation::command);

    CLI::Option* option(CLI::App* at, const std::string& name, std::string& into,
                        const std::string& value, const std::string& meaning) {
        return at->add_option(name, into, meaning)->option_text(value)->check(not_empty(name));
    }

    static std::function<std::string(const std::string&)> not_empty(const std::string& flag) {
        return [flag](const std::string& text) {
            return text.empty() ? flag + " needs a value that is not empty" : std::string();
        };
    }

    /// A flag that is one of the settings: kept as text, checked with all the others.
    void setting(CLI::App* at, const std::string& flag, const std::string& name,
                 const std::string& value, const std::string& meaning) {
        at->add_option_function<std::string>(
              flag, [this, name](const std::string& text) { invocation_.settings[name] = text; },
              meaning)
            ->option_text(value)
            ->check(not_empty(flag));
    }

    /// A flag that turns one of the settings off.
    void switch_off(CLI::App* at, const std::string& flag, const std::string& name,
                    const std::string& meaning) {
        at->add_flag_callback(
            flag, [this, name] { invocation_.settings[name] = "off"; }, meaning);
    }

    CLI::App* command(CLI::App* parent, const std::string& name, const std::string& meaning,
                      const std::string& examples, std::function<Command()> made) {
        auto* sub = parent->add_subcommand(name, meaning);
        sub->fallthrough();
        std::string footer;
        if (!examples.empty()) footer += "\nExamples:\n" + examples + "\n";
        footer +=
            "\nEverywhere: --env-file --log-level --log-format --json --no-color; see `agentbridge "
            "help`.";
        sub->footer(footer);
        commands_.emplace_back(sub, std::move(made));
        return sub;
    }

    /// A word that only leads to others: "config" to show, check and init.
    CLI::App* group(const std::string& name, const std::string& meaning) {
        auto* sub = app_.add_subcommand(name, meaning);
        sub->fallthrough();
        sub->require_subcommand(0, 1);
        groups_.push_back(sub);
        return sub;
    }

    void add_run(RunCommand::Kind kind, const std::string& name, const std::string& meaning,
                 const std::string& examples) {
        auto& run = kind == RunCommand::Kind::serve ? serve_ : call_;
        run.kind = kind;
        auto* sub = command(&app_, name, meaning, examples, [&run] { return run; });
        option(sub, "--target", run.target, "NUMBER",
               "who to call: +15551234567, sip:user@host or client:name");
        setting(sub, "--from", "TWILIO_PHONE_NUMBER", "NUMBER", "the Twilio number to call from");
        setting(sub, "--time-limit", "AGENTBRIDGE_TIME_LIMIT", "TIME",
                "end the call after 90s, 15m, 4h (default 4h)");
        setting(sub, "--ring-timeout", "AGENTBRIDGE_RING_TIMEOUT", "TIME",
                "let it ring this long (default 30s)");
        setting(sub, "--retain", "AGENTBRIDGE_RETAIN", "TIME",
                "forget calls, with sound and text, after 12h, 30d, 4w (default: never)");
        add_on_machine(sub);
        setting(sub, "--speaker", "AGENTBRIDGE_SPEAKER", "DEVICE",
                "default, a name, file:PATH, null or none");
        add_microphone(sub, run.mic);
        add_agent(sub);
        add_transcriber(sub);
        sub->add_option_function<std::string>(
               "--record",
               [this](const std::string& folder) {
                   invocation_.settings["AGENTBRIDGE_RECORD"] = folder.empty() ? "on" : folder;
               },
               "record the call, both sides apart; --record=DIR: in that folder")
            ->expected(0, 1)
            ->option_text("[=DIR]");
        setting(sub, "--record-notice", "AGENTBRIDGE_RECORD_NOTICE", "none|beep|spoken",
                "what the phone hears when its recording begins (default none)");
        setting(sub, "--tunnel", "AGENTBRIDGE_TUNNEL", "ngrok|cloudflared",
                "start a tunnel and use its address in place of PUBLIC_URL");
        setting(sub, "--url-check", "AGENTBRIDGE_URL_CHECK", "on|off",
                "ask PUBLIC_URL whether it leads here before a call (default on)");
        sub->add_flag("--no-audio", run.no_audio, "open no sound device");
        sub->add_flag("--listen-only", run.listen_only,
                      "one-way stream: the phone is heard, nothing can be said");
        add_desk(sub, run.no_bell);
        sub->add_flag_callback(
            "--capture", [this] { invocation_.settings["AGENTBRIDGE_CAPTURE"] = "on"; },
            "keep what `agentbridge replay` needs to do the call again");
        sub->add_flag("-y,--yes", run.yes, "dial a real number without asking");
        sub->add_flag("--dry-run", run.dry_run,
                      "check the settings, show what would be done, do nothing");
        if (kind == RunCommand::Kind::call) {
            sub->add_flag("--detach", run.detach,
                          "have the running `serve` place it, print the call, and end");
        }
        if (kind == RunCommand::Kind::serve) {
            setting(sub, "--answer", "AGENTBRIDGE_ANSWER", "auto|ring|reject",
                    "what to do with inbound calls");
            setting(sub, "--unanswered", "AGENTBRIDGE_UNANSWERED", "hangup|voicemail",
                    "what becomes of one that rang and was not taken");
            sub->add_option_function<std::string>(
                   "--use-number",
                   [this](const std::string& number) {
                       invocation_.settings["AGENTBRIDGE_USE_NUMBER"] =
                           number.empty() ? "on" : number;
                   },
                   "calls of this number of the account (default: TWILIO_PHONE_NUMBER) come here, "
                   "and go where they went before when the program ends")
                ->expected(0, 1)
                ->option_text("[NUMBER]");
            sub->add_flag("--open", run.open_page, "open the web page in a browser");
            sub->add_flag("--force", run.force,
                          "with --use-number: take it even if its calls go to somebody else");
        }
    }

    /// A setting of one word, or two: "message FILE" is read as "message:FILE".
    void add_on_machine(CLI::App* sub) {
        sub->add_option_function<std::vector<std::string>>(
               "--on-machine",
               [this](const std::vector<std::string>& words) {
                   invocation_.settings["AGENTBRIDGE_ON_MACHINE"] =
                       fmt::format("{}", fmt::join(words, ":"));
               },
               "when an answering machine takes the call (default ignore)")
            ->expected(1, 2)
            ->option_text("hangup|message FILE|ignore")
            ->check(not_empty("--on-machine"));
    }

    /// --mic, and what belongs to it.
    void add_microphone(CLI::App* sub, bool& mic) {
        sub->add_flag("--mic", mic, "two-way: the microphone goes to the phone");
        setting(sub, "--microphone", "AGENTBRIDGE_MICROPHONE", "DEVICE",
                "with --mic: default, a name, file:PATH[,loop], null or none");
        switch_off(sub, "--no-echo-cancellation", "AGENTBRIDGE_ECHO_CANCELLATION",
                   "leave the speaker's sound in the microphone's");
        switch_off(sub, "--no-noise-suppression", "AGENTBRIDGE_NOISE_SUPPRESSION",
                   "leave the noise in");
        switch_off(sub, "--no-auto-gain", "AGENTBRIDGE_AUTO_GAIN", "leave the level as it is");
        switch_off(sub, "--no-high-pass", "AGENTBRIDGE_HIGH_PASS", "leave hum and rumble in");
    }

    /// --agent, and what belongs to it.
    void add_agent(CLI::App* sub) {
        setting(sub, "--agent", "AGENTBRIDGE_AGENT", "NAME|URL",
                "who speaks to the phone: openai, elevenlabs, deepgram, local, ws(s)://… (a Media "
                "Streams bot), echo, tone");
        setting(sub, "--agent-fallback", "AGENTBRIDGE_AGENT_FALLBACK", "hangup|person|NUMBER",
                "what becomes of a call whose agent is gone for good");
        setting(sub, "--barge-in", "AGENTBRIDGE_BARGE_IN", "detector|agent|off",
                "who decides that the caller interrupts the agent");
    }

    /// --transcribe, and what belongs to it.
    void add_transcriber(CLI::App* sub) {
        sub->add_flag_callback(
            "--transcribe", [this] { invocation_.settings["AGENTBRIDGE_TRANSCRIBE"] = "on"; },
            "what is said is taken down, by the transcriber");
        setting(sub, "--transcriber", "AGENTBRIDGE_TRANSCRIBER", "ENGINE",
                "deepgram, openai, vosk, whisper-server or whisper");
    }

    void add_calls() {
        calls_.add(group("calls", "The calls of a running program, and what you do with them"),
                   [this](CLI::App* parent, const std::string& name, const std::string& meaning,
                          const std::string& examples, std::function<CallsCommand()> made) {
                       return command(parent, name, meaning, examples,
                                      [made = std::move(made)] { return Command(made()); });
                   });
    }

    void add_history() {
        history_.add(group("history", "Calls of the past, and what was said in them"),
                     [this](CLI::App* parent, const std::string& name, const std::string& meaning,
                            const std::string& examples, std::function<HistoryCommand()> made) {
                         return command(parent, name, meaning, examples,
                                        [made = std::move(made)] { return Command(made()); });
                     });
    }

    void add_listen() {
        const auto add = [&](ListenCommand& what, const char* name, const char* meaning,
                             const char* examples) {
            auto* sub = command(&app_, name, meaning, examples, [&what] { return what; });
            sub->add_option("call", what.id,
                            "CallId or CallSid, or its beginning; without it, the only call")
                ->option_text("CALL");
            option(sub, "--instance", what.instance, "PID|URL",
                   "which running program: its PID or its control URL (default: the only one)");
            setting(sub, "--speaker", "AGENTBRIDGE_SPEAKER", "DEVICE",
                    "default, a name, file:PATH, null or none");
            return sub;
        };
        auto* listen = add(listen_, "listen", "Hear a call of a running program from here",
                           "  agentbridge listen\n  agentbridge listen c_7qk --wav call.wav\n"
                           "  agentbridge listen --raw | sox -t raw -r 8000 -e signed -b 16 -c 1 - "
                           "-t wav call.wav");
        listen->add_flag("--raw", listen_.raw,
                         "16-bit samples, 8 kHz, to stdout instead of the speakers");
        option(listen, "--wav", listen_.wav, "FILE", "to a WAV file instead of the speakers");
        option(listen, "--side", listen_.side, "both|far|near",
               "far: the phone alone; near: what the phone hears")
            ->check(CLI::IsMember({"both", "far", "near"}));
        talk_.talk = true;
        auto* talk = add(talk_, "talk", "Speak into a call of a running program from here",
                         "  agentbridge talk\n  agentbridge talk c_7qk --file announcement.wav");
        option(talk, "--file", talk_.file, "WAV",
               "this sound file instead of the microphone, and then end");
        setting(talk, "--microphone", "AGENTBRIDGE_MICROPHONE", "DEVICE",
                "default, a name, file:PATH or null");
    }

    void add_transcripts() {
        const auto formats = [this](CLI::App* sub, std::string& into) {
            option(sub, "--format", into, "text|json|srt|vtt",
                   "text (default), json, or subtitles: srt, vtt")
                ->check(CLI::IsMember({"text", "json", "srt", "vtt"}));
        };
        auto* transcript = command(&app_, "transcript", "What was said in a call",
                                   "  agentbridge transcript\n"
                                   "  agentbridge transcript c_7qk --format srt > call.srt\n"
                                   "  agentbridge transcript c_7qk --make",
                                   [this] { return transcript_; });
        transcript
            ->add_option("call", transcript_.id,
                         "CallId or CallSid, or its beginning; without it, the only call")
            ->option_text("CALL");
        formats(transcript, transcript_.format);
        transcript->add_flag("--make", transcript_.make,
                             "its recording is taken down first, by the program's transcriber");
        option(transcript, "--instance", transcript_.instance, "PID|URL",
               "which running program: its PID or its control URL (default: the only one)");
        auto* transcribe = command(
            &app_, "transcribe", "Take a sound file down, here and now",
            "  agentbridge transcribe call.wav\n"
            "  agentbridge transcribe c_7qk\n"
            "  agentbridge transcribe call.wav --transcriber vosk --format vtt > call.vtt\n\n"
            "Of two channels the first is the far end, the second the near end. Where a "
            "transcript\n"
            "says [redacted], a call's own recording is silent afterwards; other files stay as "
            "they are.",
            [this] { return transcribe_; });
        transcribe
            ->add_option("file", transcribe_.file,
                         "a WAV, FLAC or Ogg file; or a recording or its call")
            ->option_text("FILE")
            ->required();
        formats(transcribe, transcribe_.format);
        setting(transcribe, "--transcriber", "AGENTBRIDGE_TRANSCRIBER", "ENGINE",
                "deepgram, openai, vosk, whisper-server or whisper");
    }

    void add_recordings() {
        auto* recordings = group("recordings", "Calls that were recorded");
        using Action = RecordingsCommand::Action;
        const auto add = [&](Action action, const char* name, const char* meaning,
                             const char* examples) {
            return command(recordings, name, meaning, examples, [this, action] {
                recordings_.action = action;
                return recordings_;
            });
        };
        const auto with_name = [&](CLI::App* sub) {
            sub->add_option("recording", recordings_.name,
                            "its name or CallId, or the beginning of one")
                ->option_text("RECORDING")
                ->required();
            return sub;
        };
        add(Action::list, "list", "The recordings that are kept, newest first",
            "  agentbridge recordings list\n  agentbridge recordings list --json");
        auto* play = with_name(add(Action::play, "play", "Hear a recording: both sides together",
                                   "  agentbridge recordings play c_7qk"));
        setting(play, "--speaker", "AGENTBRIDGE_SPEAKER", "DEVICE",
                "default, a name, file:PATH or null");
        auto* save = with_name(add(Action::save, "export",
                                   "Copy a recording, in the form that the file's name says",
                                   "  agentbridge recordings export c_7qk --to call.flac"));
        save->add_option("--to", recordings_.to, "file that ends in .wav, .flac or .opus")
            ->option_text("FILE")
            ->required();
        with_name(add(Action::remove, "delete", "Delete a recording, in all its forms",
                      "  agentbridge recordings delete 20260131T090501Z-c_7qk"));
    }

    void add_numbers() {
        auto* numbers = group("numbers", "Where the inbound calls of the account's numbers go");
        const auto add = [&](NumbersCommand::Action action, const char* name, const char* meaning,
                             const char* examples) {
            return command(numbers, name, meaning, examples, [this, action] {
                numbers_.action = action;
                return numbers_;
            });
        };
        add(NumbersCommand::Action::list, "list", "The account's numbers, and where their calls go",
            "  agentbridge numbers list\n  agentbridge numbers list --json");
        auto* use = add(NumbersCommand::Action::use, "use",
                        "Have a running `serve` take the calls of a number until it ends",
                        "  agentbridge numbers use +15551234567");
        use->add_option("number", numbers_.number, "a number of the account")
            ->option_text("NUMBER")
            ->required();
        use->add_flag("--force", numbers_.force, "even if its calls go to somebody else");
        option(use, "--instance", numbers_.instance, "PID|URL",
               "which running program: its PID or its control URL (default: the only one)");
        auto* restore = add(NumbersCommand::Action::restore, "restore",
                            "Give back numbers that a program has left pointed to itself",
                            "  agentbridge numbers restore\n"
                            "  agentbridge numbers restore +15551234567");
        restore->add_option("number", numbers_.number, "this one alone")->option_text("NUMBER");
    }

    /// How the calls sound and are answered from the keyboard.
    void add_desk(CLI::App* sub, bool& no_bell) {
        setting(sub, "--other-calls", "AGENTBRIDGE_OTHER_CALLS", "duck|pan|mute|hold",
                "how calls sound that you do not speak to (default duck)");
        sub->add_flag_callback(
            "--push-to-talk", [this] { invocation_.settings["AGENTBRIDGE_PUSH_TO_TALK"] = "on"; },
            "the microphone is open only while the space bar is held");
        sub->add_flag("--no-bell", no_bell, "no bell when a call rings");
    }

    void add_demo() {
        auto* sub = command(
            &app_, "demo",
            "A call on the built-in Twilio to your speakers, then exit; no account, no .env",
            "  agentbridge demo\n  agentbridge demo --persona \"say:Hello from nowhere\" --wav "
            "demo.wav",
            [this] { return demo_; });
        option(sub, "--persona", demo_.persona, "DESC",
               "who answers: greeting, echo, say:TEXT, wav:FILE, busy, …");
        option(sub, "--to", demo_.to, "NUMBER", "call this number of the emulator");
        option(sub, "--wav", demo_.wav, "FILE",
               "write what is heard to a WAV file instead of playing it");
        setting(sub, "--speaker", "AGENTBRIDGE_SPEAKER", "DEVICE",
                "default, a name, file:PATH, null or none");
        add_microphone(sub, demo_.mic);
        add_agent(sub);
        setting(sub, "--time-limit", "AGENTBRIDGE_TIME_LIMIT", "TIME",
                "end the call after this long");
        sub->add_flag("--no-audio", demo_.no_audio, "open no sound device");
        add_desk(sub, demo_.no_bell);
    }

    void add_devices() {
        auto* devices = group("devices", "Sound devices");
        command(devices, "list", "The devices sound comes out of, and goes into",
                "  agentbridge devices list --json", [this] {
                    devices_.action = DevicesCommand::Action::list;
                    return devices_;
                });
        auto* test =
            command(devices, "test",
                    "Play a short tone on a device, then record the microphone and play that",
                    "  agentbridge devices test\n  agentbridge devices test \"USB Audio\"\n"
                    "  agentbridge devices test --microphone Headset --json",
                    [this] {
                        devices_.action = DevicesCommand::Action::test;
                        return devices_;
                    });
        test->add_option("device", devices_.device,
                         "its name, file:PATH or null; without it, the configured one")
            ->option_text("DEVICE");
        setting(test, "--microphone", "AGENTBRIDGE_MICROPHONE", "DEVICE",
                "default, a name, file:PATH[,loop], null or none");
        test->add_flag("--no-mic", devices_.no_mic, "leave the microphone out");
    }

    void add_config() {
        auto* config = group("config", "Settings");
        auto* show = command(config, "show", "Every setting and its value",
                             "  agentbridge config show --show-origin", [this] {
                                 config_.action = ConfigCommand::Action::show;
                                 return config_;
                             });
        show->add_flag("--show-origin", config_.show_origin, "where each value came from");
        command(config, "check", "Everything that is wrong with the settings",
                "  agentbridge config check", [this] {
                    config_.action = ConfigCommand::Action::check;
                    return config_;
                });
        auto* init =
            command(config, "init", "Write a commented .env with every setting",
                    "  agentbridge config init\n  agentbridge config init --force", [this] {
                        config_.action = ConfigCommand::Action::init;
                        return config_;
                    });
        init->add_flag("--force", config_.force, "overwrite a file that is there");
        init->add_option("file", config_.file, "where to write it (default .env)")
            ->option_text("FILE");
    }

    void add_emulator() {
        auto* emulator = group("emulator", "The built-in Twilio as a server of its own");
        auto* serve =
            command(emulator, "serve", "Run the built-in Twilio until Ctrl-C",
                    "  agentbridge emulator serve\n"
                    "  agentbridge emulator serve --persona default=echo --ledger ledger.jsonl",
                    [this] { return emulator_; });
        option(serve, "--host", emulator_.host, "ADDRESS",
               "address to listen on (default 127.0.0.1)");
        serve
            ->add_option("--port", emulator_.port,
                         "port to listen on (default 8010; 0: any free one)")
            ->option_text("PORT");
        serve
            ->add_option("--persona", persona_texts_,
                         "who answers NUMBER (or default); may be repeated")
            ->option_text("NUMBER=DESC")
            ->take_all();
        option(serve, "--ledger", emulator_.ledger, "FILE",
               "append every event to FILE as JSON lines");
        option(serve, "--ca", emulator_.ca, "FILE", "PEM file to trust on https and wss");
        option(serve, "--voice-url", emulator_.voice_url, "URL",
               "where inbound calls are announced");
        serve
            ->add_option("--fault", emulator_.faults,
                         "misbehave, such as create=429*2 or socket=drop@3s; may be repeated "
                         "(docs/emulator.md lists them)")
            ->option_text("[NUMBER:]SWITCH=FAULT")
            ->take_all();

        auto* trigger =
            group_under(emulator, "trigger", "Make something happen on a running emulator");
        auto* incoming = command(
            trigger, "incoming-call", "A phone calls a number of the account",
            "  agentbridge emulator trigger incoming-call --from +12025550123 --persona echo",
            [this] { return trigger_; });
        option(incoming, "--from", trigger_.from, "NUMBER", "who calls");
        option(incoming, "--to", trigger_.to, "NUMBER",
               "the number that is called (default: the account's)");
        option(incoming, "--persona", trigger_.persona, "DESC",
               "how the caller behaves (default: greeting)");
        option(incoming, "--emulator-url", trigger_.emulator_url, "URL",
               "default http://127.0.0.1:8010");

        auto* load = command(emulator, "load", "Put many calls on a running bridge, and count",
                             "  agentbridge emulator load --calls 100 --for 1m\n"
                             "  agentbridge emulator load --calls 20 --to http://127.0.0.1:8000 "
                             "--persona echo --json",
                             [this] { return load_; });
        load->add_option("--calls", load_.calls, "how many at the same time (default 10)")
            ->option_text("N")
            ->check(CLI::Range(1, 10000));
        option(load, "--for", load_length_, "TIME",
               "how long each lasts, such as 30s (default) or 5m");
        load->add_option("--rate", load_.per_second, "calls placed in a second (default 50)")
            ->option_text("N")
            ->check(CLI::Range(0.1, 1000.0));
        option(load, "--to", load_.to, "URL",
               "the bridge (default: PUBLIC_URL, else SERVER_PORT on this machine)");
        option(load, "--persona", load_.persona, "DESC",
               "how every phone behaves (default: silence)");
        load->add_flag("--outbound", load_.outbound,
                       "calls as the REST API makes them, instead of callers");
        load->add_option("--port", load_.port, "port of their REST API (default: any free one)")
            ->option_text("PORT");

        auto* ledger =
            command(emulator, "ledger",
                    "Every call of a running emulator: how long, and whether it has ended",
                    "  agentbridge emulator ledger --json", [this] { return ledger_; });
        option(ledger, "--emulator-url", ledger_.emulator_url, "URL",
               "default http://127.0.0.1:8010");
    }

    void add_replay() {
        auto* replay =
            command(&app_, "replay", "Do a captured call again, through the same code, and compare",
                    "  agentbridge replay call.abcap\n  agentbridge replay call.abcap --report\n"
                    "  agentbridge replay call.abcap --step\n"
                    "  agentbridge replay tests/data/captures/*.abcap\n\n"
                    "Exit code: 0 every call did the same again, 1 one did something else.",
                    [this] { return replay_; });
        replay->add_option("file", replay_.files, "captures: files, or calls in the state folder")
            ->option_text("FILE")
            ->required();
        replay->add_flag("--report", replay_.report,
                         "everything on one timeline, and what made each gap");
        replay->add_flag("--all", replay_.all, "with --report: each frame, too");
        replay->add_flag("--step", replay_.step, "stop after each event, and wait for a key");
        option(replay, "--until", replay_.until, "TIME|EVENT",
               "stop there: seconds since the call began (12.5), or a word of an event");
        option(replay, "--wav", replay_.wav, "FILE", "what the phone heard, as it was sent");
        option(replay, "--speaker-wav", replay_.speaker_wav, "FILE",
               "what the loudspeaker played, at its own rate");
    }

    CLI::App* group_under(CLI::App* parent, const std::string& name, const std::string& meaning) {
        auto* sub = parent->add_subcommand(name, meaning);
        sub->fallthrough();
        sub->require_subcommand(0, 1);
        groups_.push_back(sub);
        return sub;
    }

    static CliOption model_of(const CLI::Option& option) {
        CliOption out;
        for (const auto& name : option.get_lnames()) out.names.push_back("--" + name);
        for (const auto& name : option.get_snames()) out.names.push_back("-" + name);
        out.meaning = option.get_description();
        // The help flag is one that takes nothing, like all whose type has no size.
        if (option.get_items_expected_max() == 0) return out;
        out.value = option.get_option_text();
        out.file = out.value == "FILE";
        if (out.value == "LEVEL") out.choices = {"DEBUG", "INFO", "WARNING", "ERROR"};
        const bool words =
            out.value.find('|') != std::string::npos &&
            out.value.find_first_not_of("abcdefghijklmnopqrstuvwxyz-|") == std::string::npos;
        for (std::size_t start = 0; words && start <= out.value.size();) {
            const auto bar = std::min(out.value.find('|', start), out.value.size());
            out.choices.push_back(out.value.substr(start, bar - start));
            start = bar + 1;
        }
        return out;
    }

    CliCommand model_of(CLI::App* at, const std::string& parent) {
        CliCommand out;
        out.name = at->get_name();
        if (at != &app_) out.path = parent.empty() ? out.name : parent + " " + out.name;
        out.meaning = at->get_description();
        out.footer = at->get_footer();
        for (const auto* option : at->get_options()) {
            auto made = model_of(*option);
            const bool help = at != &app_ && option == at->get_help_ptr();
            if (made.names.empty()) {
                if (out.path == "help") {
                    made.choices = help_topics();
                    for (const auto* sub : app_.get_subcommands([](CLI::App*) { return true; }))
                        made.choices.push_back(sub->get_name());
                }
                out.words.push_back(std::move(made));
            } else if (!help) {
                out.options.push_back(std::move(made));
            }
        }
        for (auto* sub : at->get_subcommands([](const CLI::App*) { return true; }))
            out.commands.push_back(model_of(sub, out.path));
        return out;
    }

    static CLI::App* deepest(CLI::App* at) {
        while (!at->get_subcommands().empty()) at = at->get_subcommands().front();
        return at;
    }
    /// "agentbridge config show"
    static std::string path_of(const CLI::App* at) {
        return at->get_parent() == nullptr ? at->get_name()
                                           : path_of(at->get_parent()) + " " + at->get_name();
    }

    CommandLineEnd help_of(CLI::App* at) const {
        if (at == &app_) return {ExitCode::ok, help_overview(), ""};
        auto text = at->help(path_of(at->get_parent()));
        while (!text.empty() && text.back() == '\n') text.pop_back();
        return {ExitCode::ok, text + "\n", ""};
    }

    CommandLineEnd usage(const std::string& message) {
        auto* at = deepest(&app_);
        return {ExitCode::usage, "",
                fmt::format("agentbridge: {}\n    see `{} --help`\n", message, path_of(at))};
    }

    static std::vector<std::string> options_of(const CLI::App* at) {
        std::vector<std::string> names;
        for (; at != nullptr; at = at->get_parent()) {
            for (const auto* candidate : at->get_options()) {
                for (const auto& name : candidate->get_lnames()) names.push_back("--" + name);
            }
        }
        return names;
    }
    static std::vector<std::string> words_of(CLI::App* at) {
        std::vector<std::string> names;
        for (const auto* sub : at->get_subcommands([](const CLI::App*) { return true; })) {
            names.push_back(sub->get_name());
        }
        return names;
    }

    std::string explain(const CLI::ParseError& error) {
        if (dynamic_cast<const CLI::ExtrasError*>(&error) == nullptr) return error.what();
        const auto extra = app_.remaining(true);
        return extra.empty() ? error.what() : explain_unknown(extra.front());
    }

    std::string explain_unknown(const std::string& word) {
        auto* at = deepest(&app_);
        const auto with_guess = [&](std::string message, const std::string& guess) {
            return guess.empty() ? message : fmt::format("{}; did you mean {}?", message, guess);
        };
        if (!word.empty() && word[0] == '-') {
            const auto flag = word.substr(0, word.find('='));
            for (const auto* secret : {"token", "secret", "password", "api-key"}) {
                if (flag.find(secret) != std::string::npos) {
                    return fmt::format(
                        "there is no {}: secrets are never flags; put them into .env or the "
                        "environment",
                        flag);
                }
            }
            return with_guess(fmt::format("{} is not a flag of `{}`", flag, path_of(at)),
                              nearest(flag, options_of(at)));
        }
        const auto words = words_of(at);
        if (words.empty()) return fmt::format("`{}` does not take '{}'", path_of(at), word);
        return with_guess(fmt::format("'{}' is not a command of `{}`", word, path_of(at)),
                          nearest(word, words));
    }

    tl::expected<Invocation, CommandLineEnd> finish() {
        auto* at = deepest(&app_);
        if (version_) {
            invocation_.command = VersionCommand{};
            return invocation_;
        }
        if (std::find(groups_.begin(), groups_.end(), at) != groups_.end()) {
            return tl::unexpected(usage(
                fmt::format("`{}` needs one of: {}", path_of(at), fmt::join(words_of(at), ", "))));
        }
        if (auto problem = check_values(); !problem.empty()) return tl::unexpected(usage(problem));
        for (const auto& [sub, made] : commands_) {
            if (sub != at) continue;
            invocation_.command = made();
            std::string problem;
            if (std::holds_alternative<CallsCommand>(invocation_.command)) {
                problem = calls_.check();
            } else if (std::holds_alternative<HistoryCommand>(invocation_.command)) {
                problem = history_.check();
            }
            if (!problem.empty()) return tl::unexpected(usage(problem));
            invocation_.command = made();
            if (const auto* help = std::get_if<HelpCommand>(&invocation_.command))
                return finish_help(*help);
            return invocation_;
        }
        return tl::unexpected(help_of(&app_));
    }

    /// `help call` is `call --help`; `help audio` is a topic.
    tl::expected<Invocation, CommandLineEnd> finish_help(const HelpCommand& help) {
        if (help.topic.empty() || help_topic(help.topic)) return std::move(invocation_);
        for (auto* sub : app_.get_subcommands([](const CLI::App*) { return true; })) {
            if (sub->get_name() == help.topic) return tl::unexpected(help_of(sub));
        }
        auto known = help_topics();
        const auto commands = command_names();
        known.insert(known.end(), commands.begin(), commands.end());
        const auto close = nearest(help.topic, known);
        return tl::unexpected(usage(fmt::format(
            "there is no help on '{}'; topics: {}{}", help.topic, fmt::join(help_topics(), ", "),
            close.empty() ? "" : fmt::format("; did you mean {}?", close))));
    }

    /// The first thing wrong with what was written, or empty.
    std::string check_values() {
        if (call_parsed("call") && call_.target.empty()) {
            return "`agentbridge call` needs --target, such as --target +15551234567";
        }
        for (const auto* run : {&serve_, &call_}) {
            if (run->mic && run->listen_only)
                return "--mic and --listen-only do not go together: a one-way stream takes nothing";
            if (run->target.empty() || is_emergency_number(run->target)) continue;
            if (const auto target = parse_target(run->target); !target)
                return "--target: " + target.error().message;
        }
        if (listen_.raw && !listen_.wav.empty())
            return "--raw and --wav do not go together: it goes to one place";
        if (!numbers_.number.empty()) {
            auto number = parse_phone_number(numbers_.number);
            if (!number) return number.error().message;
            numbers_.number = *number;
        }
        for (const auto& [flag, number] :
             {std::pair{"--to", &demo_.to}, std::pair{"--from", &trigger_.from},
              std::pair{"--to", &trigger_.to}}) {
            if (number->empty()) continue;
            if (const auto parsed = parse_phone_number(*number); !parsed) {
                return fmt::format("{}: {}", flag, parsed.error().message);
            }
        }
        for (const auto& text : persona_texts_) {
            const auto equals = text.find('=');
            const auto number = text.substr(0, equals);
            if (equals == std::string::npos || equals + 1 == text.size() ||
                (number != "default" && !number.starts_with("sip:") &&
                 !number.starts_with("client:") && !parse_phone_number(number))) {
                return fmt::format(
                    "--persona '{}': write NUMBER=DESC, such as +12025550142=echo or default=busy",
                    text);
            }
            emulator_.personas.emplace_back(number, text.substr(equals + 1));
        }
        if (!load_length_.empty()) {
            const auto length = parse_duration(load_length_);
            if (!length || length->count() < 1 || length->count() > 86400) {
                return fmt::format("--for '{}': write a time from 1s to 24h, such as 30s or 5m",
                                   load_length_);
            }
            load_.length = *length;
        }
        // The flags that are settings are checked as such, alone: what is wrong then is the flag.
        ConfigSources flags;
        flags.flags = invocation_.settings;
        const auto loaded = load_config(flags, {});
        if (loaded.problems.empty()) return "";
        const auto& problem = loaded.problems.front();
        const auto shown = problem.value.empty() ? "" : fmt::format(" '{}'", problem.value);
        return fmt::format("{}{} {}; {}", find_setting(problem.setting)->flag, shown, problem.what,
                           problem.fix);
    }

    bool call_parsed(const std::string& name) { return app_.got_subcommand(name); }

    CLI::App app_;
    Invocation invocation_;
    RunCommand serve_, call_;
    DemoCommand demo_;
    DevicesCommand devices_;
    ListenCommand listen_, talk_;
    TranscriptCommand transcript_;
    TranscribeCommand transcribe_;
    ConfigCommand config_;
    CallsGrammar calls_;
    RecordingsCommand recordings_;
    HistoryGrammar history_;
    NumbersCommand numbers_;
    EmulatorServeCommand emulator_;
    ReplayCommand replay_;
    ReapCommand reap_;
    EmulatorTriggerCommand trigger_;
    EmulatorLoadCommand load_;
    std::string load_length_;
    EmulatorLedgerCommand ledger_;
    CompletionCommand completion_;
    HelpCommand help_;
    std::vector<std::string> persona_texts_;
    bool version_ = false;
    std::vector<std::pair<CLI::App*, std::function<Command()>>> commands_;
    std::vector<CLI::App*> groups_;
};

}  // namespace

tl::expected<Invocation, CommandLineEnd> parse_command_line(
    const std::vector<std::string>& arguments) {
    return Grammar().parse(arguments);
}

CliCommand command_line_model() {
    return Grammar().model();
}

}  // namespace bridge::app
