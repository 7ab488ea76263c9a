// A person and an agent on one call, and a call whose agent is gone: who is heard by whom, told
// apart by tones.

#include <algorithm>
#include <atomic>

#include "agents/openai/openai_agent.hpp"
#include "agents_on_calls.hpp"
#include "audio/microphone.hpp"
#include "audio/tone.hpp"
#include "tests/support/realtime_server.hpp"

namespace bridge::app {
namespace {

constexpr double kAgentHz = 440, kPersonHz = 1000, kNoticeHz = 700, kGoodbyeHz = 1500;

/// Somebody who speaks without an end.
class ToneMicrophone final : public audio::Microphone {
public:
    ToneMicrophone() : thread_([this] { speak(); }) {}
    ~ToneMicrophone() override {
        stop_ = true;
        thread_.join();
    }
    ToneMicrophone(const ToneMicrophone&) = delete;
    ToneMicrophone& operator=(const ToneMicrophone&) = delete;

    std::string name() const override { return "tone"; }
    void attach(std::shared_ptr<audio::MicLine> line) override { line->follow(track_); }
    void detach(const std::shared_ptr<audio::MicLine>& line) override { line->leave(); }
    audio::MicStats stats() const override {
        audio::MicStats out;
        out.running = true;
        out.sample_rate = audio::kSampleRate;
        return out;
    }

private:
    void speak() {
        audio::Tone tone(kPersonHz, 0.25);
        std::array<std::int16_t, audio::kFrameSamples> pcm{};
        auto due = std::chrono::steady_clock::now();
        while (!stop_) {
            due += audio::kFrameTime;
            std::this_thread::sleep_until(due);
            tone.fill(pcm);
            track_->write(pcm, due);
        }
    }

    const std::shared_ptr<audio::MicTrack> track_ = std::make_shared<audio::MicTrack>();
    std::atomic<bool> stop_{false};
    std::thread thread_;  // last: it uses the others
};

audio::Samples tone_for(std::chrono::milliseconds length, double hz) {
    std::vector<std::int16_t> samples(static_cast<std::size_t>(length.count()) * 8);
    audio::Tone(hz, 0.25).fill(samples);
    return std::make_shared<const std::vector<std::int16_t>>(std::move(samples));
}

class PersonBesideAgent : public AgentsOnCalls {
protected:
    void begin(std::function<void(BridgeOptions&)> change = [](BridgeOptions&) {}) {
        on_services([this] {
            test::RealtimeServiceOptions options;
            options.vad = false;
            auto service =
                test::RealtimeServer::listen(executor(), services_[0].clock(), std::move(options));
            ASSERT_TRUE(service) << service.error().message;
            service_ = *service;
            service_->start();
        });
        start({{kPhone, script("pause 10m\n")}}, [&](BridgeOptions& options) {
            options.agents = std::make_shared<TestShelf>(
                [url = service_->url()](const auto&, const call::AgentHome& home) {
                    agents::OpenAiOptions openai;
                    openai.key = Secret("test-key");
                    openai.url = url;
                    return std::make_shared<agents::OpenAiAgent>(home.executor, home.clock,
                                                                 std::move(openai),
                                                                 std::vector<call::ToolSpec>{});
                });
            options.control.token = Secret(kToken);
            change(options);
        });
        id_ = place(kPhone, "openai");
        ASSERT_TRUE(all_heard(1));
        sid_ = sid_of(id_);
        ASSERT_TRUE(is(call::AgentState::Status::ready, 1));
    }
    void TearDown() override {
        hang_up({id_});
        AgentsOnCalls::TearDown();
        on_services([this] {
            service_->stop();
            service_.reset();
        });
        EXPECT_TRUE(until([] { return live_tasks() == 0; }));
    }

    bool is(call::AgentState::Status status, int sessions) {
        return events_
            .wait<event::AgentChanged>([&](const event::AgentChanged& changed) {
                return changed.agent.status == status &&
                       changed.agent.sessions >= static_cast<std::uint64_t>(sessions);
            })
            .has_value();
    }
    void agent_speaks() {
        on_services([this] {
            test::RealtimeAnswer answer;
            answer.hz = kAgentHz;
            answer.length = 60s;
            service_->script().answers.assign(1, answer);
            service_->talks().back()->answer();
        });
    }
    /// Through the API.
    void set_mode(const std::string& mode) {
        net::HttpCall request;
        request.method = "PUT";
        request.url = bridge_->control_url() + "/api/v1/calls/" + id_.str() + "/agent";
        request.headers.add("Authorization", std::string("Bearer ") + kToken);
        request.headers.add("Content-Type", "application/json");
        request.body = R"({"mode":")" + mode + R"("})";
        const auto answer = ask(std::move(request));
        EXPECT_EQ(answer.status, 200) << answer.body;
    }

