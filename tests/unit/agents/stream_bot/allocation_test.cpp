// Sound to a bot and from it takes nothing from the heap once everything has its size.

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "agents/stream_bot/bot_messages.hpp"
#include "audio/frame.hpp"
#include "audio/mulaw.hpp"
#include "base/base64.hpp"

// counted_allocations.cpp
std::size_t allocations_so_far();

namespace bridge::agents {
namespace {

const std::string kStream = "MZ0123456789abcdef0123456789abcdef";

TEST(StreamBotAllocations, AFrameToTheBotTakesNone) {
    BotMessageWriter writer;
    std::string text;
    audio::AudioFrame frame;
    const auto write = [&](int count) {
        for (int i = 0; i < count; ++i) {
            std::array<std::uint8_t, audio::kFrameSamples> mulaw;
            audio::encode_mulaw(frame.pcm, mulaw);
            writer.media(kStream, i * audio::kFrameTime, mulaw, text);
        }
    };
    write(200'000);  // numbers of as many digits as there will be
    const auto before = allocations_so_far();
    write(100'000);
    EXPECT_EQ(allocations_so_far(), before);
    EXPECT_NE(text.find("\"300000\""), std::string::npos);
}

TEST(StreamBotAllocations, MediaFromTheBotTakesNone) {
    BotMessageReader reader;
    const std::string message = R"({"event":"media","streamSid":")" + kStream +
                                R"(","media":{"payload":")" +
                                encode_base64(std::vector<std::uint8_t>(800, 0x55)) + R"("}})";
    ASSERT_TRUE(reader.read(message, kStream));
    const auto before = allocations_so_far();
    for (int i = 0; i < 10'000; ++i) {
        const auto read = reader.read(message, kStream);
        ASSERT_EQ(std::get<bot::Media>(*read).mulaw.size(), 800U);
    }
    EXPECT_EQ(allocations_so_far(), before);
}

}  // namespace
}  // namespace bridge::agents
