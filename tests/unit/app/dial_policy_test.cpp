#include "app/dial_policy.hpp"

#include <gtest/gtest.h>

namespace bridge::app {
namespace {

using namespace std::chrono_literals;

class DialPolicyTest : public testing::Test {
protected:
    DialPolicy make(DialLimits limits) {
        DialRules rules;
        rules.own = "+15005550006";
        return DialPolicy(std::move(rules), limits, [this] { return now_; });
    }
    static std::string why(const Result<>& verdict) {
        return verdict ? "" : verdict.error().message;
    }

    static constexpr auto kHome = "+12125550100", kAbroad = "+4930123456";
    DialPolicy::Time now_{1h};
};

TEST_F(DialPolicyTest, WithoutLimitsOnlyTheDestinationCounts) {
    auto policy = make({});
    policy.spoken(10000h);
    for (int call = 0; call < 1000; ++call)
        ASSERT_TRUE(policy.place(kHome, static_cast<std::size_t>(call)));
    EXPECT_FALSE(policy.place(kAbroad, 0));
    EXPECT_FALSE(policy.transfer(kAbroad));
}

TEST_F(DialPolicyTest, SoManyCallsAndTransfersInAMinute) {
    auto policy = make({3, 0, 0});
    EXPECT_TRUE(policy.place(kHome, 0));
    now_ += 20s;
    EXPECT_TRUE(policy.transfer(kHome));
    EXPECT_FALSE(policy.place(kAbroad, 0)) << "and it is not counted";
    EXPECT_TRUE(policy.place(kHome, 0));
    EXPECT_EQ(why(policy.place(kHome, 0)),
              "3 calls were placed within a minute, as many as are allowed; the next one can be in "
              "40 s; AGENTBRIDGE_DIAL_PER_MINUTE changes that (0: no limit)");
    EXPECT_FALSE(policy.transfer(kHome));
    now_ += 40s;
    EXPECT_TRUE(policy.place(kHome, 0));
    EXPECT_FALSE(policy.place(kHome, 0)) << "two of the last minute are left";
}

TEST_F(DialPolicyTest, SoManyCallsAtATime) {
    auto policy = make({0, 2, 0});
    EXPECT_TRUE(policy.place(kHome, 1));
    EXPECT_NE(why(policy.place(kHome, 2)).find("AGENTBRIDGE_DIAL_CONCURRENT"), std::string::npos);
    EXPECT_TRUE(policy.transfer(kHome)) << "the call is there already";
}

TEST_F(DialPolicyTest, SoManyMinutesADay) {
    auto policy = make({0, 0, 10});
    policy.spoken(9min + 59s);
    EXPECT_TRUE(policy.place(kHome, 0));
    policy.spoken(10min);
    EXPECT_NE(why(policy.place(kHome, 0)).find("AGENTBRIDGE_DIAL_MINUTES_PER_DAY"),
              std::string::npos);
    EXPECT_FALSE(policy.transfer(kHome));
    policy.spoken(fail(Errc::io, "the journal is gone"));
    EXPECT_NE(why(policy.place(kHome, 0)).find("the journal is gone"), std::string::npos);
    policy.spoken(3min);
    EXPECT_TRUE(policy.place(kHome, 0));
}

}  // namespace
}  // namespace bridge::app
