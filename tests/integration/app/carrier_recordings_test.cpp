// Recordings that Twilio makes, by the whole bridge against the whole emulator: begun, paused,
// fetched, and what becomes of them when requests and webhooks go wrong.

#include "app/carrier_recordings.hpp"

#include <set>

#include "stores/carrier_orders.hpp"
#include "whole_bridge.hpp"

namespace bridge::app {
namespace {

using Status = call::RecordingStatus;

constexpr auto npos = std::string::npos;

class CarrierRecordingsTest : public CallControl {
protected:
    void begin(std::function<void(RecordingFetcherOptions&)> change = [](auto&) {}) {
        start({{kPhone, "tone:400"}}, [&](BridgeOptions& options) { record(options, change); });
    }
    void record(BridgeOptions& options,
                const std::function<void(RecordingFetcherOptions&)>& change) {
        stores::RecordingStoreOptions store;
        store.folder = folder_ / "recordings";
        store.disk = std::make_shared<WorkerPool>(WorkerPoolOptions{"disk", 1, 16, {}});
        store.cpu = std::make_shared<WorkerPool>(WorkerPoolOptions{"cpu", 1, 16, {}});
        auto opened = stores::RecordingStore::open(std::move(store));
        ASSERT_TRUE(opened) << opened.error().message;
        auto shelf = std::make_shared<CarrierRecordings>(*opened, false);
        shelf->fetching().first_pause = 10ms;
        change(shelf->fetching());
        options.recordings = options.carrier_recordings = shelf;
    }
    /// A call that is recorded, with our tone beside the phone's.
    CallId recorded_call() {
        call::CallSpec spec;
        spec.to = kPhone;
        spec.from = twilio_->numbers().front();
        spec.record = true;
        const auto id = bridge_->calls().open(std::move(spec));
        bridge_->calls().post(id, input::Dial{});
        EXPECT_TRUE(events_.wait<event::FirstAudio>());
        EXPECT_TRUE(has(Status::recording));
        std::vector<std::int16_t> tone(8000);
        for (std::size_t i = 0; i < tone.size(); ++i) tone[i] = i / 4 % 2 == 0 ? 8000 : -8000;
        post(id, input::Play{std::make_shared<const std::vector<std::int16_t>>(std::move(tone))});
        EXPECT_TRUE(ordered()) << "Twilio has not begun";
        const auto sid = snapshot(id).sid.str();
        EXPECT_TRUE(eventually([&] { return phone_said(sid) > 1s; }));
        return id;
    }
    void hang_up(const CallId& id) {
        post(id, input::HangUp{"test"});
        EXPECT_TRUE(ended());
    }
    bool has(Status status) {
        return events_
            .wait<event::RecordingChanged>([status](const event::RecordingChanged& changed) {
                return changed.recording.status == status;
            })
            .has_value();
    }
    bool eventually(const std::function<bool()>& condition) {
        const auto limit = std::chrono::steady_clock::now() + 10s;
        while (!condition()) {
            if (std::chrono::steady_clock::now() > limit) return false;
            std::this_thread::sleep_for(5ms);
        }
        return true;
    }
    bool ordered() {
        return eventually(
            [&] { return !stores::CarrierOrders(folder_ / "recordings").list().empty(); });
    }
    bool settled() {
        return eventually(
            [&] { return stores::CarrierOrders(folder_ / "recordings").list().empty(); });
    }
    std::vector<stores::StoredRecording> files() const {
        return stores::RecordingFolder(folder_ / "recordings").list();
    }
    /// Both sides can be heard in the one that is there.
    void expect_both_sides() {
        const auto found = files();
        ASSERT_EQ(found.size(), 1U);
        const auto path = stores::RecordingFolder(folder_ / "recordings")
                              .file(found[0], stores::RecordingForm::wav);
        const auto peaks = stores::read_recording_peaks(path, 1);
        ASSERT_TRUE(peaks) << peaks.error().message;
        EXPECT_GT(peaks->duration, 500ms);
        EXPECT_GT(peaks->far[0], 0.1F);
        EXPECT_NEAR(peaks->near[0], 8000 / 32768.0, 0.02);
        EXPECT_TRUE(stores::read_recording_facts(path)->origin.by_carrier);
        const std::set<fs::path> all{fs::directory_iterator(folder_ / "recordings"), {}};
        EXPECT_EQ(all, std::set<fs::path>{path}) << "half-made files are left";
    }
    void misbehave(const std::string& faults) {
        net::HttpCall request;
        request.method = "PUT";
        request.url = twilio_->base_url() + "/emulator/v1/faults";
        request.headers.add("Content-Type", "application/json");
        request.body = faults;
        EXPECT_EQ(ask(std::move(request)).status, 200);
    }
    std::chrono::milliseconds phone_said(const std::string& sid) {
        net::HttpCall request;
        request.url = twilio_->base_url() + "/emulator/v1/calls/" + sid + "/said.wav";
        return std::chrono::milliseconds(ask(std::move(request)).body.size() / 8);
    }
    std::string ledger() {
        net::HttpCall request;
        request.url = twilio_->base_url() + "/emulator/v1/ledger";
        return ask(std::move(request)).body;
    }
};

TEST_F(CarrierRecordingsTest, AreFetchedWhenTheCallIsOver) {
    begin();
    const auto id = recorded_call();
    post(id, input::SetRecording{Status::paused});
    EXPECT_TRUE(has(Status::paused));
    post(id, input::SetRecording{Status::recording});
    EXPECT_TRUE(files().empty());
    hang_up(id);
    ASSERT_TRUE(settled());
    expect_both_sides();
    EXPECT_EQ(files()[0].call, id);
    EXPECT_TRUE(has(Status::stopped));
    EXPECT_EQ(events_.warnings(), "");
    EXPECT_NE(ledger().find(R"("fetched":1,"deleted":false)"), npos) << ledger();
}

TEST_F(CarrierRecordingsTest, EndWithTheCallThoughAnOrderComesTooLate) {
    // The phone hangs up, and nothing tells us so but the answer to our order.
    begin([](auto& options) { options.look_every = 100ms; });
    const auto id = recorded_call();
    misbehave(R"({"callbacks":"lost"})");
    phone_hangs_up(snapshot(id).sid.str());
    post(id, input::SetRecording{Status::paused});
    EXPECT_TRUE(eventually([&] { return ledger().find(R"("ended":null,"seconds")") == npos; }));
    misbehave(R"({"callbacks":"ok"})");
    EXPECT_TRUE(ended());
    ASSERT_TRUE(settled());
    expect_both_sides();
    EXPECT_TRUE(has(Status::stopped));
    for (const auto& changed : events_.all<event::RecordingChanged>())
        EXPECT_NE(changed.recording.status, Status::failed) << changed.recording.problem;
}

TEST_F(CarrierRecordingsTest, AreDeletedThereIfThatIsWanted) {
    begin([](auto& options) { options.delete_there = true; });
    hang_up(recorded_call());
    ASSERT_TRUE(settled());
    expect_both_sides();
    EXPECT_NE(ledger().find(R"("deleted":true)"), npos) << ledger();
}

TEST_F(CarrierRecordingsTest, AreFetchedOnceThoughTheWebhookComesTwice) {
    begin();
    const auto id = recorded_call();
    misbehave(R"({"callbacks":"duplicate"})");
    hang_up(id);
    ASSERT_TRUE(settled());
    expect_both_sides();
    shut_down();
    expect_both_sides();
}

TEST_F(CarrierRecordingsTest, AreFoundThoughTheWebhookIsLost) {
    begin([](auto& options) { options.look_every = 100ms; });
    const auto id = recorded_call();
    post(id, input::SetRecording{Status::stopped});
    misbehave(R"({"callbacks":"lost"})");
    ASSERT_TRUE(settled());
    misbehave(R"({"callbacks":"ok"})");
    expect_both_sides();
    hang_up(id);
}

TEST_F(CarrierRecordingsTest, AreFetchedAgainWhenTwilioFailsOrTheConnectionBreaks) {
    begin();
    const auto id = recorded_call();
    post(id, input::SetRecording{Status::stopped});
    EXPECT_TRUE(has(Status::stopped));
    misbehave(R"({"rest":"500_before*2"})");
    ASSERT_TRUE(settled());
    expect_both_sides();
    hang_up(id);
}

TEST_F(CarrierRecordingsTest, AreNotKeptWhenHalfOfThemCame) {
    begin();
    const auto id = recorded_call();
    misbehave(R"({"callbacks":"delay:500ms"})");
    post(id, input::SetRecording{Status::stopped});
    EXPECT_TRUE(eventually([&] { return ledger().find(R"("ended":null,"seconds")") == npos; }));
    misbehave(R"({"rest":"cut_after*1","callbacks":"ok"})");
    ASSERT_TRUE(settled());
    expect_both_sides();
    hang_up(id);
}

TEST_F(CarrierRecordingsTest, AreFetchedByTheNextStart) {
    begin();
    const auto id = recorded_call();
    misbehave(R"({"rest":"500_before"})");
    hang_up(id);
    EXPECT_TRUE(events_.wait<event::RecordingChanged>());
    std::promise<void> empty;
    bridge_->calls().when_empty([&empty] { empty.set_value(); });
    ASSERT_EQ(empty.get_future().wait_for(10s), std::future_status::ready);
    misbehave(R"({"rest":"ok"})");
    events_.stop();
    bridge_->stop();
    bridge_.reset();
    // Whether it was fetched in the last moment or not: now it is here.
    open_bridge([this](BridgeOptions& options) { record(options, [](auto&) {}); });
    ASSERT_TRUE(bridge_);
    ASSERT_TRUE(settled());
    expect_both_sides();
}

TEST_F(CarrierRecordingsTest, AreNotFetchedForACallThatWasDeleted) {
    begin([](auto& options) { options.look_every = 100ms; });
    const auto id = recorded_call();
    misbehave(R"({"callbacks":"lost"})");
    ASSERT_TRUE(stores::RecordingFolder(folder_ / "recordings").remove(id));
    post(id, input::SetRecording{Status::stopped});
    ASSERT_TRUE(eventually([&] { return ledger().find(R"("ended":null,"seconds")") == npos; }));
    misbehave(R"({"callbacks":"ok"})");
    hang_up(id);
    shut_down();
    EXPECT_TRUE(files().empty());
}

TEST_F(CarrierRecordingsTest, CostTheCallNothingWhenTwilioRefuses) {
    begin();
    const auto id = dial();
    misbehave(R"({"rest":"500_before*1"})");
    post(id, input::SetRecording{Status::recording});
    ASSERT_TRUE(has(Status::failed));
    const auto now = snapshot(id);
    EXPECT_EQ(now.state, call::CallState::in_progress);
    EXPECT_EQ(now.recording.file, "") << "there will be none";
    EXPECT_NE(now.recording.problem.find("Twilio does not record the call"), npos)
        << now.recording.problem;
    EXPECT_NE(now.recording.problem.find("AGENTBRIDGE_RECORD_BY=bridge"), npos);
    hang_up(id);
    EXPECT_TRUE(files().empty());
}

TEST_F(CarrierRecordingsTest, EndWhenTheyCannotBePaused) {
    begin();
    const auto id = recorded_call();
    misbehave(R"({"rest":"500_before*3"})");
    post(id, input::SetRecording{Status::paused});
    ASSERT_TRUE(has(Status::failed));
    EXPECT_NE(snapshot(id).recording.problem.find("could not pause"), npos);
    ASSERT_TRUE(settled());
    expect_both_sides();
    hang_up(id);
}

}  // namespace
}  // namespace bridge::app
