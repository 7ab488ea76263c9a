#include "base/secret.hpp"

#include <gtest/gtest.h>

namespace bridge {
namespace {

TEST(Secret, PrintsAsStarsAndRevealsOnlyByName) {
    const Secret token("0123456789abcdef");
    EXPECT_EQ(fmt::format("token={}", token), "token=***");
    EXPECT_EQ(fmt::format("{}", Secret()), "***");
    EXPECT_EQ(token.reveal(), "0123456789abcdef");
    EXPECT_TRUE(Secret().empty());
}

TEST(MaskedNumber, KeepsTheLastFourDigits) {
    const std::string number = "+15551234567";
    const auto masked = masked_number(number);
    EXPECT_EQ(masked.substr(masked.size() - 4), "4567");
    EXPECT_EQ(masked.find("555"), std::string::npos);
    EXPECT_EQ(masked.find("123"), std::string::npos);
}

TEST(MaskedNumber, HidesDigitsBetweenBlanksAndDashes) {
    const auto masked = masked_number("+1 (555) 123-4567");
    EXPECT_NE(masked.find("4567"), std::string::npos);
    EXPECT_EQ(masked.find('1'), std::string::npos);
    EXPECT_EQ(masked.find('5', 0) < masked.size() - 4, false);
}

TEST(MaskedNumber, LeavesNamesAndShortNumbersAlone) {
    EXPECT_EQ(masked_number("client:alice"), "client:alice");
    EXPECT_EQ(masked_number("anonymous"), "anonymous");
    EXPECT_EQ(masked_number("12345"), "12345");
    EXPECT_EQ(masked_number(""), "");
}

TEST(MaskedNumber, SixDigitsAreMasked) {
    EXPECT_EQ(masked_number("123456").substr(2), "3456");
}

TEST(Shortened, KeepsTheEndsOfALongId) {
    EXPECT_EQ(shortened("AC0123456789abcdef0123456789abcdef"), "AC01…ef");
    EXPECT_EQ(shortened("AC01234567"), "AC01234567");
}

}  // namespace
}  // namespace bridge
