// `agentbridge serve`, `call` and `demo`: from checked options to the end of the last call.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <chrono>
#include <cstdlib>
#include <iterator>
#include <map>
#include <ostream>
#include <utility>

#include "app/call_text.hpp"
#include "app/columns.hpp"
#include "app/commands/commands.hpp"
#include "app/keyboard.hpp"
#include "app/last_words.hpp"
#include "app/live_keys.hpp"
#include "app/signals.hpp"
#include "base/loop_clock.hpp"

namespace bridge::app {
namespace {

namespace asio = boost::asio;
using SteadyClock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kRedraw{100};
/// A forced stop should take a second; what takes longer is left behind.
constexpr std::chrono::seconds kPatience{5};
constexpr std::size_t kEventsWaiting = 1024;
/// The bell, while a call rings here: as the ringing tone that the caller hears.
constexpr std::chrono::seconds kBellEvery{6};

/// A session with its screen. Thread: main.
class Run {
public:
    Run(SessionOptions options, const LoadedConfig& loaded, bool json, bool bell, Console& console)
        : options_(std::move(options)),
          json_(json),
          bell_(bell),
          console_(console),
          live_([&console](std::string_view text) { console.err << text << std::flush; },
                console.terminal.redraw),
          log_(loaded, console.terminal, [this](std::string_view line) { live_.print(line); }),
          redraw_(loop_),
          patience_(loop_) {}

    ExitCode run(const OpenSession& open) {
        auto opened = open(options_, loop_.get_executor());
        if (!opened) return fail_with(opened.error());
        session_ = std::move(*opened);
        subscription_ = session_->events().subscribe(
            loop_.get_executor(), kEventsWaiting,
            [this](const call::CallEvent& event, std::uint64_t) { on_event(event); }, "terminal",
            call::EventBus::Take::all_but_statistics);
        session_->when_done([this](Session::End end) {
            // Events posted before the end are handled first.
            asio::post(loop_, [this, end = std::move(end)] { on_done(end); });
        });
        const Signals signals(loop_.get_executor(), [this](Stop) { stop(); });

        const auto work = asio::make_work_guard(loop_);
        const auto started = session_->start();
        if (!started) return fail_with(started.error());
        for (const auto& line : *started) say(line);
        listen_to_keys();
        if (watches()) {
            if (!keyboard_) say("Ctrl-C leaves");
        } else if (keyboard_) {
            say("Ctrl-C stops, ? shows the keys");
        } else if (options_.kind == SessionOptions::Kind::serve && options_.target.empty()) {
            say("Ctrl-C stops");
        }
        if (console_.terminal.redraw) redraw();

        loop_.run();
        return exit_;
    }

private:
    struct Seen {
        bool created = false;  ///< the carrier knows it
        CallSid sid;
        bool ended = false;
        bool outbound = false;
        call::CallSnapshot last;
        LastWords words;
    };

    bool watches() const { return options_.kind == SessionOptions::Kind::watch; }

    void say(std::string line) {
        if (!line.ends_with('\n')) line += '\n';
        live_.print(line);
    }

    void listen_to_keys() {
        if (console_.terminal.keys_fd < 0) return;
        keys_ = std::make_shared<LiveKeys>(LiveKeys::Parts{
            *session_, clock_, options_.config.push_to_talk, [this] { return focused(); },
            [this](const std::string& line) { say(line); }, [this] { stop(); }});
        keyboard_ = Keyboard::open(
            loop_.get_executor(), console_.terminal.keys_fd,
            [this](const Key& key) {
                keys_->press(key);
                if (!done_) show();
            },
            [this] { live_.clear(); });
        if (!keyboard_) keys_.reset();
    }

    std::optional<LiveKeys::Focused> focused() const {
        const auto found = std::find_if(shown_.begin(), shown_.end(), [](const auto& call) {
            return call.local.focus && !call::is_final(call.state);
        });
        if (found == shown_.end()) return std::nullopt;
        return LiveKeys::Focused{found->id, masked_number(other_end(*found)),
                                 found->recording.status == call::RecordingStatus::recording};
    }

    ExitCode fail_with(const Failure& failure) {
        live_.clear();
        say("agentbridge: " + failure.message);
        return failure.exit;
    }

