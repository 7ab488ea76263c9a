#include "stores/voicemail_store.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "audio/wav.hpp"

namespace bridge::stores {
namespace {

namespace fs = std::filesystem;

class VoicemailStoreTest : public testing::Test {
protected:
    VoicemailStoreTest() {
        std::string pattern = (fs::temp_directory_path() / "voicemail-XXXXXX").string();
        folder = ::mkdtemp(pattern.data());
        options.folder = folder / "voicemail";
        options.greeting = std::make_shared<const std::vector<std::int16_t>>(10, 1);
        options.wall_now = [] { return std::chrono::system_clock::from_time_t(1767225600); };
    }
    ~VoicemailStoreTest() override { fs::remove_all(folder); }

    static void speak(call::VoicemailMessage& message, int frames, std::int16_t value) {
        audio::AudioFrame frame;
        frame.pcm.fill(value);
        for (int i = 0; i < frames; ++i) message.write(frame);
    }

    fs::path folder;
    VoicemailOptions options;
};

TEST_F(VoicemailStoreTest, WritesEachMessageToAFileOfItsOwnForTheOwnerAlone) {
    auto store = VoicemailStore::open(options);
    ASSERT_TRUE(store) << store.error().message;
    auto first = *(*store)->begin(CallId{"c_one"});
    auto second = *(*store)->begin(CallId{"c_two"});
    EXPECT_EQ(first->file(), (folder / "voicemail/20260101T000000Z-c_one.wav").string());
    speak(*first, 120, 1000);
    speak(*second, 7, 2000);
    const auto one = first->file(), two = second->file();
    first.reset();
    second.reset();
    store->reset();  // what waits is written
    for (const auto& [file, frames, value] :
         {std::tuple(one, 120U, 1000), std::tuple(two, 7U, 2000)}) {
        const auto sound = audio::read_sound(file);
        ASSERT_TRUE(sound) << sound.error().message;
        EXPECT_EQ(sound->sample_rate, 8000);
        EXPECT_EQ(sound->samples,
                  std::vector<std::int16_t>(frames * 160U, static_cast<std::int16_t>(value)));
        EXPECT_EQ(fs::status(file).permissions(), fs::perms::owner_read | fs::perms::owner_write);
    }
    EXPECT_EQ(fs::status(folder / "voicemail").permissions(), fs::perms::owner_all);
}

TEST_F(VoicemailStoreTest, WritesNoFileForAMessageWithoutASound) {
    auto store = VoicemailStore::open(options);
    ASSERT_TRUE(store);
    (void)(*store)->begin(CallId{"c_one"});
    store->reset();
    EXPECT_TRUE(fs::is_empty(folder / "voicemail"));
}

TEST_F(VoicemailStoreTest, NeverWritesOverAFileThatIsThere) {
    auto store = VoicemailStore::open(options);
    ASSERT_TRUE(store);
    for (const std::int16_t value : {std::int16_t{1000}, std::int16_t{2000}})
        speak(**(*store)->begin(CallId{"c_one"}), 5, value);
    store->reset();
    const auto sound = audio::read_sound(folder / "voicemail/20260101T000000Z-c_one.wav");
    ASSERT_TRUE(sound);
    EXPECT_EQ(sound->samples, std::vector<std::int16_t>(800, 1000));
}

TEST_F(VoicemailStoreTest, AMessageMayOutliveTheStore) {
    auto store = VoicemailStore::open(options);
    ASSERT_TRUE(store);
    auto message = *(*store)->begin(CallId{"c_one"});
    store->reset();
    speak(*message, 100, 1);
    message.reset();
    EXPECT_TRUE(fs::is_empty(folder / "voicemail"));
}

TEST_F(VoicemailStoreTest, SaysWhenTheFolderCannotBeUsed) {
    options.folder = "/proc/voicemail";
    const auto store = VoicemailStore::open(options);
    ASSERT_FALSE(store);
    EXPECT_EQ(store.error().code, Errc::io);
    EXPECT_NE(store.error().message.find("/proc/voicemail"), std::string::npos);
}

}  // namespace
}  // namespace bridge::stores
