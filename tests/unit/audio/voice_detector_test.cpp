#include "audio/voice_detector.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>
#include <vector>

#include "audio/dtmf_tones.hpp"
#include "tests/unit/audio/telephone_sounds.hpp"

namespace bridge::audio {
namespace {

using sounds::Noise;
using sounds::Signal;

std::vector<Voice> heard(const Signal& signal, float least_dbfs = kSilenceDbfs) {
    VoiceDetector detector;
    std::vector<Voice> out;
    for (const auto& frame : sounds::frames(signal))
        out.push_back(detector.hear(frame, least_dbfs));
    return out;
}

int onsets(const std::vector<Voice>& voices) {
    int out = 0;
    bool was = false;
    for (const auto& voice : voices) {
        if (voice.voiced && !was) ++out;
        was = voice.voiced;
    }
    return out;
}

int onsets(const Signal& signal) {
    return onsets(heard(signal));
}

/// How speech was found in noise; percentages of frames.
struct Score {
    double hit = 0;        ///< of the frames with speech, the wait for the onset included
    double wrong = 0;      ///< of the frames over 300 ms after speech and 60 ms before it
    double latest_ms = 0;  ///< of the onsets, from the first frame with speech
    int missed = 0;        ///< sayings without an onset
};

struct Line {
    const char* name;
    double speech_dbfs, noise_dbfs;
    bool pink;
};

Score score(const std::vector<Signal>& sayings, const Line& line) {
    Noise noise(7);
    Score out;
    double speech = 0, hit = 0, quiet = 0, wrong = 0;
    for (const auto& saying : sayings) {
        Signal clean(sounds::samples(2000), 0.0F);
        clean.insert(clean.end(), saying.begin(), saying.end());
        clean.resize(clean.size() + sounds::samples(1500), 0.0F);
        clean = sounds::at_level(std::move(clean), line.speech_dbfs);
        const double ms = static_cast<double>(clean.size()) / 8;
        Signal dirty =
            line.pink ? noise.pink(ms, line.noise_dbfs) : noise.white(ms, line.noise_dbfs);
        sounds::add(dirty, 0, clean);

        // Speech is what is not 20 dB quieter than speech is on the whole.
        const auto least = sounds::active_energy(clean) / 100;
        const auto energies = sounds::energies(clean);
        const auto voices = heard(dirty);
        const auto spoken = [&](std::size_t from, std::size_t to) {
            for (auto n = from; n < std::min(to, energies.size()); ++n)
                if (energies[n] > least) return true;
            return false;
        };
        double first = -1, onset = -1;
        for (std::size_t n = 0; n < voices.size(); ++n) {
            if (energies[n] > least) {
                if (first < 0) first = static_cast<double>(n);
                ++speech;
                if (voices[n].voiced) ++hit;
            } else if (!spoken(n < 15 ? 0 : n - 15, n + 3)) {
                ++quiet;
                if (voices[n].voiced) ++wrong;
            }
            if (onset < 0 && voices[n].voiced) onset = static_cast<double>(n);
        }
        if (onset < 0) ++out.missed;
        out.latest_ms = std::max(out.latest_ms, (onset + 1 - first) * 20);
    }
    out.hit = 100 * hit / speech;
    out.wrong = 100 * wrong / quiet;
    return out;
}

// −65 dBFS is a quiet line: mu-law's own steps are about there.
constexpr Line kLines[] = {{"clean", -20, -65, false},        {"clean, low", -32, -65, false},
                           {"white, 20 dB", -22, -42, false}, {"white, 15 dB", -22, -37, false},
                           {"white, 10 dB", -22, -32, false}, {"pink, 20 dB", -22, -42, true},
                           {"pink, 15 dB", -22, -37, true},   {"pink, 10 dB", -22, -32, true},
                           {"low and noisy", -32, -47, true}};

std::string told(const Line& line, const Score& score) {
    return std::string(line.name) + ": hit " + std::to_string(score.hit) + " %, wrong " +
           std::to_string(score.wrong) + " %, latest onset " + std::to_string(score.latest_ms) +
           " ms, missed " + std::to_string(score.missed);
}

TEST(VoiceDetector, HearsRecordedPeopleThroughNoise) {
    const auto prompts = sounds::recorded(-20);
    if (prompts.empty())
        GTEST_SKIP() << "no recorded speech in /usr/share/sounds/alsa (alsa-utils)";
    for (const auto& line : kLines) {
        const auto result = score(prompts, line);
        EXPECT_EQ(result.missed, 0) << told(line, result);
        EXPECT_GT(result.hit, 70) << told(line, result);  // words of 300 ms: the onset weighs much
        EXPECT_LT(result.wrong, 1.5) << told(line, result);
        EXPECT_LE(result.latest_ms, 300) << told(line, result);
    }
}

TEST(VoiceDetector, HearsVoicesOfAllSizesThroughNoise) {
    std::vector<Signal> sayings;
    for (const double voice : {0.85, 1.0, 1.25}) {
        for (const auto* text :
             {"Yes please, I would like a table for two at half past seven.",
              "No, that is not what I meant.", "Hello?", "Five five five, one two three four.",
              "Can you tell me when the next train leaves for the city?"})
            sayings.push_back(sounds::spoken(text, -20, voice));
    }
    for (const auto& line : kLines) {
        const auto result = score(sayings, line);
        EXPECT_EQ(result.missed, 0) << told(line, result);
        EXPECT_GT(result.hit, 88) << told(line, result);
        EXPECT_LT(result.wrong, 0.5) << told(line, result);
        EXPECT_LE(result.latest_ms, 300) << told(line, result);
    }
}

TEST(VoiceDetector, CountsAllVoiceThatLedToAnOnset) {
    Signal line(sounds::samples(4000), 0.0F);
    sounds::add(line, 1000, sounds::spoken("Hello, who is there?"));
    int fresh = 0, active = 0;
    for (const auto& voice : heard(line)) {
        if (voice.fresh > 1) {
            EXPECT_EQ(fresh, 0) << "one onset";
            EXPECT_GE(voice.fresh, VoiceDetector::kOnsetFrames);
            fresh = voice.fresh - 1;
        }
        EXPECT_EQ(voice.fresh > 0, voice.active);
        EXPECT_LE(voice.active, voice.voiced);
        if (voice.active) ++active;
    }
    EXPECT_GE(fresh, 2);
    EXPECT_NEAR((active + fresh) * 20, 1100, 300);
}

TEST(VoiceDetector, HoldsOnThroughTheStopsOfSpeechAndThenLetsGo) {
    Signal line(sounds::samples(5000), 0.0F);
    const auto saying = sounds::spoken("A lucky packet kept back at the attic.");
    sounds::add(line, 1000, saying);
    const auto voices = heard(line);
    EXPECT_EQ(onsets(voices), 1);
    std::size_t last_active = 0, last_voiced = 0;
    for (std::size_t n = 0; n < voices.size(); ++n) {
        if (voices[n].active) last_active = n;
        if (voices[n].voiced) last_voiced = n;
    }
    EXPECT_EQ(last_voiced - last_active + 1, static_cast<std::size_t>(VoiceDetector::kHangover));
}

TEST(VoiceDetector, TellsLevelAndNoise) {
    Noise noise;
    auto line = noise.white(6000, -50);
    sounds::add(line, 3000, sounds::spoken("Hello, who is there?", -20));
    const auto voices = heard(line);
    EXPECT_NEAR(voices[140].noise_dbfs, -50, 1);
    EXPECT_NEAR(voices[140].level_dbfs, -50, 1.5);
    EXPECT_NEAR(voices.back().noise_dbfs, -50, 1.5);
    float loudest = kSilenceDbfs;
    for (const auto& voice : voices) loudest = std::max(loudest, voice.level_dbfs);
    EXPECT_NEAR(loudest, -15, 4);
}

TEST(VoiceDetector, HearsNothingInSilence) {
    const auto voices = heard(Signal(sounds::samples(3000), 0.0F));
    EXPECT_EQ(onsets(voices), 0);
    EXPECT_EQ(voices.back().level_dbfs, kSilenceDbfs);
    EXPECT_EQ(voices.back().noise_dbfs, kSilenceDbfs);
}

TEST(VoiceDetector, HearsNothingInNoiseThatComesGoesOrRises) {
    for (const bool pink : {false, true}) {
        for (const double step_dbfs : {-45.0, -35.0, -25.0}) {
            Noise noise(3);
            auto line = noise.white(24000, -62);
            for (const double at : {3000.0, 9000.0, 15000.0, 20000.0})
                sounds::add(line, at,
                            pink ? noise.pink(2500, step_dbfs) : noise.white(2500, step_dbfs));
            EXPECT_EQ(onsets(line), 0) << pink << ' ' << step_dbfs;
        }
        Noise noise(4);
        auto line = pink ? noise.pink(60000, -70) : noise.white(60000, -70);
        for (std::size_t i = 0; i < line.size(); ++i)
            line[i] *=
                sounds::amplitude(50 * static_cast<double>(i) / static_cast<double>(line.size()));
        EXPECT_EQ(onsets(line), 0) << "rising " << pink;
    }
}

TEST(VoiceDetector, KnowsTheNewNoiseWithinTwoSeconds) {
    for (const bool pink : {false, true}) {
        Noise noise(5);
        auto line = noise.white(3000, -60);
        const auto loud = pink ? noise.pink(7000, -35) : noise.white(7000, -35);
        line.insert(line.end(), loud.begin(), loud.end());
        sounds::add(line, 5000, sounds::spoken("Hello, who is there?", -22));
        const auto voices = heard(line);
        EXPECT_NEAR(voices[5000 / 20].noise_dbfs, -35, 3) << pink;
        EXPECT_GE(onsets(voices), 1) << pink;
        std::size_t first = 0;
        while (first < voices.size() && !voices[first].voiced) ++first;
        EXPECT_GE(first, 5000U / 20) << pink;
        EXPECT_LE(first, 5460U / 20) << pink;  // Flite breathes for 150 ms

        auto fall = noise.white(4000, -35);
        const auto quiet = noise.white(2000, -60);
        fall.insert(fall.end(), quiet.begin(), quiet.end());
        EXPECT_NEAR(heard(fall)[4500 / 20].noise_dbfs, -60, 3) << "a fall is known sooner";
    }
}

TEST(VoiceDetector, HearsNothingInKeys) {
    Noise noise;
    for (const std::string keys : {"1234567890*#ABCD", "5555", "0"}) {
        const auto tones = dtmf_tones(keys);
        for (const double offset : {0.0, 3.0, 7.0, 11.0, 16.0}) {
            auto line = noise.white(1000 + static_cast<double>(tones.size()) / 8 + 500, -60);
            for (std::size_t i = 0; i < tones.size(); ++i)
                line[sounds::samples(1000 + offset) + i] += static_cast<float>(tones[i]) / 32768.0F;
            EXPECT_EQ(onsets(line), 0) << keys << ' ' << offset;
        }
    }
}

TEST(VoiceDetector, HearsNothingInTheTonesOfTelephones) {
    Noise noise;
    const std::initializer_list<double> kTones[] = {
        {350, 440}, {440, 480}, {480, 620}, {400, 450}, {425},  {440},  {200},
        {300},      {620},      {800},      {950},      {1000}, {1400}, {2100}};
    for (const auto& hz : kTones) {
        auto line = noise.white(20000, -55);
        int n = 0;
        for (double at = 1000; at < 18000; at += 2300, ++n)
            sounds::add(line, at + noise.between(0, 20),
                        sounds::tones(hz, n % 2 == 0 ? 400 : 1500, -20));
        EXPECT_EQ(onsets(line), 0) << *hz.begin() << " Hz and " << hz.size() - 1 << " more";
    }
}

TEST(VoiceDetector, HearsNothingInClicksBreathsCoughsAndHum) {
    Noise noise(9);
    auto clicks = noise.white(30000, -60);
    for (double at = 1000; at < 29000; at += 430)
        clicks[sounds::samples(at + noise.between(0, 90))] += 0.6F;
    EXPECT_EQ(onsets(clicks), 0) << "clicks";

    auto coughs = noise.white(60000, -60);
    for (double at = 1000; at < 59000; at += 570) {
        auto burst = noise.white(noise.between(100, 200), -16);
        for (std::size_t i = 0; i < burst.size(); ++i)
            burst[i] *=
                std::min(1.0F, static_cast<float>(i) / 80) * std::exp(-static_cast<float>(i) / 600);
        sounds::add(coughs, at + noise.between(0, 90), burst);
    }
    EXPECT_EQ(onsets(coughs), 0) << "coughs";

    auto breaths = noise.white(30000, -60);
    for (double at = 1000; at < 28000; at += 3000) {
        auto breath = noise.pink(1000, -36);
        for (std::size_t i = 0; i < breath.size(); ++i)
            breath[i] *= std::sin(std::numbers::pi_v<float> * static_cast<float>(i) / 8000);
        sounds::add(breaths, at, breath);
    }
    EXPECT_EQ(onsets(breaths), 0) << "breaths";

    for (const double mains : {50.0, 60.0}) {
        auto hum = noise.white(12000, -60);
        for (int n = 1; n < 12; ++n)
            sounds::add(hum, 4000, sounds::tones({mains * n}, 8000, -36 - 20 * std::log10(n)));
        EXPECT_EQ(onsets(hum), 0) << mains;
    }
}

TEST(VoiceDetector, HearsNothingInMusicFarAway) {
    Noise noise;
    Signal music(sounds::samples(30000), 0.0F);
    constexpr double kScale[] = {262, 330, 392, 523, 440, 349};
    int n = 0;
    for (double at = 2000; at < 29000; at += 250, ++n) {
        for (int voice = 0; voice < 3; ++voice) {
            auto note = sounds::tones(
                {kScale[(n + 2 * voice) % 6], kScale[(n + 2 * voice) % 6] * 2}, 250, -54);
            for (std::size_t i = 0; i < note.size(); ++i)
                note[i] *= std::exp(-static_cast<float>(i) / 2700);
            sounds::add(music, at, note);
        }
    }
    auto line = noise.white(30000, -60);
    sounds::add(line, 0, sounds::at_level(music, -50));
    EXPECT_EQ(onsets(line), 0);
}

TEST(VoiceDetector, LetsWhatIsNotLouderThanAskedForPass) {
    Noise noise;
    auto line = noise.white(6000, -60);
    sounds::add(line, 1000, sounds::spoken("This is the echo of what we said ourselves.", -38));
    EXPECT_GE(onsets(heard(line)), 1);
    EXPECT_EQ(onsets(heard(line, -28)), 0);
    sounds::add(line, 4000, sounds::spoken("Stop.", -18));
    EXPECT_EQ(onsets(heard(line, -28)), 1);
}

TEST(VoiceDetector, ForgetsALineThatIsReset) {
    VoiceDetector detector;
    for (const auto& frame : sounds::frames(sounds::spoken("Hello, who is there?")))
        detector.hear(frame);
    EXPECT_TRUE(detector.voiced());
    detector.reset();
    EXPECT_FALSE(detector.voiced());
    EXPECT_FALSE(detector.hear(AudioFrame{}).voiced);
}

}  // namespace
}  // namespace bridge::audio
