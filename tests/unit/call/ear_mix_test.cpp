#include "call/ear_mix.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace bridge::call {
namespace {

using namespace std::chrono_literals;

struct FrameLog final : audio::AudioSink {
    void write(const audio::AudioFrame& frame) override { frames.push_back(frame); }
    std::vector<audio::AudioFrame> frames;
};

audio::AudioFrame level(std::int16_t value, std::chrono::milliseconds at = 0ms) {
    audio::AudioFrame frame;
    frame.pcm.fill(value);
    frame.at = at;
    return frame;
}

TEST(EarMix, EveryEarHearsAllVoicesButItsOwn) {
    EarMix mix;
    const auto agent = mix.add_voice();
    const auto browser = mix.add_voice();
    auto speaker = std::make_shared<FrameLog>();
    auto agent_ear = std::make_shared<FrameLog>();
    auto browser_ear = std::make_shared<FrameLog>();
    mix.add_ear(speaker);
    mix.add_ear(agent_ear, agent);
    mix.add_ear(browser_ear, browser);
    const Clock::Time now{};
    mix.write(agent, level(20), now);
    mix.write(browser, level(300), now);
    mix.write(EarMix::kPhone, level(1), now);
    ASSERT_EQ(speaker->frames.size(), 1U);
    EXPECT_EQ(speaker->frames[0].pcm[7], 321);
    EXPECT_EQ(agent_ear->frames.at(0).pcm[7], 301);
    EXPECT_EQ(browser_ear->frames.at(0).pcm[7], 21);
}

TEST(EarMix, PassesThePhoneOnUntouchedWhenItIsAlone) {
    EarMix mix;
    auto speaker = std::make_shared<FrameLog>();
    mix.add_ear(speaker);
    auto frame = level(-32768, 40ms);
    frame.pcm[3] = 12345;
    mix.write(EarMix::kPhone, frame, {});
    ASSERT_EQ(speaker->frames.size(), 1U);
    EXPECT_EQ(speaker->frames[0].pcm, frame.pcm);
    EXPECT_EQ(speaker->frames[0].at, 40ms);
}

TEST(EarMix, SaturatesInsteadOfWrapping) {
    EarMix mix;
    const auto agent = mix.add_voice();
    auto speaker = std::make_shared<FrameLog>();
    mix.add_ear(speaker);
    mix.write(agent, level(30000), {});
    mix.write(EarMix::kPhone, level(30000), {});
    EXPECT_EQ(speaker->frames.at(0).pcm[0], 32767);
}

TEST(EarMix, MutesWithARampAndStaysMuted) {
    EarMix mix;
    auto speaker = std::make_shared<FrameLog>();
    const auto ear = mix.add_ear(speaker);
    mix.write(EarMix::kPhone, level(16000), {});
    mix.set_gain(EarMix::kPhone, ear, 0.0F);
    mix.write(EarMix::kPhone, level(16000), {});
    mix.write(EarMix::kPhone, level(16000), {});
    const auto& ramp = speaker->frames.at(1).pcm;
    EXPECT_GT(ramp[0], 15000);
    EXPECT_EQ(ramp[159], 0);
    for (std::size_t i = 1; i < ramp.size(); ++i) EXPECT_LE(ramp[i - 1] - ramp[i], 110);
    EXPECT_EQ(speaker->frames.at(2).pcm[0], 0);
}

TEST(EarMix, ANewEarNeverHearsWhatItIsNotToHear) {
    EarMix mix;
    auto ear = std::make_shared<FrameLog>();
    const auto id = mix.add_ear(ear);
    mix.set_gain(EarMix::kPhone, id, 0.0F);
    mix.write(EarMix::kPhone, level(16000), {});
    EXPECT_EQ(ear->frames.at(0).pcm, level(0).pcm);
    const auto whisper = mix.add_voice();
    mix.set_gain(whisper, id, 0.0F);
    mix.write(whisper, level(9000), {});
    mix.write(EarMix::kPhone, level(16000), {});
    EXPECT_EQ(ear->frames.at(1).pcm, level(0).pcm);
}

TEST(EarMix, ANewVoiceMayTakeThePlaceOfOneThatIsGone) {
    EarMix mix;
    auto ear = std::make_shared<FrameLog>();
    const auto gone = mix.add_voice();
    mix.add_ear(ear, gone);
    mix.write(gone, level(5), {});
    mix.remove_voice(gone);
    const auto next = mix.add_voice();
    EXPECT_EQ(next, gone);
    mix.write(EarMix::kPhone, level(1), {});
    EXPECT_EQ(ear->frames.at(0).pcm[0], 1) << "nothing is left of the old one";
    mix.write(next, level(7), {});
    mix.write(EarMix::kPhone, level(1), {});
    EXPECT_EQ(ear->frames.at(1).pcm[0], 8) << "and the new one is nobody's own";
}

TEST(EarMix, IsDrivenByTheTickWhileThePhoneIsSilentOnTheWire) {
    EarMix mix;
    const auto agent = mix.add_voice();
    auto speaker = std::make_shared<FrameLog>();
    mix.add_ear(speaker);
    Clock::Time now{};
    mix.write(EarMix::kPhone, level(1, 0ms), now);
    mix.write(agent, level(20), now);
    now += 20ms;
    mix.tick(now);
    EXPECT_EQ(speaker->frames.size(), 1U) << "the phone has the lead";
    now += 60ms;
    mix.tick(now);
    ASSERT_EQ(speaker->frames.size(), 2U);
    EXPECT_EQ(speaker->frames[1].pcm[0], 20);
    EXPECT_EQ(speaker->frames[1].at, 20ms);
    mix.tick(now + 20ms);
    EXPECT_EQ(speaker->frames.size(), 2U) << "nothing waits: nothing is sent";
}

TEST(EarMix, DropsTheOldestFrameOfAVoiceThatRunsAhead) {
    EarMix mix;
    const auto agent = mix.add_voice();
    auto speaker = std::make_shared<FrameLog>();
    mix.add_ear(speaker);
    for (std::int16_t i = 0; i < 12; ++i) mix.write(agent, level(i), {});
    EXPECT_EQ(mix.dropped_frames(), 2U);
    mix.write(EarMix::kPhone, level(0), {});
    EXPECT_EQ(speaker->frames.at(0).pcm[0], 2);
}

TEST(EarMix, ForgetsAnEarThatIsGone) {
    EarMix mix;
    auto kept = std::make_shared<FrameLog>();
    {
        auto gone = std::make_shared<FrameLog>();
        mix.add_ear(gone);
    }
    mix.add_ear(kept);
    mix.write(EarMix::kPhone, level(5), {});
    EXPECT_EQ(kept->frames.size(), 1U);
}

}  // namespace
}  // namespace bridge::call
