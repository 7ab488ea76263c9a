#include "stores/recording_silence.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include "stores/folder_lock.hpp"
#include "stores/track_blocks.hpp"
#include "tests/unit/stores/recording_fixture.hpp"

namespace bridge::stores {
namespace {

using call::LineEnd;

constexpr std::size_t kSecond = 8000;

class RecordingSilenceTest : public RecordingStoreTest {
protected:
    /// Both sides speak, from where they stopped.
    void speak(call::CallRecording& recording, std::size_t samples) {
        const auto sound = loud(samples);
        recording.far_end(at, sound);
        recording.near_end(at, sound);
        at += samples;
    }
    static std::vector<std::int16_t> loud(std::size_t samples) {
        std::vector<std::int16_t> out(samples);
        for (std::size_t i = 0; i < samples; ++i)
            out[i] = static_cast<std::int16_t>(i / 8 % 2 == 0 ? 4000 : -4000);
        return out;
    }
    /// Silence from `begin` to `end` and nowhere else. Both in samples.
    static void expect_silent(const std::vector<std::int16_t>& side, std::size_t begin,
                              std::size_t end, std::string_view what) {
        for (std::size_t i = 0; i < side.size(); ++i) {
            if ((side[i] == 0) == (i >= begin && i < end)) continue;
            ADD_FAILURE() << what << ": sample " << i << " of " << side.size() << " is " << side[i];
            return;
        }
    }
    Sides sides(std::string_view form = "wav") {
        auto out = read(file(form));
        EXPECT_TRUE(out) << form;
        return out.value_or(Sides());
    }
    const CallId call{"c_one"};
    std::uint64_t at = 0;
};

TEST_F(RecordingSilenceTest, WhatIsWrittenIsSilentAtOnceOnOneSideOnly) {
    for (const bool mulaw : {false, true}) {
        options.mulaw = mulaw;
        open();
        at = 0;
        auto recording = begin();
        speak(*recording, 3 * kSecond);
        settle();
        // Across the border of two blocks, and the other side elsewhere.
        store->silence(call, {{LineEnd::far, 350ms, 450ms}, {LineEnd::near, 1000ms, 1001ms}});
        settle();
        EXPECT_TRUE(is_being_written(file()));
        auto found = sides();
        expect_silent(found.far, 2800, 3600, "far");
        expect_silent(found.near, 8000, 8008, "near");
        speak(*recording, kSecond);
        recording.reset();
        settle();
        found = sides();
        EXPECT_EQ(found.far.size(), 4 * kSecond);
        EXPECT_EQ(found.format & SF_FORMAT_SUBMASK, mulaw ? SF_FORMAT_ULAW : SF_FORMAT_PCM_16);
        expect_silent(found.far, 2800, 3600, "far");
        expect_silent(found.near, 8000, 8008, "near");
        EXPECT_TRUE(store->remove(call));
        store.reset();
    }
}

TEST_F(RecordingSilenceTest, APartThatIsNotWrittenYetIsSilentWhenItComes) {
    open();
    auto recording = begin(80);
    at = 80;
    speak(*recording, kSecond);
    settle();
    // On the call's timeline, which the recording joins after 10 ms.
    store->silence(call, {{LineEnd::near, 510ms, 1510ms}, {LineEnd::far, 1810ms, 1910ms}});
    settle();
    speak(*recording, 2 * kSecond);
    recording.reset();
    settle();
    const auto found = sides();
    EXPECT_EQ(found.far.size(), 3 * kSecond);
    expect_silent(found.near, 4000, 12000, "near");
    expect_silent(found.far, 14400, 15200, "far");
}

TEST_F(RecordingSilenceTest, WhatACopyAtAnyMomentHoldsCanBeRead) {
    open();
    auto recording = begin();
    for (int i = 0; i < 10; ++i) {
        speak(*recording, kSecond / 2);
        store->silence(call, {{LineEnd::far, i * 500ms + 100ms, i * 500ms + 300ms}});
        settle();
        const auto copy = folder / "copy.wav";  // as after a kill
        fs::copy_file(file(), copy, fs::copy_options::overwrite_existing);
        const auto found = read(copy);
        ASSERT_TRUE(found);
        for (std::size_t at_ms = 0; at_ms * 8 < found->far.size(); ++at_ms)
            ASSERT_EQ(found->far[at_ms * 8] == 0, at_ms % 500 >= 100 && at_ms % 500 < 300) << at_ms;
    }
}

TEST_F(RecordingSilenceTest, TheLastWordsComeAfterTheEndAndBeforeTheForm) {
    for (const auto form : {RecordingForm::flac, RecordingForm::opus}) {
        options.form = form;
        open();
        at = 0;
        auto expecting = store->expect_silence(call);
        auto recording = begin();
        speak(*recording, 2 * kSecond);
        recording.reset();
        settle();
        EXPECT_FALSE(fs::exists(file(to_string(form)))) << "the number would be heard there";
        store->silence(call, {{LineEnd::far, 1000ms, 1500ms}});
        settle();
        expect_silent(sides().far, 8000, 12000, "before it is made");
        expecting.reset();
        settle();
        EXPECT_FALSE(fs::exists(file()));
        const auto found = sides(to_string(form));
        ASSERT_EQ(found.far.size(), 2 * kSecond);
        if (form == RecordingForm::flac) {
            expect_silent(found.far, 8000, 12000, "far");
            EXPECT_EQ(found.near, loud(2 * kSecond));
        }
        // Opus is exact to some milliseconds.
        for (std::size_t i = 8240; i < 11760; ++i) ASSERT_LT(std::abs(found.far[i]), 200) << i;
        EXPECT_GT(std::abs(found.near[10000]), 1000);
        EXPECT_TRUE(store->remove(call));
        store.reset();
    }
}

TEST_F(RecordingSilenceTest, EveryFormThatIsThereIsSilentAfterwards) {
    open();
    auto recording = begin(kSecond);
    at = kSecond;
    speak(*recording, 2 * kSecond);
    recording.reset();
    settle();
    const auto stored = store->folder().of_call(call);
    ASSERT_TRUE(stored && store->folder().in_form(*stored, RecordingForm::flac));
    store->silence(call, {{LineEnd::near, 500ms, 2000ms}, {LineEnd::far, 99s, 100s}});
    settle();
    for (const auto form : {"wav", "flac"}) {
        const auto found = sides(form);
        expect_silent(found.near, 0, 8000, form);
        EXPECT_EQ(found.far, loud(2 * kSecond)) << form;
    }
    EXPECT_EQ(read_recording_facts(file("flac"))->origin.offset, 1000ms);
    EXPECT_EQ(fs::status(file("flac")).permissions(),
              fs::perms::owner_read | fs::perms::owner_write);
    EXPECT_EQ(std::distance(fs::directory_iterator(options.folder), fs::directory_iterator()), 2);
}

TEST_F(RecordingSilenceTest, AFormThatIsBeingMadeIsWaitedFor) {
    options.cpu = std::make_shared<WorkerPool>(WorkerPoolOptions{"cpu", 2, 16, {}});
    open();
    auto recording = begin();
    speak(*recording, kSecond);
    recording.reset();
    settle();
    {
        // As whoever makes a form has it.
        const FolderLock making(options.folder, FolderLock::Kind::shared);
        store->silence(call, {{LineEnd::far, 0ms, 500ms}});
        ASSERT_TRUE(make_recording(file(), file("flac"), RecordingForm::flac, {}));
        EXPECT_EQ(sides().far, loud(kSecond)) << "it was changed while it was read";
    }
    settle();
    expect_silent(sides().far, 0, 4000, "wav");
    expect_silent(sides("flac").far, 0, 4000, "flac");
}

TEST_F(RecordingSilenceTest, TheProgramEndsWithWhatIsStillExpected) {
    options.form = RecordingForm::flac;
    open();
    const auto expecting = store->expect_silence(call);
    auto recording = begin();
    speak(*recording, kSecond);
    store->silence(call, {{LineEnd::far, 100ms, 200ms}});
    recording.reset();
    store->silence(call, {{LineEnd::near, 100ms, 200ms}});
    store.reset();
    const auto found = sides("flac");
    expect_silent(found.far, 800, 1600, "far");
    expect_silent(found.near, 800, 1600, "near");
}

TEST_F(RecordingSilenceTest, AllRecordingsOfTheCallAreSilentWhereItsTimeIs) {
    open();
    const auto expecting = store->expect_silence(call);
    auto first = begin();
    speak(*first, kSecond);
    first.reset();
    settle();
    auto second = begin(kSecond);
    speak(*second, kSecond);
    settle();
    store->silence(call, {{LineEnd::far, 900ms, 1100ms}});
    settle();
    expect_silent(sides().far, 7200, 8000, "first");
    second.reset();
    settle();
    const auto other = read(options.folder / "20260101T000000Z-c_one-2.wav");
    ASSERT_TRUE(other);
    expect_silent(other->far, 0, 800, "second");
}

TEST_F(RecordingSilenceTest, ADeletedRecordingIsNotMissed) {
    options.form = RecordingForm::flac;
    open();
    auto expecting = store->expect_silence(call);
    auto recording = begin();
    speak(*recording, kSecond);
    recording.reset();
    settle();
    EXPECT_TRUE(store->remove(call));
    expecting.reset();
    store->silence(call, {{LineEnd::far, 0ms, 500ms}});
    settle();
    EXPECT_TRUE(fs::is_empty(options.folder));
}

TEST_F(RecordingSilenceTest, OnlyRecordingsAreChanged) {
    const auto path = folder / "other.wav";
    std::ofstream(path) << "RIFF....WAVEfmt that is no such thing and too short";
    const std::vector<SilentPart> parts{{0, 0, 10}};
    EXPECT_FALSE(silence_in_place(path, parts));
    EXPECT_FALSE(silence_in_place(folder / "none.wav", parts));
    EXPECT_EQ(silence_in_place(folder / "none.wav", parts).error().code, Errc::io);
}

}  // namespace
}  // namespace bridge::stores
