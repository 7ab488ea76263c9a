// The whole bridge against the whole emulator, over real sockets: what a user's call goes through,
// but for the sound card.

#include "app/bridge.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <future>
#include <map>
#include <mutex>

#include "base/spawn.hpp"
#include "devices/device_factory.hpp"
#include "emulator/emulator.hpp"

namespace bridge::app {
namespace {

using namespace std::chrono_literals;
using call::CallSnapshot;
using call::CallState;

/// Collects events on an io thread; the test waits for what it needs, with a deadline.
class Witness {
public:
    void watch(call::EventBus& bus, asio::any_io_executor executor) {
        subscription_ = bus.subscribe(
            executor, 10000,
            [this](const call::CallEvent& event, std::uint64_t missed) {
                const std::scoped_lock lock(mutex_);
                missed_ += missed;
                if (const auto* ended = std::get_if<call::event::Ended>(&event.what))
                    ended_[event.call] = ended->snapshot;
                if (std::holds_alternative<call::event::FirstAudio>(event.what)) ++first_audio_;
                changed_.notify_all();
            },
            "witness");
    }
    void stop() { subscription_.reset(); }

    bool wait_for_ended(std::size_t count, std::chrono::seconds limit = 20s) {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, limit, [&] { return ended_.size() >= count; });
    }
    bool wait_for_audio(std::size_t count, std::chrono::seconds limit = 20s) {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, limit, [&] { return first_audio_ >= count; });
    }
    std::map<CallId, CallSnapshot> ended() {
        const std::scoped_lock lock(mutex_);
        return ended_;
    }

private:
    std::shared_ptr<call::EventBus::Subscription> subscription_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::map<CallId, CallSnapshot> ended_;
    std::size_t first_audio_ = 0;
    std::uint64_t missed_ = 0;
};

class BridgeAndEmulator : public ::testing::Test {
protected:
    void start(std::size_t workers, emulator::EmulatorOptions emulator = {}) {
        emulator.port = 0;
        auto twilio = emulator::EmulatorThread::start(std::move(emulator));
        ASSERT_TRUE(twilio) << twilio.error().message;
        twilio_ = std::move(*twilio);
        auto device = devices::make_output_device("null");
        ASSERT_TRUE(device) << device.error().message;
        speaker_ = device->device;

        BridgeOptions options;
        options.workers = workers;
        options.rest.base_url = twilio_->base_url();
        options.rest.account_sid = twilio_->account_sid();
        options.rest.auth_token = token_.empty() ? twilio_->auth_token() : token_;
        options.auth_tokens = {twilio_->auth_token()};
        options.speaker = speaker_;
        options.metrics = metrics_;
        auto bridge = Bridge::start(std::move(options), events_);
        ASSERT_TRUE(bridge) << bridge.error().message;
        bridge_ = std::move(*bridge);
        witness_.watch(events_, bridge_->desk_executor());
    }

    CallId dial(const std::string& to) {
        call::CallSpec spec;
        spec.to = to;
        spec.from = twilio_->numbers().front();
        spec.ring_timeout = 2s;
        const auto id = bridge_->calls().open(std::move(spec));
        bridge_->calls().post(id, call::input::Dial{});
        return id;
    }

    /// What `numbers use` will do: inbound calls to the account's first number come to this bridge.
    bool point_numbers_here() {
        const auto update = [](twilio::RestClient& rest, std::string url,
                               std::promise<bool>* done) -> asio::awaitable<void> {
            auto numbers = co_await rest.numbers();
            if (!numbers || numbers->empty()) {
                done->set_value(false);
                co_return;
            }
            twilio::Form fields;
            fields.add("VoiceUrl", url + "/twilio/voice");
            const auto updated =
                co_await rest.update_number(numbers->front().sid, std::move(fields));
            done->set_value(updated.has_value());
        };
        std::promise<bool> done;
        auto future = done.get_future();
        spawn(bridge_->desk_executor(), "test update",
              update(bridge_->rest(), bridge_->public_url(), &done));
        return future.wait_for(10s) == std::future_status::ready && future.get();
    }

