#include "twilio/media_tokens.hpp"

#include <gtest/gtest.h>

#include <set>

namespace bridge::twilio {
namespace {

using namespace std::chrono_literals;

const Clock::Time kNow{1h};
const MediaTicket kTicket{CallId{"c_1"}, CallSid{"CA1"}, 3};

TEST(MediaTokens, GiveTheTicketBackOnce) {
    MediaTokens tokens;
    const auto token = tokens.mint(kTicket, kNow);
    const auto ticket = tokens.take(token, kNow);
    ASSERT_TRUE(ticket);
    EXPECT_EQ(ticket->call, kTicket.call);
    EXPECT_EQ(ticket->sid, kTicket.sid);
    EXPECT_EQ(ticket->home, 3u);
    EXPECT_FALSE(tokens.take(token, kNow));
    EXPECT_EQ(tokens.size(), 0u);
}

TEST(MediaTokens, CannotBeGuessed) {
    MediaTokens tokens;
    std::set<std::string> seen;
    for (int i = 0; i < 1000; ++i) {
        const auto token = tokens.mint(kTicket, kNow);
        EXPECT_GE(token.size() * 5, 128u);
        EXPECT_EQ(token.find_first_not_of("0123456789abcdefghjkmnpqrstvwxyz"), std::string::npos);
        EXPECT_TRUE(seen.insert(token).second);
    }
    EXPECT_FALSE(tokens.take("", kNow));
    EXPECT_FALSE(tokens.take(std::string(32, '0'), kNow));
}

TEST(MediaTokens, LiveForAMinute) {
    MediaTokens tokens;
    const auto early = tokens.mint(kTicket, kNow);
    const auto late = tokens.mint(kTicket, kNow);
    EXPECT_TRUE(tokens.take(early, kNow + 60s - 1ns));
    EXPECT_FALSE(tokens.take(late, kNow + 60s));
    EXPECT_EQ(tokens.size(), 0u);
}

TEST(MediaTokens, AreBounded) {
    MediaTokens tokens(3);
    std::vector<std::string> all;
    for (int i = 0; i < 5; ++i) all.push_back(tokens.mint(kTicket, kNow + i * 1ms));
    EXPECT_EQ(tokens.size(), 3u);
    EXPECT_FALSE(tokens.take(all[1], kNow));
    EXPECT_TRUE(tokens.take(all[2], kNow));
    EXPECT_TRUE(tokens.take(all[4], kNow));
}

}  // namespace
}  // namespace bridge::twilio
