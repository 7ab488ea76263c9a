#include "audio/tee.hpp"

#include <gtest/gtest.h>

namespace bridge::audio {
namespace {

struct FrameLog final : AudioSink {
    void write(const AudioFrame& frame) override { frames.push_back(frame); }
    std::vector<AudioFrame> frames;
};

TEST(Tee, GivesEveryFrameToEverySink) {
    Tee tee;
    const auto one = std::make_shared<FrameLog>();
    const auto two = std::make_shared<FrameLog>();
    tee.add(one);
    tee.add(two);
    AudioFrame frame;
    frame.at = std::chrono::milliseconds(40);
    tee.write(frame);
    ASSERT_EQ(one->frames.size(), 1U);
    ASSERT_EQ(two->frames.size(), 1U);
    EXPECT_EQ(two->frames[0].at.count(), 40);
}

TEST(Tee, WritesToItsFirstSinkBeforeTheOthers) {
    FrameLog first;
    Tee tee(&first);
    std::size_t before = 0;
    struct Counts final : AudioSink {
        Counts(FrameLog& of, std::size_t& into) : log(of), seen(into) {}
        void write(const AudioFrame&) override { seen = log.frames.size(); }
        FrameLog& log;
        std::size_t& seen;
    };
    const auto second = std::make_shared<Counts>(first, before);
    tee.add(second);
    tee.write({});
    EXPECT_EQ(before, 1U);
    EXPECT_EQ(tee.size(), 1U);
}

TEST(Tee, ForgetsASinkThatIsGone) {
    Tee tee;
    const auto kept = std::make_shared<FrameLog>();
    {
        const auto gone = std::make_shared<FrameLog>();
        tee.add(gone);
    }
    tee.add(kept);
    tee.write({});
    EXPECT_EQ(kept->frames.size(), 1U);
    EXPECT_EQ(tee.size(), 1U);
}

TEST(Tee, HoldsNobodyAlive) {
    Tee tee;
    auto sink = std::make_shared<FrameLog>();
    const std::weak_ptr<FrameLog> seen = sink;
    tee.add(sink);
    sink.reset();
    EXPECT_TRUE(seen.expired());
}

TEST(Tee, AddsOnceAndRemoves) {
    Tee tee;
    const auto sink = std::make_shared<FrameLog>();
    tee.add(sink);
    tee.add(sink);
    tee.write({});
    EXPECT_EQ(sink->frames.size(), 1U);
    tee.remove(sink);
    tee.remove(sink);
    tee.write({});
    EXPECT_EQ(sink->frames.size(), 1U);
    EXPECT_EQ(tee.size(), 0U);
}

}  // namespace
}  // namespace bridge::audio
