#include "base/ids.hpp"

#include <gtest/gtest.h>

#include <set>
#include <unordered_set>

namespace bridge {
namespace {

TEST(Ids, ANewCallIdIsAMarkAndSixteenLettersOfCrockfordsAlphabet) {
    const auto id = new_call_id().str();
    ASSERT_EQ(id.size(), 18U);
    EXPECT_EQ(id.substr(0, 2), "c_");
    EXPECT_EQ(id.substr(2).find_first_not_of("0123456789abcdefghjkmnpqrstvwxyz"),
              std::string::npos);
}

TEST(Ids, TwoNewCallIdsDiffer) {
    std::set<CallId> seen;
    for (int i = 0; i < 1000; ++i) seen.insert(new_call_id());
    EXPECT_EQ(seen.size(), 1000U);
}

TEST(Ids, RandomBase32RoundsUpToWholeLetters) {
    EXPECT_EQ(random_base32(0).size(), 0U);
    EXPECT_EQ(random_base32(1).size(), 1U);
    EXPECT_EQ(random_base32(5).size(), 1U);
    EXPECT_EQ(random_base32(6).size(), 2U);
    EXPECT_EQ(random_base32(128).size(), 26U);
}

TEST(Ids, RandomBase32UsesEveryLetter) {
    const auto text = random_base32(5 * 4096);
    EXPECT_EQ(std::set<char>(text.begin(), text.end()).size(), 32U);
}

TEST(Ids, RandomBytesHasTheLengthAskedFor) {
    EXPECT_EQ(random_bytes(0).size(), 0U);
    EXPECT_EQ(random_bytes(33).size(), 33U);
    EXPECT_NE(random_bytes(16), random_bytes(16));
}

TEST(Ids, AnIdComparesHashesAndPrintsAsItsText) {
    const CallSid a("CA1");
    const CallSid b("CA2");
    EXPECT_EQ(a, CallSid("CA1"));
    EXPECT_LT(a, b);
    EXPECT_TRUE(CallSid().empty());
    EXPECT_EQ((std::unordered_set<CallSid>{a, b, a}).size(), 2U);
    EXPECT_EQ(fmt::format("<{}>", a), "<CA1>");
}

}  // namespace
}  // namespace bridge
