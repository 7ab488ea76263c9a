#include "call/timeline.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "call_fixture.hpp"

namespace bridge::call {
namespace {

using namespace std::chrono_literals;
using Lane = Timeline::Lane;

Timeline::Sample sample(unsigned second) {
    return {std::chrono::duration<std::uint32_t, std::milli>(second * 1000U),
            {1, 2, 3, 4, 5, 6, 7}};
}

TEST(Timeline, ForgetsItsOldestEventsAndSaysHowMany) {
    Timeline timeline({});
    for (int i = 0; i < 2100; ++i)
        timeline.note(std::chrono::milliseconds(i), Lane::state, "tick", {});
    EXPECT_EQ(timeline.events().size(), Timeline::kMostEvents);
    EXPECT_EQ(timeline.events().front().at, 100ms);
    EXPECT_EQ(timeline.dropped_events(), 100U);
}

TEST(Timeline, KeepsNoMoreTextThanItMay) {
    Timeline timeline({});
    for (int i = 0; i < 1000; ++i)
        timeline.note(0ms, Lane::words, "caller", std::string(5000, 'a'));
    std::size_t bytes = 0;
    for (const auto& one : timeline.events()) bytes += one.text.size();
    EXPECT_LE(bytes, Timeline::kMostText);
    EXPECT_GT(bytes, Timeline::kMostText / 2);
}

TEST(Timeline, CutsNoCharacterInTwo) {
    Timeline timeline({});
    std::string text(499, 'a');
    timeline.note(0ms, Lane::words, "caller", text + "äöü");
    EXPECT_EQ(timeline.events().front().text, text + "…");
}

TEST(Timeline, KeepsEverySecondSampleWhenThereAreTooMany) {
    Timeline timeline({});
    for (unsigned i = 0; i < 20'000; ++i) timeline.sample(sample(i));
    const auto& samples = timeline.samples();
    EXPECT_LE(samples.size(), Timeline::kMostSamples);
    EXPECT_GT(samples.size(), Timeline::kMostSamples / 2);
    EXPECT_EQ(samples.front().at, 0s);
    const auto step = samples[1].at - samples[0].at;
    for (std::size_t i = 1; i < samples.size(); ++i)
        ASSERT_EQ(samples[i].at - samples[i - 1].at, step) << i;
    EXPECT_GE(samples.back().at + step, 20'000s);
}

TEST(TimelineShelf, KeepsTheLastTwoHundred) {
    TimelineShelf shelf;
    for (int i = 0; i < 250; ++i) {
        const auto name = std::to_string(i);
        shelf.keep({CallId{"c_" + name}, CallSid{"CA" + name}, 1s,
                    std::make_shared<const Timeline>(std::chrono::system_clock::time_point{})});
    }
    EXPECT_EQ(shelf.find("c_49").timeline, nullptr);
    EXPECT_NE(shelf.find("c_50").timeline, nullptr);
    EXPECT_EQ(shelf.find("CA249").call, CallId{"c_249"});
    EXPECT_EQ(shelf.find("").timeline, nullptr);
}

/// The lanes and kinds of a call's timeline, "lane kind".
std::vector<std::string> told(const CallFixture& f) {
    std::vector<std::string> out;
    for (const auto& one : f.call->timeline().events())
        out.push_back(std::string(to_string(one.lane)) + " " + std::string(one.kind));
    return out;
}

TEST(CallTimeline, TellsACallFromItsWebhooksToItsEnd) {
    CallFixture f;
    const auto stream = f.talk();
    f.accept(input::SetMuted{true});
    f.accept(input::Say{std::make_shared<const std::vector<std::int16_t>>(1600, 9), false,
                        [](const auto&) {}});
    f.media(stream, 2, 20);
    f.accept(input::DtmfReceived{stream, 3, '5'});
    f.advance(1s);
    f.echo_marks(stream);
    f.advance(1s);
    f.status("completed");
    const auto all = told(f);
    for (const auto* wanted :
         {"webhook voice", "state in-progress", "stream up", "stream first-audio", "dtmf received",
          "mark played", "webhook status", "state completed"}) {
        EXPECT_NE(std::find(all.begin(), all.end(), wanted), all.end()) << wanted;
    }
    const auto& samples = f.call->timeline().samples();
    ASSERT_GE(samples.size(), 1U);
    EXPECT_EQ(samples.front().at, 1s);
    EXPECT_FALSE(std::isnan(samples.front().figures[2]));
}

TEST(CallTimeline, ThePhonesLevelIsThePhonesAndNotOurs) {
    CallFixture f;
    const auto stream = f.talk();
    f.accept(input::Play{std::make_shared<const std::vector<std::int16_t>>(80000, 8000), false});
    std::uint64_t sequence = 1;
    const auto level = [&](std::uint8_t mulaw) {
        for (int i = 0; i < 75; ++i) {
            ++sequence;
            f.media(stream, sequence, static_cast<std::int64_t>(sequence) * 20, 160, mulaw);
            f.advance(20ms);
        }
        const auto& figures = f.call->timeline().samples().back().figures;
        return figures[static_cast<std::size_t>(Timeline::Figure::far_level_db)];
    };
    EXPECT_EQ(level(0xff), audio::kSilenceDbfs) << "we speak, the phone does not";
    EXPECT_NEAR(level(0x80), 0, 0.5) << "as loud as it can be";
    f.advance(3s);
    EXPECT_EQ(f.call->timeline().samples().back().figures[4], audio::kSilenceDbfs)
        << "nothing comes any more";
}

TEST(CallTimeline, TellsHowMuchOfACutOffWordWasHeard) {
    CallFixture f;
    const auto stream = f.talk();
    f.accept(input::SetMuted{true});
    f.accept(input::Play{std::make_shared<const std::vector<std::int16_t>>(80000, 9), false});
    f.advance(2s);
    f.echo_marks(stream);
    f.accept(input::Clear{});
    const auto& events = f.call->timeline().events();
    const auto cut = std::find_if(events.begin(), events.end(),
                                  [](const auto& one) { return one.kind == "cleared"; });
    ASSERT_NE(cut, events.end());
    EXPECT_EQ(cut->lane, Lane::clear);
    EXPECT_EQ(cut->figures.at(1).first, "heard_ms");
    EXPECT_GT(cut->figures.at(1).second, 1000);
    EXPECT_LT(cut->figures.at(1).second, 2100);
}

}  // namespace
}  // namespace bridge::call
