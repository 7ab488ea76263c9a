// `agentbridge call` beside a `serve` on the same configuration: that program places the call, and
// this one stays with it.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <ostream>
#include <string_view>
#include <utility>
#include <vector>

#include "app/commands/commands.hpp"
#include "app/remote_session.hpp"
#include "app/settings.hpp"

namespace bridge::app {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;

/// Settings that have flags and go with the call, or are this program's own.
constexpr std::array<std::string_view, 7> kWithEffect{
    "TWILIO_PHONE_NUMBER",   "AGENTBRIDGE_TIME_LIMIT", "AGENTBRIDGE_AGENT",
    "AGENTBRIDGE_RECORD",    "AGENTBRIDGE_TRANSCRIBE", "LOG_LEVEL",
    "AGENTBRIDGE_LOG_FORMAT"};

/// Flags of the command line that only the other program could obey.
std::vector<std::string> without_effect(const Invocation& invocation) {
    std::vector<std::string> flags;
    for (const auto& [name, value] : invocation.settings) {
        if (std::find(kWithEffect.begin(), kWithEffect.end(), name) != kWithEffect.end()) continue;
        const auto* setting = find_setting(name);
        flags.emplace_back(setting && !setting->flag.empty() ? setting->flag
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
    if (command.detach) return place_call(address, order, invocation.json, console);

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
