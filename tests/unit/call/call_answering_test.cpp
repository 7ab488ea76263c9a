#include <gtest/gtest.h>

#include "call_fixture.hpp"

namespace bridge::call {
namespace {

using namespace std::chrono_literals;

class MemoryMessage final : public VoicemailMessage {
public:
    explicit MemoryMessage(std::size_t& frames) : frames_(frames) {}
    void write(const audio::AudioFrame&) override { ++frames_; }
    const std::string& file() const override { return file_; }

private:
    std::size_t& frames_;
    std::string file_ = "/box/message.wav";
};

class MemoryBox final : public VoicemailBox {
public:
    audio::Samples greeting() const override {
        return std::make_shared<const std::vector<std::int16_t>>(8000, 1000);
    }
    std::chrono::seconds limit() const override { return 120s; }
    Result<std::shared_ptr<VoicemailMessage>> begin(const CallId&) override {
        ++begun;
        if (broken) return fail(Errc::io, "the disk is full");
        return std::make_shared<MemoryMessage>(frames);
    }
    int begun = 0;
    std::size_t frames = 0;
    bool broken = false;
};

CallSpec inbound(bool voicemail = false) {
    CallSpec spec;
    spec.direction = Direction::inbound;
    spec.sid = CallSid{"CA1"};
    spec.from = "+15551234567";
    spec.ring = true;
    spec.voicemail = voicemail;
    return spec;
}

std::uint64_t ring(CallFixture& f) {
    f.accept(input::VoiceRequested{CallSid{"CA1"}, "+15551234567", "+2", "ringing", ""});
    return f.start_stream();
}

TEST(RingingHere, PlaysTheRingingToneUntilItIsTaken) {
    CallFixture f(inbound());
    const auto stream = ring(f);
    ASSERT_EQ(f.all<event::Ringing>().size(), 1U);
    EXPECT_EQ(f.all<event::Ringing>()[0].from, "+15551234567");
    EXPECT_TRUE(f.call->snapshot().local.ringing);
    EXPECT_TRUE(f.microphone->lines.empty());
    for (std::uint64_t i = 0; i < 50; ++i) {
        f.media(stream, i + 2, static_cast<std::int64_t>(i) * 20);
        f.advance(20ms);
    }
    EXPECT_EQ(f.device->loudest, 0.0F) << "nobody here hears the caller yet";
    EXPECT_GT(f.line->sent, 45U);
    f.accept(input::Accept{});
    EXPECT_EQ(f.line->clears, 1) << "the tone stops at once";
    EXPECT_EQ(f.microphone->lines.size(), 1U);
    for (std::uint64_t i = 50; i < 100; ++i) {
        f.media(stream, i + 2, static_cast<std::int64_t>(i) * 20);
        f.advance(20ms);
    }
    EXPECT_GT(f.device->loudest, 0.1F);
    f.accept(input::Accept{});
    f.advance(120s);
    const auto ends = f.all<event::RingEnded>();
    ASSERT_EQ(ends.size(), 1U);
    EXPECT_TRUE(ends[0].accepted);
    EXPECT_TRUE(f.carrier->hung_up.empty());
}

TEST(RingingHere, IsHungUpWhenRefused) {
    CallFixture f(inbound());
    ring(f);
    f.accept(input::Reject{});
    EXPECT_EQ(f.carrier->hung_up, std::vector<std::string>{"CA1"});
    ASSERT_EQ(f.all<event::RingEnded>().size(), 1U);
    EXPECT_FALSE(f.all<event::RingEnded>()[0].accepted);
    f.accept(input::Accept{});
    EXPECT_EQ(f.all<event::RingEnded>().size(), 1U);
}

TEST(RingingHere, IsHungUpWhenNobodyTakesIt) {
    CallFixture f(inbound());
    ring(f);
    f.advance(29s);
    EXPECT_TRUE(f.carrier->hung_up.empty());
    f.advance(2s);
    EXPECT_EQ(f.carrier->hung_up, std::vector<std::string>{"CA1"});
    EXPECT_EQ(f.all<event::RingEnded>()[0].reason, "nobody took it in 30 s");
}

TEST(RingingHere, CannotBeTakenAfterTheCallerHungUp) {
    CallFixture f(inbound());
    const auto stream = ring(f);
    f.accept(input::StreamClosed{stream, true, ""});
    EXPECT_EQ(f.all<event::RingEnded>()[0].reason, "the caller hung up");
    f.accept(input::Accept{});
    f.status("completed", 3);
    f.accept(input::Accept{});
    f.advance(3s);
    EXPECT_EQ(f.ended, 1);
    EXPECT_EQ(f.all<event::RingEnded>().size(), 1U);
    EXPECT_EQ(f.clock.pending(), 0U);
}

TEST(RingingHere, TakesNoKeysHoldOrTransfer) {
    CallFixture f(inbound());
    ring(f);
    f.accept(input::SendDigits{"1"});
    f.accept(input::Transfer{"+15550001111"});
    f.accept(input::SetHeld{true});
    f.advance(1s);
    EXPECT_TRUE(f.carrier->instructed.empty());
    EXPECT_FALSE(f.call->snapshot().local.held);
    EXPECT_EQ(f.all<event::DigitsSent>()[0].problem, "the call was not taken yet");
}

TEST(RingingHere, DoesNotBeginAgainWithAStreamThatComesBack) {
    CallFixture f(inbound());
    const auto stream = ring(f);
    f.accept(input::Accept{});
    f.accept(input::SendDigits{"12"});
    f.advance(10ms);
    f.accept(input::StreamClosed{stream, true, ""});
    f.voice();
    f.start_stream();
    EXPECT_EQ(f.all<event::Ringing>().size(), 1U);
    EXPECT_FALSE(f.call->snapshot().local.ringing);
}

TEST(RingingHere, AnInboundCallThatNeedNotRingIsTakenAtOnce) {
    auto spec = inbound();
    spec.ring = false;
    CallFixture f(spec);
    ring(f);
    EXPECT_TRUE(f.all<event::Ringing>().empty());
    EXPECT_EQ(f.microphone->lines.size(), 1U);
}

class VoicemailTest : public testing::Test {
protected:
    /// The caller has heard the greeting and the beep.
    void reach_the_beep() {
        stream = ring(f);
        f.advance(30s + 10ms);
        f.advance(2s);  // greeting 1 s, pause and beep 0.7 s
        EXPECT_EQ(box->begun, 0) << "nobody has told that the beep was heard";
        f.echo_marks(stream);
        ASSERT_EQ(box->begun, 1);
    }
    void speak(std::uint64_t frames) {
        for (std::uint64_t i = 0; i < frames; ++i) {
            ++sequence;
            f.media(stream, sequence, static_cast<std::int64_t>(sequence) * 20);
            f.advance(20ms);
        }
    }
    std::shared_ptr<MemoryBox> box = std::make_shared<MemoryBox>();
    CallFixture f{inbound(true), box};
    std::uint64_t stream = 0, sequence = 200'000;  // behind the echoes
};

TEST_F(VoicemailTest, TakesTheMessageUntilTheCallerHangsUp) {
    reach_the_beep();
    EXPECT_TRUE(f.call->snapshot().local.voicemail);
    speak(100);
    f.accept(input::StreamStopped{stream});
    f.accept(input::StreamClosed{stream, true, ""});
    const auto left = f.all<event::VoicemailLeft>();
    ASSERT_EQ(left.size(), 1U);
    EXPECT_EQ(left[0].file, "/box/message.wav");
    EXPECT_EQ(left[0].length, 2000ms);
    EXPECT_EQ(box->frames, 100U);
    EXPECT_EQ(f.device->loudest, 0.0F) << "nobody here hears it";
    f.status("completed", 3);
    f.advance(3s);
    EXPECT_EQ(f.ended, 1);
    EXPECT_EQ(f.clock.pending(), 0U);
}

TEST_F(VoicemailTest, EndsWithTheHashKey) {
    reach_the_beep();
    speak(10);
    f.accept(input::DtmfReceived{stream, ++sequence, '5'});
    EXPECT_TRUE(f.all<event::VoicemailLeft>().empty());
    f.accept(input::DtmfReceived{stream, ++sequence, '#'});
    EXPECT_EQ(f.all<event::VoicemailLeft>().size(), 1U);
    EXPECT_EQ(f.carrier->hung_up, std::vector<std::string>{"CA1"});
}

TEST_F(VoicemailTest, IsNoLongerThanItsLimit) {
    reach_the_beep();
    speak(10);
    f.advance(120s);
    EXPECT_EQ(f.all<event::VoicemailLeft>().size(), 1U);
    EXPECT_EQ(f.carrier->hung_up, std::vector<std::string>{"CA1"});
}

TEST_F(VoicemailTest, IsEmptyIfTheCallerHangsUpBeforeTheBeep) {
    stream = ring(f);
    f.advance(31s);
    f.accept(input::StreamClosed{stream, true, ""});
    f.status("completed", 3);
    f.advance(3s);
    EXPECT_EQ(box->begun, 0);
    EXPECT_TRUE(f.all<event::VoicemailLeft>().empty());
    EXPECT_EQ(f.ended, 1);
}

TEST_F(VoicemailTest, CanBePickedUp) {
    reach_the_beep();
    speak(10);
    f.accept(input::Accept{});
    EXPECT_EQ(f.all<event::VoicemailLeft>().size(), 1U);
    EXPECT_EQ(f.microphone->lines.size(), 1U);
    speak(50);
    EXPECT_GT(f.device->loudest, 0.1F);
    f.advance(130s);
    EXPECT_TRUE(f.carrier->hung_up.empty());
}

TEST_F(VoicemailTest, HangsUpIfNothingCanBeWritten) {
    box->broken = true;
    reach_the_beep();
    EXPECT_EQ(f.carrier->hung_up, std::vector<std::string>{"CA1"});
    ASSERT_FALSE(f.all<event::Warning>().empty());
    EXPECT_NE(f.all<event::Warning>()[0].text.find("the disk is full"), std::string::npos);
}

TEST_F(VoicemailTest, EndsWithTheProgram) {
    reach_the_beep();
    speak(10);
    f.accept(input::HangUp{"Ctrl-C"});
    EXPECT_EQ(f.all<event::VoicemailLeft>().size(), 1U);
}

}  // namespace
}  // namespace bridge::call
