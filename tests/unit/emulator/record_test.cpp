// The account that is kept of a call: its sound on its own timeline, and the playout of a stream.

#include <gtest/gtest.h>

#include <algorithm>

#include "emulator/mulaw.hpp"
#include "emulator/playout_book.hpp"
#include "emulator/sid.hpp"
#include "emulator/sound_record.hpp"
#include "emulator/wait_music.hpp"
#include "emulator/dtmf.hpp"

namespace bridge::emulator {
namespace {

using std::chrono::milliseconds;

MulawFrame frame_of(std::uint8_t byte) {
    MulawFrame frame;
    frame.fill(byte);
    return frame;
}

TEST(SoundRecord, KeepsEveryFrameInItsPlace) {
    SoundRecord record;
    record.add(frame_of(kMulawSilence));
    record.add(frame_of(1));
    record.skip(120);
    record.add(frame_of(2));
    record.add(frame_of(kMulawSilence));
    const auto all = record.all();
    ASSERT_EQ(all.size(), 124U * 160);
    EXPECT_EQ(all[0], kMulawSilence);
    EXPECT_EQ(all[160], 1);
    EXPECT_EQ(all[319], 1);
    EXPECT_EQ(all[320], kMulawSilence);
    EXPECT_EQ(all[122 * 160 - 1], kMulawSilence);
    EXPECT_EQ(all[122 * 160], 2);
    EXPECT_EQ(all.back(), kMulawSilence);
}

TEST(SoundRecord, ForgetsWhatIsOlderThanAnHourAndMovesNothing) {
    SoundRecord record;
    record.add(frame_of(1));
    record.skip(3599 * 50);
    record.add(frame_of(2));
    EXPECT_EQ(record.all()[0], 1);
    record.skip(100);
    record.add(frame_of(3));
    const auto all = record.all();
    EXPECT_EQ(all[0], kMulawSilence);
    EXPECT_EQ(all[(3599 * 50 + 1) * 160UL], 2);
    EXPECT_EQ(all[all.size() - 1], 3);
}

class Book : public testing::Test {
protected:
    Book() { book.started(now); }
    std::vector<std::string> tick() {
        now += milliseconds(20);
        MulawFrame frame;
        return book.tick(frame, now);
    }
    void append(std::size_t ms) { book.append(std::vector<std::uint8_t>(ms * 8, 0x33)); }

    PlayoutBook::Time now{};
    PlayoutBook book{"MZ1", milliseconds(20)};
};

TEST_F(Book, CountsEveryByteOnce) {
    append(100);
    tick();
    tick();
    append(50);
    EXPECT_EQ(book.clear(now).size(), 0U);
    append(30);
    tick();
    book.ended(now);
    EXPECT_EQ(book.received_bytes(), 180U * 8);
    EXPECT_EQ(book.cleared_bytes(), 110U * 8);
    EXPECT_EQ(book.played_bytes(), 60U * 8);
    EXPECT_EQ(book.lost_at_end_bytes(), 10U * 8);
    EXPECT_EQ(book.received_bytes(), book.played_bytes() + book.cleared_bytes() +
                                         book.lost_at_end_bytes() + book.refused_bytes());
    EXPECT_FALSE(book.open());
}

TEST_F(Book, MovesItsPositionBetweenTicks) {
    append(60);
    EXPECT_EQ(book.position_bytes(now), 0);
    tick();
    EXPECT_EQ(book.position_bytes(now), 0) << "handed to the phone, not heard yet";
    EXPECT_EQ(book.position_bytes(now + milliseconds(5)), 40);
    EXPECT_EQ(book.position_bytes(now + milliseconds(50)), 160) << "never ahead of what was handed";
    tick();
    EXPECT_EQ(book.position_bytes(now + milliseconds(10)), 240);
    tick();
    tick();
    EXPECT_EQ(book.position_bytes(now + milliseconds(10)), 480);
}

TEST_F(Book, WritesDownWhenEachMarkCameAndWentAndWhy) {
    append(40);
    book.mark("a", now);
    append(1000);
    book.mark("b", now + milliseconds(3));
    tick();
    tick();
    EXPECT_EQ(book.outstanding_marks(), 2U);
    EXPECT_EQ(tick(), std::vector<std::string>{"a"});
    now += milliseconds(7);
    EXPECT_EQ(book.clear(now), std::vector<std::string>{"b"});
    EXPECT_TRUE(book.mark("c", now));
    const auto& marks = book.marks();
    ASSERT_EQ(marks.size(), 3U);
    EXPECT_EQ(marks[0].received_ms, 0);
    EXPECT_EQ(marks[0].echoed_ms, 60);
    EXPECT_EQ(marks[0].played_bytes, 320U);
    EXPECT_FALSE(marks[0].cleared);
    EXPECT_EQ(marks[1].received_ms, 3);
    EXPECT_EQ(marks[1].echoed_ms, 67);
    EXPECT_EQ(marks[1].played_bytes, 480U);
    EXPECT_TRUE(marks[1].cleared);
    EXPECT_EQ(marks[2].echoed_ms, 67);
    EXPECT_FALSE(marks[2].cleared);
    ASSERT_EQ(book.clears().size(), 1U);
    EXPECT_EQ(book.clears()[0].at_ms, 67);
    EXPECT_EQ(book.clears()[0].bytes, 980U * 8);
    EXPECT_EQ(book.clears()[0].played_bytes, book.played_bytes());
}

TEST_F(Book, CountsAGapInSpeechButNoPause) {
    append(30);
    tick();
    tick();  // ends 10 ms into this frame
    tick();
    append(20);
    tick();
    ASSERT_EQ(book.underrun_count(), 1U);
    EXPECT_EQ(book.underrun_ms(), 30);
    EXPECT_EQ(book.underruns()[0].at_ms, 50);
    for (int k = 0; k < 21; ++k) tick();
    append(20);
    tick();
    EXPECT_EQ(book.underrun_count(), 1U) << "420 ms are a pause";
    append(20);
    book.clear(now);
    tick();
    append(20);
    tick();
    EXPECT_EQ(book.underrun_count(), 1U) << "silence after a clear was asked for";
}

TEST(Addresses, AreNumbersSipUrisAndClients) {
    for (const auto* good : {"+12025550123", "sip:alice@example.com", "sips:a@b",
                             "sip:+12025550123@host:5061;transport=tls?x=y", "client:alice"}) {
        EXPECT_TRUE(is_address(good)) << good;
    }
    for (const auto* bad : {"", "alice", "sip:", "sip:alice", "sip:@host", "sip:a@", "sip:a b@c",
                            "client:", "12025550123"}) {
        EXPECT_FALSE(is_address(bad)) << bad;
    }
    EXPECT_EQ(persona_key("sip:a@b;transport=tls?x=y"), "sip:a@b");
    EXPECT_EQ(persona_key("+12025550123"), "+12025550123");
}

TEST(WaitMusic, IsSoftAndHasNoKeysInIt) {
    for (const auto& sound : {own_music(), ringback(), own_beep()}) {
        ASSERT_EQ(sound->size() % 160, 0U);
        const double rms = mulaw_rms(*sound);
        EXPECT_GT(rms, 100);
        EXPECT_LT(rms, 4000);
        DtmfDetector keys;
        for (std::size_t at = 0; at < sound->size(); at += 160) {
            const std::span<const std::uint8_t, 160> frame(sound->data() + at, 160);
            EXPECT_FALSE(keys.hear(frame)) << at;
        }
    }
}

}  // namespace
}  // namespace bridge::emulator