    void on_event(const call::CallEvent& event) {
        auto& seen = calls_[event.call];
        if (!event.sid.empty()) {
            seen.created = true;
            seen.sid = event.sid;
        }
        if (const auto* ended = std::get_if<call::event::Ended>(&event.what)) {
            seen.ended = true;
            seen.last = ended->snapshot;
            seen.outbound = ended->snapshot.direction == call::Direction::outbound;
            summarize(ended->snapshot);
            if (!first_outbound_ && seen.outbound) first_outbound_ = ended->snapshot;
            if (!watches() && may_still_be_live(ended->snapshot)) note_unconfirmed(ended->snapshot);
            calls_.erase(event.call);
            return;
        }
        if (const auto* heard = std::get_if<call::event::Transcribed>(&event.what))
            seen.words.take(heard->piece);
        // On a screen the live line and the log tell it; JSON logs are not to be mixed with text.
        if (console_.terminal.redraw || options_.config.log_json) return;
        const auto elapsed =
            std::chrono::duration_cast<std::chrono::milliseconds>(SteadyClock::now() - began_);
        if (const auto line = format_event(event, elapsed)) say(*line);
    }

    void note_unconfirmed(const call::CallSnapshot& snapshot) {
        if (!snapshot.sid.empty()) unconfirmed_.push_back(snapshot.sid.str());
        for (const auto& candidate : snapshot.candidates) unconfirmed_.push_back(candidate.str());
        if (snapshot.sid.empty() && snapshot.candidates.empty())
            unconfirmed_.push_back(snapshot.id.str());
    }

    void summarize(const call::CallSnapshot& snapshot) {
        if (watches()) return say(format_call_line(snapshot));
        // The log's lines about this call come first.
        log::flush();
        live_.clear();
        console_.out << (json_ ? format_summary_json(snapshot) + "\n" : format_summary(snapshot))
                     << std::flush;
    }

    void redraw() {
        session_->snapshots([this](std::vector<call::CallSnapshot> calls) {
            if (done_) return;
            shown_ = std::move(calls);
            show();
            ring();
            redraw_.expires_after(kRedraw);
            redraw_.async_wait([this](boost::system::error_code error) {
                if (!error && !done_) redraw();
            });
        });
    }

    /// The calls as they were last, and what is asked below them.
    void show() {
        const auto width = terminal_width();
        auto lines = format_live_lines(
            shown_, {width, console_.terminal.color, console_.terminal.unicode, watches()});
        const auto focus = focused();
        const auto heard = focus ? calls_.find(focus->id) : calls_.end();
        if (heard != calls_.end()) {
            auto words = heard->second.words.lines(width, console_.terminal.unicode);
            std::move(words.begin(), words.end(), std::back_inserter(lines));
        }
        if (watches() && (!keys_ || keys_->prompt().empty()))
            lines.push_back(format_watch_foot(shown_.size(), keys_ != nullptr, width));
        if (keys_) {
            // What is typed last is what must be seen.
            const auto prompt = visible(keys_->prompt(), console_.terminal.unicode);
            const auto room = static_cast<std::size_t>(std::max(width - 1, 1));
            if (!prompt.empty()) lines.emplace_back(last_columns(prompt, room));
        }
        if (lines.empty()) {
            live_.clear();
        } else {
            live_.show(std::move(lines));
        }
    }

    void ring() {
        const auto rings = [](const call::CallSnapshot& call) {
            return call.local.ringing && !call::is_final(call.state);
        };
        if (std::none_of(shown_.begin(), shown_.end(), rings)) {
            next_bell_.reset();
            return;
        }
        const auto now = SteadyClock::now();
        if (next_bell_ && now < *next_bell_) return;
        if (!next_bell_)
            say(keyboard_ ? "a call rings: a takes it, r refuses it"
                          : "a call rings: `agentbridge calls accept` takes it, `… reject` not");
        next_bell_ = now + kBellEvery;
        if (bell_) live_.print("\a");
    }

    /// The first time gracefully, then at once.
    void stop() {
        if (done_) return;
        if (watches()) return session_->request_stop(Stop::forced);
        const auto how = stopped_ ? Stop::forced : Stop::graceful;
        if (how == Stop::graceful) {
            stopped_ = true;
            say(calls_.empty() ? "stopping" : "hanging up; Ctrl-C again does not wait");
        } else {
            say("stopping at once");
            patience_.expires_after(kPatience);
            patience_.async_wait([this](boost::system::error_code error) {
                if (error) return;
                // Something below does not answer. The terminal is left clean, the rest to the
                // system.
                live_.clear();
                say("agentbridge: a part of the program did not stop in time");
                console_.out.flush();
                Keyboard::restore();
                std::_Exit(to_int(calls_.empty() && unconfirmed_.empty()
                                      ? ExitCode::failure
                                      : ExitCode::not_confirmed));
            });
        }
        session_->request_stop(how);
    }

