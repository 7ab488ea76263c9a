// Agents that are lost a thousand times, in every way and at every stage: no call goes with them,
// nothing of an old session is heard after something of a newer one, and nothing is left behind.

#include <algorithm>
#include <array>
#include <cmath>
#include <random>

#include "agents/openai/openai_agent.hpp"
#include "agents_on_calls.hpp"
#include "cutting_relay.hpp"
#include "tests/support/realtime_server.hpp"

namespace bridge::app {
namespace {

using test::CuttingRelay;
using test::RealtimeServer;

#ifdef AGENTBRIDGE_FEW_DROPS
constexpr std::size_t kCalls = 10, kDropsEach = 10;
#else
constexpr std::size_t kCalls = 20, kDropsEach = 50;
#endif
constexpr unsigned kSeed = 20261126;

/// What a session says is a tone of its own.
constexpr double kFirstHz = 400, kStepHz = 35;
double hz_of(std::size_t session) {
    return kFirstHz + kStepHz * static_cast<double>(session);
}

/// One tool, which takes its time. Thread: the call's.
class SlowTools final : public call::AgentTools {
public:
    explicit SlowTools(Clock& clock) : clock_(clock) {}
    ~SlowTools() override {
        for (const auto timer : timers_) clock_.cancel(timer);
    }
    const std::vector<call::ToolSpec>& specs() const override { return specs_; }
    void run(const call::ToolCall& call, call::ToolContext,
             std::function<void(call::ToolResult)> done) override {
        timers_.push_back(clock_.after(60ms, [id = call.id, done = std::move(done)] {
            done({id, "it is done", false});
        }));
    }

private:
    Clock& clock_;
    std::vector<Clock::TimerId> timers_;
    const std::vector<call::ToolSpec> specs_{
        {"look_up", "Looks something up.", R"({"type":"object","properties":{}})"}};
};

enum class Stage { connecting, configuring, listening, speaking, calling };
constexpr std::size_t kStages = 5;
/// The first three are CuttingRelay's; the last is said by the service.
enum class Way { reset, end, half_open, closed };
constexpr std::size_t kWays = 4;

/// Loses one call's agent again and again. Thread: the services'.
class Saboteur {
public:
    Saboteur(asio::any_io_executor executor, Clock& clock, unsigned seed)
        : clock_(clock), random_(seed) {
        test::RealtimeServiceOptions options;
        options.vad = false;
        options.pace = 40ms;
        service_ = *RealtimeServer::listen(executor, clock, std::move(options));
        service_->script().log = [this](const boost::json::object& what) { note(what); };
        service_->start();
        relay_ = std::make_shared<CuttingRelay>(executor, service_->port());
        relay_->start();
        plan();
        tick();
    }
    ~Saboteur() {
        clock_.cancel(timer_);
        relay_->stop();
        service_->stop();
        service_->script().log = {};
    }
    Saboteur(const Saboteur&) = delete;
    Saboteur& operator=(const Saboteur&) = delete;

    std::string url() const {
        return "ws://127.0.0.1:" + std::to_string(relay_->port()) + "/v1/realtime";
    }
    std::size_t drops() const { return drops_; }
    const std::array<std::array<int, kWays>, kStages>& tally() const { return tally_; }
    /// Another session than the one that was lost last is there, and configured.
    bool ready() const {
        if (service_->talks().size() == talks_) return false;
        const auto& talk = *service_->talks().back();
        return talk.open() && talk.settings().taken;
    }
    /// The session there is has nothing under way, and is not asked for anything: it may speak.
    bool silent() const { return ready() && !service_->talks().back()->answering(); }
    void speak() { service_->talks().back()->answer(); }
    std::vector<std::string> refusals() const {
        std::vector<std::string> out;
        for (const auto& talk : service_->talks()) {
            for (const auto& one : talk->refusals()) {
                // It begins answers of its own: the agent may ask for one at the same time.
                if (one.code == "conversation_already_has_active_response") continue;
                out.push_back(one.code + ": " + one.message);
            }
        }
        return out;
    }

private:
    void tick() {
        timer_ = clock_.after(3ms, [this] {
            step();
            tick();
        });
    }

    /// A session begins: from now on answers are of its tone.
    void note(const boost::json::object& what) {
        const auto* got = what.if_contains("got");
        if (got == nullptr || got->at("type") != "session.update") return;
        test::RealtimeAnswer answer;
        answer.hz = hz_of(service_->talks().size());
        answer.length = 300ms;
        service_->script().answers.assign(10, answer);
    }

