// vendor_server --vendor elevenlabs|deepgram --key KEY [--agent-id ID]: the tests' own stand-in of
// that service as a program, which holds a conversation.
//
// It greets, answers each turn of the caller with a tone, and gives way when the caller speaks
// meanwhile, as the service would. Prints {"port":N}, and at its end, which is that of its input,
// {"report":{…}}: conversations, turns, how many were closed properly, and what the service would
// not have taken.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "audio/mulaw.hpp"
#include "net/shards.hpp"
#include "tests/support/deepgram_server.hpp"
#include "tests/support/elevenlabs_server.hpp"

namespace bridge::test {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;

constexpr int kLoud = 1000;          // of 32124: more is voice
constexpr std::size_t kVoice = 800;  // samples of voice within a turn: somebody speaks
constexpr std::size_t kQuiet = 4800;
constexpr int kGreetingHz = 440, kAnswerHz = 700;

std::vector<std::uint8_t> tone(int hz, std::chrono::milliseconds length) {
    std::vector<std::uint8_t> out(static_cast<std::size_t>(length.count()) * 8);
    for (std::size_t i = 0; i < out.size(); ++i) {
        constexpr double kTurn = 2 * 3.14159265358979;
        const auto value = 9000 * std::sin(kTurn * hz * static_cast<double>(i) / 8000);
        out[i] = audio::encode_mulaw(static_cast<std::int16_t>(value));
    }
    return out;
}

void print(const json::object& line) {
    std::fprintf(stdout, "%s\n", json::serialize(line).c_str());
    std::fflush(stdout);
}

/// One service's way of saying things.
struct Manners {
    VendorServer* server;
    const std::vector<std::uint8_t>* heard;
    std::function<bool()> stands;  ///< the conversation
    std::function<void(std::string_view words, const std::vector<std::uint8_t>&)> say;
    std::function<void()> caller_began;
    std::function<void(std::string_view words)> caller_said;
    std::function<void()> give_way;
};

/// Listens every 20 ms and takes turns. Thread: the loop's.
class Conversation {
public:
    Conversation(Clock& clock, Manners manners) : clock_(clock), with_(std::move(manners)) {
        again();
    }
    ~Conversation() { clock_.cancel(timer_); }
    Conversation(const Conversation&) = delete;
    Conversation& operator=(const Conversation&) = delete;

    int turns() const { return turns_; }
    int interruptions() const { return interruptions_; }

private:
    void again() {
        timer_ = clock_.after(20ms, [this] {
            listen();
            again();
        });
    }

    void listen() {
        if (!with_.server->connected() || !with_.stands()) {
            greeted_ = false;
            return;
        }
        if (!std::exchange(greeted_, true)) say("Hello, how can I help you?", kGreetingHz, 1500ms);
        const auto all = std::span(*with_.heard);
        for (const auto byte : all.subspan(std::min(read_, all.size()))) hear(byte);
        read_ = all.size();
    }

    void hear(std::uint8_t byte) {
        const bool loud = std::abs(int{audio::decode_mulaw(byte)}) > kLoud;
        voice_ += loud ? 1 : 0;
        quiet_ = loud ? 0 : quiet_ + 1;
        if (!speaking_ && voice_ >= kVoice) {
            speaking_ = true;
            with_.caller_began();
            if (clock_.now() < until_) {
                ++interruptions_;
                until_ = {};
                with_.give_way();
            }
        } else if (quiet_ >= kQuiet) {
            voice_ = 0;
            if (!std::exchange(speaking_, false)) return;
            ++turns_;
            with_.caller_said("Something that was said.");
            say("All is well, and there is much to tell about it.", kAnswerHz, 6s);
        }
    }

    void say(std::string_view words, int hz, std::chrono::milliseconds length) {
        until_ = clock_.now() + length;
        with_.say(words, tone(hz, length));
    }

