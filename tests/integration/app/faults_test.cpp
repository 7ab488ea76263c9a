// What the bridge does when Twilio, the network or the tunnel misbehaves: the whole of it against
// the whole emulator. Every number here is a phone with a fault of its own, so that a test can run
// many faults at once. docs/faults.md tells the same to users.

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/json/parse.hpp>
#include <chrono>
#include <condition_variable>
#include <future>
#include <map>
#include <mutex>

#include "app/bridge.hpp"
#include "app/call_text.hpp"
#include "app/exit_code.hpp"
#include "devices/device_factory.hpp"
#include "emulator/emulator.hpp"
#include "net/http_client.hpp"

namespace bridge::app {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using call::CallSnapshot;
using call::CallState;

/// What a user would see of each call, and how it ended.
class Screen {
public:
    struct Seen {
        std::vector<std::string> lines;
        std::vector<CallSnapshot> ended;
        bool audio = false;
        std::string all() const {
            std::string text;
            for (const auto& line : lines) text += line + "\n";
            for (const auto& one : ended) text += format_summary(one);
            return text;
        }
    };

    void watch(call::EventBus& bus, asio::any_io_executor executor) {
        subscription_ = bus.subscribe(
            executor, 10000, [this](const call::CallEvent& event, std::uint64_t) { note(event); },
            "screen");
    }
    void stop() { subscription_.reset(); }

    bool wait_for_ended(std::size_t count, std::chrono::seconds limit) {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, limit, [&] {
            return static_cast<std::size_t>(std::count_if(
                       calls_.begin(), calls_.end(),
                       [](const auto& entry) { return !entry.second.ended.empty(); })) >= count;
        });
    }
    bool wait_for_audio(const CallId& id) {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, 20s, [&] { return calls_[id].audio; });
    }
    Seen of(const CallId& id) {
        const std::scoped_lock lock(mutex_);
        return calls_[id];
    }

private:
    void note(const call::CallEvent& event) {
        const std::scoped_lock lock(mutex_);
        auto& seen = calls_[event.call];
        if (const auto line = format_event(event, 0ms)) seen.lines.push_back(*line);
        if (const auto* ended = std::get_if<call::event::Ended>(&event.what))
            seen.ended.push_back(ended->snapshot);
        if (std::holds_alternative<call::event::FirstAudio>(event.what)) seen.audio = true;
        changed_.notify_all();
    }

    std::shared_ptr<call::EventBus::Subscription> subscription_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::map<CallId, Seen> calls_;
};

/// One fault and what must come of it.
struct Case {
    std::string persona;    ///< of the phone, with its fault
    CallState state;        ///< in the end
    std::size_t dialled;    ///< calls the carrier ever had
    ExitCode exit;          ///< of a program that made this call alone
    std::string says = {};  ///< somewhere in what the user sees
    bool listen_only = false;
};

class FaultyTwilio : public ::testing::Test {
protected:
    void start(std::chrono::milliseconds rest_timeout = 1500ms) {
        emulator::EmulatorOptions emulator;
        emulator.port = 0;
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
        options.rest.total_timeout = rest_timeout;
        options.auth_tokens = {twilio_->auth_token()};
        options.speaker = speaker_;
        options.stream.ping_after = 1s;
        options.stream.close_after = 2s;
        auto bridge = Bridge::start(std::move(options), events_);
        ASSERT_TRUE(bridge) << bridge.error().message;
        bridge_ = std::move(*bridge);
        screen_.watch(events_, bridge_->desk_executor());
    }