    void plan() {
        stage_ = static_cast<Stage>(random_() % kStages);
        way_ = static_cast<Way>(random_() % kWays);
        cut_at_.reset();
        connections_ = relay_->connections();
        talks_ = service_->talks().size();
        asked_ = service_->asked();
        service_->options().mute = false;
        service_->options().handshake_status = 0;
        if (drops_ == kDropsEach) return;
        if (stage_ == Stage::configuring) service_->options().mute = true;
        if (stage_ != Stage::connecting) return;
        if (way_ == Way::closed) {
            service_->options().handshake_status = 503;
        } else {
            relay_->greet_with(static_cast<CuttingRelay::Cut>(way_));
        }
    }

    void step() {
        if (drops_ == kDropsEach) return;
        if (cut_at_) {
            if (clock_.now() >= *cut_at_) cut();
            return;
        }
        switch (stage_) {
            case Stage::connecting:
                if (relay_->connections() > connections_) {
                    if (way_ == Way::closed && asked_ == service_->asked()) return;
                    dropped();
                }
                return;
            case Stage::configuring:
                if (service_->talks().size() > talks_) cut_within(60);
                return;
            case Stage::listening:
                if (ready()) cut_within(60);
                return;
            case Stage::speaking:
                if (!ready()) return;
                speak();
                cut_within(300);
                return;
            case Stage::calling:
                if (!ready()) return;
                call_tool();
                cut_within(120);
                return;
        }
    }

    void call_tool() {
        auto& answer = service_->script().answers.front();
        answer.text.clear();
        answer.length = 0ms;
        answer.calls = {{"look_up", "{}"}};
        speak();
    }
    void cut_within(unsigned milliseconds) {
        cut_at_ = clock_.now() + std::chrono::milliseconds(random_() % milliseconds);
    }
    void cut() {
        if (way_ == Way::closed) {
            service_->talks().back()->close(1011, "over");
        } else {
            relay_->cut(static_cast<CuttingRelay::Cut>(way_));
        }
        dropped();
    }
    void dropped() {
        ++drops_;
        ++tally_[static_cast<std::size_t>(stage_)][static_cast<std::size_t>(way_)];
        plan();
    }

    Clock& clock_;
    std::minstd_rand random_;
    std::shared_ptr<RealtimeServer> service_;
    std::shared_ptr<CuttingRelay> relay_;
    Clock::TimerId timer_ = Clock::kNoTimer;
    Stage stage_ = Stage::connecting;
    Way way_ = Way::reset;
    std::optional<Clock::Time> cut_at_;
    std::size_t drops_ = 0, connections_ = 0, talks_ = 0;
    int asked_ = 0;
    std::array<std::array<int, kWays>, kStages> tally_{};
};

/// What they lead to, without the numbers: "socket:[]".
std::vector<std::string> open_descriptors() {
    std::vector<std::string> out;
    for (const auto& entry : fs::directory_iterator("/proc/self/fd")) {
        std::error_code error;
        auto target = fs::read_symlink(entry.path(), error).string();
        std::erase_if(target, [](char c) { return c >= '0' && c <= '9'; });
        // (A loop that has served WebSockets keeps one epoll more.)
        const bool counts = !target.starts_with("/proc") && target != "anon_inode:[eventpoll]";
        if (!error && counts) out.push_back(std::move(target));
    }
    std::sort(out.begin(), out.end());
    return out;
}

/// The sessions whose tones a phone has heard, one for each 20 ms that are one tone.
std::vector<std::size_t> sessions_in(std::string_view mulaw) {
    std::vector<std::size_t> out;
    for (; mulaw.size() >= audio::kFrameSamples; mulaw.remove_prefix(audio::kFrameSamples)) {
        const auto hz = tone_of(mulaw.substr(0, audio::kFrameSamples));
        if (hz)
            out.push_back(
                static_cast<std::size_t>(std::max(0L, std::lround((*hz - kFirstHz) / kStepHz))));
    }
    return out;
}

class AgentDrops : public AgentsOnCalls {
protected:
    TestShelf::Made agent(const std::string& name, const call::AgentHome& home) {
        agents::OpenAiOptions options;
        options.key = Secret("test-key");
        options.url = urls_.at(std::stoul(name));
        options.idle_timeout = 1s;
        return std::make_shared<agents::OpenAiAgent>(home.executor, home.clock, std::move(options),
                                                     home.tools->specs());
    }

