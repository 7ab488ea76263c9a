#include "devices/device_factory.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace bridge::devices {
namespace {

TEST(DeviceFactory, MakesANullDeviceThatRuns) {
    const auto made = make_output_device("null");
    ASSERT_TRUE(made) << made.error().message;
    EXPECT_EQ(made->device->name(), "null");
    EXPECT_TRUE(made->device->stats().running);
    EXPECT_FALSE(made->fell_back);
}

TEST(DeviceFactory, MakesNoDeviceForNone) {
    const auto made = make_output_device("none");
    ASSERT_TRUE(made);
    EXPECT_EQ(made->device, nullptr);
}

TEST(DeviceFactory, MakesAFileDevice) {
    auto name = (std::filesystem::temp_directory_path() / "device_factory_test.XXXXXX").string();
    const std::filesystem::path folder = ::mkdtemp(name.data());
    {
        const auto made = make_output_device("file:" + (folder / "a.wav").string());
        ASSERT_TRUE(made) << made.error().message;
        EXPECT_TRUE(made->device->stats().running);
        EXPECT_EQ(made->device->name(), "file: " + (folder / "a.wav").string());
    }
    EXPECT_TRUE(std::filesystem::exists(folder / "a.wav"));
    std::filesystem::remove_all(folder);
    EXPECT_EQ(make_output_device("file:").error().code, Errc::bad_field);
    EXPECT_EQ(make_output_device("file:/nonexistent/folder/a.wav").error().code, Errc::io);
}

TEST(DeviceFactory, SaysThatANamedDeviceIsMissing) {
    const auto made = make_output_device("no such device 4711");
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().code, Errc::no_device);
    EXPECT_NE(made.error().message.find("no such device 4711"), std::string::npos);
}

// PortAudio would end the program.
TEST(DeviceFactory, TellsOfAnAlsaConfigurationThatIsMissingOrEmpty) {
#if defined(__linux__)
    if (!has_sound_cards()) GTEST_SKIP() << "built without PortAudio";
    ::setenv("ALSA_CONFIG_PATH", "/nonexistent/asound.conf", 1);
    const auto missing = list_devices();
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().code, Errc::device_failed);
    EXPECT_NE(missing.error().message.find("/nonexistent/asound.conf"), std::string::npos)
        << missing.error().message;
    EXPECT_NE(missing.error().message.find("unset it"), std::string::npos);

    ::setenv("ALSA_CONFIG_PATH", "/dev/null", 1);
    EXPECT_FALSE(list_devices());
    const auto fallen_back = make_output_device("default");
    ASSERT_TRUE(fallen_back);
    EXPECT_TRUE(fallen_back->fell_back);
    ::unsetenv("ALSA_CONFIG_PATH");
    EXPECT_TRUE(list_devices());
#else
    GTEST_SKIP() << "there is no ALSA here";
#endif
}

#if defined(__linux__)
// ALSA's plugins would lose 13 kB at each look.
TEST(DeviceFactory, LooksForDevicesAgainAndAgainWithoutLosingMemory) {
    if (!has_sound_cards()) GTEST_SKIP() << "built without PortAudio";
    const auto resident_kb = [] {
        std::ifstream file("/proc/self/statm");
        long all = 0, resident = 0;
        file >> all >> resident;
        return resident * (::sysconf(_SC_PAGESIZE) / 1024);
    };
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(list_devices());
    const auto before = resident_kb();
    for (int i = 0; i < 40; ++i) ASSERT_TRUE(list_devices());
    EXPECT_LT(resident_kb() - before, 200);
}
#endif

}  // namespace
}  // namespace bridge::devices
