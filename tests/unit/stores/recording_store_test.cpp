#include "stores/recording_store.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <fstream>

#include "stores/track_blocks.hpp"
#include "tests/unit/stores/recording_fixture.hpp"

namespace bridge::stores {
namespace {

TEST_F(RecordingStoreTest, BothSidesLieWhereTheyWereHeardAndPausesAreSilence) {
    open();
    auto recording = begin(80);
    recording->far_end(80, ramp(8000));
    recording->near_end(2080, ramp(3000, 100));
    recording->pause(6080);
    const auto more = ramp(4000);
    recording->far_end(8080, std::span(more).first(2000));
    recording->resume(10080);
    recording->far_end(10080, std::span(more).subspan(2000));
    recording->near_known(12080);
    recording.reset();
    settle();
    const auto sides = read(file());
    ASSERT_TRUE(sides);
    ASSERT_EQ(sides->far.size(), 12000U);
    EXPECT_EQ(sides->far[0], 1);
    EXPECT_EQ(sides->far[5999], 6000);
    // What had come before the pause stays; it was told too late for it to be left out.
    EXPECT_EQ(sides->far[9999], 0);
    EXPECT_EQ(sides->far[10000], more[2000]);
    EXPECT_EQ(sides->near[1999], 0);
    EXPECT_EQ(sides->near[2000], 100);
    EXPECT_EQ(sides->near[4999], 3099);
    EXPECT_EQ(sides->near[5000], 0);
    EXPECT_EQ(fs::status(file()).permissions(), fs::perms::owner_read | fs::perms::owner_write);
    const auto facts = read_recording_facts(file());
    ASSERT_TRUE(facts);
    EXPECT_EQ(facts->origin.offset, 10ms);
    EXPECT_EQ(facts->duration, 1500ms);
}

TEST_F(RecordingStoreTest, WhatIsThereWhenTheProgramIsKilledCanBeRead) {
    open();
    auto recording = begin();
    for (std::uint64_t at = 0; at < 40000; at += 160) {
        recording->far_end(at, ramp(160));
        recording->near_end(at, ramp(160));
        if (at == 0 || at % 8000 != 0) continue;
        settle();
        const auto copy = folder / "copy.wav";  // as the disk has it at this moment
        fs::copy_file(file(), copy, fs::copy_options::overwrite_existing);
        const auto sides = read(copy);
        ASSERT_TRUE(sides) << at;
        EXPECT_GE(sides->far.size() + TrackBlocks::kBlock, at);
    }
    EXPECT_TRUE(is_being_written(file()));
    EXPECT_TRUE(store->folder().list().front().live);
    EXPECT_FALSE(store->remove(CallId{"c_one"}));
    recording.reset();
    settle();
    EXPECT_FALSE(is_being_written(file()));
}

TEST_F(RecordingStoreTest, AfterTheCallItIsBroughtIntoItsForm) {
    for (const auto form : {RecordingForm::flac, RecordingForm::opus}) {
        options.form = form;
        open();
        auto recording = begin();
        recording->far_end(0, ramp(16000));
        recording->near_end(0, ramp(16000));
        recording.reset();
        settle();
        EXPECT_FALSE(fs::exists(file()));
        const auto sides = read(file(to_string(form)));
        ASSERT_TRUE(sides) << to_string(form);
        EXPECT_EQ(sides->far.size(), 16000U);
        if (form == RecordingForm::flac) {
            EXPECT_EQ(sides->near, ramp(16000));
        }
        EXPECT_TRUE(store->remove(CallId{"c_one"}));
        EXPECT_TRUE(fs::is_empty(options.folder));
        store.reset();
    }
}

TEST_F(RecordingStoreTest, AStartEndsWhatAKilledRunLeft) {
    open();
    auto recording = begin();
    recording->far_end(0, ramp(16000));
    recording->near_end(0, ramp(16000));
    recording.reset();
    settle();
    store.reset();
    std::ofstream(file("flac").string() + ".part") << "half";
    options.form = RecordingForm::flac;
    open();
    settle();
    EXPECT_FALSE(fs::exists(file()));
    EXPECT_TRUE(read(file("flac")));
    EXPECT_FALSE(fs::exists(file("flac").string() + ".part"));
}

TEST_F(RecordingStoreTest, AnotherFormIsMadeWhenItIsAskedFor) {
    options.mulaw = true;
    open();
    auto recording = begin();
    recording->far_end(0, ramp(8000));
    recording->near_end(0, ramp(8000));
    recording.reset();
    settle();
    const auto found = store->folder().of_call(CallId{"c_one"});
    ASSERT_TRUE(found);
    EXPECT_EQ(read(file())->format & SF_FORMAT_SUBMASK, SF_FORMAT_ULAW);
    const auto opus = store->folder().in_form(*found, RecordingForm::opus);
    ASSERT_TRUE(opus) << opus.error().message;
    EXPECT_TRUE(read(*opus));
    EXPECT_EQ(store->folder().find(found->name)->forms.size(), 2U);
    const auto peaks = read_recording_peaks(file(), 50);
    ASSERT_TRUE(peaks);
    EXPECT_EQ(peaks->duration, 1000ms);
    EXPECT_NEAR(peaks->far.back(), 8000.0 / 32768, 0.02);
}

TEST_F(RecordingStoreTest, TwoOfOneSecondHaveNamesOfTheirOwn) {
    open();
    begin()->far_end(0, ramp(160));
    begin()->far_end(0, ramp(160));
    settle();
    const auto all = store->folder().list();
    ASSERT_EQ(all.size(), 2U);
    EXPECT_EQ(all[0].call, all[1].call);
    EXPECT_TRUE(store->remove(CallId{"c_one"}));
    EXPECT_TRUE(store->folder().list().empty());
}

TEST_F(RecordingStoreTest, AFullDiskEndsTheRecordingAndSaysSoOnce) {
    open();
    std::signal(SIGXFSZ, SIG_IGN);
    rlimit before{};
    ::getrlimit(RLIMIT_FSIZE, &before);
    rlimit tight = before;
    tight.rlim_cur = 100'000;
    ::setrlimit(RLIMIT_FSIZE, &tight);
    auto recording = begin();
    for (std::uint64_t at = 0; at < 80000; at += 8000) {
        recording->far_end(at, ramp(8000));
        recording->near_end(at, ramp(8000));
        settle();
    }
    ::setrlimit(RLIMIT_FSIZE, &before);
    recording.reset();
    settle();
    ASSERT_EQ(problems.size(), 1U);
    EXPECT_NE(problems[0].find("is the disk full?"), std::string::npos) << problems[0];
    const auto sides = read(file());
    ASSERT_TRUE(sides);
    EXPECT_GE(sides->far.size(), 20000U);
}

TEST_F(RecordingStoreTest, AFolderThatCannotBeWrittenIsSaid) {
    std::ofstream(folder / "file") << "x";
    options.folder = folder / "file";
    const auto opened = RecordingStore::open(options);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, Errc::io);
}

TEST_F(RecordingStoreTest, ADiskThatIsTooSlowCostsSoundNotTime) {
    options.disk = std::make_shared<WorkerPool>(WorkerPoolOptions{"disk", 1, 4096, {}});
    open();
    std::mutex gate;
    gate.lock();
    options.disk->submit([&] { const std::lock_guard wait(gate); });
    auto recording = begin();
    const auto length = (RecordingStore::kMostWaiting + 10) * TrackBlocks::kBlock;
    const auto sound = ramp(160);
    for (std::uint64_t at = 0; at < length; at += 160) {
        recording->far_end(at, sound);
        recording->near_end(at, sound);
    }
    gate.unlock();
    settle();
    recording->far_end(length, sound);
    recording->near_end(length, sound);
    recording.reset();
    settle();
    const auto sides = read(file());
    ASSERT_TRUE(sides);
    EXPECT_EQ(sides->far.size(), length + 160);
    EXPECT_EQ(sides->far[length - 1], 0);
    EXPECT_EQ(sides->far[length], 1);
}

}  // namespace
}  // namespace bridge::stores
