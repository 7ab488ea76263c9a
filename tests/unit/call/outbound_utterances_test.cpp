#include <random>

#include "call/speech_book.hpp"
#include "tests/unit/call/outbound_fixture.hpp"

namespace bridge::call {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using Kind = OutboundLine::Kind;

struct OutboundUtterancesTest : OutboundLineTest {};

TEST_F(OutboundUtterancesTest, AMinuteSentAheadInThousandsOfPiecesIsRemembered) {
    auto voice = line->add_voice(Kind::ahead);
    std::vector<UtteranceId> ids;
    for (int i = 0; i < 3000; ++i) {
        ids.push_back(voice->begin());
        voice->write(speech(160, i));
    }
    voice->end();
    clock.advance(10s);
    for (const auto id : ids) {
        if (line->heard(id)) continue;
        EXPECT_LE(id, finished.size() - SpeechBook::kRemembered) << "only finished ones are not";
    }
    EXPECT_EQ(line->heard(ids.back())->outcome, SpeechOutcome::pending);
    clock.advance(51s);
    ASSERT_EQ(finished.size(), ids.size());
    for (std::size_t i = 0; i < ids.size(); ++i) {
        EXPECT_EQ(finished[i].first, ids[i]);
        EXPECT_EQ(finished[i].second.outcome, SpeechOutcome::played);
        EXPECT_EQ(finished[i].second.heard, 20ms);
    }
    EXPECT_EQ(line->stats().lost_utterances, 0u);
    EXPECT_FALSE(line->heard(ids.front()));
    EXPECT_TRUE(line->heard(ids[ids.size() - SpeechBook::kRemembered]));
}

TEST_F(OutboundUtterancesTest, OfTooManyTheOldestIsToldAsLost) {
    auto music = line->add_voice(Kind::ahead);
    auto voice = line->add_voice(Kind::ahead);
    const auto tune = std::make_shared<const std::vector<std::int16_t>>(8000, std::int16_t{3});
    const auto oldest = music->play(std::make_unique<audio::PcmSource>(tune, true));
    for (std::size_t i = 1; i < SpeechBook::kMostUnfinished; ++i) {
        voice->begin();
        voice->write(speech(8));
    }
    EXPECT_TRUE(finished.empty());
    voice->begin();
    voice->write(speech(8));
    ASSERT_EQ(finished.size(), 1u);
    EXPECT_EQ(finished[0].first, oldest);
    EXPECT_EQ(finished[0].second.outcome, SpeechOutcome::lost);
    EXPECT_EQ(line->stats().lost_utterances, 1u);
    // It is played all the same, and the others are told as ever; it never is again.
    voice->end();
    clock.advance(10s);
    EXPECT_EQ(finished.size(), SpeechBook::kMostUnfinished + 1);
    music->cancel();
    clock.advance(1s);
    EXPECT_EQ(finished.size(), SpeechBook::kMostUnfinished + 1);
}

TEST_F(OutboundUtterancesTest, MusicUnderThousandsOfUtterancesIsNotForgotten) {
    auto music = line->add_voice(Kind::ahead);
    auto voice = line->add_voice(Kind::ahead);
    const auto tune = std::make_shared<const std::vector<std::int16_t>>(8000, std::int16_t{3});
    const auto oldest = music->play(std::make_unique<audio::PcmSource>(tune, true));
    for (int i = 0; i < 6000; ++i) {
        voice->begin();
        voice->write(speech(160));
        clock.advance(20ms);
    }
    ASSERT_TRUE(line->heard(oldest));
    EXPECT_GT(line->heard(oldest)->heard, 119s);
    EXPECT_EQ(line->stats().lost_utterances, 0u);
    music->cancel();
    EXPECT_EQ(line->heard(oldest)->outcome, SpeechOutcome::cleared);
}

TEST_F(OutboundUtterancesTest, ACancelTellsOfEveryUtteranceThatWaited) {
    auto voice = line->add_voice(Kind::ahead);
    for (int i = 0; i < 500; ++i) {
        voice->begin();
        voice->write(speech(400));
    }
    clock.advance(1s);
    voice->cancel();
    ASSERT_EQ(finished.size(), 500u);
    std::size_t played = 0;
    for (const auto& [id, what] : finished) {
        if (what.outcome == SpeechOutcome::played) {
            ++played;
        } else {
            EXPECT_EQ(what.outcome, SpeechOutcome::cleared);
        }
    }
    EXPECT_NEAR(static_cast<double>(played), 1000.0 / 50, 2);
}

TEST_F(OutboundUtterancesTest, ARefusedMessageIsNotTheEndOfAnUtteranceThatGoesOn) {
    auto voice = line->add_voice(Kind::ahead);
    voice->begin();
    voice->write(speech(4 * 8000));
    voice->end();
    clock.advance(200ms);
    far->refuse = true;
    clock.advance(500ms);
    far->refuse = false;
    clock.advance(1s);
    EXPECT_TRUE(finished.empty());
    clock.advance(4s);
    ASSERT_EQ(finished.size(), 1u);
    EXPECT_EQ(finished[0].second.outcome, SpeechOutcome::lost);
    EXPECT_EQ(finished[0].second.heard, milliseconds(far->played() / 8));
}

TEST_F(OutboundUtterancesTest, ItIsToldWhenAnUtteranceBeginsOnTheSocketAndAtThePhone) {
    auto voice = line->add_voice(Kind::ahead);
    const auto start = clock.now();
    const auto first = voice->begin();
    EXPECT_TRUE(began.empty());
    voice->write(speech(1600));
    ASSERT_EQ(began.size(), 1u);
    EXPECT_EQ(began[0], std::pair(first, start));
    const auto second = voice->begin();
    voice->write(speech(8000));
    voice->end();
    clock.advance(100ms + 2 * kWay + 1ms);
    ASSERT_EQ(heard_first.size(), 1u) << "the first words are marked by themselves";
    EXPECT_EQ(heard_first[0].first, first);
    EXPECT_LE(abs(heard_first[0].second - (start + kWay)), 1ms);
    clock.advance(3s);
    ASSERT_EQ(began.size(), 2u);
    EXPECT_EQ(began[1].first, second);
    EXPECT_LE(began[1].second, start + 40ms) << "in the lead";
    ASSERT_EQ(heard_first.size(), 2u);
    EXPECT_EQ(heard_first[1].first, second);
    EXPECT_LE(abs(heard_first[1].second - (start + 200ms + kWay)), 1ms);
}

TEST_F(OutboundUtterancesTest, WhatIsCutOffUnheardIsNeverToldAsHeardAndAResumedOneOnce) {
    auto voice = line->add_voice(Kind::ahead);
    voice->write(speech(8000));
    clock.advance(5ms);
    voice->pause();
    clock.advance(1s);
    EXPECT_TRUE(heard_first.empty());
    EXPECT_EQ(began.size(), 1u);
    voice->resume();
    clock.advance(300ms);
    voice->pause();
    clock.advance(300ms);
    voice->resume();
    clock.advance(300ms);
    EXPECT_EQ(heard_first.size(), 1u);
    EXPECT_EQ(began.size(), 1u);
    voice->cancel();
    voice->write(speech(80));
    voice->cancel();
    clock.advance(1s);
    EXPECT_EQ(heard_first.size(), 1u);
}

TEST_F(OutboundUtterancesTest, WhatARefusedMessageWouldHaveBegunHasNotBegun) {
    auto voice = line->add_voice(Kind::ahead);
    far->refuse = true;
    voice->write(speech(160));
    EXPECT_TRUE(began.empty());
    far->refuse = false;
    clock.advance(40ms);
    voice->write(speech(160));
    ASSERT_EQ(began.size(), 1u);
    EXPECT_EQ(began[0].second, clock.now());
}

TEST_F(OutboundUtterancesTest, WhenThePhoneBeginsToHearIsRightToHalfARoundTrip) {
    std::mt19937 random(5);
    const auto between = [&](int low, int high) {
        return milliseconds(std::uniform_int_distribution<int>(low, high)(random));
    };
    milliseconds worst{0};
    for (int round = 0; round < 50; ++round) {
        const auto there = between(5, 150), back = between(5, 150);
        const auto jitter = static_cast<int>(between(0, 40).count());
        make({}, there, back);
        heard_first.clear();
        far->jitter = [&] { return between(0, jitter); };
        far->watched = 31234;
        auto voice = line->add_voice(Kind::ahead);
        for (int turn = 0; turn < 5; ++turn) {
            voice->begin();
            auto said = speech(static_cast<std::size_t>(between(20, 1500).count()) * 8);
            said.front() = 31234;
            voice->write(said);
            voice->end();
            clock.advance(between(1500, 3000));
        }
        clock.advance(2s);
        static_cast<void>(far->played());
        ASSERT_EQ(heard_first.size(), 5u);
        ASSERT_EQ(far->watched_at.size(), 5u);
        for (std::size_t i = 0; i < 5; ++i) {
            const auto error = abs(std::chrono::duration_cast<milliseconds>(heard_first[i].second -
                                                                            far->watched_at[i]));
            worst = std::max(worst, error);
            EXPECT_LE(error, (there + back) / 2 + milliseconds(2 * jitter) + 1ms) << round;
        }
    }
    RecordProperty("worst_error_ms", static_cast<int>(worst.count()));
}

TEST_F(OutboundUtterancesTest, ItIsToldFromWhereOnTheFarEndThrewAwayWhatWasSent) {
    line.reset();
    std::vector<Clock::Time> to_be_heard;
    OutboundLine::Hooks hooks;
    hooks.sent = [&](std::size_t, const audio::AudioFrame&, Clock::Time at) {
        to_be_heard.push_back(at);
    };
    hooks.cleared = [&](Clock::Time from) {
        std::erase_if(to_be_heard, [&](auto at) { return at >= from; });
    };
    line.emplace(clock, 7ms, OutboundOptions{}, hooks);
    far = std::make_shared<FarEnd>(clock, kWay, kWay);
    far->line = &*line;
    line->attach(far);
    auto voice = line->add_voice(Kind::ahead);
    voice->write(speech(8000));
    voice->end();
    clock.advance(500ms);
    voice->pause();
    // A frame of which only a part was heard counts.
    EXPECT_NEAR(static_cast<double>(to_be_heard.size()), 25, 2);
    clock.advance(1s);
    voice->resume();
    clock.advance(1s);
    EXPECT_NEAR(static_cast<double>(to_be_heard.size()), 50, 2);
}

}  // namespace
}  // namespace bridge::call
