#include "call/turn_latency.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace bridge::call {
namespace {

using std::chrono::milliseconds;

Clock::Time at(int ms) {
    return Clock::Time(std::chrono::hours(1)) + milliseconds(ms);
}

/// What happened when; `utterance` of frames and of what was heard.
struct Step {
    enum What { answered, voice, hint, noticed, byte, frame, heard, cut } what;
    int ms;
    UtteranceId utterance = 1;
};

constexpr int kNone = -1;

struct Expected {
    int detect, agent, socket, heard, total;
    bool greeting = false, interrupted = false;
};

struct Case {
    const char* name;
    std::vector<Step> steps;
    std::vector<Expected> measured;
    std::uint64_t turns, unanswered;
};

void play(TurnBook& book, const std::vector<Step>& steps) {
    for (const auto& step : steps) {
        switch (step.what) {
            case Step::answered:
                book.answered(at(step.ms));
                break;
            case Step::voice:
                book.caller_spoke(at(step.ms));
                break;
            case Step::hint:
                book.noticed(at(step.ms), false);
                break;
            case Step::noticed:
                book.noticed(at(step.ms), true);
                break;
            case Step::byte:
                book.first_byte(at(step.ms));
                break;
            case Step::frame:
                book.first_frame(step.utterance, at(step.ms));
                break;
            case Step::heard:
                book.heard(step.utterance, at(step.ms));
                break;
            case Step::cut:
                book.interrupted();
                break;
        }
    }
}

int ms(const TurnLatency& latency, TurnLeg leg) {
    return latency[leg] ? static_cast<int>(std::chrono::round<milliseconds>(*latency[leg]).count())
                        : kNone;
}

const std::vector<Case>& cases() {
    static const std::vector<Case> out = {
        {"a turn",
         {{Step::voice, 1000},
          {Step::voice, 2000},
          {Step::noticed, 2600},
          {Step::byte, 3000},
          {Step::frame, 3004},
          {Step::heard, 3090}},
         {{600, 400, 4, 86, 1090}},
         1,
         0},
        {"the agent's detector is quicker",
         {{Step::voice, 2000},
          {Step::hint, 2500},
          {Step::noticed, 2600},
          {Step::byte, 2900},
          {Step::frame, 2901},
          {Step::heard, 3000}},
         {{500, 400, 1, 99, 1000}},
         1,
         0},
        {"a hint that was wrong counts for nothing",
         {{Step::voice, 1000},
          {Step::hint, 1300},
          {Step::voice, 1400},
          {Step::voice, 2000},
          {Step::noticed, 2600},
          {Step::byte, 2700},
          {Step::frame, 2701},
          {Step::heard, 2800}},
         {{600, 100, 1, 99, 800}},
         1,
         0},
        {"the agent starts before anybody noticed",
         {{Step::voice, 2000},
          {Step::byte, 2300},
          {Step::frame, 2302},
          {Step::noticed, 2600},
          {Step::heard, 2400}},
         {{300, 0, 2, 98, 400}},
         1,
         0},
        {"the agent starts while the caller speaks",
         {{Step::voice, 2000}, {Step::byte, 2000}, {Step::frame, 2002}, {Step::heard, 2100}},
         {{0, 0, 2, 98, 100}},
         1,
         0},
        {"a greeting that waited for the phone",
         {{Step::byte, 500}, {Step::answered, 4000}, {Step::frame, 4010}, {Step::heard, 4100}},
         {{0, 0, 10, 90, 100, true}},
         0,
         0},
        {"a greeting after the phone was there",
         {{Step::answered, 4000},
          {Step::answered, 9000},
          {Step::byte, 4300},
          {Step::frame, 4310},
          {Step::heard, 4400}},
         {{0, 300, 10, 90, 400, true}},
         0,
         0},
        {"the caller greets first",
         {{Step::answered, 4000},
          {Step::voice, 4500},
          {Step::noticed, 5100},
          {Step::byte, 5300},
          {Step::frame, 5301},
          {Step::heard, 5400}},
         {{600, 200, 1, 99, 900}},
         1,
         0},
        {"what nobody asked for is not measured",
         {{Step::answered, 4000},
          {Step::byte, 4000},
          {Step::frame, 4001},
          {Step::heard, 4100},
          {Step::byte, 20000},
          {Step::frame, 20001, 2},
          {Step::heard, 20100, 2}},
         {{0, 0, 1, 99, 100, true}},
         0,
         0},
        {"a turn without an answer",
         {{Step::voice, 1000},
          {Step::noticed, 1600},
          {Step::voice, 5000},
          {Step::noticed, 5600},
          {Step::byte, 5700},
          {Step::frame, 5701},
          {Step::heard, 5800}},
         {{600, 100, 1, 99, 800}},
         1,
         1},
        {"cut off before it was heard",
         {{Step::voice, 1000},
          {Step::noticed, 1600},
          {Step::byte, 1700},
          {Step::frame, 1701},
          {Step::voice, 1760},
          {Step::cut, 1780},
          {Step::heard, 1900}},
         {{600, 100, 1, kNone, kNone, false, true}},
         1,
         0},
        {"the next answer takes the place of one that was never heard",
         {{Step::voice, 1000},
          {Step::noticed, 1600},
          {Step::byte, 1700},
          {Step::voice, 3000},
          {Step::noticed, 3600},
          {Step::byte, 3700},
          {Step::frame, 3701, 2},
          {Step::heard, 3750, 1},
          {Step::heard, 3800, 2}},
         {{600, 100, kNone, kNone, kNone}, {600, 100, 1, 99, 800}},
         2,
         0},
        {"only the first frame and the first news of it count",
         {{Step::voice, 1000},
          {Step::noticed, 1600},
          {Step::byte, 1700},
          {Step::frame, 1701, 5},
          {Step::frame, 1900, 6},
          {Step::heard, 1790, 5},
          {Step::heard, 1990, 5},
          {Step::heard, 2200, 6}},
         {{600, 100, 1, 89, 790}},
         1,
         0},
        {"times out of order are no time",
         {{Step::voice, 1000},
          {Step::noticed, 990},
          {Step::byte, 980},
          {Step::frame, 970},
          {Step::heard, 960}},
         {{0, 0, 0, 0, 0}},
         1,
         0},
        {"news without a beginning",
         {{Step::noticed, 10}, {Step::frame, 20}, {Step::heard, 30}, {Step::cut, 40}},
         {},
         0,
         0},
    };
    return out;
}

TEST(TurnBook, MeasuresEachLegOfATurn) {
    for (const auto& test : cases()) {
        SCOPED_TRACE(test.name);
        std::vector<TurnLatency> measured;
        TurnBook book([&](const TurnLatency& latency) { measured.push_back(latency); });
        play(book, test.steps);
        ASSERT_EQ(measured.size(), test.measured.size());
        for (std::size_t i = 0; i < measured.size(); ++i) {
            const auto& want = test.measured[i];
            EXPECT_EQ(ms(measured[i], TurnLeg::detect), want.detect);
            EXPECT_EQ(ms(measured[i], TurnLeg::agent), want.agent);
            EXPECT_EQ(ms(measured[i], TurnLeg::socket), want.socket);
            EXPECT_EQ(ms(measured[i], TurnLeg::heard), want.heard);
            EXPECT_EQ(ms(measured[i], TurnLeg::total), want.total);
            EXPECT_EQ(measured[i].greeting, want.greeting);
            EXPECT_EQ(measured[i].interrupted, want.interrupted);
        }
        EXPECT_EQ(book.stats().turns, test.turns);
        EXPECT_EQ(book.stats().unanswered, test.unanswered);
    }
}

TEST(TurnBook, MarksTheAnswerThatWasCutOff) {
    TurnBook book;
    play(book, {{Step::answered, 0}, {Step::byte, 0}, {Step::frame, 1}, {Step::heard, 100}});
    book.interrupted();
    ASSERT_TRUE(book.stats().greeting);
    EXPECT_TRUE(book.stats().greeting->interrupted);
    EXPECT_FALSE(book.stats().last);

    play(book, {{Step::voice, 1000},
                {Step::noticed, 1600},
                {Step::byte, 1700},
                {Step::frame, 1701, 2},
                {Step::heard, 1800, 2}});
    EXPECT_FALSE(book.stats().last->interrupted);
    play(book, {{Step::byte, 9000}, {Step::frame, 9001, 3}, {Step::cut, 9500}});
    EXPECT_FALSE(book.stats().last->interrupted) << "it was something unasked that was cut off";
    play(book, {{Step::voice, 10000},
                {Step::noticed, 10600},
                {Step::byte, 10700},
                {Step::frame, 10701, 4},
                {Step::heard, 10800, 4},
                {Step::cut, 11000}});
    EXPECT_TRUE(book.stats().last->interrupted);
}

TEST(TurnBook, TellsThePercentilesOfTheLastTurns) {
    TurnBook book;
    EXPECT_EQ(book.stats()[TurnLeg::total].count, 0U);
    const auto turn = [&](int n, int agent_ms) {
        const int from = n * 10000;
        const auto utterance = static_cast<UtteranceId>(n + 1);
        play(book, {{Step::voice, from},
                    {Step::noticed, from + 500},
                    {Step::byte, from + 500 + agent_ms},
                    {Step::frame, from + 502 + agent_ms, utterance},
                    {Step::heard, from + 600 + agent_ms, utterance}});
    };
    for (int n = 0; n < 300; ++n) turn(n, 9000);
    for (int n = 0; n < 100; ++n) turn(300 + n, n + 1);
    auto stats = book.stats();
    EXPECT_EQ(stats.turns, 400U);
    EXPECT_EQ(stats[TurnLeg::agent].count, TurnBook::kKept);
    EXPECT_NEAR(stats[TurnLeg::agent].max_ms, 9000, 0.01);
    for (int n = 0; n < 256; ++n) turn(400 + n, n < 200 ? n % 100 + 1 : 50);
    stats = book.stats();
    EXPECT_NEAR(stats[TurnLeg::agent].p50_ms, 50, 0.01);
    EXPECT_NEAR(stats[TurnLeg::agent].p95_ms, 94, 1);
    EXPECT_NEAR(stats[TurnLeg::agent].p99_ms, 99, 0.01);
    EXPECT_NEAR(stats[TurnLeg::agent].max_ms, 100, 0.01);
    EXPECT_NEAR(stats[TurnLeg::detect].p50_ms, 500, 0.01);
    EXPECT_NEAR(stats[TurnLeg::socket].p99_ms, 2, 0.01);
    EXPECT_NEAR(stats[TurnLeg::heard].p50_ms, 98, 0.01);
    EXPECT_NEAR(stats[TurnLeg::total].p50_ms, 650, 0.01);
}

TEST(TurnBook, LeavesOutTurnsWithoutTheLeg) {
    TurnBook book;
    play(book, {{Step::voice, 0}, {Step::noticed, 600}, {Step::byte, 700}, {Step::cut, 710}});
    play(book, {{Step::voice, 5000},
                {Step::noticed, 5600},
                {Step::byte, 5900},
                {Step::frame, 5901, 2},
                {Step::heard, 6000, 2}});
    const auto stats = book.stats();
    EXPECT_EQ(stats[TurnLeg::agent].count, 2U);
    EXPECT_EQ(stats[TurnLeg::heard].count, 1U);
    EXPECT_NEAR(stats[TurnLeg::total].p50_ms, 1000, 0.01);
}

TEST(TurnLeg, HasAName) {
    const std::string all =
        std::string(to_string(TurnLeg::detect)) + ' ' + std::string(to_string(TurnLeg::agent)) +
        ' ' + std::string(to_string(TurnLeg::socket)) + ' ' +
        std::string(to_string(TurnLeg::heard)) + ' ' + std::string(to_string(TurnLeg::total));
    EXPECT_EQ(all, "detect agent socket heard total");
}

}  // namespace
}  // namespace bridge::call
