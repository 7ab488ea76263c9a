// speech_server --engine deepgram|openai|vosk [--key KEY]: the tests' own stand-in of that
// recognizer as a program. It understands the language of the tests (speech_server.hpp).
//
// Prints {"url":"ws:…"}; a line "cut" on its input breaks every connection. At its end, which is
// that of its input, it prints {"report":{…}}: sessions, how many were ended properly, and what the
// service would not have taken.

#include <CLI/CLI.hpp>
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>

#include "net/shards.hpp"
#include "tests/support/speech_server.hpp"

namespace bridge::test {
namespace {

namespace json = boost::json;

SpeechServer::Kind kind_of(std::string_view engine) {
    return engine == "deepgram" ? SpeechServer::Kind::deepgram
           : engine == "openai" ? SpeechServer::Kind::openai
                                : SpeechServer::Kind::vosk;
}

void print(const json::object& line) {
    std::fprintf(stdout, "%s\n", json::serialize(line).c_str());
    std::fflush(stdout);
}

void serve(const std::string& engine, const std::string& key) {
    net::Shards shards(1);
    shards.start();
    std::unique_ptr<SpeechServer> server;
    shards.run_on(0, [&] {
        server = std::make_unique<SpeechServer>(shards[0].executor(), kind_of(engine));
        server->key = key;
        print({{"url", server->url()}});
    });
    for (std::string line; std::getline(std::cin, line);) {
        if (line == "cut") shards.run_on(0, [&] { server->cut(); });
    }
    shards.run_on(0, [&] {
        json::array complaints;
        for (const auto& one : server->complaints) complaints.push_back(json::value(one));
        print({{"report", json::object{{"sessions", server->sessions},
                                       {"closed", server->goodbyes},
                                       {"complaints", std::move(complaints)}}}});
        server.reset();
    });
    shards.stop(std::chrono::seconds(3));
}

}  // namespace
}  // namespace bridge::test

int main(int count, char** arguments) {
    std::string engine, key;
    CLI::App app{"A recognizer for tests"};
    app.add_option("--engine", engine)
        ->required()
        ->check(CLI::IsMember({"deepgram", "openai", "vosk"}));
    app.add_option("--key", key);
    CLI11_PARSE(app, count, arguments);
    bridge::test::serve(engine, key);
    return 0;
}