    void on_done(const Session::End& end) {
        done_ = true;
        keyboard_.reset();
        redraw_.cancel();
        patience_.cancel();
        log::flush();
        live_.clear();
        exit_ = decide(end);
        for (const auto& line : end.lines) say(line);
        loop_.stop();
    }

    ExitCode decide(const Session::End& end) {
        if (watches()) return end.failed ? fail_with(end.failure) : ExitCode::ok;
        for (const auto& [id, seen] : calls_) {
            if (seen.created && !seen.ended) unconfirmed_.push_back(seen.sid.str());
        }
        if (!unconfirmed_.empty()) {
            say(
                fmt::format("agentbridge: not confirmed ended, and may still be live: {}\n"
                            "  `agentbridge reap` tries again; or look at the carrier's console",
                            fmt::join(unconfirmed_, " ")));
            return ExitCode::not_confirmed;
        }
        if (end.failed) return fail_with(end.failure);
        if (options_.target.empty() && options_.kind == SessionOptions::Kind::serve)
            return ExitCode::ok;
        if (!first_outbound_) return stopped_ ? ExitCode::interrupted : ExitCode::failure;
        const auto exit = exit_code_for(*first_outbound_, stopped_);
        if (exit != ExitCode::ok && exit != ExitCode::interrupted &&
            !first_outbound_->end_reason.empty()) {
            say("agentbridge: " + first_outbound_->end_reason);
        }
        return exit;
    }

