#include "devices/file_device.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <thread>

#include "devices/null_device.hpp"
#include "devices/test_tone.hpp"

namespace bridge::devices {
namespace {

using std::chrono::milliseconds;

class Folder {
public:
    Folder() {
        auto name = (std::filesystem::temp_directory_path() / "file_device_test.XXXXXX").string();
        path_ = ::mkdtemp(name.data());
    }
    ~Folder() { std::filesystem::remove_all(path_); }
    std::filesystem::path operator/(const char* name) const { return path_ / name; }

private:
    std::filesystem::path path_;
};

template <class Condition>
bool eventually(Condition condition) {
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!condition()) {
        if (std::chrono::steady_clock::now() > limit) return false;
        std::this_thread::sleep_for(milliseconds(5));
    }
    return true;
}

TEST(FileDevice, WritesWhatWouldHaveBeenHeard) {
    const Folder folder;
    const auto device = std::make_shared<FileDevice>(folder / "a.wav");
    ASSERT_TRUE(device->start());
    const auto report = play_test_tone(device, milliseconds(400), 1.0F);
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_GE(report->device.callbacks, 30U);
    EXPECT_EQ(report->device.sample_rate, 48000);
    EXPECT_EQ(report->device.block_samples, 480);
    EXPECT_EQ(report->playout.frames, 20U);
    EXPECT_EQ(report->playout.rendered_samples + report->playout.trimmed_samples, 20U * 160);
    device->stop();
    EXPECT_FALSE(device->stats().running);

    const auto sound = audio::read_sound(folder / "a.wav");
    ASSERT_TRUE(sound) << sound.error().message;
    EXPECT_EQ(sound->sample_rate, 48000);
    EXPECT_EQ(sound->samples.size(), device->stats().callbacks * 480);
    const auto loud = std::count_if(sound->samples.begin(), sound->samples.end(),
                                    [](int x) { return std::abs(x) > 500; });
    EXPECT_GT(loud, 48000 * 4 / 10 * 8 / 10);
}

TEST(FileDevice, LeavesAReadableFileWhileItStillRuns) {
    const Folder folder;
    FileDevice device(folder / "a.wav");
    ASSERT_TRUE(device.start());
    EXPECT_TRUE(eventually([&] {
        const auto sound = audio::read_sound(folder / "a.wav");
        return sound && sound->samples.size() >= 4800;
    }));
}

TEST(FileDevice, SaysWhenTheFileCannotBeMade) {
    const Folder folder;
    FileDevice device(folder / "missing/a.wav");
    const auto started = device.start();
    ASSERT_FALSE(started);
    EXPECT_EQ(started.error().code, Errc::io);
    EXPECT_NE(started.error().message.find("a.wav"), std::string::npos);
    EXPECT_FALSE(device.stats().running);
}

TEST(FileDevice, StartsAgainAfterAStop) {
    const Folder folder;
    FileDevice device(folder / "a.wav");
    for (int i = 0; i < 2; ++i) {
        ASSERT_TRUE(device.start());
        const auto before = device.stats().callbacks;
        EXPECT_TRUE(eventually([&] { return device.stats().callbacks > before; }));
        device.stop();
        device.stop();
    }
}

TEST(NullDevice, TakesSoundInRealTime) {
    const auto device = std::make_shared<NullDevice>();
    ASSERT_TRUE(device->start());
    const auto report = play_test_tone(device, milliseconds(300));
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_EQ(report->playout.frames, 15U);
    EXPECT_GT(report->playout.latency_p50_ms, 0);
    device->stop();
}

TEST(TestTone, SaysWhenTheDeviceTakesNothing) {
    const auto device = std::make_shared<NullDevice>();  // never started
    const auto report = play_test_tone(device, milliseconds(100));
    ASSERT_FALSE(report);
    EXPECT_EQ(report.error().code, Errc::device_failed);
}

}  // namespace
}  // namespace bridge::devices
