// What is done with a call while it is up, by the whole bridge against the whole emulator: keys,
// hold, transfers, ringing, voicemail.

#include <algorithm>

#include "audio/wav.hpp"
#include "stores/voicemail_store.hpp"
#include "whole_bridge.hpp"

namespace bridge::app {
namespace {

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
