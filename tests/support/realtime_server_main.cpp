// realtime_server [--port N] [--key KEY] [--beta] [--pace MS] [--no-vad]: the tests' own Realtime
// service as a program.
//
// Prints {"port":N}, then one line of JSON for everything it is told and refuses. Commands come as
// lines of JSON on its input; the session is the newest one:
//
//   {"do":"answer","text":"…","ms":800,"hz":500,"calls":[{"name":"…","arguments":"{}"}],"fail":"…"}
//                                what the next response is
//   {"do":"words","text":"…"}    what the caller is understood to say next
//   {"do":"say"}                 begins a response
//   {"do":"drop"} {"do":"expire"} {"do":"error","code":"…"} {"do":"close","code":1011}
//   {"do":"refuse","status":429} new sessions are refused; 0: taken again
//   {"do":"report"}              prints {"report":…}: sessions, what was heard, refusals
//
// It ends with its input.

#include <CLI/CLI.hpp>
#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cstdio>
#include <iostream>
#include <string>
#include <utility>

#include "net/shards.hpp"
#include "tests/support/realtime_server.hpp"

namespace bridge::test {
namespace {

namespace json = boost::json;
using std::chrono::milliseconds;

void print(const json::object& line) {
    const auto text = json::serialize(line);
    std::fprintf(stdout, "%s\n", text.c_str());
    std::fflush(stdout);
}

std::int64_t whole(const json::object& object, std::string_view name, std::int64_t otherwise) {
    const auto* value = object.if_contains(name);
    return value != nullptr && value->is_int64() ? value->get_int64() : otherwise;
}

RealtimeAnswer read_answer(const json::object& command) {
    RealtimeAnswer answer;
    if (command.contains("text")) answer.text = text_at(command, "text");
    answer.length = milliseconds(whole(command, "ms", 1000));
    answer.hz = static_cast<double>(whole(command, "hz", 440));
    answer.fail = text_at(command, "fail");
    const auto* calls = command.if_contains("calls");
    if (calls == nullptr || !calls->is_array()) return answer;
    for (const auto& one : calls->get_array()) {
        if (!one.is_object()) continue;
        answer.calls.push_back({std::string(text_at(one.get_object(), "name")),
                                std::string(text_at(one.get_object(), "arguments"))});
    }
    return answer;
}

json::object report(const RealtimeServer& server) {
    json::array talks;
    for (const auto& talk : server.talks()) {
        json::array refusals;
        for (const auto& refusal : talk->refusals()) refusals.push_back(json::value(refusal.code));
        talks.push_back(json::object{{"open", talk->open()},
                                     {"heard_ms", talk->heard().size() / 8},
                                     {"events", talk->events().size()},
                                     {"refusals", std::move(refusals)}});
    }
    return {{"report", json::object{{"asked", server.asked()}, {"sessions", std::move(talks)}}}};
}

void obey(RealtimeServer& server, const json::object& command) {
    const auto what = text_at(command, "do");
    if (what == "answer") {
        server.script().answers.push_back(read_answer(command));
    } else if (what == "words") {
        server.script().caller_says.emplace_back(text_at(command, "text"));
    } else if (what == "refuse") {
        server.options().handshake_status = static_cast<int>(whole(command, "status", 0));
    } else if (what == "report") {
        print(report(server));
    } else if (server.talks().empty()) {
        print({{"error", "there is no session"}});
    } else if (auto& talk = *server.talks().back(); what == "say") {
        talk.answer();
    } else if (what == "drop") {
        talk.drop();
    } else if (what == "expire") {
        talk.expire();
    } else if (what == "error") {
        talk.fail(std::string(text_at(command, "code")));
    } else if (what == "close") {
        talk.close(static_cast<std::uint16_t>(whole(command, "code", 1000)), "as told");
    } else {
        print({{"error", "there is no such command"}});
    }
}

int serve(RealtimeServiceOptions options) {
    net::Shards shards(1);
    shards.start();
    auto server =
        RealtimeServer::listen(shards[0].executor(), shards[0].clock(), std::move(options));
    if (!server) {
        std::fprintf(stderr, "%s\n", server.error().message.c_str());
        return 1;
    }
    shards.run_on(0, [&] {
        (*server)->script().log = print;
        (*server)->start();
        print({{"port", (*server)->port()}});
    });
    for (std::string line; std::getline(std::cin, line);) {
        json::error_code error;
        const auto command = json::parse(line, error);
        shards.run_on(0, [&] {
            if (error || !command.is_object()) {
                print({{"error", "not JSON"}});
            } else {
                obey(**server, command.get_object());
            }
        });
    }
    shards.run_on(0, [&] { (*server)->stop(); });
    shards.stop(std::chrono::seconds(3));
    return 0;
}

}  // namespace
}  // namespace bridge::test

int main(int count, char** arguments) {
    bridge::test::RealtimeServiceOptions options;
    int pace_ms = 0;
    bool deaf = false;
    CLI::App app{"A Realtime service for tests"};
    app.add_option("--port", options.port);
    app.add_option("--key", options.key);
    app.add_flag("--beta", options.beta);
    app.add_option("--pace", pace_ms);
    app.add_flag("--no-vad", deaf);
    CLI11_PARSE(app, count, arguments);
    options.pace = std::chrono::milliseconds(pace_ms);
    options.vad = !deaf;
    return bridge::test::serve(std::move(options));
}
