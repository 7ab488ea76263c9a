// What is done with a call while it is up, by the whole bridge against the whole emulator: keys,
// hold, transfers, ringing, voicemail.

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
#include "audio/wav.hpp"
#include "base/spawn.hpp"
#include "devices/device_factory.hpp"
#include "emulator/emulator.hpp"
#include "stores/voicemail_store.hpp"

namespace bridge::app {
namespace {

using namespace std::chrono_literals;
namespace event = call::event;
namespace input = call::input;
namespace fs = std::filesystem;

constexpr auto kPhone = "+12025550111";
constexpr auto kTarget = "+12025550112";

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
    template <class What>
    std::size_t count() {
        const std::scoped_lock lock(mutex_);
        return static_cast<std::size_t>(
            std::count_if(events_.begin(), events_.end(),
                          [](const auto& one) { return std::holds_alternative<What>(one.what); }));
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
        events_.watch(bus_, bridge_->shards()[0].executor());
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

    asio::awaitable<void> send(std::shared_ptr<net::HttpClient> http, net::HttpCall request,
                               std::promise<int>& status) {
        const auto answer = co_await http->request(std::move(request));
        status.set_value(answer ? answer->status : -1);
    }
    int ask(net::HttpCall request) {
        auto& shard = bridge_->shards()[0];
        std::shared_ptr<net::HttpClient> http;
        bridge_->shards().run_on(0, [&] { http = net::HttpClient::make(shard.executor(), {}); });
        std::promise<int> status;
        auto future = status.get_future();
        spawn(shard.executor(), "test request", send(http, std::move(request), status));
        const auto answer = future.get();
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
        spawn(bridge_->shards()[0].executor(), "test update", point(done));
        ASSERT_TRUE(future.get());
        net::HttpCall request;
        request.method = "POST";
        request.url = twilio_->base_url() + "/emulator/v1/incoming-call";
        request.headers.add("Content-Type", "application/json");
        request.body = R"({"from":"+12025550199","persona":")" + persona + R"("})";
        EXPECT_EQ(ask(std::move(request)) / 100, 2);
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

TEST_F(CallControl, SendsKeysAndGoesOn) {
    start(
        {{kPhone,
          script(
              "say one two\nexpect digit 5\nexpect digit #\npress 7\nsay three four\npause 500")}});
    const auto id = dial();
    post(id, input::SendDigits{"5#"});
    const auto sent = events_.wait<event::DigitsSent>();
    ASSERT_TRUE(sent);
    EXPECT_EQ(sent->problem, "");
    const auto key = events_.wait<event::Digit>();
    ASSERT_TRUE(key) << "the phone did not hear them";
    EXPECT_EQ(key->digit, '7');
    const auto last = ended();
    ASSERT_TRUE(last);
    EXPECT_EQ(last->snapshot.state, call::CallState::completed);
    EXPECT_TRUE(last->snapshot.end_confirmed);
    EXPECT_GT(last->snapshot.media.gap_ms, 300U) << "two keys take that long";
    EXPECT_LT(last->snapshot.media.gap_ms, 3000U);
    EXPECT_EQ(events_.count<event::StreamUp>(), 2U);
    EXPECT_EQ(events_.warnings(), "");
    EXPECT_EQ(last->snapshot.media.lost_ms, 0U);
    RecordProperty("gap_ms", static_cast<int>(last->snapshot.media.gap_ms));
}

TEST_F(CallControl, SendsKeysAsTonesWithoutAGap) {
    start({{kPhone, script("expect digit 1\nexpect digit 9\nexpect digit *\npress 7\npause 500")}});
    const auto id = dial();
    post(id, input::SendDigits{"19*", true});
    ASSERT_TRUE(events_.wait<event::Digit>()) << "the phone did not recognise the tones";
    const auto sent = events_.wait<event::DigitsSent>();
    ASSERT_TRUE(sent);
    EXPECT_TRUE(sent->in_band);
    EXPECT_EQ(sent->problem, "");
    ASSERT_TRUE(ended());
    EXPECT_EQ(events_.count<event::StreamUp>(), 1U);
}

TEST_F(CallControl, HoldsWithMusicThatThePhoneHears) {
    // It waits for speech, and music is a sound like any other to it.
    start({{kPhone, script("pause 200\nwait speech 500\npress 7\npause 10s")}});
    const auto id = dial();
    post(id, input::SetHeld{true});
    ASSERT_TRUE(events_.wait<event::Digit>()) << "no music arrived";
    EXPECT_TRUE(snapshot(id).local.held);
    post(id, input::SetHeld{false});
    post(id, input::HangUp{"test"});
    ASSERT_TRUE(ended());
}

TEST_F(CallControl, HandsACallOverAndTellsWhenTheyAreDone) {
    start({{kPhone, "echo"}, {kTarget, "say:one two three"}});
    const auto id = dial();
    post(id, input::Transfer{kTarget});
    EXPECT_TRUE(transfer_is("ringing"));
    EXPECT_TRUE(transfer_is("connected"));
    EXPECT_TRUE(transfer_is("over"));
    const auto last = ended();
    ASSERT_TRUE(last);
    EXPECT_TRUE(last->snapshot.end_confirmed);
    EXPECT_FALSE(last->snapshot.handed_over);
    EXPECT_EQ(events_.warnings(), "");
}

TEST_F(CallControl, LetsACallGoThatWasHandedOver) {
    start({{kPhone, "echo"}, {kTarget, "echo"}});
    const auto id = dial();
    post(id, input::Transfer{kTarget});
    ASSERT_TRUE(transfer_is("connected"));
    post(id, input::HangUp{"Ctrl-C"});
    const auto last = ended();
    ASSERT_TRUE(last);
    EXPECT_TRUE(last->snapshot.handed_over);
    EXPECT_EQ(twilio_->open_calls(), 2U) << "they talk on";
    goes_on_ = true;
}

TEST_F(CallControl, TakesACallBackWhenTheTargetDoesNotAnswer) {
    start({{kPhone, "echo"}, {kTarget, "busy"}});
    const auto id = dial();
    post(id, input::Transfer{kTarget});
    ASSERT_TRUE(transfer_is("failed: busy"));
    ASSERT_TRUE(events_.wait<event::StreamUp>());
    post(id, input::Transfer{"+12025550104"});  // rings, and nobody is there
    ASSERT_TRUE(transfer_is("failed: nobody answered"));
    post(id, input::SendDigits{"1"});  // it is an ordinary call again
    const auto sent = events_.wait<event::DigitsSent>();
    ASSERT_TRUE(sent);
    post(id, input::HangUp{"test"});
    const auto last = ended();
    ASSERT_TRUE(last);
    EXPECT_TRUE(last->snapshot.end_confirmed);
    EXPECT_GE(events_.count<event::StreamUp>(), 3U);
}

TEST_F(CallControl, HangsUpWhileTheTargetRings) {
    start({{kPhone, "echo"}, {kTarget, "say:hello,ring=10s"}});
    const auto id = dial();
    post(id, input::Transfer{kTarget});
    ASSERT_TRUE(transfer_is("ringing"));
    post(id, input::HangUp{"Ctrl-C"});
    const auto last = ended();
    ASSERT_TRUE(last);
    EXPECT_TRUE(last->snapshot.end_confirmed);
    EXPECT_FALSE(last->snapshot.handed_over);
}

void ring(BridgeOptions& options) {
    options.inbound_call.ring = true;
    options.inbound_call.ring_timeout = 2s;
}

TEST_F(CallControl, RingsUntilItIsTaken) {
    // The caller hears the ringing tone, then silence, and speaks.
    start({}, ring);
    call_in(script("wait speech 300\nwait silence 500\nsay hello there\npause 500"));
    ASSERT_TRUE(events_.wait<event::Ringing>());
    const auto id = only_call();
    ASSERT_TRUE(events_.wait<event::FirstAudio>());
    ASSERT_TRUE(hears_us(id, 50));
    post(id, input::Accept{});
    const auto taken = events_.wait<event::RingEnded>();
    ASSERT_TRUE(taken);
    EXPECT_TRUE(taken->accepted);
    const auto last = ended();
    ASSERT_TRUE(last);
    EXPECT_EQ(last->snapshot.state, call::CallState::completed);
}

TEST_F(CallControl, RefusesACallThatRings) {
    start({}, ring);
    call_in("echo");
    ASSERT_TRUE(events_.wait<event::Ringing>());
    post(only_call(), input::Reject{});
    const auto last = ended();
    ASSERT_TRUE(last);
    EXPECT_EQ(last->snapshot.end_reason, "refused here");
}

TEST_F(CallControl, HangsUpACallThatNobodyTakes) {
    start({}, ring);
    call_in("echo");
    const auto last = ended();
    ASSERT_TRUE(last);
    EXPECT_EQ(last->snapshot.end_reason, "nobody took it in 2 s");
}

TEST_F(CallControl, TakesAMessage) {
    stores::VoicemailOptions box;
    box.folder = folder_ / "voicemail";
    box.greeting = std::make_shared<const std::vector<std::int16_t>>(4000, 3000);
    auto opened = stores::VoicemailStore::open(std::move(box));
    ASSERT_TRUE(opened);
    start({}, [&](BridgeOptions& options) {
        ring(options);
        options.inbound_call.voicemail = true;
        options.voicemail = *opened;
    });
    // Past ringing tone, greeting and beep: then it speaks, and presses the hash key.
    call_in(script("pause 5s\nsay one two three four five six\npause 300\npress #\npause 5s"));
    const auto left = events_.wait<event::VoicemailLeft>();
    ASSERT_TRUE(left);
    ASSERT_TRUE(ended());
    shut_down();
    opened->reset();  // what waits is written
    EXPECT_EQ(fs::path(left->file).parent_path(), folder_ / "voicemail");
    EXPECT_EQ(fs::status(left->file).permissions(), fs::perms::owner_read | fs::perms::owner_write);
    EXPECT_GT(left->length, 1500ms);
    const auto sound = audio::read_sound(left->file);
    ASSERT_TRUE(sound) << sound.error().message;
    EXPECT_EQ(sound->sample_rate, 8000);
    EXPECT_EQ(sound->samples.size(), static_cast<std::size_t>(left->length.count()) * 8);
    EXPECT_GT(*std::max_element(sound->samples.begin(), sound->samples.end()), 3000)
        << "it was spoken";
}

}  // namespace
}  // namespace bridge::app
