// What a call says: its microphone's turn, prompts, mute, focus and loudness.

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "call_fixture.hpp"

namespace bridge::call {
namespace {

using namespace std::chrono_literals;

struct CallSpeech : testing::Test {
    void SetUp() override {
        f.accept(input::Dial{});
        f.voice();
        stream = f.start_stream();
    }
    /// The microphone brings 10 ms blocks for so long; the phone is heard meanwhile.
    void speak(std::chrono::milliseconds time, std::int16_t value) {
        for (auto at = 0ms; at < time; at += 10ms) {
            f.microphone->speak(80, value, f.clock.now());
            if (at % 20ms == 0ms) f.media(stream, ++sequence, timestamp += 20);
            f.advance(10ms);
        }
    }
    LocalPart local() const { return f.call->snapshot().local; }

    CallFixture f;
    std::uint64_t stream = 0, sequence = 1;
    std::int64_t timestamp = 0;
};

TEST_F(CallSpeech, TheMicrophoneGoesToThePhoneTwentyMillisecondsAtATime) {
    ASSERT_EQ(f.microphone->lines.size(), 1U);
    EXPECT_TRUE(local().microphone);
    speak(1s, 1000);
    EXPECT_NEAR(static_cast<double>(f.line->sent), 50, 2);
    EXPECT_TRUE(std::all_of(f.line->samples.begin(), f.line->samples.end(),
                            [](auto sample) { return sample == 1000; }));
    const auto outbound = f.call->snapshot().outbound;
    EXPECT_EQ(outbound.frames, f.line->sent);
    EXPECT_LE(outbound.mouth_to_wire_max_ms, 40);
    EXPECT_EQ(outbound.dropped_live_samples, 0U);
}

TEST_F(CallSpeech, FramesLeaveWhereThePhonesFramesCome) {
    for (const auto shift : {7ms, 16ms}) {
        if (shift == 16ms) {  // a redirect ends the stream and starts another
            f.accept(input::StreamClosed{stream, true, {}});
            stream = f.start_stream();
            sequence = 1;
            timestamp = 0;
        }
        f.advance(shift);
        for (int i = 0; i < 10; ++i) {
            f.media(stream, ++sequence, timestamp += 20);
            f.microphone->speak(160, 1000, f.clock.now());
            const auto before = f.line->sent;
            f.advance(19ms);
            // The first one moves the slot to where it is, as a rule, and speech leaves at once.
            EXPECT_LE(f.line->sent, before + (i == 0 ? 1 : 0)) << i << " after " << shift.count();
            f.advance(1ms);
            EXPECT_EQ(f.line->sent, before + 1) << i << " after " << shift.count();
        }
    }
}

TEST_F(CallSpeech, TheSlotMovesToWhereMostFramesComeAndStaysIfTheyComeAnyhow) {
    const auto phase = [&] {
        return std::chrono::floor<std::chrono::milliseconds>(f.clock.now().time_since_epoch()) %
               20ms;
    };
    auto left_at = -1ms;  // the phase in which frames leave
    const auto twenty = [&](std::chrono::milliseconds until_heard) {
        f.microphone->speak(160, 1000, f.clock.now());
        for (auto at = 0ms; at < 20ms; at += 1ms) {
            if (at == until_heard) f.media(stream, ++sequence, timestamp += 20);
            const auto before = f.line->sent;
            f.advance(1ms);
            if (f.line->sent > before) left_at = phase();
        }
    };
    const auto first = (phase() + 3ms) % 20ms;
    for (int i = 0; i < 5; ++i) twenty(3ms);
    EXPECT_EQ(left_at, first);
    for (int i = 0; i < 20; ++i) twenty(10ms);
    EXPECT_EQ(left_at, first) << "so few may be chance";
    const auto dropped = f.call->snapshot().outbound.dropped_live_samples;
    for (int i = 0; i < 20; ++i) twenty(10ms);
    EXPECT_EQ(f.call->snapshot().outbound.dropped_live_samples, dropped) << "by the move";
    const auto second = (first + 7ms) % 20ms;
    EXPECT_EQ(left_at, second);
    std::minstd_rand random(5);
    for (int i = 0; i < 500; ++i) {
        twenty(std::chrono::milliseconds(random() % 20));
        ASSERT_EQ(left_at, second) << i;
    }
    // A millisecond earlier is near enough: what comes before the slot finds itself in it.
    for (int i = 0; i < 200; ++i) twenty(i % 2 == 0 ? 9ms : 10ms);
    EXPECT_EQ(left_at, second);
    // It has been here for long, and stays even if they nearly all come then.
    for (int i = 0; i < 100; ++i) twenty(i % 10 == 0 ? 10ms : 9ms);
    EXPECT_EQ(left_at, second);
    // In a slot that is new it is another matter.
    for (int i = 0; i < 60; ++i) twenty(4ms);
    const auto third = (second + 14ms) % 20ms;
    EXPECT_EQ(left_at, third);
    for (int i = 0; i < 40; ++i) twenty(i % 10 == 0 ? 4ms : 3ms);
    EXPECT_EQ(left_at, third - 1ms);
    EXPECT_EQ(f.call->snapshot().outbound.dropped_live_samples, dropped) << "by these moves";
}

TEST_F(CallSpeech, MutedNothingLeavesAndTheMicrophoneIsLetGo) {
    speak(200ms, 1000);
    f.accept(input::SetMuted{true});
    EXPECT_TRUE(f.microphone->lines.empty());
    const auto sent = f.line->sent;
    speak(500ms, 1000);
    EXPECT_EQ(f.line->sent, sent);
    f.accept(input::SetMuted{false});
    speak(500ms, 2000);
    EXPECT_GT(f.line->sent, sent + 20);
    // Nothing that was said while it was muted is caught up with.
    EXPECT_TRUE(std::all_of(f.line->samples.begin() + static_cast<std::ptrdiff_t>(sent * 160),
                            f.line->samples.end(), [](auto sample) { return sample == 2000; }));
    EXPECT_EQ(f.all<event::LocalChanged>().size(), 2U);
}

TEST_F(CallSpeech, WithoutTheFocusItIsSilentAndSofter) {
    f.accept(input::SetLocal{false, 0.2F, 0.5F});
    EXPECT_TRUE(f.microphone->lines.empty());
    EXPECT_FALSE(local().microphone);
    EXPECT_FLOAT_EQ(local().gain, 0.2F);
    EXPECT_FLOAT_EQ(local().pan, 0.5F);
    f.device->loudest = 0;
    speak(500ms, 0);
    const auto soft = f.device->loudest;
    f.accept(input::SetLocal{true, 1.0F, 0.0F});
    f.device->loudest = 0;
    speak(500ms, 0);
    EXPECT_NEAR(soft / f.device->loudest, 0.2, 0.05);
    EXPECT_EQ(f.microphone->lines.size(), 1U);
}

TEST_F(CallSpeech, ABacklogAfterAStallIsDroppedOldestFirst) {
    speak(200ms, 1000);
    const auto sent = f.line->samples.size();
    // The io thread does nothing for 200 ms while the microphone goes on.
    f.microphone->speak(800, 1, f.clock.now());
    f.microphone->speak(800, 2, f.clock.now());
    speak(300ms, 3);
    EXPECT_EQ(std::count(f.line->samples.begin() + static_cast<std::ptrdiff_t>(sent),
                         f.line->samples.end(), 1),
              0);
    EXPECT_GE(f.call->snapshot().outbound.dropped_live_samples, 960U);
}

TEST_F(CallSpeech, ALongerWaitInTheMicrophonesLineIsNeverKept) {
    speak(10s, 5);
    EXPECT_LE(f.microphone->lines[0]->waiting(), 480U);
    EXPECT_EQ(f.microphone->lines[0]->dropped_samples(), 0U);
}

TEST_F(CallSpeech, APromptGoesToThePhoneAndIsHeardHereWhenThePhoneHearsIt) {
    f.accept(input::SetMuted{true});
    f.device->loudest = 0;
    const auto beep = std::make_shared<const std::vector<std::int16_t>>(4000, 20000);
    f.accept(input::Play{beep});
    EXPECT_EQ(f.line->sent, 13U) << "260 ms at once";
    for (int i = 0; i < 100; ++i) {
        f.media(stream, ++sequence, timestamp += 20, 160, 0xFF);  // the phone is silent
        f.advance(20ms);
    }
    EXPECT_EQ(std::count(f.line->samples.begin(), f.line->samples.end(), 20000), 4000);
    EXPECT_GT(f.device->loudest, 0.5F);
}

TEST_F(CallSpeech, ALoopPlaysUntilItIsCleared) {
    f.accept(input::SetMuted{true});
    const auto tune = std::make_shared<const std::vector<std::int16_t>>(160, 100);
    f.accept(input::Play{tune, true});
    f.advance(3s);
    EXPECT_GT(f.line->sent, 150U);
    f.accept(input::Clear{});
    EXPECT_EQ(f.line->clears, 1);
    const auto sent = f.line->sent;
    f.advance(1s);
    EXPECT_EQ(f.line->sent, sent);
}

TEST_F(CallSpeech, MarksThatComeBackCountAsPlayed) {
    f.accept(input::SetMuted{true});
    f.accept(input::Play{std::make_shared<const std::vector<std::int16_t>>(1600, 100)});
    f.advance(200ms);
    ASSERT_FALSE(f.line->marks.empty());
    for (const auto& name : f.line->marks) f.accept(input::MarkEchoed{stream, ++sequence, name});
    EXPECT_EQ(f.call->snapshot().outbound.marks_played, f.line->marks.size());
    // The same once more is a duplicate of the network's making.
    f.accept(input::MarkEchoed{stream, sequence, f.line->marks[0]});
    EXPECT_EQ(f.call->snapshot().outbound.marks_played, f.line->marks.size());
}

TEST_F(CallSpeech, TheEndOfTheStreamLetsTheMicrophoneGo) {
    f.accept(input::StreamClosed{stream, true, ""});
    EXPECT_TRUE(f.microphone->lines.empty());
    EXPECT_FALSE(local().microphone);
}

TEST(CallSpeechListening, AListenOnlyCallHasNoMicrophone) {
    auto spec = CallFixture::outbound();
    spec.focus = false;
    CallFixture f(spec);
    f.accept(input::Dial{});
    f.voice();
    f.start_stream();
    EXPECT_TRUE(f.microphone->lines.empty()) << "nobody gave it the focus";
}

}  // namespace
}  // namespace bridge::call
