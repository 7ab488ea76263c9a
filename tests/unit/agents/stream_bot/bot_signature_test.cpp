#include "agents/stream_bot/bot_signature.hpp"

#include <gtest/gtest.h>

namespace bridge::agents {
namespace {

/// Vectors made with Twilio's own package (tests/data/twilio/signatures.json).
TEST(BotSignature, IsTheOneTwilioMakes) {
    const Secret token("12345");
    EXPECT_EQ(sign_upgrade(token, "wss://bridge.example.com/media"),
              "ASGyPT9kdDVOm79OxfQnw7HcSP8=");
    EXPECT_EQ(sign_upgrade(token, "wss://bridge.example.com/media/"),
              "s8PR4IzGlCW8C4hFit29c/IbuH8=");
    EXPECT_EQ(sign_upgrade(token, "wss://bridge.example.com"), "H+tBrEBNW+YZrSz9/uBKkOP7IJ0=");
}

TEST(BotSignature, IsForTheSecureAddressAlsoWhereTlsEndsBeforeTheBot) {
    const Secret token("12345");
    EXPECT_EQ(sign_upgrade(token, "ws://bridge.example.com/media"), "ASGyPT9kdDVOm79OxfQnw7HcSP8=");
}

}  // namespace
}  // namespace bridge::agents