    boost::json::value emulator_api(const std::string& method, const std::string& path,
                                    const std::string& body = {}) {
        asio::io_context io(1);
        net::HttpClientOptions options;
        options.use_proxy = false;
        auto client = net::HttpClient::make(io.get_executor(), options);
        net::HttpCall call;
        call.method = method;
        call.url = twilio_->base_url() + "/emulator/v1/" + path;
        call.body = body;
        auto future = asio::co_spawn(io, client->request(std::move(call)), asio::use_future);
        while (future.wait_for(0s) != std::future_status::ready) io.run_one();
        const auto answer = future.get();
        if (!answer) {
            ADD_FAILURE() << path << ": " << answer.error().error.message;
            return {};
        }
        EXPECT_EQ(answer->status, 200) << answer->body;
        boost::system::error_code error;
        return boost::json::parse(answer->body, error);
    }
    void persona(const std::string& number, const std::string& description) {
        emulator_api("PUT", "personas/%2B" + number.substr(1),
                     R"({"persona": ")" + description + R"("})");
    }
    std::size_t dialled(const std::string& number) {
        std::size_t count = 0;
        const auto ledger = emulator_api("GET", "ledger");
        for (const auto& call : ledger.at("calls").as_array()) {
            EXPECT_FALSE(call.at("ended").is_null()) << "a call to " << number << " is open";
            if (call.at("to").as_string() == number) ++count;
        }
        return count;
    }

    CallId dial(const std::string& to, bool listen_only = false) {
        call::CallSpec spec;
        spec.to = to;
        spec.from = twilio_->numbers().front();
        spec.ring_timeout = 2s;
        spec.listen_only = listen_only;
        const auto id = bridge_->calls().open(std::move(spec));
        bridge_->calls().post(id, call::input::Dial{});
        return id;
    }
    static std::string number_of(std::size_t index) {
        return "+12025551" + std::to_string(100 + index);
    }

    /// Calls them all at once, and looks at each when all are over.
    void run(const std::vector<Case>& cases, std::chrono::seconds limit) {
        std::vector<CallId> ids;
        for (std::size_t i = 0; i < cases.size(); ++i) persona(number_of(i), cases[i].persona);
        for (std::size_t i = 0; i < cases.size(); ++i) {
            ids.push_back(dial(number_of(i), cases[i].listen_only));
        }
        const bool all = screen_.wait_for_ended(cases.size(), limit);
        for (std::size_t i = 0; i < cases.size(); ++i) {
            SCOPED_TRACE(cases[i].persona);
            check(cases[i], screen_.of(ids[i]));
        }
        ASSERT_TRUE(all);
        for (std::size_t i = 0; i < cases.size(); ++i) {
            EXPECT_EQ(dialled(number_of(i)), cases[i].dialled) << cases[i].persona;
        }
    }

    void check(const Case& wanted, const Screen::Seen& seen) {
        ASSERT_EQ(seen.ended.size(), 1U) << "one record for one call\n" << seen.all();
        const auto& call = seen.ended.front();
        EXPECT_EQ(call.state, wanted.state) << seen.all();
        EXPECT_TRUE(call.end_confirmed) << seen.all();
        EXPECT_EQ(to_int(exit_code_for(call, false)), to_int(wanted.exit)) << seen.all();
        EXPECT_NE(seen.all().find(wanted.says), std::string::npos)
            << "wanted: " << wanted.says << "\n"
            << seen.all();
    }

