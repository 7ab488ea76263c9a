// `agentbridge emulator load`

#include <fmt/format.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <ostream>
#include <utility>

#include "app/commands/commands.hpp"
#include "app/load_service.hpp"
#include "app/signals.hpp"
#include "base/log.hpp"
#include "base/process_usage.hpp"

namespace bridge::app {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;

/// After the calls' time is over, their last status callbacks get this long.
constexpr std::chrono::milliseconds kLastCallbacks{300};

void print(const LoadFigures& figures, std::size_t wanted, double cpu_seconds, bool stopped,
           bool as_json, std::ostream& out) {
    if (as_json) {
        json::object reasons;
        for (const auto& [reason, count] : figures.reasons) reasons[reason] = count;
        const json::object object{{"calls", wanted},
                                  {"placed", figures.calls},
                                  {"started", figures.started},
                                  {"failed", figures.failed},
                                  {"reasons", reasons},
                                  {"early_ends", figures.early_ends},
                                  {"frames_sent", figures.frames},
                                  {"connect_p50_ms", figures.connect_p50_ms},
                                  {"connect_p99_ms", figures.connect_p99_ms},
                                  {"cpu_seconds", cpu_seconds},
                                  {"interrupted", stopped}};
        out << json::serialize(object) << "\n";
        return;
    }
    out << fmt::format("calls     {} placed of {}, {} started, {} failed, {} ended early\n",
                       figures.calls, wanted, figures.started, figures.failed, figures.early_ends);
    for (const auto& [reason, count] : figures.reasons)
        out << fmt::format("          {} × {}\n", count, reason);
    out << fmt::format("frames    {} sent\n", figures.frames);
    out << fmt::format(
        "connect   {:.1f} ms in the middle, {:.1f} ms p99 (call placed to stream up)\n",
        figures.connect_p50_ms, figures.connect_p99_ms);
    out << fmt::format("cpu       {:.1f} s of this process\n", cpu_seconds);
    if (stopped) out << "stopped before its time\n";
}

}  // namespace

ExitCode load_emulator(const Invocation& invocation, const EmulatorLoadCommand& command,
                       Console& console, const OpenLoad& open) {
    const auto loaded = load_for(invocation, {}, console);
    if (!loaded) return ExitCode::configuration;
    const auto& config = loaded->config;
    if (config.auth_tokens.empty()) {
        console.err << "agentbridge: TWILIO_AUTH_TOKEN is not set. The bridge takes only webhooks "
                       "signed with its own token:\n"
                       "    set TWILIO_AUTH_TOKEN to what the bridge under load has\n";
        return ExitCode::configuration;
    }
    LoadOptions options;
    options.emulator.port = command.port;
    options.emulator.account_sid = config.account_sid;
    options.emulator.auth_token = config.auth_tokens.front();
    options.emulator.number = config.phone_number;
    options.emulator.ca_file = config.ca_file;
    options.calls = command.calls;
    options.length = command.length;
    options.per_second = command.per_second;
    options.outbound = command.outbound;
    options.persona = command.persona;
    options.url = command.to;
    if (options.url.empty()) options.url = config.public_url;
    if (options.url.empty()) options.url = fmt::format("http://127.0.0.1:{}", config.server_port);
    while (options.url.ends_with('/')) options.url.pop_back();
    const auto url = options.url;

    const LogSession log(*loaded, console.terminal,
                         [&console](std::string_view line) { console.err << line << std::flush; });
    asio::io_context loop{1};
    const auto told = [&](const Failure& failure) {
        log::flush();
        console.err << "agentbridge: " << failure.message << "\n";
        return failure.exit;
    };
    const auto cpu_before = process_usage().cpu_seconds;
    auto opened = open(std::move(options), loop.get_executor());
    if (!opened) return told(opened.error());
    const auto& service = *opened;
    asio::steady_timer last(loop), progress(loop);
    service->when_done([&] {
        progress.cancel();
        last.expires_after(kLastCallbacks);
        last.async_wait([&loop](const boost::system::error_code&) { loop.stop(); });
    });
    bool stopped = false;
    const Signals signals(loop.get_executor(), [&](Stop how) {
        stopped = true;
        service->request_stop(how);
        if (how == Stop::forced) loop.stop();
    });
    const auto started = service->start();
    if (!started) return told(started.error());
    console.err << fmt::format(
        "{} calls to {} for {} s each, {:g} new ones a second; Ctrl-C ends them\n", command.calls,
        url, command.length.count(), command.per_second);

    const std::function<void()> tell = [&] {
        progress.expires_after(std::chrono::seconds(1));
        progress.async_wait([&](const boost::system::error_code& error) {
            if (error) return;
            const auto now = service->figures();
            console.err << fmt::format("{} placed, {} up, {} failed\n", now.calls, now.up,
                                       now.failed)
                        << std::flush;
            tell();
        });
    };
    tell();
    const auto work = asio::make_work_guard(loop);
    loop.run();

    log::flush();
    const auto figures = service->figures();
    print(figures, command.calls, process_usage().cpu_seconds - cpu_before, stopped,
          invocation.json, console.out);
    if (figures.up > 0) return ExitCode::not_confirmed;
    return figures.failed > 0 ? ExitCode::failure : ExitCode::ok;
}

}  // namespace bridge::app
