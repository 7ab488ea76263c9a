#include "base/base64.hpp"

#include <gtest/gtest.h>

#include <array>
#include <random>
#include <vector>

namespace bridge {
namespace {

std::optional<std::string> decoded(std::string_view text) {
    std::vector<std::uint8_t> out(base64_capacity(text.size()) + 1, 0xEE);
    const auto bytes = decode_base64(text, out.data());
    EXPECT_EQ(out.back(), 0xEE) << "wrote past the end for " << text;
    if (!bytes) return std::nullopt;
    return std::string(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(*bytes));
}

std::string encoded(std::string_view text) {
    return encode_base64(std::span<const std::uint8_t>(
        reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
}

TEST(Base64, AgreesWithTheVectorsOfTheRfc) {
    const std::array<std::pair<std::string_view, std::string_view>, 7> vectors{
        {{"", ""},
         {"f", "Zg=="},
         {"fo", "Zm8="},
         {"foo", "Zm9v"},
         {"foob", "Zm9vYg=="},
         {"fooba", "Zm9vYmE="},
         {"foobar", "Zm9vYmFy"}}};
    for (const auto& [plain, text] : vectors) {
        EXPECT_EQ(encoded(plain), text);
        EXPECT_EQ(decoded(text), plain);
    }
}

TEST(Base64, ComesBackForEveryLength) {
    std::mt19937 random(1);
    for (std::size_t length = 0; length < 400; ++length) {
        std::string bytes(length, '\0');
        for (auto& byte : bytes) byte = static_cast<char>(random());
        EXPECT_EQ(decoded(encoded(bytes)), bytes);
    }
}

TEST(Base64, RejectsWhatIsNotBase64) {
    for (const auto* text :
         {"A", "AA", "AAA", "AAAAA", "A===", "====", "=AAA", "A=AA", "AA=A", "AA==AAAA", "AAA-",
          "AA_A", "AA A", "AAA\n", "Zh==", "Zm9=", "\xff\xff\xff\xff"}) {
        EXPECT_EQ(decoded(text), std::nullopt) << text;
    }
}

}  // namespace
}  // namespace bridge
