#include "emulator/base64.hpp"

#include <gtest/gtest.h>

namespace bridge::emulator {
namespace {

std::vector<std::uint8_t> bytes_of(std::string_view text) {
    return {text.begin(), text.end()};
}

TEST(EmulatorBase64, KnowsTheVectorsOfRfc4648) {
    constexpr std::pair<std::string_view, std::string_view> kVectors[] = {{"", ""},
                                                                          {"f", "Zg=="},
                                                                          {"fo", "Zm8="},
                                                                          {"foo", "Zm9v"},
                                                                          {"foob", "Zm9vYg=="},
                                                                          {"fooba", "Zm9vYmE="},
                                                                          {"foobar", "Zm9vYmFy"}};
    for (const auto& [plain, coded] : kVectors) {
        EXPECT_EQ(base64_encode(bytes_of(plain)), coded);
        const auto decoded = base64_decode(coded);
        ASSERT_TRUE(decoded) << coded;
        EXPECT_EQ(*decoded, bytes_of(plain));
    }
}

TEST(EmulatorBase64, MakesTwentyMillisecondsOfSilenceAs216Letters) {
    const auto text = base64_encode(std::vector<std::uint8_t>(160, 0xFF));
    EXPECT_EQ(text.size(), 216U);
    EXPECT_EQ(text.substr(0, 12), "////////////");
    EXPECT_TRUE(text.ends_with("/w=="));
}

TEST(EmulatorBase64, GivesBackEveryByte) {
    std::vector<std::uint8_t> all;
    for (unsigned byte = 0; byte < 256; ++byte) all.push_back(static_cast<std::uint8_t>(byte));
    for (std::size_t size = 0; size < all.size(); ++size) {
        const std::vector<std::uint8_t> some(all.begin(),
                                             all.begin() + static_cast<std::ptrdiff_t>(size));
        EXPECT_EQ(base64_decode(base64_encode(some)), some);
    }
}

TEST(EmulatorBase64, RefusesWhatIsNotExactlyBase64) {
    for (const auto* text : {"Z", "Zg", "Zg=", "Zg==Zg==", "Z===", "====", "Zm9v\n", " Zm9", "Zm9*",
                             "Zm-_", "Zh==", "Zm9=", "=Zg=", "Zg=A"}) {
        EXPECT_FALSE(base64_decode(text)) << text;
    }
}

}  // namespace
}  // namespace bridge::emulator