    /// Of the last `frames` that somebody heard: how many were that tone.
    static int tones_at_end(const std::string& mulaw, std::size_t frames, double hz) {
        int count = 0;
        for (std::size_t i = 1; i <= frames && mulaw.size() >= i * audio::kFrameSamples; ++i) {
            const auto one = tone_of(std::string_view(mulaw).substr(
                mulaw.size() - i * audio::kFrameSamples, audio::kFrameSamples));
            if (one && std::abs(*one - hz) < 20) ++count;
        }
        return count;
    }
    std::string agents_ear() {
        std::string out;
        on_services([&] {
            const auto& heard = service_->talks().back()->heard();
            out.assign(heard.begin(), heard.end());
        });
        return out;
    }
    /// The last 200 ms were that tone and nothing else; 0: silence.
    static bool only(const std::string& mulaw, double hz) {
        if (hz > 0) return tones_at_end(mulaw, 10, hz) == 10;
        const auto last = mulaw.substr(mulaw.size() - std::min<std::size_t>(mulaw.size(), 1600));
        return std::all_of(last.begin(), last.end(), [](char byte) {
            return std::abs(int{audio::decode_mulaw(static_cast<std::uint8_t>(byte))}) < 300;
        });
    }
    bool soon(const std::function<bool()>& condition, std::chrono::seconds limit = 10s) {
        const auto end = std::chrono::steady_clock::now() + limit;
        while (!condition()) {
            if (std::chrono::steady_clock::now() > end) return false;
            std::this_thread::sleep_for(5ms);
        }
        return true;
    }
    bool phone_hears(double hz) {
        return soon([&] { return only(heard(sid_), hz); });
    }
    bool agent_hears(double hz) {
        return soon([&] { return only(agents_ear(), hz); });
    }

    static constexpr auto kToken = "0123456789abcdef0123456789abcdef";
    std::shared_ptr<test::RealtimeServer> service_;
    CallId id_;
    CallSid sid_;
};

TEST_F(PersonBesideAgent, WhispersTakesOverAndHandsBack) {
    const auto microphone = std::make_shared<ToneMicrophone>();
    begin([&](BridgeOptions& options) { options.microphone = microphone; });
    post(id_, input::SetLocal{});
    agent_speaks();
    ASSERT_TRUE(phone_hears(kAgentHz));
    EXPECT_TRUE(agent_hears(0)) << "it hears the person, who only listens";

    set_mode("whisper");
    ASSERT_TRUE(agent_hears(kPersonHz)) << "no whisper came";
    EXPECT_TRUE(phone_hears(kAgentHz));
    EXPECT_EQ(tones_at_end(heard(sid_), 500, kPersonHz), 0) << "the phone heard the whisper";

    set_mode("taken-over");
    ASSERT_TRUE(phone_hears(kPersonHz));
    EXPECT_TRUE(agent_hears(0)) << "it is not deaf";
    EXPECT_TRUE(until([this] {
        return service_->talks().back()->count("conversation.item.truncate") == 1;
    })) << "it was not told what was heard of it";
    agent_speaks();  // nobody hears it, and it is told so
    EXPECT_TRUE(until(
        [this] { return service_->talks().back()->count("conversation.item.truncate") == 2; }));
    EXPECT_TRUE(phone_hears(kPersonHz));
    on_services([this] {
        const auto& talk = *service_->talks().back();
        EXPECT_EQ(talk.items().at(talk.item_order().back()).truncated_ms, 0);
        for (const auto& one : talk.refusals()) {
            // All it says is sent at once, and finished when the agent cuts it off.
            EXPECT_EQ(one.code, "response_cancel_not_active") << one.message;
        }
    });

    set_mode("speaks");
    ASSERT_TRUE(phone_hears(0)) << "the person is still heard";
    agent_speaks();
    EXPECT_TRUE(phone_hears(kAgentHz));
    EXPECT_TRUE(agent_hears(0));
}

TEST_F(PersonBesideAgent, ACallerWhoseAgentIsGoneIsToldSoAndThenCaredFor) {
    begin([](BridgeOptions& options) {
        auto& care = options.agent_care;
        care.notice = tone_for(400ms, kNoticeHz);
        care.goodbye = tone_for(400ms, kGoodbyeHz);
        care.longest_redial = 300ms;
        care.fallback_after = 4s;
    });
    const auto lose = [this] {
        on_services([this] {
            service_->options().handshake_status = 503;
            service_->talks().back()->drop();
        });
        return std::chrono::steady_clock::now();
    };
    agent_speaks();
    ASSERT_TRUE(phone_hears(kAgentHz));
    auto since = lose();
    post(id_, input::Clear{});  // what it said before is not what is waited for
    ASSERT_TRUE(phone_hears(kNoticeHz)) << "the caller hears nothing";
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - since;
    EXPECT_LT(took.count(), 2.0 + 0.2) << "with the 200 ms that were listened to";
    std::printf("the notice was heard after %.2f s\n", took.count());

    on_services([this] { service_->options().handshake_status = 0; });
    ASSERT_TRUE(until([this] { return service_->talks().size() == 2; }));
    ASSERT_TRUE(
        soon([this] { return snapshot(id_).agent.status == call::AgentState::Status::ready; }));
    agent_speaks();
    EXPECT_TRUE(phone_hears(kAgentHz)) << "it does not go on";

    since = lose();
    post(id_, input::Clear{});
    EXPECT_TRUE(phone_hears(kGoodbyeHz));
    const auto last = ended();
    ASSERT_TRUE(last);
    const std::chrono::duration<double> until_end = std::chrono::steady_clock::now() - since;
    EXPECT_GT(until_end.count(), 4.0);
    EXPECT_LT(until_end.count(), 6.0);
    EXPECT_NE(last->snapshot.end_reason.find("agent"), std::string::npos)
        << last->snapshot.end_reason;
}

}  // namespace
}  // namespace bridge::app
