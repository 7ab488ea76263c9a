#include "agents/elevenlabs/agent_audio.hpp"

#include <gtest/gtest.h>

#include "audio/mulaw.hpp"

namespace bridge::agents {
namespace {

using elevenlabs::AudioFormat;
using elevenlabs::parse_audio_format;

TEST(AgentAudio, KnowsTheFormatsByTheirNames) {
    EXPECT_EQ(parse_audio_format("ulaw_8000"), AudioFormat{});
    EXPECT_EQ(parse_audio_format("pcm_24000"), (AudioFormat{AudioFormat::Coding::pcm, 24000}));
    for (const auto* name :
         {"", "pcm_", "pcm_0", "pcm_96000", "ulaw_16000", "mp3_44100", "pcm_16000x"}) {
        EXPECT_EQ(parse_audio_format(name), std::nullopt) << name;
    }
}

TEST(AgentAudio, MulawPassesAsItIs) {
    elevenlabs::ToAgent to({});
    audio::AudioFrame frame;
    frame.pcm.fill(1000);
    const auto bytes = to.convert(frame);
    ASSERT_EQ(bytes.size(), 160U);
    EXPECT_EQ(bytes[159], audio::encode_mulaw(1000));
    elevenlabs::FromAgent from({});
    const std::array<std::uint8_t, 2> said{0x00, 0xFF};
    const auto samples = from.convert(said);
    ASSERT_EQ(samples.size(), 2U);
    EXPECT_EQ(samples[0], -32124);
    EXPECT_EQ(samples[1], 0);
}

TEST(AgentAudio, PcmAtOurRateIsLittleEndianAndMayBeCutAnywhere) {
    const AudioFormat pcm{AudioFormat::Coding::pcm, 8000};
    elevenlabs::ToAgent to(pcm);
    audio::AudioFrame frame;
    frame.pcm.fill(-2);
    frame.pcm[0] = 0x1234;
    const auto bytes = to.convert(frame);
    ASSERT_EQ(bytes.size(), 320U);
    EXPECT_EQ(bytes[0], 0x34);
    EXPECT_EQ(bytes[1], 0x12);
    EXPECT_EQ(bytes[2], 0xFE);
    EXPECT_EQ(bytes[3], 0xFF);
    elevenlabs::FromAgent from(pcm);
    EXPECT_EQ(from.convert(bytes.first(3)).size(), 1U);
    EXPECT_EQ(from.convert({}).size(), 0U);
    const auto rest = from.convert(bytes.subspan(3));
    ASSERT_EQ(rest.size(), 159U);
    EXPECT_EQ(rest[0], -2);
    from.convert(bytes.first(1));
    from.reset();  // half a sample is forgotten
    EXPECT_EQ(from.convert(bytes.first(2))[0], 0x1234);
}

TEST(AgentAudio, EveryRateGivesAsMuchSoundAsItTook) {
    for (const int rate : {16000, 22050, 24000, 44100, 48000}) {
        const AudioFormat pcm{AudioFormat::Coding::pcm, rate};
        elevenlabs::ToAgent to(pcm);
        elevenlabs::FromAgent from(pcm);
        std::size_t bytes = 0, samples = 0;
        audio::AudioFrame frame;
        frame.pcm.fill(10000);
        std::int16_t last = 0;
        for (int i = 0; i < 50; ++i) {
            const auto sent = to.convert(frame);
            bytes += sent.size();
            const auto back = from.convert(sent);
            samples += back.size();
            if (!back.empty()) last = back.back();
        }
        EXPECT_NEAR(static_cast<double>(bytes), 2.0 * rate, 2.0 * rate / 100) << rate;
        EXPECT_NEAR(static_cast<double>(samples), 8000, 120) << rate;
        EXPECT_NEAR(last, 10000, 50) << rate;
    }
}

}  // namespace
}  // namespace bridge::agents
