// Agents that are interrupted in the middle of a sentence, two hundred times: what they are told
// was heard is what the emulator's phone has played, and they fall silent at once.

#include <algorithm>
#include <map>
#include <random>

#include "agents/openai/openai_agent.hpp"
#include "agents_on_calls.hpp"
#include "call/turns.hpp"
#include "tests/support/realtime_server.hpp"

namespace bridge::app {
namespace {

using test::RealtimeServer;
using test::RealtimeTalk;

constexpr std::size_t kCalls = 20, kTimesEach = 10;
constexpr double kMarkIntervalMs = 200, kFrameMs = 20;
/// As long as it takes to say kWords, and a little more.
constexpr auto kCallerSpeaks = 1500ms;
constexpr auto kWords = "wait a moment please";

/// When the call has heard each frame. Its detector hears it just before this.
class FrameTimes final : public audio::AudioSink {
public:
    void write(const audio::AudioFrame&) override {
        const std::chrono::duration<double, std::milli> now =
            std::chrono::steady_clock::now().time_since_epoch();
        const std::scoped_lock lock(mutex_);
        heard_.push_back(now.count());
    }
    std::vector<double> heard_ms() {
        const std::scoped_lock lock(mutex_);
        return heard_;
    }

private:
    std::mutex mutex_;
    std::vector<double> heard_;
};

/// A service that hears the caller interrupt, at random times. Thread: the services'.
class Interrupter {
public:
    Interrupter(Clock& clock, std::shared_ptr<RealtimeServer> service, unsigned seed)
        : clock_(clock), service_(std::move(service)), random_(seed) {}
    ~Interrupter() { clock_.cancel(timer_); }

    void next() {
        timer_ = clock_.after(std::chrono::milliseconds(400 + random_() % 1200), [this] {
            auto& talk = *service_->talks().back();
            const auto heard = talk.heard().size() / 8;
            const std::chrono::duration<double, std::milli> at = clock_.now().time_since_epoch();
            decided_.push_back(at.count());
            talk.speech_started(heard);
            timer_ = clock_.after(300ms, [this] {
                auto& same = *service_->talks().back();
                same.speech_stopped(same.heard().size() / 8);
                if (decided_.size() < kTimesEach) next();
            });
        });
    }
    bool done() const { return decided_.size() == kTimesEach && timer_ != Clock::kNoTimer; }
    const std::vector<double>& decided_ms() const { return decided_; }

private:
    Clock& clock_;
    std::shared_ptr<RealtimeServer> service_;
    std::minstd_rand random_;
    Clock::TimerId timer_ = Clock::kNoTimer;
    std::vector<double> decided_;
};

/// One stop of the agent, as the phone knows it.
struct Stop {
    double at_ms;      ///< of the stream
    double played_ms;  ///< in all, by then
};

/// A pause and the cut that follows it are one.
std::vector<Stop> stops_of(const boost::json::object& playout) {
    std::vector<Stop> stops;
    for (const auto& one : playout.at("clears").as_array()) {
        const auto played = one.at("played_bytes").to_number<double>() / 8;
        if (!stops.empty() && stops.back().played_ms == played) continue;
        stops.push_back({one.at("at_ms").to_number<double>(), played});
    }
    return stops;
}

class Interruptions : public AgentsOnCalls {
protected:
    /// The first half of the services hear the caller themselves, in the others it is the call.
    static bool by_service(std::size_t call) { return call < kCalls / 2; }

    void serve(std::size_t call) {
        test::RealtimeServiceOptions options;
        options.vad = false;
        // Some say all at once, others a little faster than it is spoken.
        if (call % 2 == 1) options.pace = 60ms;
        on_services([&] {
            auto service =
                RealtimeServer::listen(executor(), services_[0].clock(), std::move(options));
            ASSERT_TRUE(service) << service.error().message;
            for (std::size_t i = 0; i < kTimesEach + 5; ++i) {
                test::RealtimeAnswer answer;
                answer.length = 20s;
                (*service)->script().answers.push_back(answer);
            }
            if (!by_service(call)) answer_interruptions(**service);
            (*service)->start();
            realtime_.push_back(*service);
        });
    }

