// `agentbridge calls`: what a running program's calls do, and what they are to do.

#include <fmt/format.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <exception>
#include <fstream>
#include <functional>
#include <map>
#include <ostream>
#include <utility>

#include "app/api_reader.hpp"
#include "app/call_text.hpp"
#include "app/commands/commands.hpp"
#include "app/control_client.hpp"
#include "app/followed_calls.hpp"
#include "app/remote_session.hpp"
#include "app/signals.hpp"

namespace bridge::app {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;
using Action = CallsCommand::Action;

/// How an action is asked for: the last part of its route, and its body.
struct Order {
    std::string method = "POST", verb, body;
};

std::string transfer_body(const CallsCommand& command) {
    json::object body{{"to", command.to}, {"mode", command.warm ? "warm" : "cold"}};
    if (command.warm) body["sound"] = command.silence ? "silence" : "music";
    return json::serialize(body);
}

/// An agent, one of its modes, or none.
Order agent_order(const std::string& word) {
    if (word == "off") return {"DELETE", "/agent", ""};
    static const std::map<std::string_view, std::string_view> modes{{"take-over", "taken-over"},
                                                                    {"hand-back", "speaks"},
                                                                    {"listen", "speaks"},
                                                                    {"whisper", "whisper"},
                                                                    {"together", "together"}};
    json::object body;
    if (const auto mode = modes.find(word); mode != modes.end()) {
        body["mode"] = json::string(mode->second.data(), mode->second.size());
    } else {
        body["agent"] = word;
    }
    return {"PUT", "/agent", json::serialize(body)};
}

Order order_for(const CallsCommand& command) {
    switch (command.action) {
        case Action::list:
        case Action::watch:
        case Action::show:
            return {"GET", "", ""};
        case Action::dial: {
            json::object body{{"to", command.to}, {"focus", command.focus}};
            if (!command.from.empty()) body["from"] = command.from;
            if (!command.agent.empty())
                body["agent"] = command.agent == "off" ? std::string() : command.agent;
            if (command.recorded) body["record"] = *command.recorded;
            if (command.transcribed) body["transcribe"] = *command.transcribed;
            if (command.muted) body["mic"] = false;
            if (command.time_limit) body["time_limit_s"] = command.time_limit->count();
            return {"POST", "", json::serialize(body)};
        }
        case Action::hangup:
            return {"DELETE", "", ""};
        case Action::mute:
            return {"POST", "/mute", ""};
        case Action::unmute:
            return {"POST", "/unmute", ""};
        case Action::hold:
            return {
                "POST", "/hold",
                json::serialize(json::object{{"sound", command.silence ? "silence" : "music"}})};
        case Action::resume:
            return {"POST", "/resume", ""};
        case Action::dtmf:
            return {"POST", "/dtmf",
                    json::serialize(
                        json::object{{"keys", command.keys}, {"in_band", command.in_band}})};
        case Action::transfer:
            return {"POST", "/transfer", transfer_body(command)};
        case Action::join:
            return {"POST", "/transfer/join", ""};
        case Action::cancel_transfer:
            return {"POST", "/transfer/cancel", ""};
        case Action::accept:
            return {"POST", "/accept", ""};
        case Action::reject:
            return {"POST", "/reject", ""};
        case Action::focus:
            return {"POST", "/focus", ""};
        case Action::solo:
            return {"POST", "/solo", ""};
        case Action::unsolo:
            return {"POST", "/unsolo", ""};
        case Action::volume:
            return {"POST", "/volume", json::serialize(json::object{{"percent", command.percent}})};
        case Action::clear:
            return {"POST", "/clear", ""};
        case Action::say:
            return {"POST", "/say",
                    json::serialize(
                        json::object{{"text", command.text}, {"interrupt", command.interrupt}})};
        case Action::play:
            return {"POST", "/play", ""};  // the file, which is read when it is sent
        case Action::agent:
            return agent_order(command.agent);
        case Action::record: {
            const auto* const state = command.record == "pause"  ? "paused"
                                      : command.record == "stop" ? "stopped"
                                                                 : "recording";
            json::object body{{"state", state}};
            if (!command.notice.empty()) body["notice"] = command.notice;
            return {"PUT", "/recording", json::serialize(body)};
        }
    }
    return {};
}

/// Which calls are meant where none is named.
MeantCalls meant_by(Action action) {
    switch (action) {
        case Action::accept:
        case Action::reject:
            return MeantCalls::ringing;
        case Action::join:
        case Action::cancel_transfer:
            return MeantCalls::transferred;
        default:
            return MeantCalls::all;
    }
}

/// A file to be played. Failures: usage (it cannot be read, or is too large).
Outcome<std::string> read_file(const std::string& path) {
    constexpr std::size_t kMost = 20 * 1024 * 1024;
    std::ifstream file(path, std::ios::binary | std::ios::ate);
    const auto size = file ? static_cast<std::streamoff>(file.tellg()) : -1;
    if (size < 0)
        return tl::unexpected(
            Failure{ExitCode::usage, fmt::format("{}: cannot be read: no such file?", path)});
    if (size > static_cast<std::streamoff>(kMost))
        return tl::unexpected(
            Failure{ExitCode::usage, fmt::format("{}: over 20 MiB; play it in parts", path)});
    std::string out(static_cast<std::size_t>(size), '\0');
    file.seekg(0);
    file.read(out.data(), size);
    if (!file)
        return tl::unexpected(Failure{ExitCode::usage, fmt::format("{}: cannot be read", path)});
    return out;
}

ExitCode tell(const Failure& failure, Console& console) {
    console.err << "agentbridge: " << failure.message << "\n";
    return failure.exit;
}

asio::awaitable<ExitCode> place(std::shared_ptr<ControlClient> client, std::string order,
                                bool as_json, Console& console) {
    std::string post = "POST", path = "/calls";
    auto made = co_await ControlClient::ask(client, post, path, order);
    if (!made) co_return tell(made.error(), console);
    console.out << (as_json ? json::serialize(*made) : format_call_line(read_call(*made))) << "\n";
    co_return ExitCode::ok;
}

/// One command on a call there is, from the choice of the call to the answer on stdout.
asio::awaitable<ExitCode> carry_out(std::shared_ptr<ControlClient> client, CallsCommand command,
                                    bool as_json, Console& console) {
    const auto told = [&console](const Failure& failure) { return tell(failure, console); };
    auto order = order_for(command);
    auto list = co_await ControlClient::list_calls(client, command.state);
    if (!list) co_return told(list.error());
    const auto calls = read_calls(*list);
    if (command.action == Action::list) {
        console.out << (as_json ? json::serialize(*list) + "\n" : format_call_table(calls));
        co_return ExitCode::ok;
    }
    const auto id = choose_call(calls, command.id, meant_by(command.action));
    if (!id) co_return told(id.error());
    const auto path = "/calls/" + id->str() + order.verb;
    std::string_view type = "application/json";
    if (command.action == Action::play) {
        auto file = read_file(command.file);
        if (!file) co_return told(file.error());
        order.body = std::move(*file);
        type = "audio/wav";
    }
    auto answer = co_await ControlClient::ask(client, order.method, path, order.body, type);
    if (!answer) co_return told(answer.error());
    const bool said = command.action == Action::say || command.action == Action::play;
    if (as_json) {
        console.out << json::serialize(*answer) << "\n";
    } else if (said) {
        console.out << fmt::format("{}  utterance {}, {:.1f} s\n", *id,
                                   answer->at("utterance").to_number<std::uint64_t>(),
                                   answer->at("length_ms").to_number<double>() / 1000);
    } else if (command.action == Action::show) {
        console.out << format_call_details(read_call(*answer));
    } else {
        console.out << format_call_line(read_call(*answer)) << "\n";
    }
    co_return ExitCode::ok;
}

/// Off a screen: a line for each call that has changed, and for each that is over.
class Watch {
public:
    Watch(Console& console, bool as_json) : console_(console), as_json_(as_json) {}

