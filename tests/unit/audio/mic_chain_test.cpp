#include "audio/mic_chain.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <random>

#include "audio/echo_aligner.hpp"
#include "audio/level.hpp"
#include "tests/unit/audio/mic_simulation.hpp"

namespace bridge::audio {
namespace {

using namespace simulation;

MicOptions only(bool MicOptions::*stage) {
    MicOptions options;
    options.high_pass = options.echo_cancellation = false;
    options.noise_suppression = options.gain_control = false;
    if (stage) options.*stage = true;
    return options;
}

Signal through(MicChain& chain, const Signal& signal) {
    Signal out;
    std::array<std::int16_t, kFrameSamples> frame;
    const std::array<std::int16_t, kFrameSamples> silence{};
    for (std::size_t at = 0; at + kFrameSamples <= signal.size(); at += kFrameSamples) {
        for (std::size_t i = 0; i < kFrameSamples; ++i)
            frame[i] = static_cast<std::int16_t>(std::lrint(signal[at + i] * 32767));
        chain.process(frame, silence);
        for (const auto x : frame) out.push_back(static_cast<float>(x) / 32768.0F);
    }
    return out;
}

double dbfs(const Signal& signal, Ms from, Ms to) {
    return 10 * std::log10(energy_of(signal, from, to) / ((to - from) * 8) + 1e-12);
}

Signal tone(double hz, double amplitude, Ms length) {
    Signal signal(static_cast<std::size_t>(length * 8));
    for (std::size_t i = 0; i < signal.size(); ++i)
        signal[i] = static_cast<float>(
            amplitude * std::sin(2 * std::numbers::pi * hz * static_cast<double>(i) / kSampleRate));
    return signal;
}

TEST(MicChain, ChangesNothingWithEveryStageOff) {
    MicChain chain(only(nullptr));
    const auto speech = near_speech();
    const auto out = through(chain, speech);
    for (std::size_t i = 0; i < out.size(); ++i) ASSERT_NEAR(out[i], speech[i], 1e-4) << i;
    EXPECT_EQ(chain.delay(), 0U);
}

TEST(MicChain, HighPassTakesHumAndLeavesVoices) {
    const struct {
        double hz, at_least_db, at_most_db;
    } cases[] = {{50, -100, -30}, {100, -14, -7}, {300, -0.3, 0.1}, {1000, -0.1, 0.1}};
    for (const auto& one : cases) {
        MicChain chain(only(&MicOptions::high_pass));
        const auto in = tone(one.hz, 0.4, 1000);
        const auto change = dbfs(through(chain, in), 500, 1000) - dbfs(in, 500, 1000);
        EXPECT_GE(change, one.at_least_db) << one.hz << " Hz";
        EXPECT_LE(change, one.at_most_db) << one.hz << " Hz";
    }
}

TEST(MicChain, NoiseSuppressionTakesNoiseAndNotAQuietVoice) {
    std::mt19937 random(5);
    std::normal_distribution<float> noise(0, 0.002F);  // -54 dBFS
    Signal hiss(8 * 20000);
    for (auto& x : hiss) x = noise(random);
    auto quiet = looped(near_speech(), 20000, 5000);
    for (auto& x : quiet) x *= 0.126F;  // -40 dBFS: 14 dB over the noise
    auto both = hiss;
    for (std::size_t i = 0; i < both.size(); ++i) both[i] += quiet[i];

    MicChain chain(only(&MicOptions::noise_suppression));
    const auto out = through(chain, both);
    EXPECT_LT(dbfs(out, 3000, 5000), dbfs(hiss, 3000, 5000) - 8);
    EXPECT_GT(dbfs(out, 6000, 20000), dbfs(quiet, 6000, 20000) - 3);
    EXPECT_GT(likeness(quiet, out, 6000, 20000, 40), 0.9);
    EXPECT_EQ(chain.delay(), kFrameSamples);
}

TEST(MicChain, GainBringsQuietAndLoudVoicesToOneLevel) {
    std::vector<double> levels;
    for (const double db : {-24.0, -12.0, 0.0, 10.0}) {
        auto speech = looped(near_speech(), 20000);  // -22 dBFS while it speaks
        const auto gain = static_cast<float>(std::pow(10, db / 20));
        for (auto& x : speech) x = std::clamp(x * gain, -0.99F, 0.99F);
        MicChain chain(only(&MicOptions::gain_control));
        const auto out = through(chain, speech);
        levels.push_back(dbfs(out, 8000, 20000));
        for (const auto x : out) ASSERT_LE(std::abs(x), 0.98F);
    }
    const auto [least, most] = std::minmax_element(levels.begin(), levels.end());
    EXPECT_LT(*most - *least, 6);
    EXPECT_GT(*least, -30);
    EXPECT_LT(*most, -16);
}

TEST(MicChain, GainLeavesNoiseInPausesAlone) {
    std::mt19937 random(5);
    std::normal_distribution<float> noise(0, 0.003F);
    Signal hiss(8 * 20000);
    for (auto& x : hiss) x = noise(random);
    MicChain chain(only(&MicOptions::gain_control));
    EXPECT_NEAR(dbfs(through(chain, hiss), 15000, 20000), dbfs(hiss, 15000, 20000), 1);
}

TEST(MicChain, GainNeverClipsASuddenShout) {
    auto speech = looped(near_speech(), 12000);
    for (std::size_t i = 0; i < speech.size(); ++i)
        speech[i] = i < 8 * 8000 ? speech[i] * 0.1F : std::clamp(speech[i] * 4, -0.99F, 0.99F);
    MicChain chain(only(&MicOptions::gain_control));
    for (const auto x : through(chain, speech)) ASSERT_LE(std::abs(x), 0.98F);
}

TEST(EchoCanceller, WebrtcIsThereOrItsAbsenceIsAClearError) {
    const auto made = make_echo_canceller(MicOptions::EchoEngine::webrtc);
    EXPECT_EQ(made.has_value(), has_webrtc());
    if (!made) {
        EXPECT_EQ(made.error().code, Errc::bad_config);
        EXPECT_NE(made.error().message.find("WebRTC"), std::string::npos);
    }
}

TEST(EchoCanceller, EitherEngineTakesEchoOut) {
    for (const auto engine : {MicOptions::EchoEngine::speex, MicOptions::EchoEngine::webrtc}) {
        if (engine == MicOptions::EchoEngine::webrtc && !has_webrtc()) continue;
        MicScene scene;
        scene.options.engine = engine;
        scene.options.gain_control = false;
        scene.length = 20000;
        scene.far = looped(far_speech(), scene.length);
        EXPECT_GE(simulate(scene).erle(10000, 20000), 25) << static_cast<int>(engine);
    }
}

// --- the aligner

void feed(EchoAligner& aligner, const Signal& near, const Signal& far) {
    for (std::size_t at = 0; at + kFrameSamples <= std::min(near.size(), far.size());
         at += kFrameSamples) {
        aligner.near(std::span<const float, kFrameSamples>(&near[at], kFrameSamples));
        aligner.reference(std::span<const float, kFrameSamples>(&far[at], kFrameSamples));
    }
}

Signal delayed(const Signal& signal, int by, float gain = 0.5F) {
    Signal out(signal.size(), 0.0F);
    for (std::size_t i = 0; i < out.size(); ++i) {
        const auto from = static_cast<std::int64_t>(i) - by;
        if (from >= 0 && from < static_cast<std::int64_t>(signal.size()))
            out[i] = signal[static_cast<std::size_t>(from)] * gain;
    }
    return out;
}

TEST(EchoAligner, FindsAnyDelayUpToHalfASecond) {
    const auto far = looped(far_speech(), 6000);
    for (const int ms : {-30, 0, 20, 75, 150, 300, 495}) {
        EchoAligner aligner;
        aligner.reset(0);
        feed(aligner, delayed(far, ms * 8), far);
        ASSERT_TRUE(aligner.measured()) << ms;
        EXPECT_NEAR(*aligner.measured(), ms * 8, 16) << ms;
        EXPECT_GE(*aligner.measured(), aligner.alignment()) << ms;
        EXPECT_LE(*aligner.measured(), aligner.alignment() + EchoAligner::kReach) << ms;
    }
}

TEST(EchoAligner, BeginsWithWhatTheCardsReport) {
    EchoAligner aligner;
    aligner.reset(150 * 8);
    EXPECT_EQ(aligner.alignment(), 110 * 8);
    EXPECT_FALSE(aligner.measured());
}

TEST(EchoAligner, BelievesNeitherNoiseNorAnotherVoice) {
    const auto far = looped(far_speech(), 40000);
    const auto voice = looped(near_speech(), 40000);
    std::mt19937 random(5);
    std::normal_distribution<float> noise(0, 0.02F);
    Signal hiss(far.size());
    for (auto& x : hiss) x = noise(random);
    for (const Signal* near : {&voice, static_cast<const Signal*>(&hiss)}) {
        EchoAligner aligner;
        aligner.reset(60 * 8);
        const auto before = aligner.changes();
        feed(aligner, *near, far);
        EXPECT_EQ(aligner.changes(), before);
        EXPECT_FALSE(aligner.measured());
    }
}

TEST(EchoAligner, StaysWhereItIsInDoubleTalk) {
    const auto far = looped(far_speech(), 40000);
    auto near = delayed(far, 140 * 8);
    const auto voice = looped(near_speech(), 40000, 6000);
    for (std::size_t i = 0; i < near.size(); ++i) near[i] += 2 * voice[i];
    EchoAligner aligner;
    aligner.reset(0);
    feed(aligner, near, far);
    EXPECT_EQ(aligner.changes(), 2);  // the reset, and the delay found
    ASSERT_TRUE(aligner.measured());
    EXPECT_NEAR(*aligner.measured(), 140 * 8, 16);
}

}  // namespace
}  // namespace bridge::audio