    const SessionOptions options_;
    const bool json_, bell_;
    Console& console_;
    asio::io_context loop_{1};
    LiveLine live_;
    LogSession log_;
    LoopClock clock_{loop_.get_executor()};
    asio::steady_timer redraw_, patience_;
    const SteadyClock::time_point began_ = SteadyClock::now();
    std::unique_ptr<Session> session_;
    std::shared_ptr<LiveKeys> keys_;      ///< with keyboard_ only
    std::unique_ptr<Keyboard> keyboard_;  ///< null: no terminal to read
    std::vector<call::CallSnapshot> shown_;
    std::optional<SteadyClock::time_point> next_bell_;  ///< nothing: no call rings
    std::shared_ptr<call::EventBus::Subscription> subscription_;
    std::map<CallId, Seen> calls_;  ///< not ended yet
    std::optional<call::CallSnapshot> first_outbound_;
    std::vector<std::string> unconfirmed_;  ///< CallSids; a CallId where that is not known
    bool stopped_ = false, done_ = false;
    ExitCode exit_ = ExitCode::failure;
};

ExitCode dry_run(const SessionOptions& options, bool json, Console& console) {
    const auto& config = options.config;
    const auto from = options.from.empty() ? config.phone_number : options.from;
    const auto carrier =
        config.base_url.empty() ? std::string("https://api.twilio.com") : config.base_url;
    const auto speaker = options.play_locally ? config.speaker : std::string("none");
    const auto microphone = options.mic ? config.microphone : std::string("none");
    if (json) {
        console.out << boost::json::serialize(
                           boost::json::object{{"dry_run", true},
                                               {"target", options.target},
                                               {"from", from},
                                               {"carrier", carrier},
                                               {"public_url", config.public_url},
                                               {"ring_timeout_s", config.ring_timeout.count()},
                                               {"time_limit_s", config.time_limit.count()},
                                               {"listen_only", options.listen_only},
                                               {"speaker", speaker},
                                               {"microphone", microphone}})
                    << "\n";
        return ExitCode::ok;
    }
    console.out << (options.target.empty()
                        ? std::string("would answer inbound calls\n")
                        : fmt::format("would call {} from {}\n", options.target, from));
    const auto row = [&](std::string_view name, const std::string& value) {
        console.out << fmt::format("  {:<14}{}\n", name, value);
    };
    row("carrier", carrier);
    row("voice URL", config.tunnel != TunnelKind::off || config.public_url.empty()
                         ? std::string("known when the tunnel is there")
                         : config.public_url + "/twilio/voice");
    if (options.kind == SessionOptions::Kind::serve && !config.use_number.empty())
        row("number", config.use_number);
    row("listens on", fmt::format("{}:{}", config.server_host, config.server_port));
    if (config.websocket_port != 0)
        row("media too", fmt::format("{}:{}", config.server_host, config.websocket_port));
    row("ring timeout", fmt::format("{} s", config.ring_timeout.count()));
    row("time limit", fmt::format("{} s", config.time_limit.count()));
    row("stream", options.listen_only ? "one way, listening only" : "both ways");
    if (!config.agent.name.empty()) row("agent", config.agent.name);
    row("sound", speaker);
    row("microphone", microphone);
    return ExitCode::ok;
}

/// --no-audio opens no sound device; one of the own choice that is none may still speak: a file.
template <class Command>
bool wants_microphone(const Command& command, const Config& config) {
    return command.mic && config.microphone != "none" &&
           (!command.no_audio || config.microphone == "null" ||
            config.microphone.starts_with("file:"));
}

/// Names that could lead a demo to somebody's real account or server.
bool is_for_real_calls(std::string_view name) {
    return name.substr(0, 7) == "TWILIO_" || name == "PUBLIC_URL" || name == "SERVER_HOST" ||
           name == "SERVER_PORT" || name == "WEBSOCKET_PORT" || name == "AGENTBRIDGE_MEDIA_URL" ||
           name == "AGENTBRIDGE_TUNNEL" || name == "AGENTBRIDGE_NGROK_API" ||
           name == "AGENTBRIDGE_CA_FILE" || name.substr(0, 16) == "AGENTBRIDGE_TLS_" ||
           name == "AGENTBRIDGE_STATE_DIR";
}

}  // namespace

ExitCode run_session(SessionOptions options, const LoadedConfig& loaded, bool as_json, bool bell,
                     Console& console, const OpenSession& open) {
    return Run(std::move(options), loaded, as_json, bell, console).run(open);
}

ExitCode run_calls(const Invocation& invocation, const RunCommand& command, Console& console,
                   const OpenSession& open) {
    const auto loaded = load_for(invocation, {true, true, true, true}, console);
    if (!loaded) return ExitCode::configuration;

    SessionOptions options;
    options.kind = command.kind == RunCommand::Kind::call ? SessionOptions::Kind::call
                                                          : SessionOptions::Kind::serve;
    options.config = loaded->config;
    options.target = command.target;
    options.from = loaded->config.phone_number;
    options.listen_only = command.listen_only;
    options.play_locally = !command.no_audio && loaded->config.speaker != "none";
    options.mic = wants_microphone(command, loaded->config);
    options.force_number = command.force;
    options.loaded = std::make_shared<const LoadedConfig>(*loaded);
    options.show_link = console.terminal.err_tty;
    options.open_page = command.open_page;
    if (command.dry_run) return dry_run(options, invocation.json, console);

    const bool on_screen = console.terminal.in_tty && console.terminal.err_tty;
    if (!options.target.empty() && on_screen && !command.yes &&
        !options.config.carrier_is_local() &&
        !confirm(console, fmt::format("Call {} from {} now?", options.target, options.from))) {
        console.err << "nothing was dialled\n";
        return ExitCode::interrupted;
    }
    if (command.kind == RunCommand::Kind::call) {
        if (const auto program = program_for_call(loaded->config))
            return call_elsewhere(invocation, command, *program, *loaded, console);
        if (command.detach) {
            console.err << "agentbridge: --detach needs a running program that keeps the call: "
                           "start `agentbridge serve` on the same configuration\n";
            return ExitCode::usage;
        }
    }
    return run_session(std::move(options), *loaded, invocation.json, !command.no_bell, console,
                       open);
}

ExitCode run_demo(const Invocation& invocation, const DemoCommand& command, Console& console,
                  const OpenSession& open) {
    // Neither the .env nor the account's variables: a demo must work, and cost nothing, whatever
    // they say.
    ConfigSources sources;
    sources.flags = invocation.settings;
    for (const auto& [name, value] : console.environment) {
        if (!is_for_real_calls(name)) sources.environment.emplace(name, value);
    }
    ConfigNeeds needs;
    needs.agent = true;
    auto loaded = load_config(sources, needs);
    if (!loaded.problems.empty()) {
        for (const auto& problem : loaded.problems)
            console.err << "agentbridge: " << format_problem(problem) << "\n";
        return ExitCode::configuration;
    }
    loaded.config.server_port = 0;
    loaded.config.websocket_port = 0;

    SessionOptions options;
    options.kind = SessionOptions::Kind::demo;
    options.config = loaded.config;
    options.target = command.to;
    options.persona = command.persona;
    options.wav_file = command.wav;
    options.play_locally = !command.no_audio && loaded.config.speaker != "none";
    options.mic = wants_microphone(command, loaded.config);
    return run_session(std::move(options), loaded, invocation.json, !command.no_bell, console,
                       open);
}

}  // namespace bridge::app
