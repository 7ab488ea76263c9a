#pragma once
// The whole bridge against the whole emulator, for tests of what is done with calls while they are
// up: waits for events, never for time.

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <mutex>
#include <thread>

#include "app/bridge.hpp"
#include "base/spawn.hpp"
#include "devices/device_factory.hpp"
#include "emulator/emulator.hpp"

namespace bridge::app {

using namespace std::chrono_literals;
namespace event = call::event;
namespace input = call::input;
namespace fs = std::filesystem;

inline constexpr auto kPhone = "+12025550111";
inline constexpr auto kTarget = "+12025550112";

/// Every event, in order; the test waits for the one it needs, with a deadline.
class Events {
public:
    void watch(call::EventBus& bus, asio::any_io_executor executor) {
        subscription_ =
            bus.subscribe(executor, 10000, [this](const call::CallEvent& one, std::uint64_t) {
                const std::scoped_lock lock(mutex_);
                events_.push_back(one);
                changed_.notify_all();
            });
    }
    void stop() { subscription_.reset(); }

    /// The first of its kind, from number `after` on, that `is_it` takes.
    template <class What>
    std::optional<What> wait(
        std::function<bool(const What&)> is_it = [](const What&) { return true; },
        std::chrono::seconds limit = 20s) {
        std::unique_lock lock(mutex_);
        std::optional<What> found;
        changed_.wait_for(lock, limit, [&] {
            for (const auto& one : events_) {
                const auto* what = std::get_if<What>(&one.what);
                if (what == nullptr || !is_it(*what)) continue;
                found = *what;
                return true;
            }
            return false;
        });
        return found;
    }
    /// Until what has happened so far, all of it, is enough.
    bool until(const std::function<bool(const std::vector<call::CallEvent>&)>& enough,
               std::chrono::seconds limit = 20s) {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, limit, [&] { return enough(events_); });
    }
    template <class What>
    std::size_t count() {
        const std::scoped_lock lock(mutex_);
        return static_cast<std::size_t>(
            std::count_if(events_.begin(), events_.end(),
                          [](const auto& one) { return std::holds_alternative<What>(one.what); }));
    }
    /// Those there are so far.
    template <class What>
    std::vector<What> all() {
        const std::scoped_lock lock(mutex_);
        std::vector<What> out;
        for (const auto& one : events_) {
            if (const auto* what = std::get_if<What>(&one.what)) out.push_back(*what);
        }
        return out;
    }
    std::string warnings() {
        const std::scoped_lock lock(mutex_);
        std::string out;
        for (const auto& one : events_) {
            if (const auto* warning = std::get_if<event::Warning>(&one.what))
                out += warning->text + "\n";
        }
        return out;
    }

private:
    std::shared_ptr<call::EventBus::Subscription> subscription_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<call::CallEvent> events_;
};

class CallControl : public ::testing::Test {
protected:
    CallControl() {
        std::string pattern = (fs::temp_directory_path() / "control-XXXXXX").string();
        folder_ = ::mkdtemp(pattern.data());
    }
    ~CallControl() override { fs::remove_all(folder_); }

    std::string script(const std::string& steps) {
        const auto path = folder_ / ("script" + std::to_string(++scripts_));
        std::ofstream(path) << steps;
        return "script:" + path.string();
    }

    void start(
        std::vector<std::pair<std::string, std::string>> personas,
        std::function<void(BridgeOptions&)> change = [](BridgeOptions&) {}) {
        emulator::EmulatorOptions emulator;
        emulator.port = 0;
        for (const auto& [number, persona] : personas) {
            const auto assigned = emulator.personas.assign(number, persona);
            ASSERT_TRUE(assigned) << assigned.error().message;
        }
        auto twilio = emulator::EmulatorThread::start(std::move(emulator));
        ASSERT_TRUE(twilio) << twilio.error().message;
        twilio_ = std::move(*twilio);
        auto device = devices::make_output_device("null");
        ASSERT_TRUE(device) << device.error().message;
        speaker_ = device->device;
        open_bridge(change);
        ASSERT_TRUE(bridge_);
        events_.watch(bus_, bridge_->desk_executor());
    }
    /// At the emulator that is there.
    void open_bridge(const std::function<void(BridgeOptions&)>& change) {
        BridgeOptions options;
        options.rest.base_url = twilio_->base_url();
        options.rest.account_sid = twilio_->account_sid();
        options.rest.auth_token = twilio_->auth_token();
        options.auth_tokens = {twilio_->auth_token()};
        options.speaker = speaker_;
        change(options);
        auto bridge = Bridge::start(std::move(options), bus_);
        ASSERT_TRUE(bridge) << bridge.error().message;
        bridge_ = std::move(*bridge);
    }

