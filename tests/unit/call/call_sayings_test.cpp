// What is said and played into a call by command.

#include <gtest/gtest.h>

#include <algorithm>

#include "call_fixture.hpp"

namespace bridge::call {
namespace {

using namespace std::chrono_literals;

struct CallSayings : testing::Test {
    void SetUp() override {
        stream = f.talk();
        f.accept(input::SetMuted{true});  // no microphone: speech runs ahead
    }
    Result<std::uint64_t> say(std::int16_t value, std::chrono::milliseconds length = 400ms,
                              bool interrupt = false) {
        Result<std::uint64_t> answer = fail(Errc::internal, "not told");
        f.accept(input::Say{std::make_shared<const std::vector<std::int16_t>>(
                                static_cast<std::size_t>(length.count()) * 8, value),
                            interrupt, [&](Result<std::uint64_t> told) { answer = told; }});
        return answer;
    }
    /// Time goes on, and the far end plays what it was sent.
    void pass(std::chrono::milliseconds time) {
        for (auto at = 0ms; at < time; at += 20ms) {
            f.media(stream, ++sequence, timestamp += 20, 160, 0xFF);
            f.advance(20ms);
            f.echo_marks(stream);
        }
    }
    /// The values that were sent, in order, each once for all its samples.
    std::vector<std::int16_t> sent() const {
        std::vector<std::int16_t> out;
        for (const auto sample : f.line->samples) {
            if (sample != 0 && (out.empty() || out.back() != sample)) out.push_back(sample);
        }
        return out;
    }

    CallFixture f;
    std::uint64_t stream = 0, sequence = 1;
    std::int64_t timestamp = 0;
};

TEST_F(CallSayings, OneAfterTheOtherInTheOrderInWhichTheyCame) {
    EXPECT_EQ(say(100).value(), 1U);
    EXPECT_EQ(say(200).value(), 2U);
    EXPECT_EQ(say(300).value(), 3U);
    pass(3s);
    EXPECT_EQ(sent(), (std::vector<std::int16_t>{100, 200, 300}));
    EXPECT_EQ(f.line->samples.size(), 3U * 3200);
}

TEST_F(CallSayings, TooManyAreNotTaken) {
    for (int i = 0; i < 8; ++i) EXPECT_TRUE(say(100, 10s).has_value()) << i;
    const auto refused = say(100);
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code, Errc::too_large);
    EXPECT_TRUE(say(900, 400ms, true).has_value()) << "an interruption makes room";
    pass(2s);
    EXPECT_EQ(sent(), (std::vector<std::int16_t>{100, 900}));
}

TEST_F(CallSayings, ClearTakesWhatWaitsToo) {
    say(100, 10s);
    say(200);
    f.accept(input::Clear{});
    EXPECT_EQ(f.line->clears, 1);
    pass(2s);
    EXPECT_EQ(sent(), (std::vector<std::int16_t>{100}));
    EXPECT_TRUE(say(300).has_value());
    pass(1s);
    EXPECT_EQ(sent(), (std::vector<std::int16_t>{100, 300}));
}

TEST_F(CallSayings, WhatWaitsIsSaidOnTheNextStream) {
    say(100, 10s);
    say(200);
    f.accept(input::SendDigits{"1", false});
    f.advance(400ms);  // the carrier is asked, and ends the stream to play the key
    f.accept(input::StreamStopped{stream});
    stream = f.start_stream();
    sequence = 1;
    timestamp = 0;
    pass(12s);
    EXPECT_EQ(sent().back(), 200);
}

TEST_F(CallSayings, NothingIsSaidWhereNobodyTalks) {
    f.status("completed");
    EXPECT_EQ(say(100).error().code, Errc::refused);
    CallFixture dialled;
    dialled.accept(input::Dial{});
    Result<std::uint64_t> answer = 0;
    dialled.accept(input::Say{std::make_shared<const std::vector<std::int16_t>>(160, 1), false,
                              [&](Result<std::uint64_t> told) { answer = told; }});
    ASSERT_FALSE(answer.has_value());
    EXPECT_NE(answer.error().message.find("queued"), std::string::npos) << answer.error().message;
}

TEST_F(CallSayings, OneThatIsOverBeforeItBeganKeepsNoneBack) {
    EXPECT_TRUE(say(100, 0ms).has_value());
    EXPECT_TRUE(say(200).has_value());
    pass(1s);
    EXPECT_EQ(sent(), (std::vector<std::int16_t>{200}));
    f.line->refuses = true;
    EXPECT_TRUE(say(300, 40ms).has_value());
    f.line->refuses = false;
    EXPECT_TRUE(say(400).has_value());
    pass(1s);
    EXPECT_EQ(sent(), (std::vector<std::int16_t>{200, 400}));
}

TEST_F(CallSayings, ThePersonHereHearsIt) {
    say(8000);
    pass(1s);
    EXPECT_GT(f.device->loudest, 0.2F);
}

}  // namespace
}  // namespace bridge::call