    /// Of a service that does not listen, so that its hints do not decide: what was cut off is
    /// answered when the caller has finished.
    void answer_interruptions(RealtimeServer& service) {
        service.script().log = [this,
                                weak = service.weak_from_this()](const boost::json::object& what) {
            const auto* got = what.if_contains("got");
            if (got == nullptr || got->at("type") != "conversation.item.truncate") return;
            services_[0].clock().after(kCallerSpeaks, [weak] {
                const auto same = weak.lock();
                if (same && !same->talks().empty()) same->talks().back()->answer();
            });
        };
    }

    TestShelf::Made agent(const std::string& name, const call::AgentHome& home) {
        const auto call = std::stoul(name);
        agents::OpenAiOptions options;
        options.key = Secret("test-key");
        options.url = realtime_.at(call)->url();
        options.greeting = "Good morning.";
        options.service_interrupts = by_service(call);
        return std::make_shared<agents::OpenAiAgent>(home.executor, home.clock, std::move(options),
                                                     std::vector<call::ToolSpec>{});
    }

    /// Whoever is called: says nothing, or interrupts at times of its own.
    std::string phone(std::size_t call, unsigned seed) {
        if (by_service(call)) return script("pause 10m\n");
        std::minstd_rand random(seed);
        std::string steps;
        for (std::size_t i = 0; i < kTimesEach; ++i) {
            steps += "wait speech 200\npause " + std::to_string(100 + random() % 1200) + "\nsay " +
                     kWords + "\n";
        }
        return script(steps + "pause 500\n");
    }

    void start_calls(unsigned seed) {
        std::vector<std::pair<std::string, std::string>> phones;
        for (std::size_t i = 0; i < kCalls; ++i) {
            phones.emplace_back(number(i), phone(i, seed + static_cast<unsigned>(i)));
            serve(i);
        }
        start(phones, [this](BridgeOptions& options) {
            options.agents = std::make_shared<TestShelf>(
                [this](const auto& name, const auto& home) { return agent(name, home); });
            options.listener = [this](const CallId& id) {
                const std::scoped_lock lock(mutex_);
                return frames_[id] = std::make_shared<FrameTimes>();
            };
        });
        for (std::size_t i = 0; i < kCalls; ++i)
            ids_.push_back(place(number(i), std::to_string(i)));
        ASSERT_TRUE(all_heard(kCalls));
    }

    void TearDown() override {
        on_services([this] { interrupters_.clear(); });
        AgentsOnCalls::TearDown();
        on_services([this] {
            for (const auto& one : realtime_) one->stop();
            realtime_.clear();
        });
        EXPECT_TRUE(until([] { return live_tasks() == 0; }));
    }

    /// What the service was told of each of its sentences that was cut off.
    struct Told {
        double heard_ms, received_ms;
    };
    std::vector<Told> told(std::size_t call) {
        std::vector<Told> out;
        on_services([&] {
            const auto& talk = *realtime_[call]->talks().back();
            for (const auto& refusal : talk.refusals())
                ADD_FAILURE() << "call " << call << ": " << refusal.code << " " << refusal.message;
            for (const auto& name : talk.item_order()) {
                const auto& item = talk.items().at(name);
                if (!item.truncated_ms) continue;
                out.push_back({static_cast<double>(*item.truncated_ms),
                               static_cast<double>(item.sound.size()) / 8});
            }
        });
        return out;
    }

