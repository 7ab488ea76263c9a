#include "devices/line_mixer.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <memory>
#include <thread>
#include <vector>

namespace bridge::devices {
namespace {

using std::chrono::milliseconds;

std::shared_ptr<audio::SpeakerLine> line_with(const Clock& clock, std::int16_t value,
                                              int frames = 10) {
    auto line = std::make_shared<audio::SpeakerLine>(clock, audio::PlayoutOptions{});
    audio::AudioFrame frame;
    frame.pcm.fill(value);
    for (int n = 0; n < frames; ++n) {
        frame.at = milliseconds(n * 20);
        line->write(frame);
    }
    return line;
}

std::vector<float> played(LineMixer& mixer, VirtualClock& clock, int blocks) {
    std::vector<float> all;
    std::vector<float> block(480, 7.0F);
    for (int n = 0; n < blocks; ++n) {
        clock.advance(milliseconds(10));
        mixer.render(std::span<float>(block), 48000, clock.now());
        all.insert(all.end(), block.begin(), block.end());
    }
    return all;
}

TEST(LineMixer, IsSilentWithoutLines) {
    VirtualClock clock;
    LineMixer mixer;
    EXPECT_EQ(played(mixer, clock, 1), std::vector<float>(480, 0.0F));
}

TEST(LineMixer, SumsItsLines) {
    VirtualClock clock;
    LineMixer mixer;
    const auto one = line_with(clock, 8192);
    const auto two = line_with(clock, 4096);
    ASSERT_TRUE(mixer.attach(one, 48000));
    ASSERT_TRUE(mixer.attach(two, 48000));
    EXPECT_NEAR(played(mixer, clock, 10).back(), 0.25 + 0.125, 0.01);
}

TEST(LineMixer, LimitsTheSumWithoutWrappingRound) {
    VirtualClock clock;
    LineMixer mixer;
    std::vector<std::shared_ptr<audio::SpeakerLine>> lines;
    for (int i = 0; i < 5; ++i) {
        lines.push_back(line_with(clock, 30000));
        ASSERT_TRUE(mixer.attach(lines.back(), 48000));
    }
    for (const auto x : played(mixer, clock, 12)) ASSERT_LE(std::abs(x), 1.0F);
    std::vector<std::int16_t> pcm(480);
    mixer.render(std::span<std::int16_t>(pcm), 48000, clock.now());
    for (const auto x : pcm) ASSERT_GE(x, 0);
}

TEST(LineMixer, LeavesAnOrdinarySignalAlone) {
    for (const float x : {0.0F, 0.3F, -0.9F}) EXPECT_EQ(soft_limit(x), x);
    EXPECT_LT(soft_limit(1.0F), 1.0F);
    EXPECT_GT(soft_limit(1.0F), 0.94F);
    EXPECT_LE(soft_limit(100.0F), 1.0F);
    EXPECT_GE(soft_limit(-100.0F), -1.0F);
}

TEST(LineMixer, HoldsSixtyFourLinesAndNoMore) {
    VirtualClock clock;
    LineMixer mixer;
    std::vector<std::shared_ptr<audio::SpeakerLine>> lines;
    for (std::size_t i = 0; i < LineMixer::kSlots; ++i) {
        lines.push_back(line_with(clock, 1, 0));
        ASSERT_TRUE(mixer.attach(lines.back(), 48000));
    }
    const auto late = line_with(clock, 1, 0);
    EXPECT_FALSE(mixer.attach(late, 48000));
    EXPECT_TRUE(mixer.attach(lines[3], 48000));  // it is there already
    mixer.detach(lines[10]);
    EXPECT_TRUE(mixer.attach(late, 48000));
    EXPECT_EQ(mixer.size(), LineMixer::kSlots);
}

TEST(LineMixer, LetsGoOfALineAtDetach) {
    VirtualClock clock;
    LineMixer mixer;
    auto line = line_with(clock, 8192);
    ASSERT_TRUE(mixer.attach(line, 48000));
    played(mixer, clock, 8);
    mixer.detach(line);
    mixer.detach(line);
    EXPECT_EQ(line.use_count(), 1);
    EXPECT_EQ(played(mixer, clock, 1), std::vector<float>(480, 0.0F));
}

TEST(LineMixer, SurvivesLinesComingAndGoingWhileTheDevicePlays) {
    VirtualClock clock;
    LineMixer mixer;
    std::atomic<bool> stop{false};
    std::atomic<std::uint64_t> blocks{0};
    std::thread device([&] {
        std::vector<float> block(480);
        auto now = clock.now();
        while (!stop) {
            now += milliseconds(10);
            mixer.render(std::span<float>(block), 48000, now);
            ++blocks;
        }
    });
    for (int i = 0; i < 300; ++i) {
        auto line = line_with(clock, 8192, 5);
        ASSERT_TRUE(mixer.attach(line, 48000));
        const auto seen = blocks.load();
        while (blocks.load() == seen) std::this_thread::yield();
        mixer.detach(line);
        ASSERT_EQ(line.use_count(), 1);
    }
    stop = true;
    device.join();
    EXPECT_EQ(mixer.size(), 0U);
}

}  // namespace
}  // namespace bridge::devices
