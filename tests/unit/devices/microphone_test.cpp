#include "devices/microphone.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <numbers>
#include <string>

#include "audio/level.hpp"

namespace bridge::devices {
namespace {

using std::chrono::milliseconds;

audio::MicOptions untouched() {
    audio::MicOptions options;
    options.high_pass = options.echo_cancellation = false;
    options.noise_suppression = options.gain_control = false;
    return options;
}

class Microphones : public testing::Test {
protected:
    Microphones() {
        auto pattern = (std::filesystem::temp_directory_path() / "microphone_XXXXXX").string();
        folder_ = mkdtemp(pattern.data());
    }
    ~Microphones() override { std::filesystem::remove_all(folder_); }

    std::filesystem::path tone(int rate, int length_ms) {
        const auto path = folder_ / "tone.wav";
        auto writer = audio::WavWriter::create(path, rate);
        std::vector<std::int16_t> samples(static_cast<std::size_t>(rate) *
                                          static_cast<std::size_t>(length_ms) / 1000);
        for (std::size_t i = 0; i < samples.size(); ++i)
            samples[i] = static_cast<std::int16_t>(std::lrint(
                16000 * std::sin(2 * std::numbers::pi * 500 * static_cast<double>(i) / rate)));
        EXPECT_TRUE((*writer)->write(samples));
        return path;
    }

    /// Takes frames until there are `count`; fewer after 20 s.
    static std::vector<audio::MicFrame> take(audio::MicLine& line, std::size_t count) {
        std::vector<audio::MicFrame> frames;
        const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        audio::MicFrame frame;
        while (frames.size() < count && std::chrono::steady_clock::now() < limit) {
            if (line.read(frame))
                frames.push_back(frame);
            else
                std::this_thread::sleep_for(
                    milliseconds(1));  // polls for the event, as a call does
        }
        return frames;
    }

    std::filesystem::path folder_;
};

TEST_F(Microphones, FileIsSpokenInRealTime) {
    for (const int rate : {8000, 11025, 48000, 6000}) {
        SCOPED_TRACE(rate);
        auto microphone = FileMicrophone::open(tone(rate, 60000), untouched());
        ASSERT_TRUE(microphone) << microphone.error().message;
        auto line = std::make_shared<audio::MicLine>();
        const auto begin = std::chrono::steady_clock::now();
        (*microphone)->attach(line);
        const auto frames = take(*line, 20);
        ASSERT_EQ(frames.size(), 20U);
        EXPECT_GE(std::chrono::steady_clock::now() - begin, milliseconds(340));
        for (std::size_t n = 2; n < frames.size(); ++n)
            EXPECT_NEAR(audio::rms_dbfs(frames[n].pcm), -9.2, 1.0) << n;
        EXPECT_TRUE((*microphone)->stats().running);
        EXPECT_EQ((*microphone)->name(), "file: " + (folder_ / "tone.wav").string());
        EXPECT_EQ((*microphone)->stats().device, (*microphone)->name());
    }
}

TEST_F(Microphones, FileIsFollowedBySilenceOrByItself) {
    for (const auto then : {FileMicrophone::Then::silence, FileMicrophone::Then::again}) {
        auto microphone = FileMicrophone::open(tone(16000, 200), untouched(), then);
        ASSERT_TRUE(microphone);
        auto line = std::make_shared<audio::MicLine>();
        (*microphone)->attach(line);
        const auto frames = take(*line, 30);
        ASSERT_EQ(frames.size(), 30U);
        const auto level = audio::rms_dbfs(frames.back().pcm);
        if (then == FileMicrophone::Then::silence)
            EXPECT_EQ(level, audio::kSilenceDbfs);
        else
            EXPECT_GT(level, -12);
    }
}

TEST_F(Microphones, FileThatIsMissingOrIsNoSoundIsAnError) {
    const auto missing = FileMicrophone::open(folder_ / "no.wav", untouched());
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().code, Errc::not_found);
    std::ofstream(folder_ / "text.wav") << "this is not a sound";
    const auto text = FileMicrophone::open(folder_ / "text.wav", untouched());
    ASSERT_FALSE(text);
    EXPECT_EQ(text.error().code, Errc::bad_field);
}

TEST_F(Microphones, NullSaysNothingInRealTime) {
    NullMicrophone microphone;
    EXPECT_EQ(microphone.name(), "null");
    auto line = std::make_shared<audio::MicLine>();
    microphone.attach(line);
    const auto frames = take(*line, 10);
    ASSERT_EQ(frames.size(), 10U);
    for (const auto& frame : frames) EXPECT_EQ(audio::rms_dbfs(frame.pcm), audio::kSilenceDbfs);
    microphone.detach(line);
    line->flush();
    // A second line shows that time has gone by.
    auto other = std::make_shared<audio::MicLine>();
    microphone.attach(other);
    EXPECT_EQ(take(*other, 5).size(), 5U);
    EXPECT_EQ(line->waiting(), 0U);
}

TEST(TapMicrophone, StartsAndStopsAtOnceAndMayDoSoAgain) {
    const auto tap = std::make_shared<audio::DuplexTap>();
    TapMicrophone microphone(tap, audio::MicOptions{}, [] { return std::string("a card"); });
    auto line = std::make_shared<audio::MicLine>();
    microphone.attach(line);
    EXPECT_FALSE(microphone.stats().running);
    for (int n = 0; n < 3; ++n) {
        microphone.start();
        microphone.start();
        EXPECT_TRUE(microphone.stats().running);
        const auto begin = std::chrono::steady_clock::now();
        microphone.stop();
        microphone.stop();
        EXPECT_LT(std::chrono::steady_clock::now() - begin, milliseconds(200));
        EXPECT_FALSE(microphone.stats().running);
    }
    const std::vector<float> some(4800, 0.1F);
    tap->captured(some, 48000, std::chrono::steady_clock::now(), {});
    EXPECT_EQ(line->waiting(), 0U);
    EXPECT_EQ(microphone.stats().device, "a card");
}

}  // namespace
}  // namespace bridge::devices