    std::vector<std::shared_ptr<RealtimeServer>> realtime_;
    std::vector<std::unique_ptr<Interrupter>> interrupters_;
    std::vector<CallId> ids_;
    std::mutex mutex_;
    std::map<CallId, std::shared_ptr<FrameTimes>> frames_;
};

/// From the last of `times` before the stop to the stop. What is noted right after the decision may
/// be noted when the stop is already there.
double since(const std::vector<double>& times, double stop_ms) {
    double last = -1e9;
    for (const auto one : times) {
        if (one < stop_ms + 2) last = std::max(last, one);
    }
    return std::max(0.0, stop_ms - last);
}

double quantile(std::vector<double> values, double part) {
    if (values.empty()) return 0;
    std::sort(values.begin(), values.end());
    return values[static_cast<std::size_t>(part * static_cast<double>(values.size() - 1))];
}

TEST_F(Interruptions, AgentsAreToldWhatWasHeardAndFallSilentAtOnce) {
    start_calls(20261126);
    std::map<std::size_t, double> began;
    std::vector<CallSid> sids;
    for (std::size_t i = 0; i < kCalls; ++i) {
        sids.push_back(sid_of(ids_[i]));
        began[i] = began_ms(sids[i]);
    }
    on_services([this] {
        for (std::size_t i = 0; i < kCalls / 2; ++i) {
            interrupters_.push_back(std::make_unique<Interrupter>(services_[0].clock(),
                                                                  realtime_[i], 7U + unsigned(i)));
            interrupters_.back()->next();
        }
    });
    // The callers who interrupt hang up after the last time, the others are hung up on.
    ASSERT_TRUE(all_ended(kCalls / 2, 90s));
    ASSERT_TRUE(until([this] {
        return std::all_of(interrupters_.begin(), interrupters_.end(),
                           [](const auto& one) { return one->done(); });
    }));
    for (std::size_t i = 0; i < kCalls / 2; ++i) {
        ASSERT_TRUE(until([&] {
            const auto& talk = *realtime_[i]->talks().back();
            return talk.count("conversation.item.truncate") >= kTimesEach;
        }));
    }
    hang_up(ids_);

    std::vector<double> errors, by_service_ms, by_detector_ms;
    for (std::size_t i = 0; i < kCalls; ++i) {
        SCOPED_TRACE("call " + std::to_string(i));
        const auto stops = stops_of(playout(sids[i]));
        const auto told_it = told(i);
        // One more may have been cut off by the end of its call.
        ASSERT_GE(told_it.size(), kTimesEach);
        ASSERT_GE(stops.size(), kTimesEach);
        std::vector<double> asked;
        if (by_service(i)) on_services([&] { asked = interrupters_[i]->decided_ms(); });
        const auto frames = frames_.at(ids_[i])->heard_ms();
        double before = 0;
        for (std::size_t k = 0; k < kTimesEach; ++k) {
            const auto truly = stops[k].played_ms - std::exchange(before, stops[k].played_ms);
            errors.push_back(told_it[k].heard_ms - truly);
            EXPECT_LE(std::abs(errors.back()), kMarkIntervalMs + kFrameMs)
                << "interruption " << k << ": " << truly << " ms were heard, "
                << told_it[k].heard_ms << " ms were told";
            EXPECT_LE(told_it[k].heard_ms, told_it[k].received_ms);
            const auto stop = began[i] + stops[k].at_ms;
            if (by_service(i)) {
                by_service_ms.push_back(since(asked, stop));
            } else {
                by_detector_ms.push_back(since(frames, stop));
            }
        }
    }
    EXPECT_EQ(errors.size(), 200U);
    // All of them on a machine with nothing else to do; what others take from it is in the rest.
    EXPECT_LT(quantile(by_service_ms, 0.95), 25);
    EXPECT_LT(quantile(by_detector_ms, 0.95), 25);
    EXPECT_LT(quantile(by_detector_ms, 0.5), 5) << "it does not leave with the frame";
    const auto show = [](const char* what, const std::vector<double>& values) {
        std::printf("%s: %zu, min %.1f, p50 %.1f, p99 %.1f, max %.1f ms\n", what, values.size(),
                    quantile(values, 0), quantile(values, 0.5), quantile(values, 0.99),
                    quantile(values, 1));
    };
    show("told to be heard less truly heard", errors);
    show("service's speech_started to clear on the socket", by_service_ms);
    show("the frame in which the detector decides to clear on the socket", by_detector_ms);
}

}  // namespace
}  // namespace bridge::app
