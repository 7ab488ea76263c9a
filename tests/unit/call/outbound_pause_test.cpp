#include <random>

#include "call/speech_book.hpp"
#include "tests/unit/call/outbound_fixture.hpp"

namespace bridge::call {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using Kind = OutboundLine::Kind;

/// Where what was heard does not go on as it was said, in samples: less than 0 is said again, more
/// is left out. Silence does not count.
struct Breaks {
    explicit Breaks(const std::vector<std::int16_t>& heard) {
        for (const auto sample : heard) {
            if (sample == 0) continue;
            const auto number = static_cast<std::int64_t>(sample) - 1;
            auto step = (number - next % std::int64_t{kNumbers} + std::int64_t{kNumbers}) %
                        std::int64_t{kNumbers};
            if (step > std::int64_t{kNumbers} / 2) step -= std::int64_t{kNumbers};
            if (step != 0) all.push_back(step);
            next += step + 1;
            furthest = std::max(furthest, next);
        }
    }
    std::int64_t next = 0;      ///< of the samples that were said
    std::int64_t furthest = 0;  ///< up to where it was heard
    std::vector<std::int64_t> all;
};

struct OutboundPauseTest : OutboundLineTest {
    Breaks breaks() { return Breaks(far->heard()); }
    /// Nothing is left out, and no more than a round trip comes twice (marks are echoed up to
    /// 0.25 ms late here).
    static void expect_only_again(const Breaks& all, Clock::Duration round_trip) {
        for (const auto step : all.all) {
            EXPECT_LE(step, 0);
            EXPECT_GE(step, -(round_trip + 250us) / 1us * 8 / 1000);
        }
    }
};

TEST_F(OutboundPauseTest, PausedSpeechGoesOnWhereThePhoneStoppedHearingIt) {
    auto voice = line->add_voice(Kind::ahead);
    const auto id = voice->begin();
    voice->write(numbered(3 * 8000));
    voice->end();
    clock.advance(1s);
    voice->pause();
    EXPECT_TRUE(voice->paused());
    ASSERT_EQ(far->cleared_at.size(), 1u);
    EXPECT_EQ(far->cleared_at[0], clock.now());
    const auto heard = line->heard(id);
    EXPECT_EQ(heard->outcome, SpeechOutcome::pending);
    EXPECT_EQ(heard->sent, heard->heard) << "what was not heard is not sent any more";
    EXPECT_EQ((3 * 8000 - voice->waiting()) / 8, static_cast<std::size_t>(heard->heard / 1ms));
    clock.advance(2s);
    const auto at_pause = breaks().next;
    EXPECT_EQ(far->cleared_at.size(), 1u);
    EXPECT_EQ(line->heard(id)->heard, heard->heard);
    EXPECT_LE(heard->heard * 8, milliseconds(at_pause));
    EXPECT_GE((heard->heard + 2 * kWay + 1ms) * 8, milliseconds(at_pause));
    EXPECT_TRUE(finished.empty());
    EXPECT_TRUE(line->speaking());

    voice->resume();
    EXPECT_FALSE(voice->paused());
    clock.advance(3s);
    const auto all = breaks();
    ASSERT_LE(all.all.size(), 1u);
    expect_only_again(all, 2 * kWay);
    EXPECT_EQ(all.next, 3 * 8000);
    ASSERT_EQ(finished.size(), 1u);
    EXPECT_EQ(finished[0].second.outcome, SpeechOutcome::played);
    EXPECT_EQ(finished[0].second.heard, 3s);
    EXPECT_EQ(line->stats().pauses, 1u);
    EXPECT_EQ(line->stats().resumes, 1u);
    EXPECT_EQ(line->stats().clears, 1u);
}

TEST_F(OutboundPauseTest, WhatIsWrittenDuringAPauseComesAfterIt) {
    auto voice = line->add_voice(Kind::ahead);
    voice->write(numbered(8000));
    clock.advance(500ms);
    voice->pause();
    voice->begin();
    voice->write(numbered(8000, 8000));
    voice->end();
    clock.advance(1s);
    const auto before = far->sent_samples;
    EXPECT_LE(breaks().furthest, 530 * 8);
    voice->resume();
    EXPECT_GT(far->sent_samples, before) << "at once";
    clock.advance(3s);
    EXPECT_EQ(breaks().next, 16000);
    EXPECT_EQ(finished.size(), 2u);
}

TEST_F(OutboundPauseTest, APauseWithNothingAtTheFarEndSendsNoClear) {
    auto voice = line->add_voice(Kind::ahead);
    voice->pause();
    voice->resume();
    voice->write(numbered(1600));
    voice->end();
    clock.advance(1s);
    voice->pause();
    voice->pause();
    EXPECT_TRUE(far->cleared_at.empty());
    voice->write(numbered(1600, 1600));
    voice->end();
    clock.advance(1s);
    EXPECT_EQ(far->sent_samples, 1600u);
    voice->resume();
    clock.advance(1s);
    EXPECT_EQ(breaks().next, 3200);
    EXPECT_TRUE(far->cleared_at.empty());
    EXPECT_EQ(line->stats().pauses, 2u);
}

TEST_F(OutboundPauseTest, ACancelAfterAPauseForgetsTheRest) {
    auto voice = line->add_voice(Kind::ahead);
    const auto id = voice->begin();
    voice->write(numbered(5 * 8000));
    voice->end();
    const auto next = voice->begin();
    voice->write(numbered(8000));
    voice->end();
    clock.advance(700ms);
    voice->pause();
    const auto heard = line->heard(id)->heard;
    clock.advance(300ms);
    voice->cancel();
    EXPECT_FALSE(voice->paused());
    EXPECT_EQ(voice->waiting(), 0u);
    EXPECT_EQ(far->cleared_at.size(), 1u);
    ASSERT_EQ(finished.size(), 2u);
    EXPECT_EQ(finished[0].first, id);
    EXPECT_EQ(finished[0].second.outcome, SpeechOutcome::cleared);
    EXPECT_EQ(finished[0].second.heard, heard);
    EXPECT_EQ(finished[1].first, next);
    EXPECT_EQ(finished[1].second.outcome, SpeechOutcome::cleared);
    EXPECT_EQ(finished[1].second.heard, 0ms);
    // The next words are spoken without being asked to.
    far->heard().clear();
    const auto said = speech(1600);
    voice->write(said);
    voice->end();
    clock.advance(1s);
    expect_heard(said);
}

TEST_F(OutboundPauseTest, OtherVoicesLoseNothingByAPauseOrACancel) {
    for (const bool for_good : {false, true}) {
        make({});
        finished.clear();
        auto agent = line->add_voice(Kind::ahead);
        auto prompt = line->add_voice(Kind::ahead);
        const auto id = prompt->begin();
        prompt->write(numbered(2 * 8000));
        prompt->end();
        clock.advance(500ms);
        agent->write(std::vector<std::int16_t>(4000, 0));  // silent, but in the way
        clock.advance(300ms);
        agent->write(std::vector<std::int16_t>(4000, 0));
        for_good ? agent->cancel() : agent->pause();
        EXPECT_EQ(far->cleared_at.size(), 1u);
        EXPECT_GT(line->stats().lead_ms, 0) << "it goes on at once";
        clock.advance(3s);
        const auto all = breaks();
        EXPECT_EQ(all.next, 2 * 8000);
        expect_only_again(all, 2 * kWay);
        const auto heard = line->heard(id);
        EXPECT_EQ(heard->heard, 2s);
        EXPECT_EQ(heard->outcome, SpeechOutcome::played);
    }
}

TEST_F(OutboundPauseTest, APausedVoiceKeepsNobodysEndFromBeingTold) {
    auto agent = line->add_voice(Kind::ahead);
    auto prompt = line->add_voice(Kind::ahead);
    agent->write(numbered(8000));
    clock.advance(300ms);
    agent->pause();
    clock.advance(300ms);
    prompt->write(speech(480));
    prompt->end();
    clock.advance(100ms);
    ASSERT_EQ(finished.size(), 1u);
    EXPECT_EQ(finished[0].second.outcome, SpeechOutcome::played);
}

TEST_F(OutboundPauseTest, ASourceIsNotPulledWhileItsVoiceIsPaused) {
    auto voice = line->add_voice(Kind::ahead);
    const auto tune = std::make_shared<const std::vector<std::int16_t>>(numbered(kNumbers));
    voice->play(std::make_unique<audio::PcmSource>(tune, true));
    clock.advance(2s);
    voice->pause();
    const auto waiting = voice->waiting();
    clock.advance(10s);
    EXPECT_EQ(voice->waiting(), waiting);
    voice->resume();
    clock.advance(2s);
    for (const auto step : breaks().all) EXPECT_LE(step, 0);
    EXPECT_GE(breaks().next, 3900 * 8);
}

TEST_F(OutboundPauseTest, AMicrophoneIsNotPaused) {
    auto voice = line->add_voice(Kind::live);
    bring_live = [&] { voice->write(std::vector<std::int16_t>(160, 5)); };
    clock.advance(200ms);
    voice->pause();
    EXPECT_FALSE(voice->paused());
    EXPECT_TRUE(far->cleared_at.empty());
    EXPECT_EQ(line->stats().pauses, 0u);
}

TEST_F(OutboundPauseTest, AnAgentBesideAnOpenMicrophoneIsPausedToo) {
    auto agent = line->add_voice(Kind::ahead);
    auto microphone = line->add_voice(Kind::live);
    bring_live = [&] { microphone->write(std::vector<std::int16_t>(160, 0)); };
    agent->write(numbered(2 * 8000));
    agent->end();
    clock.advance(1s);
    agent->pause();
    clock.advance(1s);
    agent->resume();
    clock.advance(2s);
    const auto all = breaks();
    EXPECT_EQ(all.next, 2 * 8000);
    expect_only_again(all, 2 * kWay);
}

TEST_F(OutboundPauseTest, AStreamThatEndsDuringAPauseLosesNothing) {
    auto voice = line->add_voice(Kind::ahead);
    voice->write(numbered(8000));
    voice->end();
    clock.advance(500ms);
    voice->pause();
    const auto left = voice->waiting();
    clock.advance(100ms);
    line->detach();
    EXPECT_TRUE(finished.empty());
    auto next = std::make_shared<FarEnd>(clock, kWay, kWay);
    next->line = &*line;
    line->attach(next);
    clock.advance(1s);
    EXPECT_EQ(next->played(), 0u) << "it is paused still";
    voice->resume();
    clock.advance(2s);
    EXPECT_EQ(voice->waiting(), 0u);
    EXPECT_EQ(next->played(), (left + 159) / 160 * 160);
    ASSERT_EQ(finished.size(), 1u);
    EXPECT_EQ(finished[0].second.heard, 1s);
}

TEST_F(OutboundPauseTest, AMessageThatIsRefusedIsNeverMixedUpWithOneThatIsTakenBack) {
    auto voice = line->add_voice(Kind::ahead);
    const auto id = voice->begin();
    voice->write(numbered(4 * 8000));
    voice->end();
    clock.advance(500ms);
    far->refuse = true;
    clock.advance(100ms);
    far->refuse = false;
    clock.advance(130ms);
    const auto refused = line->stats().refused_frames * 160;
    ASSERT_GT(refused, 0u);
    voice->pause();
    clock.advance(500ms);
    voice->resume();
    clock.advance(5s);
    // What the connection did not take is left out; nothing comes in another order.
    const auto all = breaks();
    EXPECT_EQ(all.next, 4 * 8000);
    std::int64_t left_out = 0;
    for (const auto step : all.all) left_out += std::max<std::int64_t>(step, 0);
    EXPECT_GE(left_out, static_cast<std::int64_t>(refused) - 2 * kWay / 1ms * 8);
    EXPECT_EQ(line->heard(id)->received, 4s);
    EXPECT_LE(line->heard(id)->heard, line->heard(id)->sent);
    EXPECT_FALSE(line->speaking());
}

/// Somebody who speaks ahead of time, in utterances of 20 to 200 ms, over a network that is never
/// the same, and is interrupted at any moment.
struct Interrupted {
    explicit Interrupted(unsigned seed) : random(seed) {}
    milliseconds between(int low, int high) {
        return milliseconds(std::uniform_int_distribution<int>(low, high)(random));
    }
    std::mt19937 random;
};

TEST_F(OutboundPauseTest, HundredsOfPausesOverAnyNetworkLeaveNothingOut) {
    std::int64_t most_again = 0, most_left_out = 0;
    milliseconds worst_heard{0};
    std::size_t pauses = 0;
    for (unsigned round = 0; round < 60; ++round) {
        Interrupted chance(round);
        const auto there = chance.between(5, 150), back = chance.between(5, 150);
        const auto jitter = chance.between(0, 60);
        make({}, there, back);
        finished.clear();
        far->jitter = [&] { return chance.between(0, static_cast<int>(jitter.count())); };
        // What a mark takes, and how much less than the first words what stops them may take.
        const auto round_trip = there + back + 2 * jitter + jitter;
        auto voice = line->add_voice(Kind::ahead);
        std::size_t written = 0;
        std::vector<UtteranceId> ids;
        const auto speak = [&](milliseconds length) {
            ids.push_back(voice->begin());
            const auto count = static_cast<std::size_t>(length / 1ms) * 8 + chance.random() % 8;
            voice->write(numbered(count, written));
            written += count;
        };
        const auto heard = [&] {
            milliseconds sum{0};
            for (const auto id : ids) {
                const auto one = line->heard(id);
                if (!one) continue;
                EXPECT_LE(one->heard, one->sent);
                EXPECT_LE(one->sent, one->received);
                sum += one->heard;
            }
            return sum;
        };
        for (int i = 0; i < 40; ++i) speak(chance.between(20, 200));
        voice->end();
        for (int i = 0; i < 6; ++i) {
            clock.advance(chance.between(1, 1200));
            if (voice->waiting() == 0) break;
            // Whole milliseconds of each utterance: a part of one is lost in the sum of each.
            const auto rounded = milliseconds(ids.size());
            voice->pause();
            ++pauses;
            const auto claimed = heard();
            clock.advance(i % 2 == 0 ? chance.between(0, 50) : 1000ms);
            if (i % 2 == 1) {
                const auto truth = milliseconds(breaks().furthest / 8);
                if (ids.size() <= SpeechBook::kRemembered) {
                    EXPECT_LE(claimed, truth + jitter + 1ms) << round;
                    EXPECT_LE(truth - claimed, 200ms + round_trip + rounded) << round;
                    worst_heard = std::max(worst_heard, truth - claimed);
                }
            }
            voice->resume();
        }
        clock.advance(20s);
        const auto all = breaks();
        EXPECT_EQ(all.next, static_cast<std::int64_t>(written)) << round;
        for (const auto step : all.all) {
            most_again = std::max(most_again, -step);
            most_left_out = std::max(most_left_out, step);
            EXPECT_GE(step, -(round_trip + 1ms) / 1ms * 8) << round;
            EXPECT_LE(step, jitter / 1ms * 8) << round;
        }
        ASSERT_EQ(finished.size(), ids.size()) << round;
        for (const auto& [id, what] : finished) {
            EXPECT_EQ(what.outcome, SpeechOutcome::played);
            EXPECT_EQ(what.heard, what.received);
        }
    }
    EXPECT_GE(pauses, 200u);
    RecordProperty("pauses", static_cast<int>(pauses));
    RecordProperty("most_again_ms", static_cast<int>(most_again / 8));
    RecordProperty("most_left_out_ms", static_cast<int>(most_left_out / 8));
    RecordProperty("worst_heard_ms", static_cast<int>(worst_heard.count()));
}

}  // namespace
}  // namespace bridge::call
