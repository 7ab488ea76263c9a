// `agentbridge emulator serve|trigger|ledger`

#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <exception>
#include <ostream>
#include <utility>

#include "app/commands/commands.hpp"
#include "app/signals.hpp"
#include "net/http_client.hpp"

namespace bridge::app {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;

using Answer = tl::expected<net::HttpResponse, net::HttpFailure>;

constexpr std::string_view kDefaultUrl = "http://127.0.0.1:8010";

/// The flag, or the emulator the settings point at, or the default address.
std::string emulator_url(const std::string& flag, const Invocation& invocation,
                         const Console& console) {
    std::string url = flag;
    if (url.empty()) {
        const auto loaded = load_config(gather_sources(invocation.env_file, console.folder,
                                                       console.environment, invocation.settings),
                                        {});
        if (loaded.config.carrier_is_local()) url = loaded.config.base_url;
    }
    if (url.empty()) url = kDefaultUrl;
    while (!url.empty() && url.back() == '/') url.pop_back();
    return url;
}

asio::awaitable<void> fetch_into(std::shared_ptr<net::HttpClient> client, net::HttpCall call,
                                 std::optional<Answer>* answer) {
    *answer = co_await client->request(std::move(call));
}

/// One request on a loop of its own.
Answer fetch(net::HttpCall call) {
    asio::io_context loop{1};
    std::optional<Answer> answer;
    std::exception_ptr failure;
    {
        net::HttpClientOptions options;
        options.use_proxy = false;
        options.user_agent = "agentbridge/" AGENTBRIDGE_VERSION;
        auto client = net::HttpClient::make(loop.get_executor(), std::move(options));
        asio::co_spawn(loop, fetch_into(client, std::move(call), &answer),
                       [&](std::exception_ptr thrown) {
                           failure = std::move(thrown);
                           client.reset();
                       });
        loop.run();
    }
    if (failure) std::rethrow_exception(failure);
    return std::move(*answer);
}

/// The answer's JSON, or nothing after an error was told.
std::optional<json::value> ask(net::HttpCall call, const std::string& url, Console& console) {
    call.connect_timeout = std::chrono::seconds(3);
    call.total_timeout = std::chrono::seconds(15);
    const auto answer = fetch(std::move(call));
    if (!answer) {
        console.err << fmt::format(
            "agentbridge: no emulator answers at {}: {}\n"
            "    start one with `agentbridge emulator serve`, or name it with --emulator-url\n",
            url, answer.error().error.message);
        return std::nullopt;
    }
    boost::system::error_code not_json;
    auto body = json::parse(answer->body, not_json);
    if (answer->status / 100 == 2 && !not_json) return body;
    std::string reason = fmt::format("status {}", answer->status);
    if (!not_json && body.is_object()) {
        for (const auto* name : {"message", "detail", "error"}) {
            const auto* text = body.as_object().if_contains(name);
            if (text != nullptr && text->is_string()) {
                reason = std::string(text->as_string().c_str());
                break;
            }
        }
    }
    if (not_json) {
        console.err << fmt::format(
            "agentbridge: what answers at {} is not the emulator ({})\n"
            "    start one with `agentbridge emulator serve`, or name it with --emulator-url\n",
            url, reason);
    } else {
        console.err << fmt::format("agentbridge: the emulator at {} refused: {}\n", url, reason);
    }
    return std::nullopt;
}

std::string text_at(const json::object& object, std::string_view name) {
    const auto* value = object.if_contains(name);
    if (value == nullptr || value->is_null()) return "-";
    if (value->is_string()) return std::string(value->as_string().c_str());
    // Boost.JSON writes 1.5 as 1.5E0.
    if (value->is_double()) return fmt::format("{:.1f}", value->as_double());
    return json::serialize(*value);
}

}  // namespace

