// A call that is recorded: when it begins, what of both sides reaches it, and that it never costs
// the call anything.

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "tests/unit/call/call_fixture.hpp"

namespace bridge::call {
namespace {

using namespace std::chrono_literals;
using Status = RecordingStatus;

/// What one recording was told.
struct Recorded {
    std::uint64_t begin = 0;
    std::vector<std::uint64_t> far;  ///< where its frames lay
    std::size_t near_samples = 0;
    std::uint64_t near_begin = 0, known = 0;
    std::vector<std::string> steps;
    bool over = false;
    std::function<void(std::string)> broke;
};

class ListeningRecording final : public CallRecording {
public:
    explicit ListeningRecording(std::shared_ptr<Recorded> into) : into_(std::move(into)) {}
    ~ListeningRecording() override { into_->over = true; }
    const std::string& file() const override { return file_; }
    void far_end(std::uint64_t at, std::span<const std::int16_t>) override {
        into_->far.push_back(at);
    }
    void near_end(std::uint64_t at, std::span<const std::int16_t> samples) override {
        EXPECT_GE(at, into_->known);
        if (into_->near_samples == 0) into_->near_begin = at;
        into_->near_samples += samples.size();
        into_->known = at + samples.size();
    }
    void near_known(std::uint64_t at) override { into_->known = at; }
    void pause(std::uint64_t at) override { into_->steps.push_back("pause " + std::to_string(at)); }
    void resume(std::uint64_t at) override {
        into_->steps.push_back("resume " + std::to_string(at));
    }

private:
    const std::string file_ = "c.wav";
    const std::shared_ptr<Recorded> into_;
};

class ListeningShelf final : public RecordingShelf {
public:
    Result<std::shared_ptr<CallRecording>> begin(const CallId&, std::uint64_t at,
                                                 boost::asio::any_io_executor,
                                                 std::function<void(std::string)> broke) override {
        if (refuses) return fail(Errc::io, "the folder is gone");
        made.push_back(std::make_shared<Recorded>());
        made.back()->begin = at;
        made.back()->broke = std::move(broke);
        return std::make_shared<ListeningRecording>(made.back());
    }
    audio::Samples notice(std::optional<RecordingNotice> wanted) const override {
        if (wanted != RecordingNotice::beep) return {};
        return std::make_shared<const std::vector<std::int16_t>>(1600, std::int16_t{9});
    }

    std::vector<std::shared_ptr<Recorded>> made;
    bool refuses = false;
};

struct CallRecordingTest : testing::Test {
    static CallSpec recorded() {
        auto spec = CallFixture::outbound();
        spec.record = true;
        return spec;
    }
    void make(CallSpec spec) {
        call.emplace(std::move(spec), nullptr, nullptr, AgentCare{}, shelf);
    }
    /// So many frames of the phone, 20 ms each.
    void hear(std::uint64_t stream, int frames) {
        for (int i = 0; i < frames; ++i) {
            call->advance(20ms);
            call->media(stream, ++sequence, timestamp);
            timestamp += 20;
        }
    }
    std::vector<Status> told() const {
        std::vector<Status> out;
        for (const auto& changed : call->all<event::RecordingChanged>())
            out.push_back(changed.recording.status);
        return out;
    }