    void TearDown() override {
        witness_.stop();
        if (bridge_) {
            // A call is let go on its own thread, right after its last event.
            std::promise<void> empty;
            bridge_->calls().when_empty([&empty] { empty.set_value(); });
            EXPECT_EQ(empty.get_future().wait_for(5s), std::future_status::ready)
                << bridge_->calls().size() << " calls are still in the registry";
            bridge_->stop();
            EXPECT_EQ(twilio_->open_calls(), 0U) << "a call still costs money";
        }
        bridge_.reset();
        if (speaker_) speaker_->stop();
        twilio_.reset();
    }

    Secret token_;
    const std::shared_ptr<metrics::Registry> metrics_ = std::make_shared<metrics::Registry>();
    call::EventBus events_{metrics_};
    std::unique_ptr<emulator::EmulatorThread> twilio_;
    std::shared_ptr<audio::AudioDevice> speaker_;
    std::unique_ptr<Bridge> bridge_;
    Witness witness_;
};

emulator::EmulatorOptions with(const std::string& number, const std::string& persona) {
    emulator::EmulatorOptions options;
    EXPECT_TRUE(options.personas.assign(number, persona));
    return options;
}

TEST_F(BridgeAndEmulator, PlaysAPhonesSpeechAndLosesNothing) {
    start(1, with("+12025550111", "say:one two three"));
    const auto id = dial("+12025550111");
    ASSERT_TRUE(witness_.wait_for_ended(1));
    const auto call = witness_.ended().at(id);
    EXPECT_EQ(call.state, CallState::completed);
    EXPECT_TRUE(call.end_confirmed);
    EXPECT_GT(call.media.frames, 50U);
    EXPECT_EQ(call.media.lost_ms, 0U);
    EXPECT_EQ(call.media.missed_messages + call.media.duplicates + call.media.malformed, 0U);
    ASSERT_TRUE(call.playout);
    EXPECT_EQ(call.playout->frames, call.media.frames);
    EXPECT_EQ(call.playout->dropped_samples, 0U);
    EXPECT_TRUE(call.billed_duration);

    const auto text = render_metrics(bridge_->metrics());
    const auto shows = [&text](const std::string& line) {
        EXPECT_NE(text.find("\n" + line + "\n"), std::string::npos) << line << "\n" << text;
    };
    shows("agentbridge_calls_opened_total{direction=\"outbound\"} 1");
    shows("agentbridge_calls{state=\"in-progress\"} 0");
    shows("agentbridge_calls_ended_total{state=\"completed\"} 1");
    shows("agentbridge_media_frames_total " + std::to_string(call.media.frames));
    shows("agentbridge_media_lost_seconds_total 0");
    shows("agentbridge_webhook_requests_total{webhook=\"voice\"} 1");
    shows("agentbridge_webhook_refusals_total{cause=\"signature\"} 0");
    shows("agentbridge_rest_requests_total{method=\"POST\",outcome=\"ok\"} 1");
    shows("agentbridge_queue_dropped_total{queue=\"events:witness\"} 0");
    shows("agentbridge_queue_capacity{queue=\"events:witness\"} 10000");
    shows("agentbridge_queue_dropped_total{queue=\"log\"} 0");
    shows("agentbridge_device_underflows_total{device=\"speaker\"} 0");
}

TEST_F(BridgeAndEmulator, MixesManyCallsOntoOneDeviceFromTwoIoThreads) {
    start(2, with("+12025550111", "say:one two three"));
    constexpr std::size_t kCalls = 20;
    for (std::size_t i = 0; i < kCalls; ++i) dial("+12025550111");
    ASSERT_TRUE(witness_.wait_for_ended(kCalls, 40s));
    for (const auto& [id, call] : witness_.ended()) {
        EXPECT_EQ(call.state, CallState::completed) << call.end_reason;
        EXPECT_GT(call.media.frames, 50U);
        EXPECT_EQ(call.media.lost_ms + call.media.missed_messages + call.media.duplicates, 0U);
    }
}