    void take(const json::value& list) {
        std::map<CallId, std::string> now;
        for (const auto& call : read_calls(list))
            now.emplace(call.id, format_call_line(call, false));
        for (const auto& [id, line] : now) {
            const auto before = shown_.find(id);
            if (before == shown_.end() || before->second != line) say(id, line, list);
        }
        for (const auto& [id, line] : shown_) {
            if (now.find(id) == now.end()) say(id, fmt::format("{}  over", id), list);
        }
        shown_ = std::move(now);
    }

private:
    /// As JSON: the call, or, when it is over, its id alone.
    void say(const CallId& id, const std::string& line, const json::value& list) {
        if (!as_json_) {
            console_.out << line << "\n" << std::flush;
            return;
        }
        json::value shown = json::object{{"call", id.str()}, {"over", true}};
        for (const auto& call : list.at("calls").as_array()) {
            if (call.at("call").as_string() == std::string_view(id.str())) shown = call;
        }
        console_.out << json::serialize(shown) << "\n" << std::flush;
    }

    Console& console_;
    const bool as_json_;
    std::map<CallId, std::string> shown_;
};

/// Until Ctrl-C, or until the program ends.
ExitCode watch(const ControlAddress& address, bool as_json, Console& console) {
    asio::io_context loop{1};
    auto exit = ExitCode::ok;
    Watch shown(console, as_json);
    std::shared_ptr<FollowedCalls> followed;
    FollowedCalls::Parts parts;
    parts.executor = loop.get_executor();
    parts.client = std::make_shared<ControlClient>(loop.get_executor(), address);
    parts.changed = [&](const json::value& list) { shown.take(list); };
    parts.ended = [&](const Failure& failure) {
        if (!followed->answered()) exit = tell(failure, console);
        loop.stop();
    };
    followed = std::make_shared<FollowedCalls>(std::move(parts));
    const Signals signals(loop.get_executor(), [&](Stop) { loop.stop(); });
    followed->start();
    loop.run();
    followed->stop();
    return exit;
}

/// Until it is done, or Ctrl-C.
ExitCode run_on(
    const ControlAddress& program,
    const std::function<asio::awaitable<ExitCode>(std::shared_ptr<ControlClient>)>& task) {
    asio::io_context loop{1};
    auto exit = ExitCode::interrupted;
    bool stopped = false;
    asio::cancellation_signal stop;
    const Signals signals(loop.get_executor(), [&](Stop) {
        stopped = true;
        stop.emit(asio::cancellation_type::terminal);
    });
    auto client = std::make_shared<ControlClient>(loop.get_executor(), program);
    asio::co_spawn(
        loop, task(client),
        asio::bind_cancellation_slot(stop.slot(), [&](std::exception_ptr error, ExitCode done) {
            loop.stop();
            if (error && !stopped) std::rethrow_exception(error);
            if (!error) exit = done;
        }));
    loop.run();
    return exit;
}

}  // namespace

