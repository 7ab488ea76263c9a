#include <gtest/gtest.h>

#include "agents/echo_agent.hpp"
#include "agents/tone_agent.hpp"
#include "tests/support/agent_ear.hpp"

namespace bridge::agents {
namespace {

audio::AudioFrame frame_of(std::int16_t level) {
    audio::AudioFrame frame;
    frame.pcm.fill(level);
    return frame;
}

TEST(EchoAgent, SaysWhatItHeardSoManyFramesLater) {
    test::AgentEar ear;
    EchoAgent agent(3);
    agent.start({}, ear.ear());
    EXPECT_EQ(ear.told.readies, 1);
    for (std::int16_t level = 1; level <= 5; ++level) agent.write(frame_of(level));
    ASSERT_EQ(ear.voice->utterances.size(), 1U);
    const auto& said = ear.voice->utterances[0].samples;
    ASSERT_EQ(said.size(), 2U * audio::kFrameSamples);
    EXPECT_EQ(said.front(), 1);
    EXPECT_EQ(said.back(), 2);
    agent.stop();
    agent.write(frame_of(6));
    EXPECT_EQ(ear.voice->samples(), 2U * audio::kFrameSamples);
}

TEST(ToneAgent, SoundsAgainAfterItWasCutOff) {
    test::AgentEar ear;
    ToneAgent agent(440);
    agent.start({}, ear.ear());
    ASSERT_EQ(ear.voice->utterances.size(), 1U);
    agent.interrupted(1, {});
    EXPECT_EQ(ear.voice->utterances.size(), 2U);
    agent.stop();
    agent.stop();
    agent.interrupted(2, {});
    EXPECT_EQ(ear.voice->utterances.size(), 2U);
}

}  // namespace
}  // namespace bridge::agents
