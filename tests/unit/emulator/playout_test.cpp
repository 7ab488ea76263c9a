#include "emulator/playout.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "emulator/mulaw.hpp"

namespace bridge::emulator {
namespace {

using Names = std::vector<std::string>;

std::vector<std::uint8_t> counted(std::size_t size, std::size_t from = 0) {
    std::vector<std::uint8_t> bytes(size);
    for (std::size_t k = 0; k < size; ++k) bytes[k] = static_cast<std::uint8_t>((from + k) % 251);
    return bytes;
}

TEST(Playout, PlaysInOrderWhateverTheSizesOfTheMessages) {
    Playout playout;
    for (const std::size_t size : {1, 159, 320, 7, 153}) {
        static std::size_t sent = 0;
        EXPECT_TRUE(playout.append(counted(size, sent)));
        sent += size;
    }
    const auto expected = counted(640);
    for (std::size_t at = 0; at < 640; at += 160) {
        MulawFrame frame;
        EXPECT_TRUE(playout.tick(frame).empty());
        EXPECT_TRUE(std::equal(frame.begin(), frame.end(),
                               expected.begin() + static_cast<std::ptrdiff_t>(at)));
    }
    EXPECT_EQ(playout.queued_bytes(), 0U);
    EXPECT_EQ(playout.played_bytes(), 640U);
}

TEST(Playout, FillsAFrameThatIsNotFullWithSilence) {
    Playout playout;
    playout.append(std::vector<std::uint8_t>(40, 0x11));
    MulawFrame frame;
    playout.tick(frame);
    EXPECT_EQ(frame[39], 0x11);
    EXPECT_TRUE(std::all_of(frame.begin() + 40, frame.end(),
                            [](std::uint8_t byte) { return byte == kMulawSilence; }));
    playout.tick(frame);
    EXPECT_EQ(frame[0], kMulawSilence);
}

TEST(Playout, EchoesAMarkAtOnceWhenNothingIsQueued) {
    Playout playout;
    EXPECT_TRUE(playout.mark("first"));
    playout.append(counted(160));
    EXPECT_FALSE(playout.mark("second"));
    MulawFrame frame;
    playout.tick(frame);
    EXPECT_FALSE(playout.mark("third")) << "the last frame is still being played";
    EXPECT_EQ(playout.tick(frame), (Names{"second", "third"}));
    EXPECT_TRUE(playout.mark("fourth"));
    EXPECT_EQ(playout.outstanding_marks(), 0U);
}

TEST(Playout, EchoesAMarkOnlyWhenAllBeforeItHasBeenPlayed) {
    Playout playout;
    playout.append(counted(320));
    playout.mark("end");
    MulawFrame frame;
    EXPECT_EQ(playout.tick(frame), Names{});  // the first 20 ms begin
    EXPECT_EQ(playout.tick(frame), Names{});  // the second 20 ms begin
    EXPECT_EQ(playout.tick(frame), Names{"end"});
}

TEST(Playout, EchoesMarksInTheMiddleOfAFrameWithItsEnd) {
    Playout playout;
    playout.append(counted(80));
    playout.mark("a quarter");  // at 80 of 160
    playout.append(counted(79));
    playout.mark("just before the end");  // at 159
    playout.append(counted(1));
    playout.mark("the end");  // at 160
    playout.append(counted(1));
    playout.mark("one byte on");  // at 161
    MulawFrame frame;
    EXPECT_EQ(playout.tick(frame), Names{});
    EXPECT_EQ(playout.tick(frame), (Names{"a quarter", "just before the end", "the end"}));
    EXPECT_EQ(playout.tick(frame), Names{"one byte on"});
}

TEST(Playout, CountsPlayedBytesNotFramesAcrossAnUnderrun) {
    Playout playout;
    MulawFrame frame;
    playout.append(counted(100));
    playout.mark("one");
    playout.tick(frame);
    playout.append(counted(100));
    playout.mark("two");
    EXPECT_EQ(playout.tick(frame), Names{"one"});
    EXPECT_EQ(playout.tick(frame), Names{"two"});
}

TEST(Playout, GivesBackEveryOutstandingMarkOnClear) {
    Playout playout;
    playout.append(counted(4000));
    playout.mark("a");
    playout.append(counted(4000));
    playout.mark("b");
    MulawFrame frame;
    playout.tick(frame);
    EXPECT_EQ(playout.clear(), (Names{"a", "b"}));
    EXPECT_EQ(playout.queued_bytes(), 0U);
    EXPECT_TRUE(playout.mark("after")) << "what was being played is gone too";
    EXPECT_TRUE(playout.tick(frame).empty());
    EXPECT_EQ(frame[0], kMulawSilence);
    EXPECT_EQ(playout.clear(), Names{});
}

TEST(Playout, PlaysWhatComesAfterClear) {
    Playout playout;
    playout.append(counted(1000));
    playout.clear();
    playout.append(std::vector<std::uint8_t>(160, 0x22));
    playout.mark("new");
    MulawFrame frame;
    EXPECT_TRUE(playout.tick(frame).empty());
    EXPECT_EQ(frame[0], 0x22);
    EXPECT_EQ(playout.tick(frame), Names{"new"});
}

TEST(Playout, KeepsTenMinutesAndDropsTheRest) {
    Playout playout;
    EXPECT_TRUE(playout.append(std::vector<std::uint8_t>(Playout::kCapacity - 10, 1)));
    EXPECT_FALSE(playout.append(std::vector<std::uint8_t>(20, 2)));
    EXPECT_EQ(playout.queued_bytes(), Playout::kCapacity);
    EXPECT_FALSE(playout.append(std::vector<std::uint8_t>(1, 3)));
    MulawFrame frame;
    playout.tick(frame);
    EXPECT_TRUE(playout.append(std::vector<std::uint8_t>(160, 4)));
    EXPECT_EQ(playout.queued_bytes(), Playout::kCapacity);
}

TEST(Playout, StaysSmallWhenItNeverRunsDry) {
    Playout playout;
    MulawFrame frame;
    playout.append(counted(1600));
    std::size_t sent = 1600;
    std::size_t heard = 0;
    for (int tick = 0; tick < 5000; ++tick) {
        playout.append(counted(160, sent));
        sent += 160;
        playout.tick(frame);
        EXPECT_EQ(frame[0], heard % 251);
        heard += 160;
    }
    EXPECT_EQ(playout.queued_bytes(), 1600U);
}

}  // namespace
}  // namespace bridge::emulator
