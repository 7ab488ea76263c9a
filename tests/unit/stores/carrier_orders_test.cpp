#include "stores/carrier_orders.hpp"

#include <gtest/gtest.h>
#include <sndfile.h>
#include <sys/resource.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "stores/recording_store.hpp"

namespace bridge::stores {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr auto kName = "20260101T000000Z-c_one";

class CarrierOrdersTest : public testing::Test {
protected:
    CarrierOrdersTest() {
        std::string pattern = (fs::temp_directory_path() / "orders-XXXXXX").string();
        folder = ::mkdtemp(pattern.data());
    }
    ~CarrierOrdersTest() override { fs::remove_all(folder); }

    /// The bytes of a WAV of that many channels, each with its number in every sample.
    std::string wav(int channels) const {
        const auto path = folder / "sound";
        SF_INFO info{};
        info.samplerate = 8000;
        info.channels = channels;
        info.format = SF_FORMAT_WAV | SF_FORMAT_PCM_16;
        SNDFILE* const file = sf_open(path.c_str(), SFM_WRITE, &info);
        const std::array<std::int16_t, 2> both{1, 2};
        for (int i = 0; i < 800; ++i) sf_writef_short(file, both.data(), 1);
        sf_close(file);
        std::ifstream bytes(path, std::ios::binary);
        return {std::istreambuf_iterator<char>(bytes), {}};
    }
    std::size_t files() const {
        return static_cast<std::size_t>(
            std::distance(fs::directory_iterator(folder), fs::directory_iterator{}));
    }
    CarrierOrder order() const { return *make_carrier_order(kName, "RE1", 250ms); }

    fs::path folder;
};

TEST_F(CarrierOrdersTest, TakeNoNameThatIsAPath) {
    EXPECT_EQ(order().call.str(), "c_one");
    for (const auto* name : {"", "c_one", "20260101T000000Z-../../c_one", "20260101T000000Z-c/one",
                             "20260101T000000Z-c_one.wav", "../20260101T000000Z-c_one"})
        EXPECT_FALSE(make_carrier_order(name, "RE1", 0ms)) << name;
    for (const auto* recording : {"", "RE 1", "RE1\n", "RE1/../x"})
        EXPECT_FALSE(make_carrier_order(kName, recording, 0ms)) << recording;
    EXPECT_FALSE(make_carrier_order(std::string(kName) + std::string(200, 'x'), "RE1", 0ms));
}

TEST_F(CarrierOrdersTest, AreThereForALaterRun) {
    const CarrierOrders orders(folder);
    EXPECT_TRUE(orders.list().empty());
    ASSERT_TRUE(orders.keep(order()));
    std::ofstream(folder / "20260101T000001Z-c_two.twilio") << "cut";
    std::ofstream(folder / "notes.twilio") << "RE1 0";
    const auto path = folder / (std::string(kName) + ".twilio");
    EXPECT_EQ(fs::status(path).permissions(), fs::perms::owner_read | fs::perms::owner_write);
    const auto listed = orders.list();
    ASSERT_EQ(listed.size(), 1U);
    EXPECT_EQ(listed[0].name, kName);
    EXPECT_EQ(listed[0].call.str(), "c_one");
    EXPECT_EQ(listed[0].recording, "RE1");
    EXPECT_EQ(listed[0].offset, 250ms);
    EXPECT_TRUE(RecordingFolder(folder).list().empty());
    EXPECT_TRUE(orders.has(kName));
    ASSERT_TRUE(RecordingFolder(folder).remove(CallId{"c_two"}));
    EXPECT_TRUE(orders.has(kName)) << "another call was deleted";
    ASSERT_TRUE(RecordingFolder(folder).remove(CallId{"c_one"}));
    EXPECT_FALSE(orders.has(kName));
    ASSERT_TRUE(orders.keep(order()));
    orders.forget(kName);
    EXPECT_TRUE(orders.list().empty());
}

TEST_F(CarrierOrdersTest, SoundBecomesARecordingLikeAnyOther) {
    const auto bytes = wav(2);
    auto sound = CarrierSound::create(folder, order());
    ASSERT_TRUE(sound);
    EXPECT_FALSE(CarrierSound::create(folder, order())) << "two fetch it";
    ASSERT_TRUE((*sound)->write(std::string_view(bytes).substr(0, 100)));
    ASSERT_TRUE((*sound)->write(std::string_view(bytes).substr(100)));
    EXPECT_TRUE(RecordingFolder(folder).list().empty());
    ASSERT_TRUE((*sound)->keep(RecordingForm::flac));
    sound->reset();
    const RecordingFolder recordings(folder);
    const auto found = recordings.find(kName);
    ASSERT_TRUE(found);
    EXPECT_FALSE(found->live);
    EXPECT_EQ(found->forms, std::vector{RecordingForm::flac});
    EXPECT_EQ(files(), 2U);  // and the one that was fetched
    const auto wav_file = recordings.in_form(*found, RecordingForm::wav);
    ASSERT_TRUE(wav_file);
    EXPECT_EQ(fs::status(*wav_file).permissions(), fs::perms::owner_read | fs::perms::owner_write);
    const auto facts = read_recording_facts(*wav_file);
    ASSERT_TRUE(facts);
    EXPECT_EQ(facts->duration, 100ms);
    EXPECT_EQ(facts->origin.offset, 250ms);
    EXPECT_TRUE(facts->origin.by_carrier);
    const auto peaks = read_recording_peaks(*wav_file, 1);
    ASSERT_TRUE(peaks);
    EXPECT_FLOAT_EQ(peaks->far[0] * 32768, 1);
    EXPECT_FLOAT_EQ(peaks->near[0] * 32768, 2);
}

TEST_F(CarrierOrdersTest, AFullDiskIsSaidAndLeavesNothing) {
    auto sound = CarrierSound::create(folder, order());
    ASSERT_TRUE(sound);
    std::signal(SIGXFSZ, SIG_IGN);
    rlimit before{};
    ::getrlimit(RLIMIT_FSIZE, &before);
    rlimit tight = before;
    tight.rlim_cur = 1000;
    ::setrlimit(RLIMIT_FSIZE, &tight);
    const auto written = (*sound)->write(std::string(5000, 'x'));
    ::setrlimit(RLIMIT_FSIZE, &before);
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().code, Errc::io);
    EXPECT_NE(written.error().message.find("is the disk full?"), std::string::npos);
    sound->reset();
    EXPECT_EQ(files(), 0U);
}

TEST_F(CarrierOrdersTest, WhatIsNoRecordingOfBothSidesLeavesNothing) {
    const auto mono = wav(1), whole = wav(2);
    fs::remove(folder / "sound");
    for (const auto& bytes : {std::string(), std::string("<html>"), mono, whole.substr(0, 20)}) {
        auto sound = CarrierSound::create(folder, order());
        ASSERT_TRUE(sound);
        ASSERT_TRUE((*sound)->write(bytes));
        EXPECT_FALSE((*sound)->keep(RecordingForm::wav));
        sound->reset();
        EXPECT_EQ(files(), 0U);
    }
}

}  // namespace
}  // namespace bridge::stores