    CallId dial(const std::string& to = kPhone) {
        call::CallSpec spec;
        spec.to = to;
        spec.from = twilio_->numbers().front();
        spec.ring_timeout = 5s;
        const auto id = bridge_->calls().open(std::move(spec));
        bridge_->calls().post(id, input::Dial{});
        EXPECT_TRUE(events_.wait<event::FirstAudio>());
        return id;
    }
    void post(const CallId& id, call::CallInput what) {
        EXPECT_TRUE(bridge_->calls().post(id, std::move(what)));
    }
    call::CallSnapshot snapshot(const CallId& id) {
        std::promise<call::CallSnapshot> taken;
        auto future = taken.get_future();
        EXPECT_TRUE(bridge_->calls().snapshot(
            id, [&taken](call::CallSnapshot now) { taken.set_value(std::move(now)); }));
        return future.get();
    }
    bool transfer_is(const std::string& status) {
        return events_
            .wait<event::TransferChanged>([&](const event::TransferChanged& changed) {
                return changed.transfer.status == status;
            })
            .has_value();
    }
    std::optional<event::Ended> ended() { return events_.wait<event::Ended>(); }

    struct Answer {
        int status = -1;  ///< −1: there was none
        std::string body;
    };
    asio::awaitable<void> send(std::shared_ptr<net::HttpClient> http, net::HttpCall request,
                               std::promise<Answer>& told) {
        auto answer = co_await http->request(std::move(request));
        told.set_value(answer ? Answer{answer->status, std::move(answer->body)} : Answer{});
    }
    Answer ask(net::HttpCall request) {
        auto& shard = bridge_->shards()[0];
        std::shared_ptr<net::HttpClient> http;
        bridge_->shards().run_on(0, [&] { http = net::HttpClient::make(shard.executor(), {}); });
        std::promise<Answer> told;
        auto future = told.get_future();
        spawn(shard.executor(), "test request", send(http, std::move(request), told));
        auto answer = future.get();
        bridge_->shards().run_on(0, [&] { http.reset(); });
        return answer;
    }
    asio::awaitable<void> point(std::promise<bool>& done) {
        auto numbers = co_await bridge_->rest().numbers();
        twilio::Form fields;
        fields.add("VoiceUrl", bridge_->public_url() + "/twilio/voice");
        auto sid = numbers->front().sid;
        const auto updated =
            co_await bridge_->rest().update_number(std::move(sid), std::move(fields));
        done.set_value(updated.has_value());
    }
    /// Somebody calls the account's first number.
    void call_in(const std::string& persona) {
        std::promise<bool> done;
        auto future = done.get_future();
        spawn(bridge_->desk_executor(), "test update", point(done));
        ASSERT_TRUE(future.get());
        net::HttpCall request;
        request.method = "POST";
        request.url = twilio_->base_url() + "/emulator/v1/incoming-call";
        request.headers.add("Content-Type", "application/json");
        request.body = R"({"from":"+12025550199","persona":")" + persona + R"("})";
        EXPECT_EQ(ask(std::move(request)).status / 100, 2);
    }
    /// As if the person there hung up.
    void phone_hangs_up(const std::string& call_sid) {
        net::HttpCall request;
        request.method = "POST";
        request.url = twilio_->base_url() + "/2010-04-01/Accounts/" + twilio_->account_sid() +
                      "/Calls/" + call_sid + ".json";
        request.headers.add("Content-Type", "application/x-www-form-urlencoded");
        request.body = "Status=completed";
        request.user = twilio_->account_sid();
        request.password = twilio_->auth_token();
        EXPECT_EQ(ask(std::move(request)).status, 200);
    }
    CallId only_call() {
        const auto ids = bridge_->calls().ids();
        EXPECT_EQ(ids.size(), 1U);
        return ids.empty() ? CallId{} : ids.front();
    }

    void TearDown() override { shut_down(); }

    /// Until so many frames of ours have gone to the phone.
    bool hears_us(const CallId& id, std::uint64_t frames) {
        const auto limit = std::chrono::steady_clock::now() + 5s;
        while (snapshot(id).outbound.frames < frames) {
            if (std::chrono::steady_clock::now() > limit) return false;
            std::this_thread::sleep_for(5ms);
        }
        return true;
    }

    void shut_down() {
        if (bridge_) {
            std::promise<void> empty;
            bridge_->calls().when_empty([&empty] { empty.set_value(); });
            EXPECT_EQ(empty.get_future().wait_for(10s), std::future_status::ready)
                << bridge_->calls().size() << " calls are still in the registry";
            events_.stop();
            bridge_->stop();
        }
        if (twilio_ && !goes_on_) {
            EXPECT_EQ(twilio_->open_calls(), 0U) << "a call still costs money";
        }
        bridge_.reset();
        if (speaker_) speaker_->stop();
        twilio_.reset();
    }

    fs::path folder_;
    int scripts_ = 0;
    bool goes_on_ = false;
    call::EventBus bus_;
    std::unique_ptr<emulator::EmulatorThread> twilio_;
    std::shared_ptr<audio::AudioDevice> speaker_;
    std::unique_ptr<Bridge> bridge_;
    Events events_;
};

}  // namespace bridge::app
