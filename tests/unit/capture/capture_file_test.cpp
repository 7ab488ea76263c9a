// What is in the file when a call was captured, and what is left when the file was cut off.

#include "capture/capture_file.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <random>

#include "tests/unit/capture/capture_fixture.hpp"

using namespace bridge;
using namespace bridge::capture;
using namespace std::chrono_literals;
namespace in = bridge::call::input;

namespace {

std::filesystem::path short_call(CapturedFixture& fixture, int frames = 200) {
    const auto stream = fixture.talk();
    fixture.talk_on(stream, frames);
    fixture.end(stream);
    return fixture.file();
}

}  // namespace

TEST(CaptureFile, IsItsOwnersAloneAndNamedAfterTheCall) {
    CapturedFixture fixture;
    const auto id = fixture.call->id();
    const auto file = short_call(fixture);
    struct stat status {};
    ASSERT_EQ(::stat(file.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0600U);
    ASSERT_EQ(::stat(file.parent_path().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0700U);
    EXPECT_NE(file.filename().string().find(id.str()), std::string::npos);
    ASSERT_TRUE(fixture.store->find(id));
    EXPECT_TRUE(fixture.store->remove(id));
    EXPECT_FALSE(fixture.store->find(id));
    EXPECT_TRUE(fixture.store->remove(id));
}

TEST(CaptureFile, HoldsNoSecret) {
    auto spec = CapturedFixture::outbound();
    spec.agent = "wss://user:agent-password@host/x?token=agent-token";
    spec.extra = {{"StatusCallback", "https://me:callback-password@h/?k=callback-key"}};
    CapturedFixture fixture(spec, {}, {Secret{"account-auth-token"}});
    const auto stream = fixture.talk();
    fixture.accept(in::BadMessage{stream, "it said account-auth-token"});
    fixture.accept(in::SetAgent{"ws://a:agent-password@b/?token=agent-token"});
    fixture.talk_on(stream, 60);
    fixture.end(stream);
    auto reader = CaptureReader::open(fixture.file());
    ASSERT_TRUE(reader);
    Bytes all;
    encode(reader->opening(), nullptr, all);
    Encoder encoder(all);
    for (Record record; reader->next(record);) {
        auto* held = std::get_if<HeldInput>(&record.what);
        if (held && std::holds_alternative<in::StreamStarted>(held->input)) continue;
        encoder.again(record);
    }
    const std::string text(all.begin(), all.end());
    EXPECT_NE(text.find("it said ***"), std::string::npos);
    for (const auto* secret : {"agent-password", "agent-token", "callback-password", "callback-key",
                               "account-auth-token"})
        EXPECT_EQ(text.find(secret), std::string::npos) << secret;
}

TEST(CaptureFile, CutOffAnywhereIsGoodUpToThere) {
    CapturedFixture fixture;
    const auto bytes = bytes_of(short_call(fixture));
    ASSERT_GT(bytes.size(), 1000U);
    std::uint64_t before = 0;
    for (std::size_t length = 0; length < bytes.size(); length += 211) {
        auto reader = CaptureReader::read(
            Bytes(bytes.begin(), bytes.begin() + static_cast<long>(length)), "x");
        if (!reader) continue;  // not even the opening is whole
        Replay replay(std::move(*reader));
        EXPECT_TRUE(differences(replay).empty());
        EXPECT_GE(replay.turns(), before);
        before = replay.turns();
    }
    EXPECT_GT(before, 200U);
}

TEST(CaptureFile, DamagedAnywhereIsReadUpToThere) {
    CapturedFixture fixture;
    const auto bytes = bytes_of(short_call(fixture));
    std::minstd_rand chance(5);
    for (int round = 0; round < 60; ++round) {
        auto damaged = bytes;
        damaged[chance() % damaged.size()] ^= static_cast<std::uint8_t>(1U << (chance() % 8U));
        auto reader = CaptureReader::read(damaged, "x");
        if (!reader) continue;
        Replay replay(std::move(*reader));
        replay.run();
        EXPECT_FALSE(replay.damage().empty());
        EXPECT_EQ(replay.difference_count(), 0U);
    }
}

TEST(CaptureFile, AnotherFileIsToldApart) {
    const auto none = CaptureReader::open("/nowhere/x.abcap");
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().code, Errc::not_found);
    const auto text = CaptureReader::read(Bytes(100, 'x'), "notes.txt");
    ASSERT_FALSE(text);
    EXPECT_EQ(text.error().message, "notes.txt is no capture of a call");
}

TEST(CaptureFile, ADiskThatFailsCostsTheCallNothing) {
    auto spec = CapturedFixture::outbound();
    CapturedFixture fixture(spec, {}, {}, true);
    const auto stream = fixture.talk();
    fixture.talk_on(stream, 100);
    fixture.end(stream);
    EXPECT_TRUE(fixture.over);
    EXPECT_EQ(fixture.call->snapshot().media.frames, 100U);
    EXPECT_TRUE(fixture.file().empty());
}
