#include <algorithm>
#include <set>

#include "tests/unit/call/outbound_fixture.hpp"

namespace bridge::call {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

TEST_F(OutboundLineTest, SpeechInOneBurstComesOutEvenlyWithALead) {
    auto voice = line->add_voice(OutboundLine::Kind::ahead);
    const auto said = speech(5 * 8000);
    voice->write(said);
    voice->end();
    EXPECT_EQ(far->sent_samples, 260u * 8);  // at once, and no more
    for (int i = 0; i < 470; ++i) {
        clock.advance(10ms);
        const auto lead = line->stats().lead_ms;
        if (voice->waiting() > 0) {
            EXPECT_GE(lead, 150) << i;
            EXPECT_LE(lead, 260) << i;
        }
    }
    clock.advance(1s);
    expect_heard(said);
    EXPECT_TRUE(far->gaps.empty());
    EXPECT_LE(*std::max_element(far->sizes.begin(), far->sizes.end()), 5u);
    // Fewer and longer messages: that is what the lead is for.
    EXPECT_LT(far->sizes.size(), 75u);
    ASSERT_EQ(finished.size(), 1u);
    EXPECT_EQ(finished[0].second.outcome, SpeechOutcome::played);
    EXPECT_EQ(finished[0].second.heard, 5s);
}

TEST_F(OutboundLineTest, RefillsLeaveInTheCallsOwnSlot) {
    auto voice = line->add_voice(OutboundLine::Kind::ahead);
    clock.advance(3ms);
    voice->write(speech(3 * 8000));
    const auto first = far->sent_at.size();
    clock.advance(3s);
    ASSERT_GT(far->sent_at.size(), first + 20);
    for (auto i = first; i < far->sent_at.size(); ++i)
        EXPECT_EQ(far->sent_at[i].time_since_epoch() % 20ms, 7ms);
}

TEST_F(OutboundLineTest, ChunksOfAnySizeLeaveNoTrace) {
    for (const std::size_t chunk : {1u, 7u, 159u, 160u, 161u, 1000u, 12345u}) {
        make({});
        auto voice = line->add_voice(OutboundLine::Kind::ahead);
        const auto said = speech(2 * 8000 + 77);
        // Written at twice the speed at which it is spoken.
        std::size_t done = 0;
        while (done < said.size()) {
            const auto part = std::min(chunk, said.size() - done);
            voice->write(std::span(said).subspan(done, part));
            done += part;
            clock.advance(std::chrono::microseconds(part * 1000 / 16));
        }
        voice->end();
        clock.advance(3s);
        expect_heard(said);
        EXPECT_TRUE(far->gaps.empty()) << chunk;
        for (const auto size : far->sizes) EXPECT_GE(size, 1u);
    }
}

TEST_F(OutboundLineTest, ARemainderIsCarriedIntoTheNextWordsAndNeverPaddedMidSpeech) {
    auto voice = line->add_voice(OutboundLine::Kind::ahead);
    const auto said = speech(400);
    voice->write(std::span(said).first(250));
    clock.advance(18ms);
    EXPECT_EQ(far->sent_samples, 160u);
    voice->write(std::span(said).subspan(250));
    clock.advance(5ms);
    EXPECT_EQ(far->sent_samples, 320u);
    voice->end();
    clock.advance(1s);
    EXPECT_EQ(far->sent_samples, 480u);
    expect_heard(said);
}

TEST_F(OutboundLineTest, ARemainderThatNothingFollowsInTimeIsNotStuck) {
    auto voice = line->add_voice(OutboundLine::Kind::ahead);
    const auto said = speech(1850);
    voice->write(said);
    EXPECT_EQ(far->sent_samples, 1760u);
    clock.advance(214ms);
    EXPECT_EQ(far->sent_samples, 1760u) << "something may follow yet";
    clock.advance(2ms);
    EXPECT_EQ(far->sent_samples, 1920u) << "just in time";
    clock.advance(1s);
    expect_heard(said);
    EXPECT_TRUE(far->gaps.empty());
    // At the beginning there is nothing to come in time for: a frame's time is waited.
    voice->write(speech(50));
    clock.advance(19ms);
    EXPECT_EQ(far->sent_samples, 1920u);
    clock.advance(1ms);
    EXPECT_EQ(far->sent_samples, 2080u);
}

TEST_F(OutboundLineTest, AnUtteranceGoesOnInTheFrameInWhichTheOneBeforeEnds) {
    auto voice = line->add_voice(OutboundLine::Kind::ahead);
    const auto said = speech(10 * 1003);
    std::vector<UtteranceId> ids;
    for (std::size_t i = 0; i < 10; ++i) {
        ids.push_back(voice->begin());
        voice->write(std::span(said).subspan(i * 1003, 1003));
        clock.advance(100ms);
    }
    voice->end();
    clock.advance(2s);
    expect_heard(said);
    EXPECT_TRUE(far->gaps.empty());
    ASSERT_EQ(finished.size(), 10u);
    for (std::size_t i = 0; i < 10; ++i) {
        EXPECT_EQ(finished[i].first, ids[i]);
        EXPECT_EQ(finished[i].second.outcome, SpeechOutcome::played);
        EXPECT_EQ(finished[i].second.heard, 125ms);
        EXPECT_EQ(finished[i].second.sent, 125ms);
    }
}

TEST_F(OutboundLineTest, WhatAnotherVoiceHasSaidIsMarkedThoughAnUtteranceIsOpen) {
    auto agent = line->add_voice(OutboundLine::Kind::ahead);
    auto prompt = line->add_voice(OutboundLine::Kind::ahead);
    agent->begin();
    prompt->write(speech(480));
    prompt->end();
    clock.advance(200ms);
    ASSERT_EQ(finished.size(), 1u);
    EXPECT_EQ(finished[0].second.outcome, SpeechOutcome::played);
}

TEST_F(OutboundLineTest, SpeechThatIsNotThereInTimeIsCountedOnce) {
    auto voice = line->add_voice(OutboundLine::Kind::ahead);
    voice->write(speech(1600));
    clock.advance(1s);
    EXPECT_EQ(line->stats().starved, 0u);
    voice->write(speech(1600));
    clock.advance(1s);
    EXPECT_EQ(line->stats().starved, 1u);
    voice->end();
    voice->write(speech(1600));
    clock.advance(1s);
    EXPECT_EQ(line->stats().starved, 1u) << "between utterances there may be a silence";
}

TEST_F(OutboundLineTest, AStallOf150MillisecondsIsNotHeard) {
    for (int at = 0; at < 100; at += 3) {
        make({});
        auto voice = line->add_voice(OutboundLine::Kind::ahead);
        const auto said = speech(2 * 8000);
        voice->write(said);
        voice->end();
        clock.advance(milliseconds(500 + at));
        clock.stall(150ms);
        clock.advance(3s);
        EXPECT_TRUE(far->gaps.empty()) << at;
        expect_heard(said);
    }
}

TEST_F(OutboundLineTest, AfterALongerStallTheLeadIsBackAtOnce) {
    auto voice = line->add_voice(OutboundLine::Kind::ahead);
    voice->write(speech(8 * 8000));
    clock.advance(1s);
    clock.stall(700ms);
    clock.advance(20ms);
    EXPECT_GE(line->stats().lead_ms, 230);
    clock.advance(2s);
    EXPECT_EQ(far->gaps.size(), 1u);
    EXPECT_LE(line->stats().lead_ms, 260);
}

TEST_F(OutboundLineTest, NothingIsSentInSilenceUnlessAsked) {
    auto voice = line->add_voice(OutboundLine::Kind::ahead);
    clock.advance(1s);
    EXPECT_TRUE(far->sizes.empty());
    voice->write(speech(160));
    voice->end();
    clock.advance(1s);
    EXPECT_EQ(far->sizes.size(), 1u);

    OutboundOptions options;
    options.send_silence = true;
    make(options);
    clock.advance(1s);
    EXPECT_NEAR(static_cast<double>(far->sizes.size()), 50, 1);
}

TEST_F(OutboundLineTest, ALiveVoiceGoesOutFrameByFrameWithoutALead) {
    auto voice = line->add_voice(OutboundLine::Kind::live);
    const auto said = speech(8000);
    std::size_t at = 0;
    bring_live = [&] {
        if (at < said.size()) voice->write(std::span(said).subspan(at, 160));
        at += 160;
    };
    clock.advance(2s);
    expect_heard(said);
    EXPECT_EQ(far->most_waiting, 160u);
    for (const auto size : far->sizes) EXPECT_EQ(size, 1u);
    EXPECT_EQ(line->stats().dropped_live_samples, 0u);
}

TEST_F(OutboundLineTest, ALiveVoiceLosesItsOldestAfterAStall) {
    auto voice = line->add_voice(OutboundLine::Kind::live);
    const auto said = speech(1600);
    bring_live = [&, first = true]() mutable {
        if (std::exchange(first, false)) voice->write(said);
    };
    clock.advance(1s);
    // 40 ms are kept, the latest.
    const std::vector<std::int16_t> kept(said.end() - 320, said.end());
    expect_heard(kept);
    EXPECT_EQ(line->stats().dropped_live_samples, 1280u);
}

TEST_F(OutboundLineTest, ManyLiveVoicesAreHeardTogether) {
    std::vector<std::shared_ptr<VoiceSink>> voices;
    for (int i = 0; i < 6; ++i) voices.push_back(line->add_voice(OutboundLine::Kind::live));
    int slot = 0;
    bring_live = [&] {
        ++slot;
        for (std::size_t i = 0; i < voices.size(); ++i) {
            const std::vector<std::int16_t> sound(160, static_cast<std::int16_t>(1 << i));
            // Some bring it in pieces, and one now and then nothing.
            if (i == 5 && slot % 2 == 0) continue;
            if (i == 1) {
                voices[i]->write(std::span(sound).first(100));
                voices[i]->write(std::span(sound).last(60));
            } else {
                voices[i]->write(sound);
            }
        }
    };
    clock.advance(400ms);
    const auto& heard = far->heard();
    ASSERT_GE(heard.size(), 15u * 160);
    for (std::size_t i = 0; i < heard.size(); ++i)
        ASSERT_EQ(heard[i], (i / 160) % 2 == 0 ? 63 : 31) << i;
    EXPECT_EQ(line->stats().dropped_live_samples, 0u);
}

TEST_F(OutboundLineTest, WhatALiveVoiceCannotSendInItsSlotWaits) {
    auto voice = line->add_voice(OutboundLine::Kind::live);
    int slot = 0;
    std::vector<std::size_t> waiting;
    line->detach();
    bring_live = [&] {
        waiting.push_back(voice->waiting());
        voice->write(std::vector<std::int16_t>(160, static_cast<std::int16_t>(++slot)));
        voice->write(std::vector<std::int16_t>(160, static_cast<std::int16_t>(++slot)));
    };
    line->attach(far);
    clock.advance(100ms);
    // Two frames come in a slot and one leaves; 40 ms of the rest are kept.
    ASSERT_GE(waiting.size(), 4u);
    EXPECT_EQ(waiting.front(), 0u);
    EXPECT_EQ(waiting[1], 160u);
    EXPECT_EQ(waiting.back(), 160u);
    const auto& heard = far->heard();
    EXPECT_EQ(heard.front(), 1);
    EXPECT_TRUE(std::is_sorted(heard.begin(), heard.end()));
}

TEST_F(OutboundLineTest, WhatIsSaidWhileTheMicrophoneIsOpenHasNoLead) {
    auto prompt = line->add_voice(OutboundLine::Kind::ahead);
    auto microphone = line->add_voice(OutboundLine::Kind::live);
    prompt->write(speech(8000));
    prompt->end();
    const std::vector<std::int16_t> hum(160, 5);
    bring_live = [&] { microphone->write(hum); };
    clock.advance(500ms);
    EXPECT_LE(far->most_waiting, 160u);
    clock.advance(1s);
    auto& heard = far->heard();
    const auto said = speech(8000);
    for (std::size_t i = 0; i < said.size(); ++i) ASSERT_EQ(heard[i], said[i] + 5);
}

TEST_F(OutboundLineTest, TwoVoicesAreAddedAndLimited) {
    auto one = line->add_voice(OutboundLine::Kind::ahead);
    auto two = line->add_voice(OutboundLine::Kind::ahead);
    auto ears = line->add_voice(OutboundLine::Kind::live);  // nothing leaves before its slot
    one->write(std::vector<std::int16_t>(160, 30000));
    two->write(std::vector<std::int16_t>(160, 10000));
    one->end();
    two->end();
    clock.advance(100ms);
    ASSERT_EQ(far->heard().size(), 160u);
    EXPECT_EQ(far->heard()[80], 32767);
    EXPECT_EQ(line->stats().clipped_samples, 160u);
}

TEST_F(OutboundLineTest, MarksLieAtMost200MillisecondsApartAndCarryAGeneration) {
    auto voice = line->add_voice(OutboundLine::Kind::ahead);
    voice->write(speech(4 * 8000));
    clock.advance(2s);
    EXPECT_GE(line->stats().marks, 10u);
    const std::set<std::string> unique(far->names.begin(), far->names.end());
    EXPECT_EQ(unique.size(), far->names.size());
    EXPECT_TRUE(far->names.front().starts_with("g1:"));
    voice->cancel();
    voice->write(speech(8000));
    clock.advance(500ms);
    EXPECT_TRUE(far->names.back().starts_with("g2:"));
}

TEST_F(OutboundLineTest, OutcomesOfMarksAreToldApart) {
    auto voice = line->add_voice(OutboundLine::Kind::ahead);
    voice->write(speech(8000));
    clock.advance(300ms);
    const auto played = line->stats().marks_played;
    EXPECT_GT(played, 0u);
    voice->cancel();
    clock.advance(100ms);
    EXPECT_EQ(line->stats().marks_played, played);
    EXPECT_EQ(line->stats().marks_cleared, line->stats().marks - played);
    EXPECT_EQ(line->stats().marks_lost, 0u);
    voice->write(speech(8000));
    clock.advance(10ms);
    line->detach();
    EXPECT_GT(line->stats().marks_lost, 0u);
    ASSERT_FALSE(finished.empty());
    EXPECT_EQ(finished.front().second.outcome, SpeechOutcome::cleared);
}

TEST_F(OutboundLineTest, ClearLeavesAtOnceAndNothingStaleFollows) {
    auto voice = line->add_voice(OutboundLine::Kind::ahead);
    voice->write(speech(10 * 8000));
    clock.advance(1s);
    const auto asked = clock.now();
    const auto messages = far->sizes.size();
    voice->cancel();
    ASSERT_EQ(far->cleared_at.size(), 1u);
    EXPECT_EQ(far->cleared_at[0], asked);
    clock.advance(1s);
    EXPECT_EQ(far->sizes.size(), messages);
    EXPECT_EQ(voice->waiting(), 0u);
    // What comes next is new, and is heard.
    const auto next = speech(800, 5);
    far->heard().clear();
    voice->write(next);
    voice->end();
    clock.advance(1s);
    expect_heard(next);
}

TEST_F(OutboundLineTest, CancelOfAVoiceThatHasBeenHeardClearsNothing) {
    auto voice = line->add_voice(OutboundLine::Kind::ahead);
    voice->write(speech(800));
    voice->end();
    clock.advance(1s);
    voice->cancel();
    EXPECT_TRUE(far->cleared_at.empty());
}

TEST_F(OutboundLineTest, SpeechGoesOnInTheNextStream) {
    auto voice = line->add_voice(OutboundLine::Kind::ahead);
    voice->write(speech(2 * 8000));
    clock.advance(500ms);
    line->detach();
    const auto left = voice->waiting();
    clock.advance(3s);
    EXPECT_EQ(voice->waiting(), left);
    auto next = std::make_shared<FarEnd>(clock, 15ms, 15ms);
    next->line = &*line;
    line->attach(next);
    clock.advance(3s);
    EXPECT_EQ(next->played(), left);
    EXPECT_EQ(voice->waiting(), 0u);
}

TEST_F(OutboundLineTest, WhatTheConnectionDoesNotTakeIsCountedAndNeverHeard) {
    auto voice = line->add_voice(OutboundLine::Kind::ahead);
    const auto id = voice->begin();
    voice->write(speech(8000));
    voice->end();
    clock.advance(200ms);
    far->refuse = true;
    clock.advance(300ms);
    far->refuse = false;
    clock.advance(3s);
    EXPECT_GT(line->stats().refused_frames, 0u);
    const auto heard = line->heard(id);
    EXPECT_EQ(heard->heard, milliseconds(far->played() / 8));
    EXPECT_EQ(heard->outcome, SpeechOutcome::lost);
    EXPECT_FALSE(line->speaking());
}

TEST_F(OutboundLineTest, AVoiceThatRunsTooFarAheadIsToldHowMuchWasTaken) {
    OutboundOptions options;
    options.ahead_backlog = 1s;
    make(options);
    auto voice = line->add_voice(OutboundLine::Kind::ahead);
    EXPECT_EQ(voice->write(speech(10000)), 8000u);
    EXPECT_EQ(line->stats().dropped_ahead_samples, 2000u);
}

TEST_F(OutboundLineTest, AVoiceMayHaveAsMuchWaitingAsTwilioKeepsAndAMinuteMore) {
    make({});
    auto voice = line->add_voice(OutboundLine::Kind::ahead);
    const auto second = speech(8000);
    for (int at = 0; at < 11 * 60; ++at) ASSERT_EQ(voice->write(second), 8000u) << at << " s";
    EXPECT_EQ(line->stats().dropped_ahead_samples, 0u);
    // What was sent of it, the lead, made room.
    EXPECT_LT(voice->write(second), 8000u);
    EXPECT_GT(line->stats().dropped_ahead_samples, 0u);
}

TEST_F(OutboundLineTest, ASourceIsPulledAsItIsNeededAndEnds) {
    auto voice = line->add_voice(OutboundLine::Kind::ahead);
    const auto tune = std::make_shared<const std::vector<std::int16_t>>(speech(1000));
    voice->play(std::make_unique<audio::PcmSource>(tune, true));
    clock.advance(10s);
    EXPECT_TRUE(far->gaps.empty());
    EXPECT_NEAR(static_cast<double>(far->sent_samples), 10.2 * 8000, 1000);
    EXPECT_LT(voice->waiting(), 2000u);
    voice->play(std::make_unique<audio::PcmSource>(tune, false));
    clock.advance(2s);
    EXPECT_FALSE(line->speaking());
}

TEST_F(OutboundLineTest, AnEndThatIsToldAfterAllWasSentIsMarkedToo) {
    auto voice = line->add_voice(OutboundLine::Kind::ahead);
    voice->write(speech(1600));
    EXPECT_EQ(far->sent_samples, 1600u);
    const auto marks = far->names.size();
    clock.advance(50ms);
    voice->end();
    EXPECT_EQ(far->names.size(), marks + 1);
    clock.advance(1s);
    ASSERT_EQ(finished.size(), 1u);
    EXPECT_EQ(finished[0].second.outcome, SpeechOutcome::played);
}

TEST_F(OutboundLineTest, AnUtteranceWithoutASoundDoesNotHoldBackTheLastMark) {
    auto voice = line->add_voice(OutboundLine::Kind::ahead);
    voice->write(speech(8000));
    voice->begin();
    clock.advance(1100ms);
    ASSERT_EQ(finished.size(), 1u);
    EXPECT_EQ(finished[0].second.outcome, SpeechOutcome::played);
}

TEST_F(OutboundLineTest, SpeakingEndsWithTheLastMark) {
    auto voice = line->add_voice(OutboundLine::Kind::ahead);
    EXPECT_FALSE(line->speaking());
    voice->write(speech(8000));
    EXPECT_TRUE(line->speaking());
    voice->end();
    clock.advance(1020ms);
    EXPECT_TRUE(line->speaking());
    EXPECT_TRUE(finished.empty());
    clock.advance(15ms);
    EXPECT_FALSE(line->speaking());
    EXPECT_EQ(finished.size(), 1u);
}

TEST_F(OutboundLineTest, AFarEndThatAnswersNoMarkIsNoReasonToGrow) {
    far->mute_marks = true;
    auto voice = line->add_voice(OutboundLine::Kind::ahead);
    const auto tune = std::make_shared<const std::vector<std::int16_t>>(speech(1000));
    voice->play(std::make_unique<audio::PcmSource>(tune, true));
    clock.advance(1h);
    EXPECT_GT(line->stats().marks_lost, 10000u);
}

TEST_F(OutboundLineTest, AFinishedHookMayBeginTheNextWords) {
    line.reset();
    std::shared_ptr<VoiceSink> voice;
    int times = 0;
    OutboundLine::Hooks hooks;
    hooks.finished = [&](UtteranceId, const Heard&) {
        if (++times > 5) return;
        voice->write(speech(400));
        voice->end();
    };
    line.emplace(clock, 0ms, OutboundOptions{}, hooks);
    far->line = &*line;
    line->attach(far);
    voice = line->add_voice(OutboundLine::Kind::ahead);
    voice->write(speech(400));
    voice->end();
    clock.advance(5s);
    EXPECT_EQ(times, 6);
    line->detach();
    far->line = nullptr;
    voice.reset();
}

}  // namespace
}  // namespace bridge::call
