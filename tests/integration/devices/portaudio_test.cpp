// Real PortAudio on a private PulseAudio (tests/integration/devices/with_sound_server.sh starts
// it).
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "devices/device_factory.hpp"
#include "devices/test_tone.hpp"
#include "tests/integration/devices/sound_server.hpp"

namespace bridge::devices {
namespace {

using sound_server::eventually;
using sound_server::Recorder;
using std::chrono::milliseconds;

TEST(PortAudioDevice, AppearsInTheListWithoutPrinting) {
    // Whatever PortAudio, ALSA and JACK have to say must not reach our stderr.
    testing::internal::CaptureStderr();
    const auto devices = list_devices();
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
    ASSERT_TRUE(devices) << devices.error().message;
    const auto speaker = std::find_if(devices->begin(), devices->end(), [](const auto& device) {
        return device.name == "test_speaker";
    });
    ASSERT_NE(speaker, devices->end());
    EXPECT_GT(speaker->outputs, 0);
    EXPECT_GT(speaker->default_rate, 0);
    EXPECT_EQ(std::count_if(devices->begin(), devices->end(),
                            [](const auto& one) { return one.default_output; }),
              1);
}

TEST(PortAudioDevice, IsFoundByAPartOfItsNameInAnyCase) {
    const auto made = make_output_device("Test_SPEAK");
    ASSERT_TRUE(made) << made.error().message;
    EXPECT_NE(made->device->name().find("test_speaker"), std::string::npos);
    EXPECT_TRUE(made->device->stats().running);
}

TEST(PortAudioDevice, NamesWhatThereIsIfTheDeviceIsMissing) {
    const auto made = make_output_device("hdmi-from-mars");
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().code, Errc::no_device);
    EXPECT_NE(made.error().message.find("test_speaker"), std::string::npos);
}

TEST(PortAudioDevice, PlaysTonesThatComeOutOfTheSpeaker) {
    Recorder recorder;
    ASSERT_TRUE(eventually([&] { return recorder.size() > 4800; }));
    const auto made = make_output_device("default", {.fall_back_to_null = false});
    ASSERT_TRUE(made) << made.error().message;
    EXPECT_FALSE(made->fell_back);
    const auto report = play_test_tone(made->device, milliseconds(2000), 0.5F);
    ASSERT_TRUE(report) << report.error().message;
    std::printf(
        "rate %d, block %d, reported latency %.1f ms, callbacks %llu, longest gap %.1f ms, "
        "underflows %llu; "
        "frame to callback p50 %.1f ms, largest %.1f ms, target %.1f ms, underruns %llu\n",
        report->device.sample_rate, report->device.block_samples,
        report->device.reported_latency_ms,
        static_cast<unsigned long long>(report->device.callbacks), report->device.longest_gap_ms,
        static_cast<unsigned long long>(report->device.underflows), report->playout.latency_p50_ms,
        report->playout.latency_max_ms, report->playout.target_ms,
        static_cast<unsigned long long>(report->playout.underruns));
    EXPECT_GT(report->device.callbacks, 100U);
    EXPECT_EQ(report->device.block_samples, report->device.sample_rate / 100);
    EXPECT_LT(report->playout.latency_p50_ms, 80);

    // What was written last still has to get through the sound server.
    const auto at_end = recorder.size();
    ASSERT_TRUE(eventually([&] { return recorder.size() > at_end + 48000 / 2; }));
    const auto heard = recorder.samples();
    const auto loud = [](std::int16_t x) { return std::abs(x) > 1000; };
    const auto first = std::find_if(heard.begin(), heard.end(), loud);
    const auto last = std::find_if(heard.rbegin(), heard.rend(), loud).base();
    ASSERT_LT(first, last);
    const auto seconds = static_cast<double>(last - first) / 48000;
    EXPECT_NEAR(seconds, 2.0, 0.25);
    // Rising: the first quarter second is lower than the last.
    const auto crossings = [&](auto from) {
        int count = 0;
        for (auto x = from + 1; x < from + 9600; ++x) count += x[-1] < 0 && x[0] >= 0;
        return count * 5.0;
    };
    EXPECT_NEAR(crossings(first), 300, 40);
    EXPECT_NEAR(crossings(last - 9700), 1200, 60);
}

TEST(PortAudioDevice, StopsQuicklyAndStartsAgain) {
    const auto made = make_output_device("test_speaker");
    ASSERT_TRUE(made) << made.error().message;
    for (int i = 0; i < 2; ++i) {
        const auto begin = std::chrono::steady_clock::now();
        made->device->stop();
        made->device->stop();
        EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(2));
        EXPECT_FALSE(made->device->stats().running);
        ASSERT_TRUE(made->device->start());
        const auto before = made->device->stats().callbacks;
        EXPECT_TRUE(eventually([&] { return made->device->stats().callbacks > before + 5; }));
    }
}

// The last one: afterwards there is nothing to play on.
TEST(PortAudioDevice, ZNoticesThatTheSoundServerIsGone) {
    const auto made = make_output_device("default");
    ASSERT_TRUE(made) << made.error().message;
    ASSERT_EQ(std::system("pactl unload-module module-null-sink"), 0);
    EXPECT_TRUE(eventually([&] { return !made->device->stats().running; }));
    const auto begin = std::chrono::steady_clock::now();
    made->device->stop();
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(2));

    const auto again = make_output_device("default");
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_TRUE(again->fell_back);
    EXPECT_FALSE(again->note.empty());
    EXPECT_EQ(again->device->name(), "null");
    const auto insisted = make_output_device("default", {.fall_back_to_null = false});
    EXPECT_FALSE(insisted);
}

}  // namespace
}  // namespace bridge::devices
