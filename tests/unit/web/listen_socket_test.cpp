// What waits for a slow listener, and what an address may ask for. The sockets themselves:
// tests/integration/app/ears_test.cpp.

#include "web/listen_socket.hpp"

#include <gtest/gtest.h>

#include <string>

#include "web/audio_door.hpp"

namespace bridge::web {
namespace {

std::string message(char what) {
    return std::string(160, what);
}

TEST(Backlog, HoldsWhatItMayAndDropsTheOldest) {
    Backlog backlog(160, 1600);
    std::size_t dropped = 0;
    for (char what = 'a'; what <= 'z'; ++what) dropped += backlog.push(message(what));
    EXPECT_EQ(dropped, 16U);
    EXPECT_EQ(backlog.bytes(), 1600U);
    for (char what = 'q'; what <= 'z'; ++what) {
        ASSERT_FALSE(backlog.empty());
        EXPECT_EQ(backlog.front(), message(what));
        backlog.pop();
    }
    EXPECT_TRUE(backlog.empty());
    EXPECT_EQ(backlog.push(message('a')), 0U);
    EXPECT_EQ(backlog.front(), message('a'));
}

TEST(ListenOptions, AreReadFromTheAddress) {
    const auto usual = read_listen_options("");
    ASSERT_TRUE(usual);
    EXPECT_FALSE(usual->mulaw);
    EXPECT_FALSE(usual->talk);
    EXPECT_EQ(usual->side, call::Side::both);
    const auto other = read_listen_options("talk=1&format=mulaw&side=near&other=2");
    ASSERT_TRUE(other);
    EXPECT_TRUE(other->mulaw);
    EXPECT_TRUE(other->talk);
    EXPECT_EQ(other->side, call::Side::near);
    for (const auto* wrong : {"format=mp3", "side=left", "talk=yes"}) {
        const auto refused = read_listen_options(wrong);
        ASSERT_FALSE(refused) << wrong;
        EXPECT_EQ(refused.error().code, Errc::bad_field);
        EXPECT_EQ(refused.error().message.find(std::string(wrong).substr(0, 4)), 0U) << wrong;
    }
}

}  // namespace
}  // namespace bridge::web
