#pragma once
// An OpenAI agent on one side, the tests' strict service on the other, and a call's place between
// that the test speaks for. The agent's clock stands still until the test moves it; the service's
// runs.

#include <gtest/gtest.h>

#include <boost/json/serialize.hpp>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "agents/openai/openai_agent.hpp"
#include "audio/mulaw.hpp"
#include "audio/tone.hpp"
#include "tests/integration/net/net_fixture.hpp"
#include "tests/support/agent_ear.hpp"
#include "tests/support/realtime_server.hpp"

namespace bridge::agents::test {

namespace json = boost::json;
using bridge::test::RealtimeAnswer;
using bridge::test::RealtimeServer;
using bridge::test::RealtimeServiceOptions;
using bridge::test::RealtimeTalk;
using bridge::test::text_at;
using call::AgentEnd;
using net::test::eventually;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

class OpenAiAgentTest : public net::test::LoopTest {
protected:
    static constexpr std::string_view kKey = "sk-test-0123456789";

    /// The service begins; `change` says how it differs.
    RealtimeServer& serve_realtime(RealtimeServiceOptions options = {}) {
        options.key = kKey;
        auto server = RealtimeServer::listen(executor(), shards_[0].clock(), std::move(options));
        if (!server) throw std::runtime_error(server.error().message);
        service_ = *server;
        on_loop([this] { service_->start(); });
        return *service_;
    }

    OpenAiOptions options() const {
        OpenAiOptions options;
        options.key = Secret(std::string(kKey));
        if (service_) options.url = service_->url();
        return options;
    }

    void make_agent(OpenAiOptions options, std::vector<call::ToolSpec> tools = {}) {
        on_loop([&] {
            agent_ = std::make_shared<OpenAiAgent>(executor(), clock_, std::move(options),
                                                   std::move(tools));
        });
    }
    void start() {
        on_loop([this] { agent_->start({}, ear_.ear()); });
    }
    /// Made, started and ready.
    void ready_agent(OpenAiOptions options, std::vector<call::ToolSpec> tools = {}) {
        make_agent(std::move(options), std::move(tools));
        start();
        ASSERT_TRUE(until([this] { return ear_.told.readies == 1; })) << why();
    }
    void ready_agent() { ready_agent(options()); }

    /// Asks on the loop's thread.
    bool until(const std::function<bool()>& condition) {
        return eventually([&] {
            bool yes = false;
            on_loop([&] { yes = condition(); });
            return yes;
        });
    }
    void advance(Clock::Duration by) {
        on_loop([&] { clock_.advance(by); });
    }

    RealtimeTalk& talk() { return *service_->talks().back(); }
    RealtimeTalk& talk(std::size_t number) { return *service_->talks().at(number - 1); }
    bool talk_has(std::string_view type, std::size_t times = 1) {
        return talk().count(type) >= times;
    }
    /// The service has handled everything the agent has sent it, and nothing of it was wrong.
    void expect_no_refusals() {
        on_loop([this] {
            for (const auto& one : service_->talks()) {
                for (const auto& refusal : one->refusals()) {
                    ADD_FAILURE() << refusal.code << ": " << refusal.message;
                }
            }
        });
    }
    std::string why() const {
        return ear_.told.ends.empty() ? "no end was told" : ear_.told.ends.back().reason;
    }

    /// A frame that no other is like, too low to be taken for speech.
    static audio::AudioFrame numbered(int number) {
        audio::AudioFrame frame;
        for (std::size_t i = 0; i < frame.pcm.size(); ++i) {
            // Values that mu-law keeps: the codes of the lowest three segments.
            const auto code = (static_cast<unsigned>(number) >> (i % 16)) * 5U + i * 3U;
            frame.pcm[i] = audio::decode_mulaw(static_cast<std::uint8_t>(0xD0U + code % 0x2FU));
        }
        for (std::size_t bit = 0; bit < 16; ++bit) {
            const bool on = ((static_cast<unsigned>(number) >> bit) & 1U) != 0;
            frame.pcm[bit] = audio::decode_mulaw(on ? 0xD8 : 0xE8);
        }
        return frame;
    }
    static std::vector<std::uint8_t> encoded(const audio::AudioFrame& frame) {
        std::vector<std::uint8_t> bytes(frame.pcm.size());
        audio::encode_mulaw(frame.pcm, bytes);
        return bytes;
    }
    static audio::AudioFrame loud() {
        audio::AudioFrame frame;
        audio::Tone(700, 0.5).fill(frame.pcm);
        return frame;
    }
    void say(int frames, const audio::AudioFrame& frame) {
        on_loop([&] {
            for (int i = 0; i < frames; ++i) agent_->write(frame);
        });
    }
    void caller_speaks() { say(20, loud()); }
    void caller_pauses() { say(30, {}); }

    call::Heard heard(milliseconds time) {
        call::Heard heard;
        heard.heard = heard.sent = heard.received = time;
        heard.outcome = call::SpeechOutcome::cleared;
        return heard;
    }
    /// Everything the agent said was heard.
    void all_spoken() {
        on_loop([this] {
            for (const auto& one : ear_.voice->utterances) {
                call::Heard heard;
                heard.heard = heard.sent = heard.received =
                    milliseconds(static_cast<std::int64_t>(one.samples.size() / 8));
                heard.outcome = call::SpeechOutcome::played;
                agent_->spoken(one.id, heard);
            }
        });
    }

    void TearDown() override {
        on_loop([this] {
            if (agent_) agent_->stop();
            agent_.reset();
            if (service_) service_->stop();
        });
        EXPECT_TRUE(eventually([] { return live_tasks() <= 1; })) << "a session was left over";
        EXPECT_TRUE(until([this] {
            if (!service_) return true;
            for (const auto& one : service_->talks()) {
                if (one->open()) return false;
            }
            return true;
        }));
        on_loop([this] { service_.reset(); });
        LoopTest::TearDown();
    }

    VirtualClock clock_;
    bridge::test::AgentEar ear_;
    std::shared_ptr<RealtimeServer> service_;
    std::shared_ptr<OpenAiAgent> agent_;
};

}  // namespace bridge::agents::test