    void start_calls() {
        std::vector<std::pair<std::string, std::string>> phones;
        for (std::size_t i = 0; i < kCalls; ++i)
            phones.emplace_back(number(i), script("pause 10m\n"));
        on_services([this] {
            for (std::size_t i = 0; i < kCalls; ++i) {
                saboteurs_.push_back(std::make_unique<Saboteur>(executor(), services_[0].clock(),
                                                                kSeed + static_cast<unsigned>(i)));
                urls_.push_back(saboteurs_.back()->url());
            }
        });
        start(phones, [this](BridgeOptions& options) {
            options.agents = std::make_shared<TestShelf>(
                [this](const auto& name, const auto& home) { return agent(name, home); },
                [](const auto& home) { return std::make_shared<SlowTools>(home.clock); });
            auto& care = options.agent_care;
            care.patience = 800ms;
            care.first_redial = 20ms;
            care.longest_redial = 60ms;
            care.notice_after = care.fallback_after = 1h;  // a sound of nobody's, and an end
        });
        for (std::size_t i = 0; i < kCalls; ++i)
            ids_.push_back(place(number(i), std::to_string(i)));
        ASSERT_TRUE(all_heard(kCalls));
    }
    bool all(const std::function<bool(const Saboteur&)>& condition, std::chrono::seconds limit) {
        return until(
            [&] {
                return std::all_of(saboteurs_.begin(), saboteurs_.end(),
                                   [&](const auto& one) { return condition(*one); });
            },
            limit);
    }
    void TearDown() override {
        shut_down();
        on_services([this] { saboteurs_.clear(); });
        EXPECT_TRUE(until([] { return live_tasks() == 0; }, 10s))
            << live_tasks() << " tasks are left over";
    }

    std::vector<std::unique_ptr<Saboteur>> saboteurs_;
    std::vector<std::string> urls_;
    std::vector<CallId> ids_;
};

TEST_F(AgentDrops, NoCallGoesWithThemAndNothingOldIsHeard) {
    const auto descriptors = open_descriptors();
    start_calls();
    ASSERT_TRUE(all([](const auto& one) { return one.drops() == kDropsEach; }, 150s));
    ASSERT_TRUE(all([](const auto& one) { return one.ready(); }, 20s)) << "a call has no agent";
    EXPECT_EQ(events_.count<event::Ended>(), 0U) << "a call was lost";

    // The last agents speak, and are heard.
    for (std::size_t i = 0; i < kCalls; ++i) {
        ASSERT_TRUE(until([&] { return saboteurs_[i]->silent(); })) << "call " << i;
        const auto before = snapshot(ids_[i]);
        on_services([&] { saboteurs_[i]->speak(); });
        EXPECT_TRUE(hears_us(ids_[i], before.outbound.frames + 10)) << "call " << i;
        const auto now = snapshot(ids_[i]);
        EXPECT_EQ(now.agent.status, call::AgentState::Status::ready) << now.agent.reason;
        EXPECT_GE(now.agent.sessions, kDropsEach);
    }
    std::vector<CallSid> sids;
    for (const auto& id : ids_) sids.push_back(sid_of(id));
    hang_up(ids_);

    std::array<std::array<int, kWays>, kStages> tally{};
    std::size_t tones = 0, most = 0;
    for (std::size_t i = 0; i < kCalls; ++i) {
        SCOPED_TRACE("call " + std::to_string(i));
        const auto sessions = sessions_in(heard(sids[i]));
        tones += sessions.size();
        std::size_t newest = 0;
        for (const auto session : sessions) {
            EXPECT_GE(session, newest) << "something old was heard";
            newest = std::max(newest, session);
        }
        most = std::max(most, newest);
        on_services([&] {
            for (const auto& refusal : saboteurs_[i]->refusals()) ADD_FAILURE() << refusal;
            for (std::size_t stage = 0; stage < kStages; ++stage) {
                for (std::size_t way = 0; way < kWays; ++way)
                    tally[stage][way] += saboteurs_[i]->tally()[stage][way];
            }
        });
    }
    EXPECT_GT(tones, kCalls * kDropsEach);
    std::printf("seed %u: %zu drops; %zu pieces of 20 ms heard, of up to %zu sessions a call\n",
                kSeed, kCalls * kDropsEach, tones, most);
    constexpr std::array<const char*, kStages> kNames{"connecting", "configuring", "listening",
                                                      "speaking", "calling a tool"};
    for (std::size_t stage = 0; stage < kStages; ++stage) {
        std::printf("  %-14s reset %d, end %d, half-open %d, closed or refused %d\n", kNames[stage],
                    tally[stage][0], tally[stage][1], tally[stage][2], tally[stage][3]);
    }
    TearDown();
    EXPECT_EQ(open_descriptors(), descriptors);
}

}  // namespace
}  // namespace bridge::app
