// `agentbridge numbers`: where inbound calls go, and having them come here.

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <exception>
#include <ostream>

#include "app/commands/commands.hpp"
#include "app/control_client.hpp"

namespace bridge::app {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;

ExitCode told(Console& console, const Failure& failure) {
    console.err << "agentbridge: " << failure.message << "\n";
    return failure.exit;
}

ExitCode list(const Invocation& invocation, Console& console, const NumberParts& parts) {
    const auto loaded = load_for(invocation, {true, false, false}, console);
    if (!loaded) return ExitCode::configuration;
    const LogSession log(*loaded, console.terminal,
                         [&console](std::string_view line) { console.err << line << std::flush; });
    const auto rows = parts.list(loaded->config);
    if (!rows) return told(console, rows.error());
    if (!invocation.json) {
        console.out << format_number_table(*rows);
        return ExitCode::ok;
    }
    json::array out;
    for (const auto& row : *rows) {
        out.push_back(
            json::object{{"number", row.number},
                         {"sid", row.sid},
                         {"voice", row.voice},
                         {"target", to_string(row.target)},
                         {"voice_url", shown_url(row.routing.voice_url)},
                         {"application", row.routing.application},
                         {"trunk", row.routing.trunk},
                         {"process", row.borrowed ? json::value(process_of(row.borrowed->instance))
                                                  : json::value(nullptr)},
                         {"former", row.borrowed ? json::value(format_routing(row.borrowed->former))
                                                 : json::value(nullptr)}});
    }
    console.out << json::serialize(out) << "\n";
    return ExitCode::ok;
}

asio::awaitable<void> ask(std::shared_ptr<ControlClient> client, std::string body,
                          Outcome<json::value>& answer) {
    std::string post = "POST", path = "/numbers/use";
    answer = co_await ControlClient::ask(std::move(client), post, path, body);
}

ExitCode use(const Invocation& invocation, const NumbersCommand& command, Console& console) {
    const auto loaded = load_for(invocation, {}, console);
    if (!loaded) return ExitCode::configuration;
    const auto running = running_instances(loaded->config.state_dir);
    if (running.empty() && command.instance.empty() && loaded->config.control_url.empty()) {
        return told(console,
                    {ExitCode::usage,
                     fmt::format("no agentbridge runs here that could take the calls; `agentbridge "
                                 "serve --use-number={}` starts one, points the number to it, and "
                                 "gives it back at the end",
                                 command.number)});
    }
    const auto address = choose_instance(running, loaded->config, command.instance);
    if (!address) return told(console, address.error());
    asio::io_context loop{1};
    auto client = std::make_shared<ControlClient>(loop.get_executor(), *address);
    Outcome<json::value> answer = tl::unexpected(Failure{ExitCode::failure, "nobody was asked"});
    auto body = json::serialize(json::object{{"number", command.number}, {"force", command.force}});
    asio::co_spawn(loop, ask(std::move(client), std::move(body), answer),
                   [&](std::exception_ptr error) {
                       loop.stop();
                       if (error) std::rethrow_exception(error);
                   });
    loop.run();
    if (!answer) return told(console, answer.error());
    console.out << (invocation.json ? json::serialize(*answer) : format_used(read_used(*answer)))
                << "\n";
    return ExitCode::ok;
}

ExitCode restore(const Invocation& invocation, const NumbersCommand& command, Console& console,
                 const NumberParts& parts) {
    const auto loaded = load_for(invocation, {true, false, false}, console);
    if (!loaded) return ExitCode::configuration;
    const LogSession log(*loaded, console.terminal,
                         [&console](std::string_view line) { console.err << line << std::flush; });
    const auto returned = parts.restore(loaded->config, command.number);
    if (!returned) return told(console, returned.error());
    if (invocation.json) {
        json::array out;
        for (const auto& one : *returned) {
            out.push_back(json::object{{"number", one.number},
                                       {"outcome", to_string(one.what)},
                                       {"former", format_routing(one.former)},
                                       {"process", process_of(one.instance)},
                                       {"detail", one.detail}});
        }
        console.out << json::serialize(out) << "\n";
    } else {
        for (const auto& one : *returned) console.out << format_returned(one) << "\n";
        if (returned->empty()) {
            console.out << (command.number.empty() ? "no number is" : command.number + " is not")
                        << " to be given back\n";
        }
    }
    const bool all_done =
        std::all_of(returned->begin(), returned->end(), [](const auto& one) { return one.done(); });
    return all_done ? ExitCode::ok : ExitCode::failure;
}

}  // namespace

ExitCode run_numbers(const Invocation& invocation, const NumbersCommand& command, Console& console,
                     const NumberParts& parts) {
    switch (command.action) {
        case NumbersCommand::Action::list:
            return list(invocation, console, parts);
        case NumbersCommand::Action::use:
            return use(invocation, command, console);
        case NumbersCommand::Action::restore:
            break;
    }
    return restore(invocation, command, console, parts);
}

}  // namespace bridge::app
