// `agentbridge call` beside a `serve` on the same configuration: that program places the call, and
// this one stays with it.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <exception>
#include <ostream>
#include <string_view>
#include <utility>
#include <vector>

#include "app/api_reader.hpp"
#include "app/call_text.hpp"
#include "app/commands/commands.hpp"
#include "app/remote_session.hpp"
#include "app/settings.hpp"
#include "app/signals.hpp"

namespace bridge::app {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;

/// Settings that a call carries with it, or that are this program's alone.
constexpr std::array<std::string_view, 12> kOfTheCall{
    "TWILIO_PHONE_NUMBER",  "AGENTBRIDGE_TIME_LIMIT", "AGENTBRIDGE_AGENT",
    "AGENTBRIDGE_RECORD",   "AGENTBRIDGE_TRANSCRIBE", "LOG_LEVEL",
    "AGENTBRIDGE_LOG_JSON", "AGENTBRIDGE_STATE_DIR",  "SERVER_PORT",
    "SERVER_HOST",          "TWILIO_BASE_URL",        "TWILIO_ACCOUNT_SID"};

/// Flags of the command line that only the other program could obey.
std::vector<std::string> without_effect(const Invocation& invocation) {
    std::vector<std::string> flags;
    for (const auto& [name, value] : invocation.settings) {
        if (std::find(kOfTheCall.begin(), kOfTheCall.end(), name) != kOfTheCall.end()) continue;
        const auto all = all_settings();
        const auto setting =
            std::find_if(all.begin(), all.end(), [&](const auto& one) { return one.name == name; });
        flags.emplace_back(setting != all.end() && !setting->flag.empty() ? setting->flag
                                                                          : std::string_view(name));
    }
    return flags;
}

std::string order_of(const RunCommand& command, const Config& config) {
    json::object order{{"to", command.target},
                       {"record", config.record},
                       {"transcribe", config.transcript.every_call},
                       {"time_limit_s", config.time_limit.count()}};
    if (!config.phone_number.empty()) order["from"] = config.phone_number;
    if (!config.agent.name.empty()) order["agent"] = config.agent.name;
    if (command.mic) order["mic"] = true;
    return json::serialize(order);
}

/// Places it, and that is all.
ExitCode leave(const ControlAddress& address, const std::string& order, bool as_json,
               Console& console) {
    asio::io_context loop{1};
    auto exit = ExitCode::interrupted;
    const Signals signals(loop.get_executor(), [&](Stop) { loop.stop(); });
    auto client = std::make_shared<ControlClient>(loop.get_executor(), address);
    const auto place = [&]() -> asio::awaitable<void> {
        std::string post = "POST", path = "/calls";
        auto made = co_await ControlClient::ask(client, post, path, order);
        if (!made) {
            console.err << "agentbridge: " << made.error().message << "\n";
            exit = made.error().exit;
            co_return;
        }
        console.out << (as_json ? json::serialize(*made) : format_call_line(read_call(*made)))
                    << "\n";
        exit = ExitCode::ok;
    };
    asio::co_spawn(loop, place(), [&](std::exception_ptr error) {
        loop.stop();
        if (error) std::rethrow_exception(error);
    });
    loop.run();
    return exit;
}

}  // namespace

std::optional<RunningInstance> program_for_call(const Config& config) {
    const auto wanted = takes_calls_for(config);
    if (wanted.empty()) return std::nullopt;
    for (auto& one : running_instances(config.state_dir)) {
        if (one.takes_calls_for == wanted && !one.control_url.empty()) return std::move(one);
    }
    return std::nullopt;
}

ExitCode call_elsewhere(const Invocation& invocation, const RunCommand& command,
                        const RunningInstance& program, const LoadedConfig& loaded,
                        Console& console) {
    if (command.listen_only) {
        console.err << fmt::format(
            "agentbridge: program {} runs on this configuration, and a call that is placed there "
            "goes both ways; for --listen-only end it, or give this call a SERVER_PORT of its "
            "own\n",
            program.pid);
        return ExitCode::usage;
    }
    console.err << fmt::format(
        "program {} runs on this configuration, and places the call: it is heard there\n",
        program.pid);
    auto idle = without_effect(invocation);
    if (command.no_audio) idle.emplace_back("--no-audio");
    if (!idle.empty())
        console.err << fmt::format("without effect, since that program has its own: {}\n",
                                   fmt::join(idle, ", "));
    const ControlAddress address{program.control_url, program.token, true};
    const auto order = order_of(command, loaded.config);
    if (command.detach) return leave(address, order, invocation.json, console);

    SessionOptions options;
    options.kind = SessionOptions::Kind::call;
    options.config = loaded.config;
    options.config.push_to_talk = false;  // the other program's microphone
    options.target = command.target;
    return run_session(std::move(options), loaded, invocation.json, !command.no_bell, console,
                       [&](SessionOptions, asio::any_io_executor executor) {
                           return Outcome<std::unique_ptr<Session>>(
                               open_remote_session({address, order}, std::move(executor)));
                       });
}

}  // namespace bridge::app