    void TearDown() override {
        screen_.stop();
        if (bridge_) {
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

    call::EventBus events_;
    std::unique_ptr<emulator::EmulatorThread> twilio_;
    std::shared_ptr<audio::AudioDevice> speaker_;
    std::unique_ptr<Bridge> bridge_;
    Screen screen_;
};

constexpr auto kOk = ExitCode::ok;

TEST_F(FaultyTwilio, CreatesAreTriedAgainOnlyWhenNothingWasDone) {
    start();
    run({{"say:one,create=429*2", CallState::completed, 1, kOk},
         {"say:one,create=429:1s*1", CallState::completed, 1, kOk},
         {"say:one,create=429_date:1s*1", CallState::completed, 1, kOk},
         {"say:one,create=429", CallState::failed, 0, ExitCode::refused, "20429"}},
        20s);
}

TEST_F(FaultyTwilio, NoCreateIsEverRepeatedWhenItsOutcomeIsUnknown) {
    start();
    // Those that were carried out go on by their own webhooks; the others are looked for.
    const std::string none = "the carrier lists no such call";
    run({{"say:one,create=500_after*1", CallState::completed, 1, kOk},
         {"say:one,create=drop_after*1", CallState::completed, 1, kOk},
         {"say:one,create=cut_after*1", CallState::completed, 1, kOk},
         {"say:one,create=timeout_after*1", CallState::completed, 1, kOk},
         {"say:one,create=500_before*1", CallState::failed, 0, ExitCode::refused, none},
         {"say:one,create=502_html*1", CallState::failed, 0, ExitCode::failure, none},
         {"say:one,create=drop_before*1", CallState::failed, 0, ExitCode::failure, none},
         {"say:one,create=timeout_before*1", CallState::failed, 0, ExitCode::failure, none}},
        30s);
}

TEST_F(FaultyTwilio, HangsUpThroughErrorsOfTheCarrier) {
    start();
    std::vector<CallId> ids;
    const std::vector<std::string> faults{"update=500_before*2",    "update=drop_before*1",
                                          "update=drop_after*1",    "update=cut_after*1",
                                          "update=timeout_after*1", "update=429:1s*1",
                                          "update=timeout_before*1"};
    for (std::size_t i = 0; i < faults.size(); ++i) {
        persona(number_of(i), "echo," + faults[i]);
        ids.push_back(dial(number_of(i)));
    }
    for (const auto& id : ids) ASSERT_TRUE(screen_.wait_for_audio(id));
    for (const auto& id : ids) bridge_->calls().post(id, call::input::HangUp{"hung up here"});
    ASSERT_TRUE(screen_.wait_for_ended(ids.size(), 20s));
    for (std::size_t i = 0; i < ids.size(); ++i) {
        SCOPED_TRACE(faults[i]);
        check({"", CallState::completed, 1, kOk}, screen_.of(ids[i]));
        EXPECT_EQ(dialled(number_of(i)), 1U);
    }
}

TEST_F(FaultyTwilio, HangsUpWhileRestCannotBeReached) {
    start();
    persona(number_of(0), "echo,update=down:6s*1");
    const auto id = dial(number_of(0));
    ASSERT_TRUE(screen_.wait_for_audio(id));
    bridge_->calls().post(id, call::input::HangUp{"hung up here"});
    // The stream is closed instead, and the end of the stream is the end of the call.
    ASSERT_TRUE(screen_.wait_for_ended(1, 20s));
    check({"", CallState::completed, 1, kOk, "the carrier could not be asked to end the call"},
          screen_.of(id));
}

TEST_F(FaultyTwilio, AStreamThatBreaksNeverLeavesTheCallBehind) {
    start();
    run({{"echo,socket=drop@500ms", CallState::completed, 1, kOk, "the media stream broke"},
         {"echo,socket=fin@500ms", CallState::completed, 1, kOk, "the media stream broke"},
         {"echo,socket=half_open@500ms", CallState::completed, 1, kOk, "nothing came for 2 s"},
         {"echo,socket=drop@500ms", CallState::completed, 1, kOk, "the media stream broke", true},
         {"echo,socket=half_open@500ms", CallState::completed, 1, kOk, "nothing came for 2 s",
          true},
         {"echo,socket=refused", CallState::completed, 1, ExitCode::failure,
          "the server answered 502 instead of 101"},
         {"echo,socket=unanswered:1s", CallState::completed, 1, ExitCode::failure,
          "no answer from the server"}},
        30s);
}

TEST_F(FaultyTwilio, ATunnelThatDiesInMidCallLeavesNoCallBehind) {
    start();
    run({{"echo,tunnel=dead:6s@1s", CallState::completed, 1, kOk, "the media stream broke"},
         {"echo", CallState::completed, 1, kOk, "the media stream broke"},
         {"echo", CallState::completed, 1, kOk, "the media stream broke", true}},
        30s);
}

TEST_F(FaultyTwilio, SlowAndBrokenUpSocketsLoseNothing) {
    start();
    const std::vector<std::string> faults{"socket=trickle:1ms", "socket=slow_read:1s", "pace=burst",
                                          "pace=stall:800ms@300ms", "pace=jitter:50ms"};
    std::vector<CallId> ids;
    for (std::size_t i = 0; i < faults.size(); ++i) {
        persona(number_of(i), "say:one two three," + faults[i]);
        ids.push_back(dial(number_of(i)));
    }
    ASSERT_TRUE(screen_.wait_for_ended(ids.size(), 30s));
    for (std::size_t i = 0; i < ids.size(); ++i) {
        SCOPED_TRACE(faults[i]);
        const auto seen = screen_.of(ids[i]);
        check({"", CallState::completed, 1, kOk}, seen);
        const auto& media = seen.ended.front().media;
        EXPECT_GT(media.frames, 50U);
        EXPECT_EQ(media.lost_ms + media.missed_messages + media.duplicates + media.malformed, 0U);
        if (faults[i].find("stall") != std::string::npos) {
            EXPECT_GE(media.longest_stall_ms, 600);
        }
    }
}

TEST_F(FaultyTwilio, FramesThatAreLostRepeatedOrReorderedAreCounted) {
    start();
    const std::vector<std::string> faults{"frames=missing%30*10", "frames=duplicated*5",
                                          "frames=reordered*5"};
    std::vector<CallId> ids;
    for (std::size_t i = 0; i < faults.size(); ++i) {
        persona(number_of(i), "say:one two three," + faults[i]);
        ids.push_back(dial(number_of(i)));
    }
    ASSERT_TRUE(screen_.wait_for_ended(ids.size(), 30s));
    for (const auto& id : ids) check({"", CallState::completed, 1, kOk}, screen_.of(id));
    const auto media = [&](std::size_t i) { return screen_.of(ids[i]).ended.front().media; };
    EXPECT_EQ(media(0).duplicates, 0U);
    EXPECT_GT(media(0).missed_messages, 0U);
    EXPECT_EQ(media(1).duplicates, 5U);
    EXPECT_EQ(media(1).lost_ms, 0U);
    EXPECT_EQ(media(2).duplicates, 5U) << "a frame that comes too late to be in order is dropped";
    EXPECT_GE(media(2).missed_messages, 4U);
}

TEST_F(FaultyTwilio, CallbacksInAnyOrderGiveOneEnd) {
    start();
    run({{"say:one,callbacks=duplicate", CallState::completed, 1, kOk},
         {"say:one,callbacks=reverse", CallState::completed, 1, kOk},
         {"say:one,callbacks=shuffle", CallState::completed, 1, kOk},
         {"say:one,callbacks=delay:2s", CallState::completed, 1, kOk},
         {"say:one,callbacks=lost", CallState::completed, 1, kOk},
         {"busy,callbacks=duplicate", CallState::busy, 1, ExitCode::refused},
         {"busy,callbacks=reverse", CallState::busy, 1, ExitCode::refused},
         {"busy,callbacks=shuffle", CallState::busy, 1, ExitCode::refused}},
        30s);
}

TEST_F(FaultyTwilio, InstructionsThatAreLateOrAskedForTwiceChangeNothing) {
    start();
    run({{"say:one,delay=2500ms,voice=delay:2s", CallState::completed, 1, kOk, "audio"},
         {"say:one,voice=twice", CallState::completed, 1, kOk, "audio"},
         {"say:one,voice=lost*1", CallState::completed, 1, ExitCode::failure, "error 11205"},
         {"say:one,upgrade=trailing_slash", CallState::completed, 1, kOk, "audio"},
         {"say:one,upgrade=https", CallState::completed, 1, kOk, "audio"},
         {"say:one,upgrade=wrong", CallState::completed, 1, ExitCode::failure,
          "the server answered 403 instead of 101"},
         {"say:one,upgrade=missing", CallState::completed, 1, ExitCode::failure,
          "the server answered 403 instead of 101"}},
        30s);
}

// Nothing reaches the bridge in these, so that it has to wait for its own deadlines.
TEST_F(FaultyTwilio, EndsAreFoundWithoutAnyWebhook) {
    start();
    run({{"echo,socket=absent", CallState::completed, 1, ExitCode::failure, "never reached us"},
         {"busy,callbacks=lost", CallState::busy, 1, ExitCode::refused},
         {"no-answer,callbacks=lost", CallState::no_answer, 1, ExitCode::no_answer},
         {"say:one,signature=wrong", CallState::completed, 1, ExitCode::public_url_unreachable,
          "none of the call's webhooks reached"},
         {"say:one,signature=missing", CallState::completed, 1, ExitCode::public_url_unreachable,
          "none of the call's webhooks reached"}},
        50s);
}

}  // namespace
}  // namespace bridge::app