    std::shared_ptr<ListeningShelf> shelf = std::make_shared<ListeningShelf>();
    std::optional<CallFixture> call;
    std::uint64_t sequence = 0;
    std::int64_t timestamp = 0;
};

TEST_F(CallRecordingTest, BeginsWithTheFirstStreamAndHasThePhoneAtItsTimestamps) {
    make(recorded());
    EXPECT_TRUE(shelf->made.empty());
    const auto stream = call->talk();
    ASSERT_EQ(shelf->made.size(), 1U);
    EXPECT_EQ(shelf->made[0]->begin, 0U);
    hear(stream, 3);
    timestamp += 100;  // the carrier lost some
    hear(stream, 1);
    EXPECT_EQ(shelf->made[0]->far, (std::vector<std::uint64_t>{0, 160, 320, 1280}));
    EXPECT_EQ(call->call->snapshot().recording, (RecordingState{Status::recording, "c.wav", {}}));
}

TEST_F(CallRecordingTest, HasOfThisSideWhatThePhoneHeard) {
    make(recorded());
    const auto stream = call->talk();
    hear(stream, 5);
    call->accept(
        input::Play{std::make_shared<const std::vector<std::int16_t>>(1600, std::int16_t{5})});
    EXPECT_EQ(shelf->made[0]->near_samples, 0U);
    for (int i = 0; i < 20; ++i) {
        hear(stream, 1);
        if (i != 12) continue;
        call->echo_marks(stream);
        sequence = call->echoed;
    }
    EXPECT_EQ(shelf->made[0]->near_samples, 1600U);
    // Its end was where the phone's own sound was when the mark came back.
    EXPECT_EQ(shelf->made[0]->near_begin + 1600, static_cast<std::uint64_t>((5 + 13) * 160));
    EXPECT_GE(shelf->made[0]->known, static_cast<std::uint64_t>(24 * 160));
}

TEST_F(CallRecordingTest, PausesGoesOnAndEndsByCommand) {
    make(CallFixture::outbound());
    const auto stream = call->talk();
    hear(stream, 20);
    EXPECT_TRUE(shelf->made.empty());
    call->accept(input::SetRecording{Status::paused});  // there is nothing to pause
    call->accept(input::SetRecording{Status::recording});
    ASSERT_EQ(shelf->made.size(), 1U);
    EXPECT_EQ(shelf->made[0]->begin, 3200U);
    hear(stream, 10);
    call->accept(input::SetRecording{Status::paused});
    hear(stream, 10);
    call->accept(input::SetRecording{Status::recording});
    EXPECT_EQ(shelf->made[0]->steps, (std::vector<std::string>{"pause 4800", "resume 6400"}));
    call->accept(input::SetRecording{Status::stopped});
    EXPECT_TRUE(shelf->made[0]->over);
    call->accept(input::SetRecording{Status::recording});
    EXPECT_EQ(shelf->made.size(), 2U);
    EXPECT_EQ(told(), (std::vector<Status>{Status::recording, Status::paused, Status::recording,
                                           Status::stopped, Status::recording}));
}

TEST_F(CallRecordingTest, ThePhoneIsToldIfThatIsWanted) {
    make(CallFixture::outbound());
    const auto stream = call->talk();
    call->accept(input::SetRecording{Status::recording, RecordingNotice::beep});
    hear(stream, 10);
    EXPECT_GE(std::count(call->line->samples.begin(), call->line->samples.end(), 9), 1600);
}

TEST_F(CallRecordingTest, OneThatBreaksEndsAndTheCallGoesOn) {
    make(recorded());
    const auto stream = call->talk();
    hear(stream, 2);
    shelf->made[0]->broke("the disk is full");
    call->settle();
    EXPECT_TRUE(shelf->made[0]->over);
    EXPECT_EQ(call->call->snapshot().recording.status, Status::failed);
    EXPECT_EQ(call->call->snapshot().recording.problem, "the disk is full");
    hear(stream, 2);
    EXPECT_EQ(shelf->made[0]->far.size(), 2U);
    EXPECT_EQ(call->call->state(), CallState::in_progress);
}

TEST_F(CallRecordingTest, OneThatCannotBeginIsSaidAndTheCallGoesOn) {
    shelf->refuses = true;
    make(recorded());
    const auto stream = call->talk();
    hear(stream, 2);
    EXPECT_EQ(call->call->snapshot().recording,
              (RecordingState{Status::failed, {}, "the folder is gone"}));
    EXPECT_EQ(call->call->state(), CallState::in_progress);
}

TEST_F(CallRecordingTest, AnotherStreamGoesOnWhereTheTimeIs) {
    make(recorded());
    const auto first = call->talk();
    hear(first, 10);
    call->accept(input::SendDigits{"1"});
    call->settle();
    call->accept(input::StreamStopped{first});
    call->advance(2s);
    const auto second = call->start_stream();
    timestamp = 0;
    sequence = 0;
    hear(second, 2);
    const auto& far = shelf->made[0]->far;
    ASSERT_EQ(far.size(), 12U);
    EXPECT_NEAR(static_cast<double>(far[10]), 10 * 160 + 16000, 160);
    EXPECT_EQ(far[11], far[10] + 160);
}

TEST_F(CallRecordingTest, EndsWithTheCall) {
    make(recorded());
    const auto stream = call->talk();
    hear(stream, 2);
    call->accept(input::StreamClosed{stream, true, {}});
    call->status("completed", 3);
    call->advance(3s);
    EXPECT_TRUE(shelf->made[0]->over);
    EXPECT_EQ(told().back(), Status::stopped);
}

}  // namespace
}  // namespace bridge::call