ExitCode steer_calls(const Invocation& invocation, const CallsCommand& command, Console& console) {
    const auto loaded = load_for(invocation, {}, console);
    if (!loaded) return ExitCode::configuration;
    const auto running = running_instances(loaded->config.state_dir);
    const auto address = choose_instance(running, loaded->config, command.instance);
    if (!address) return tell(address.error(), console);
    if (command.action == Action::dial)
        return place_call(*address, order_for(command).body, invocation.json, console);
    if (command.action == Action::watch) {
        if (!console.terminal.redraw || !console.terminal.out_tty || invocation.json)
            return watch(*address, invocation.json, console);
        SessionOptions options;
        options.kind = SessionOptions::Kind::watch;
        options.config = loaded->config;
        options.config.push_to_talk = false;  // the other program's microphone
        return run_session(std::move(options), *loaded, false, true, console,
                           [&](SessionOptions, asio::any_io_executor executor) {
                               return Outcome<std::unique_ptr<Session>>(
                                   open_remote_session({*address, ""}, std::move(executor)));
                           });
    }
    return run_on(*address, [&](std::shared_ptr<ControlClient> client) {
        return carry_out(std::move(client), command, invocation.json, console);
    });
}

ExitCode place_call(const ControlAddress& program, const std::string& order, bool as_json,
                    Console& console) {
    return run_on(program, [&](std::shared_ptr<ControlClient> client) {
        return place(std::move(client), order, as_json, console);
    });
}

}  // namespace bridge::app