TEST_F(BridgeAndEmulator, HangsUpForGood) {
    start(1, with("+12025550111", "echo"));
    const auto id = dial("+12025550111");
    ASSERT_TRUE(witness_.wait_for_audio(1));
    EXPECT_EQ(twilio_->open_calls(), 1U);
    bridge_->calls().post(id, call::input::HangUp{"test"});
    ASSERT_TRUE(witness_.wait_for_ended(1));
    EXPECT_EQ(witness_.ended().at(id).state, CallState::completed);
    EXPECT_TRUE(witness_.ended().at(id).end_confirmed);
}

TEST_F(BridgeAndEmulator, TellsBusyNoAnswerAndFailedApart) {
    start(1);
    const auto busy = dial("+12025550103");
    const auto silent = dial("+12025550104");
    const auto failed = dial("+12025550106");
    ASSERT_TRUE(witness_.wait_for_ended(3));
    EXPECT_EQ(witness_.ended().at(busy).state, CallState::busy);
    EXPECT_EQ(witness_.ended().at(silent).state, CallState::no_answer);
    EXPECT_EQ(witness_.ended().at(failed).state, CallState::failed);
    EXPECT_EQ(witness_.ended().at(busy).sip_code, 486);
}

TEST_F(BridgeAndEmulator, SaysWhatIsWrongWithANumber) {
    start(1);
    const auto id = dial("+1");
    ASSERT_TRUE(witness_.wait_for_ended(1));
    const auto call = witness_.ended().at(id);
    EXPECT_EQ(call.state, CallState::failed);
    EXPECT_EQ(call.carrier_code, 21211);
    EXPECT_NE(call.end_reason.find("21211"), std::string::npos) << call.end_reason;
}

TEST_F(BridgeAndEmulator, IsToldThatItsCredentialsAreWrong) {
    token_ = Secret{"00000000000000000000000000000000"};
    start(1);
    const auto id = dial("+12025550100");
    ASSERT_TRUE(witness_.wait_for_ended(1));
    EXPECT_EQ(witness_.ended().at(id).carrier_code, 20003);
}

TEST_F(BridgeAndEmulator, TakesAnInboundCall) {
    start(2);
    auto& shard = bridge_->shards()[0];
    std::shared_ptr<net::HttpClient> client;
    bridge_->shards().run_on(0, [&] { client = net::HttpClient::make(shard.executor(), {}); });
    const auto ask = [](std::shared_ptr<net::HttpClient> http, net::HttpCall request,
                        std::promise<int>* status) -> asio::awaitable<void> {
        const auto answer = co_await http->request(std::move(request));
        status->set_value(answer ? answer->status : -1);
    };
    const auto post = [&](const std::string& url, const std::string& type, const std::string& body,
                          bool sign_in) {
        net::HttpCall request;
        request.method = "POST";
        request.url = url;
        request.headers.add("Content-Type", type);
        request.body = body;
        if (sign_in) {
            request.user = twilio_->account_sid();
            request.password = twilio_->auth_token();
        }
        std::promise<int> status;
        auto future = status.get_future();
        spawn(shard.executor(), "test request", ask(client, std::move(request), &status));
        return future.wait_for(10s) == std::future_status::ready ? future.get() : -2;
    };
    ASSERT_TRUE(point_numbers_here());
    const auto placed = post(twilio_->base_url() + "/emulator/v1/incoming-call", "application/json",
                             R"({"from":"+12025550199","persona":"say:hello there"})", false);
    EXPECT_GE(placed, 200);
    EXPECT_LT(placed, 300);
    ASSERT_TRUE(witness_.wait_for_ended(1));
    const auto call = witness_.ended().begin()->second;
    EXPECT_EQ(call.direction, call::Direction::inbound);
    EXPECT_EQ(call.from, "+12025550199");
    EXPECT_GT(call.media.frames, 30U);
    EXPECT_TRUE(call.end_confirmed);
    bridge_->shards().run_on(0, [&] { client.reset(); });
}

}  // namespace
}  // namespace bridge::app
