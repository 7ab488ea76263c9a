#pragma once
// The whole bridge against the whole emulator, with agents on its calls whose services run in the
// test, on an io thread of their own.

#include <algorithm>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <string>
#include <utility>
#include <vector>

#include "audio/mulaw.hpp"
#include "call/agent.hpp"
#include "whole_bridge.hpp"

namespace bridge::app {

/// Agents by the test's own names for them.
class TestShelf final : public call::AgentShelf {
public:
    using Made = Result<std::shared_ptr<call::Agent>>;
    using Make = std::function<Made(const std::string& name, const call::AgentHome& home)>;
    using Tools = std::function<std::shared_ptr<call::AgentTools>(const call::AgentHome& home)>;

    explicit TestShelf(Make make, Tools tools = {})
        : make_(std::move(make)), tools_(std::move(tools)) {}
    Made agent(const std::string& name, const call::AgentHome& home) override {
        return make_(name, home);
    }
    std::shared_ptr<call::AgentTools> tools(const call::AgentHome& home) override {
        return tools_ ? tools_(home) : nullptr;
    }

private:
    const Make make_;
    const Tools tools_;
};

/// The frequency of 20 ms of mu-law, if they are one loud tone.
inline std::optional<double> tone_of(std::string_view mulaw) {
    std::array<double, audio::kFrameSamples> x{};
    for (std::size_t i = 0; i < x.size() && i < mulaw.size(); ++i)
        x[i] = audio::decode_mulaw(static_cast<std::uint8_t>(mulaw[i]));
    // Of a sine x[n-1] + x[n+1] = 2 cos(w) x[n].
    double power = 0, product = 0, rest = 0;
    for (std::size_t i = 1; i + 1 < x.size(); ++i) {
        power += x[i] * x[i];
        product += x[i] * (x[i - 1] + x[i + 1]);
    }
    if (power < 1000.0 * 1000.0 * static_cast<double>(x.size())) return std::nullopt;
    const auto twice_cosine = product / power;
    for (std::size_t i = 1; i + 1 < x.size(); ++i)
        rest += std::pow(x[i - 1] + x[i + 1] - twice_cosine * x[i], 2);
    if (rest > 0.01 * power) return std::nullopt;
    return std::acos(std::clamp(twice_cosine / 2, -1.0, 1.0)) * audio::kSampleRate /
           (2 * std::numbers::pi);
}

class AgentsOnCalls : public CallControl {
protected:
    AgentsOnCalls() { services_.start(); }

    asio::any_io_executor executor() { return services_[0].executor(); }
    /// On the services' thread.
    void on_services(std::function<void()> work) { services_.run_on(0, std::move(work)); }
    /// Asks there, again and again.
    bool until(const std::function<bool()>& condition, std::chrono::seconds limit = 20s) {
        const auto end = std::chrono::steady_clock::now() + limit;
        while (true) {
            bool yes = false;
            on_services([&] { yes = condition(); });
            if (yes || std::chrono::steady_clock::now() > end) return yes;
            std::this_thread::sleep_for(2ms);
        }
    }

    static std::string number(std::size_t i) { return "+1202555" + std::to_string(2000 + i); }

    /// Calls `to` with that agent; waits for nothing.
    CallId place(const std::string& to, const std::string& agent) {
        call::CallSpec spec;
        spec.to = to;
        spec.from = twilio_->numbers().front();
        spec.agent = agent;
        const auto id = bridge_->calls().open(std::move(spec));
        bridge_->calls().post(id, input::Dial{});
        return id;
    }
    /// Of so many calls the phones are heard.
    bool all_heard(std::size_t calls) {
        return events_.until([calls](const auto& events) {
            return std::count_if(events.begin(), events.end(), [](const auto& one) {
                       return std::holds_alternative<event::FirstAudio>(one.what);
                   }) >= static_cast<std::ptrdiff_t>(calls);
        });
    }
    bool all_ended(std::size_t calls, std::chrono::seconds limit) {
        return events_.until(
            [calls](const auto& events) {
                return std::count_if(events.begin(), events.end(), [](const auto& one) {
                           return std::holds_alternative<event::Ended>(one.what);
                       }) >= static_cast<std::ptrdiff_t>(calls);
            },
            limit);
    }
    void hang_up(const std::vector<CallId>& calls) {
        for (const auto& id : calls) bridge_->calls().post(id, input::HangUp{"the test is over"});
        EXPECT_TRUE(events_.until([&](const auto& events) {
            return std::all_of(calls.begin(), calls.end(), [&](const CallId& id) {
                return std::any_of(events.begin(), events.end(), [&](const auto& one) {
                    return one.call == id && std::holds_alternative<event::Ended>(one.what);
                });
            });
        }));
    }
    CallSid sid_of(const CallId& id) {
        CallSid sid;
        EXPECT_TRUE(events_.until([&](const auto& events) {
            const auto found = std::find_if(events.begin(), events.end(), [&](const auto& one) {
                return one.call == id && !one.sid.empty();
            });
            if (found != events.end()) sid = found->sid;
            return found != events.end();
        }));
        return sid;
    }

    /// What the emulator has of a call: "playout", "heard.wav".
    std::string kept_of(const CallSid& sid, const std::string& what) {
        net::HttpCall request;
        request.method = "GET";
        request.url = twilio_->base_url() + "/emulator/v1/calls/" + sid.str() + "/" + what;
        auto answer = ask(std::move(request));
        EXPECT_EQ(answer.status, 200) << answer.body;
        return std::move(answer.body);
    }
    /// What the phone has heard since it answered, in mu-law.
    std::string heard(const CallSid& sid) {
        const auto wav = kept_of(sid, "heard.wav");
        const auto data = wav.find("data");
        return data == std::string::npos ? std::string() : wav.substr(data + 8);
    }
    boost::json::object playout(const CallSid& sid) {
        boost::system::error_code error;
        auto value = boost::json::parse(kept_of(sid, "playout"), error);
        return value.is_object() ? value.get_object() : boost::json::object{};
    }
    /// When the call's stream began, by this machine's steady clock, in ms: the emulator tells how
    /// old it is, and the quickest answers say it best.
    double began_ms(const CallSid& sid) {
        double earliest = -1e18, latest = 1e18;
        for (int i = 0; i < 10; ++i) {
            const auto before = now_ms();
            const auto age = playout(sid).at("stream_ms").to_number<double>();
            latest = std::min(latest, now_ms() - age);
            earliest = std::max(earliest, before - age);
        }
        return (earliest + latest) / 2;
    }
    static double now_ms() {
        const std::chrono::duration<double, std::milli> now =
            std::chrono::steady_clock::now().time_since_epoch();
        return now.count();
    }

    net::Shards services_{1};
};

}  // namespace bridge::app