    Clock& clock_;
    const Manners with_;
    Clock::TimerId timer_ = Clock::kNoTimer;
    bool greeted_ = false, speaking_ = false;
    std::size_t read_ = 0, voice_ = 0, quiet_ = 0;
    Clock::Time until_{};
    int turns_ = 0, interruptions_ = 0;
};

Manners manners_of(ElevenLabsServer& server, std::shared_ptr<std::int64_t> events) {
    Manners to;
    to.server = &server;
    to.heard = &server.heard;
    to.stands = [&server] { return !server.initiation.empty(); };
    to.say = [&server, events](std::string_view words, const std::vector<std::uint8_t>& sound) {
        server.agent_response(words);
        for (std::size_t at = 0; at < sound.size(); at += 4000)
            server.audio(++*events, std::span(sound).subspan(
                                        at, std::min<std::size_t>(4000, sound.size() - at)));
    };
    to.caller_began = [] {};
    to.caller_said = [&server](std::string_view words) { server.user_transcript(words); };
    to.give_way = [&server, events] { server.interruption(*events); };
    return to;
}

Manners manners_of(DeepgramServer& server) {
    Manners to;
    to.server = &server;
    to.heard = &server.heard;
    to.stands = [&server] { return !server.settings.empty(); };
    to.say = [&server](std::string_view words, const std::vector<std::uint8_t>& sound) {
        server.text("assistant", words);
        for (std::size_t at = 0; at < sound.size(); at += 4000)
            server.send_binary({reinterpret_cast<const char*>(sound.data()) + at,
                                std::min<std::size_t>(4000, sound.size() - at)});
        server.event("AgentAudioDone");
    };
    to.caller_began = [&server] { server.event("UserStartedSpeaking"); };
    to.caller_said = [&server](std::string_view words) { server.text("user", words); };
    to.give_way = [] {};  // that the caller began is all the client is told
    return to;
}

struct StandIn {
    std::unique_ptr<VendorServer> server;
    std::unique_ptr<Conversation> conversation;
};

StandIn make(net::Shards& shards, const std::string& vendor, const std::string& key,
             const std::string& agent_id) {
    StandIn out;
    if (vendor == "elevenlabs") {
        auto server = std::make_unique<ElevenLabsServer>(shards[0].executor());
        server->key = key;
        server->agent_id = agent_id;
        out.conversation = std::make_unique<Conversation>(
            shards[0].clock(), manners_of(*server, std::make_shared<std::int64_t>(0)));
        out.server = std::move(server);
    } else {
        auto server = std::make_unique<DeepgramServer>(shards[0].executor());
        server->key = key;
        out.conversation = std::make_unique<Conversation>(shards[0].clock(), manners_of(*server));
        out.server = std::move(server);
    }
    return out;
}

json::object report(const StandIn& of) {
    json::array complaints;
    for (const auto& one : of.server->complaints) complaints.push_back(json::value(one));
    return {{"report", json::object{{"conversations", of.server->connections},
                                    {"closed", of.server->goodbyes},
                                    {"turns", of.conversation->turns()},
                                    {"interruptions", of.conversation->interruptions()},
                                    {"complaints", std::move(complaints)}}}};
}

void serve(const std::string& vendor, const std::string& key, const std::string& agent_id) {
    net::Shards shards(1);
    shards.start();
    StandIn stand_in;
    shards.run_on(0, [&] {
        stand_in = make(shards, vendor, key, agent_id);
        print({{"port", stand_in.server->port()}});
    });
    for (std::string line; std::getline(std::cin, line);) continue;
    shards.run_on(0, [&] {
        print(report(stand_in));
        stand_in.server->stop();
        stand_in.conversation.reset();
        stand_in.server.reset();
    });
    shards.stop(std::chrono::seconds(3));
}

}  // namespace
}  // namespace bridge::test

int main(int count, char** arguments) {
    std::string vendor, key, agent_id = "agent_1";
    CLI::App app{"A voice agents' service for tests"};
    app.add_option("--vendor", vendor)
        ->required()
        ->check(CLI::IsMember({"elevenlabs", "deepgram"}));
    app.add_option("--key", key)->required();
    app.add_option("--agent-id", agent_id);
    CLI11_PARSE(app, count, arguments);
    bridge::test::serve(vendor, key, agent_id);
    return 0;
}
