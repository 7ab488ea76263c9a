#include <algorithm>
#include <random>

#include "tests/unit/call/outbound_fixture.hpp"

namespace bridge::call {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

struct OutboundHeardTest : OutboundLineTest {};

TEST_F(OutboundHeardTest, HeardTimeFollowsThePhoneAndNeverExceedsWhatWasSent) {
    for (const auto there : {1ms, 20ms, 120ms}) {
        make({}, there, 30ms);
        auto voice = line->add_voice(OutboundLine::Kind::ahead);
        const auto id = voice->begin();
        voice->write(speech(6 * 8000));
        voice->end();
        const auto round_trip = there + 30ms;
        for (int i = 0; i < 640; ++i) {
            clock.advance(10ms);
            const auto heard = line->heard(id);
            ASSERT_TRUE(heard);
            const auto truth = milliseconds(far->played() / 8);
            EXPECT_LE(heard->heard, heard->sent);
            EXPECT_LE(heard->sent, heard->received);
            EXPECT_LE(abs(heard->heard - truth), 200ms + round_trip) << i;
        }
        EXPECT_EQ(line->heard(id)->heard, 6s);
        EXPECT_EQ(line->heard(id)->outcome, SpeechOutcome::played);
    }
}

TEST_F(OutboundHeardTest, HundredsOfInterruptionsAreCountedRight) {
    std::mt19937 random(3);
    const auto between = [&](int low, int high) {
        return milliseconds(std::uniform_int_distribution<int>(low, high)(random));
    };
    milliseconds worst{0};
    for (int i = 0; i < 300; ++i) {
        const auto there = between(5, 150);
        const auto back = between(5, 150);
        const auto jitter = static_cast<int>(between(0, 60).count());
        make({}, there, back);
        far->jitter = [&] { return between(0, jitter); };
        auto voice = line->add_voice(OutboundLine::Kind::ahead);
        const auto id = voice->begin();
        // An agent: bursts, pauses, sometimes not ahead at all.
        const auto until = clock.now() + between(0, 4000);
        std::size_t written = 0;
        while (clock.now() < until) {
            const auto part = 80 + random() % 4000;
            voice->write(speech(part));
            written += part;
            clock.advance(std::min<Clock::Duration>(between(0, 400), until - clock.now()));
        }
        // By a cancel, a clear of the whole line, or a pause that turns out to be for good.
        if (i % 3 == 0) voice->pause();
        if (i % 3 == 1) {
            line->clear();
        } else {
            voice->cancel();
        }
        const auto heard = line->heard(id);
        ASSERT_TRUE(heard);
        const auto claimed = heard->heard;
        clock.advance(1s);
        const auto sound = std::count_if(far->heard().begin(), far->heard().end(),
                                         [](std::int16_t sample) { return sample != 0; });
        const auto truth = milliseconds(sound / 8);
        EXPECT_LE(claimed * 8, milliseconds(written));
        EXPECT_LE(claimed, heard->sent);
        EXPECT_LE(heard->sent, heard->received);
        worst = std::max(worst, abs(claimed - truth));
        EXPECT_LE(abs(claimed - truth), 200ms + there + back + 2 * milliseconds(jitter)) << i;
        EXPECT_EQ(line->heard(id)->heard, claimed);  // and it stays so
    }
    RecordProperty("worst_error_ms", static_cast<int>(worst.count()));
}

}  // namespace
}  // namespace bridge::call
