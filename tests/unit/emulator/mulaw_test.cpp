#include "emulator/mulaw.hpp"

#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <array>
#include <string>

namespace bridge::emulator {
namespace {

std::string sha256(std::span<const std::uint8_t> bytes) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_sha256(), nullptr);
    std::string hex;
    constexpr std::string_view kHex = "0123456789abcdef";
    for (unsigned k = 0; k < size; ++k) {
        hex += kHex[digest[k] >> 4U];
        hex += kHex[digest[k] & 15U];
    }
    return hex;
}

TEST(EmulatorMulaw, DecodesAll256BytesAsTheStandardDoes) {
    std::vector<std::uint8_t> pcm;
    for (unsigned byte = 0; byte < 256; ++byte) {
        const auto value =
            static_cast<std::uint16_t>(mulaw_decode(static_cast<std::uint8_t>(byte)));
        pcm.push_back(static_cast<std::uint8_t>(value & 0xFFU));
        pcm.push_back(static_cast<std::uint8_t>(value >> 8U));
    }
    EXPECT_EQ(sha256(pcm), "3dab54339e520bb2c924826e3b72a917a2b612e9fd12fc867500f1d983a75827");
}

TEST(EmulatorMulaw, EncodesAll65536SamplesAsTheStandardDoes) {
    std::vector<std::uint8_t> bytes;
    for (int value = -32768; value <= 32767; ++value) {
        bytes.push_back(mulaw_encode(static_cast<std::int16_t>(value)));
    }
    EXPECT_EQ(sha256(bytes), "5ee7cf5f273f842d2234121e4cb0c98d6b20a99ac29026f94e05b36955b195be");
}

TEST(EmulatorMulaw, KnowsThePublishedValues) {
    EXPECT_EQ(mulaw_encode(0), 0xFF);
    EXPECT_EQ(mulaw_encode(-1), 0x7F);
    EXPECT_EQ(mulaw_encode(1000), 0xCE);
    EXPECT_EQ(mulaw_encode(32767), 0x80);
    EXPECT_EQ(mulaw_encode(-32768), 0x00);
    EXPECT_EQ(mulaw_decode(0x2A), -5372);
    EXPECT_EQ(mulaw_decode(0xFF), 0);
}

TEST(EmulatorMulaw, GivesBackEveryByteButNegativeZero) {
    for (unsigned byte = 0; byte < 256; ++byte) {
        const auto expected = byte == 0x7F ? 0xFFU : byte;
        EXPECT_EQ(mulaw_encode(mulaw_decode(static_cast<std::uint8_t>(byte))), expected) << byte;
    }
}

TEST(EmulatorMulaw, MeasuresTheLevel) {
    const std::vector<std::uint8_t> silence(160, kMulawSilence);
    const std::vector<std::uint8_t> loud(160, 0x80);
    EXPECT_EQ(mulaw_rms(silence), 0);
    EXPECT_DOUBLE_EQ(mulaw_rms(loud), 32124);
    EXPECT_EQ(mulaw_rms({}), 0);
}

}  // namespace
}  // namespace bridge::emulator
