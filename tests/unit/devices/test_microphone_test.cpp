#include "devices/test_microphone.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <memory>
#include <numbers>
#include <string>
#include <vector>

#include "audio/wav.hpp"
#include "devices/file_device.hpp"
#include "devices/microphone.hpp"
#include "devices/test_tone.hpp"

namespace bridge::devices {
namespace {

using std::chrono::milliseconds;

class Listening : public testing::Test {
protected:
    Listening() {
        auto pattern = (std::filesystem::temp_directory_path() / "listening_XXXXXX").string();
        folder_ = mkdtemp(pattern.data());
    }
    ~Listening() override { std::filesystem::remove_all(folder_); }

    /// A microphone, untouched, that hears 500 Hz of this amplitude for ever, in bursts of 200 ms
    /// and pauses of 200 ms if `pauses`.
    std::shared_ptr<audio::Microphone> hears(double amplitude, bool pauses = false) {
        const auto path = folder_ / "tone.wav";
        auto writer = audio::WavWriter::create(path, 8000);
        std::vector<std::int16_t> samples(8000 * 4 / 10);
        for (std::size_t i = 0; i < samples.size(); ++i) {
            const auto x =
                amplitude * std::sin(2 * std::numbers::pi * 500 * static_cast<double>(i) / 8000);
            const bool silent = pauses && i >= samples.size() / 2;
            samples[i] = static_cast<std::int16_t>(
                silent ? 0 : std::lrint(std::clamp(x, -32768.0, 32767.0)));
        }
        EXPECT_TRUE((*writer)->write(samples));
        writer->reset();
        audio::MicOptions options;
        options.high_pass = options.echo_cancellation = false;
        options.noise_suppression = options.gain_control = false;
        auto opened = FileMicrophone::open(path, options, FileMicrophone::Then::again);
        EXPECT_TRUE(opened);
        return *opened;
    }

    std::filesystem::path folder_;
};

TEST_F(Listening, MeasuresWhatACallWouldSend) {
    std::vector<MicMoment> seen;
    const auto report = listen(hears(16000), milliseconds(600),
                               [&](const MicMoment& moment) { seen.push_back(moment); });
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_EQ(report->samples.size(), 4800U);
    EXPECT_NEAR(report->level_dbfs, -9.2, 1.0);
    EXPECT_NEAR(report->peak_dbfs, -6.2, 1.0);
    EXPECT_NEAR(report->raw_peak_level_dbfs, -9.2, 1.0);
    EXPECT_NEAR(report->noise_floor_dbfs, -9.2, 1.0);
    EXPECT_EQ(report->mic.clipped_samples, 0U);
    EXPECT_EQ(report->mic.sample_rate, 8000);
    EXPECT_NE(report->mic.device.find("tone.wav"), std::string::npos);
    EXPECT_GT(report->way_ms, 0);
    EXPECT_LT(report->way_ms, 400);
    ASSERT_EQ(seen.size(), 30U);
    EXPECT_EQ(seen.front().at, milliseconds(20));
    EXPECT_EQ(seen.back().at, milliseconds(600));
    EXPECT_NEAR(seen.back().level_dbfs, -9.2, 1.0);
    EXPECT_NEAR(seen.back().peak_dbfs, -6.2, 1.0);
    EXPECT_FALSE(seen.back().clipped);
}

TEST_F(Listening, TellsTheQuietestMomentsFromTheLoudest) {
    const auto report = listen(hears(16000, true), milliseconds(800));
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_NEAR(report->raw_peak_level_dbfs, -9.2, 1.0);
    EXPECT_LT(report->noise_floor_dbfs, -60);
}

TEST_F(Listening, CountsWhatWasCutOff) {
    std::size_t clipped = 0;
    const auto report = listen(hears(60000), milliseconds(200), [&](const MicMoment& moment) {
        clipped += moment.clipped ? 1U : 0U;
    });
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_GT(report->mic.clipped_samples, 300U);
    EXPECT_GT(clipped, 0U);
}

TEST_F(Listening, SilenceIsHeardToo) {
    const auto report = listen(std::make_shared<NullMicrophone>(), milliseconds(200));
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_EQ(report->samples.size(), 1600U);
    EXPECT_EQ(report->level_dbfs, audio::kSilenceDbfs);
    EXPECT_EQ(report->noise_floor_dbfs, audio::kSilenceDbfs);
}

TEST_F(Listening, SaysWhenTheMicrophoneBringsNothing) {
    const auto dead =
        std::make_shared<TapMicrophone>(std::make_shared<audio::DuplexTap>(), audio::MicOptions{},
                                        [] { return std::string("dead"); });
    dead->start();
    const auto report = listen(dead, milliseconds(40));
    ASSERT_FALSE(report);
    EXPECT_EQ(report.error().code, Errc::device_failed);
    EXPECT_NE(report.error().message.find("dead: the microphone brings nothing"),
              std::string::npos);
}

TEST_F(Listening, PlaysBackWhatWasRecorded) {
    const auto report = listen(hears(16000), milliseconds(300));
    ASSERT_TRUE(report) << report.error().message;
    const auto device = std::make_shared<FileDevice>(folder_ / "back.wav");
    ASSERT_TRUE(device->start());
    const auto played = play_samples(device, report->samples);
    ASSERT_TRUE(played) << played.error().message;
    device->stop();
    EXPECT_EQ(played->playout.frames, 15U);
    const auto sound = audio::read_sound(folder_ / "back.wav");
    ASSERT_TRUE(sound) << sound.error().message;
    const auto loud = std::count_if(sound->samples.begin(), sound->samples.end(),
                                    [](int x) { return std::abs(x) > 1000; });
    EXPECT_GT(loud, sound->sample_rate * 3 / 10 * 8 / 10);
}

}  // namespace
}  // namespace bridge::devices