ExitCode run_emulator(const Invocation& invocation, const EmulatorServeCommand& command,
                      Console& console, const OpenEmulator& open) {
    const auto loaded = load_for(invocation, {}, console);
    if (!loaded) return ExitCode::configuration;
    EmulatorOptions options;
    options.host = command.host;
    options.port = command.port;
    options.account_sid = loaded->config.account_sid;
    if (!loaded->config.auth_tokens.empty())
        options.auth_token = loaded->config.auth_tokens.front();
    options.number = loaded->config.phone_number;
    options.personas = command.personas;
    options.ledger_file = command.ledger;
    options.ca_file = command.ca.empty() ? loaded->config.ca_file : command.ca;
    options.voice_url = command.voice_url;
    options.faults = command.faults;

    const LogSession log(*loaded, console.terminal,
                         [&console](std::string_view line) { console.err << line << std::flush; });
    asio::io_context loop{1};
    const auto told = [&](const Failure& failure) {
        log::flush();
        console.err << "agentbridge: " << failure.message << "\n";
        return failure.exit;
    };
    auto opened = open(std::move(options), loop.get_executor());
    if (!opened) return told(opened.error());
    const auto& service = *opened;
    service->when_done([&loop] { loop.stop(); });
    const Signals signals(loop.get_executor(), [&](Stop how) {
        service->request_stop(how);
        if (how == Stop::forced) loop.stop();
    });
    const auto started = service->start();
    if (!started) return told(started.error());
    // What it prints is its result: an account and a token to be used by another program.
    for (const auto& line : *started) console.out << line << "\n";
    console.out << std::flush;
    const auto work = asio::make_work_guard(loop);
    loop.run();
    return ExitCode::ok;
}

ExitCode trigger_emulator(const Invocation& invocation, const EmulatorTriggerCommand& command,
                          Console& console) {
    const auto url = emulator_url(command.emulator_url, invocation, console);
    json::object body;
    if (!command.from.empty()) body["from"] = command.from;
    if (!command.to.empty()) body["to"] = command.to;
    if (!command.persona.empty()) body["persona"] = command.persona;
    net::HttpCall call;
    call.method = "POST";
    call.url = url + "/emulator/v1/incoming-call";
    call.headers.set("Content-Type", "application/json");
    call.body = json::serialize(body);
    const auto answer = ask(std::move(call), url, console);
    if (!answer) return ExitCode::failure;
    if (invocation.json || !answer->is_object()) {
        console.out << json::serialize(*answer) << "\n";
    } else {
        console.out << text_at(answer->as_object(), "sid") << "\n";
    }
    return ExitCode::ok;
}

ExitCode show_ledger(const Invocation& invocation, const EmulatorLedgerCommand& command,
                     Console& console) {
    const auto url = emulator_url(command.emulator_url, invocation, console);
    net::HttpCall call;
    call.url = url + "/emulator/v1/ledger";
    const auto answer = ask(std::move(call), url, console);
    if (!answer) return ExitCode::failure;
    if (invocation.json || !answer->is_object()) {
        console.out << json::serialize(*answer) << "\n";
        return ExitCode::ok;
    }
    const auto& ledger = answer->as_object();
    console.out << fmt::format("{:<34}  {:<12}  {:<14}  {:<14}  {:>8}\n", "call", "status", "from",
                               "to", "seconds");
    if (const auto* calls = ledger.if_contains("calls"); calls != nullptr && calls->is_array()) {
        for (const auto& entry : calls->as_array()) {
            if (!entry.is_object()) continue;
            const auto& row = entry.as_object();
            console.out << fmt::format("{:<34}  {:<12}  {:<14}  {:<14}  {:>8}\n",
                                       text_at(row, "sid"), text_at(row, "status"),
                                       text_at(row, "from"), text_at(row, "to"),
                                       text_at(row, "call_seconds"));
        }
    }
    console.out << fmt::format("open calls: {}; call-seconds: {}\n", text_at(ledger, "open"),
                               text_at(ledger, "call_seconds"));
    return ExitCode::ok;
}

}  // namespace bridge::app
