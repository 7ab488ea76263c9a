#include "audio/mulaw.hpp"

#include <gtest/gtest.h>
#include <openssl/sha.h>

#include <string>
#include <vector>

namespace bridge::audio {
namespace {

std::string sha256(const std::vector<std::uint8_t>& bytes) {
    unsigned char digest[SHA256_DIGEST_LENGTH];
    SHA256(bytes.data(), bytes.size(), digest);
    std::string text;
    for (const auto byte : digest) {
        text += "0123456789abcdef"[byte >> 4];
        text += "0123456789abcdef"[byte & 15];
    }
    return text;
}

// The textbook form, by the highest bit set.
std::uint8_t classic_encode(int sample) {
    const int sign = sample < 0 ? 0x80 : 0;
    int magnitude = sample < 0 ? -sample : sample;
    if (magnitude > 32635) magnitude = 32635;
    magnitude += 132;
    int exponent = 7;
    for (int bit = 14; bit > 7 && (magnitude & (1 << bit)) == 0; --bit) --exponent;
    const int mantissa = (magnitude >> (exponent + 3)) & 0x0F;
    return static_cast<std::uint8_t>(~(sign | (exponent << 4) | mantissa));
}

TEST(Mulaw, DecodesAllBytesLikeTheReference) {
    std::vector<std::uint8_t> little_endian;
    for (int byte = 0; byte < 256; ++byte) {
        const auto value =
            static_cast<std::uint16_t>(decode_mulaw(static_cast<std::uint8_t>(byte)));
        little_endian.push_back(static_cast<std::uint8_t>(value & 0xFF));
        little_endian.push_back(static_cast<std::uint8_t>(value >> 8));
    }
    EXPECT_EQ(sha256(little_endian),
              "3dab54339e520bb2c924826e3b72a917a2b612e9fd12fc867500f1d983a75827");
}

TEST(Mulaw, EncodesAllSamplesLikeTheReference) {
    std::vector<std::int16_t> samples;
    for (int sample = -32768; sample <= 32767; ++sample)
        samples.push_back(static_cast<std::int16_t>(sample));
    std::vector<std::uint8_t> bytes(samples.size());
    ASSERT_EQ(encode_mulaw(samples, bytes), samples.size());
    EXPECT_EQ(sha256(bytes), "5ee7cf5f273f842d2234121e4cb0c98d6b20a99ac29026f94e05b36955b195be");
    for (std::size_t i = 0; i < samples.size(); ++i) {
        ASSERT_EQ(bytes[i], classic_encode(samples[i])) << samples[i];
        ASSERT_EQ(encode_mulaw(samples[i]), bytes[i]) << samples[i];
    }
}

TEST(Mulaw, KeepsThePublishedValues) {
    const struct {
        int sample, byte;
    } encoded[] = {{0, 0xFF},      {1, 0xFF},     {3, 0xFF},     {4, 0xFE},     {7, 0xFE},
                   {8, 0xFE},      {-1, 0x7F},    {-4, 0x7E},    {-8, 0x7E},    {100, 0xF2},
                   {-100, 0x72},   {1000, 0xCE},  {-1000, 0x4E}, {32635, 0x80}, {32767, 0x80},
                   {-32635, 0x00}, {-32768, 0x00}};
    for (const auto& row : encoded)
        EXPECT_EQ(encode_mulaw(static_cast<std::int16_t>(row.sample)), row.byte) << row.sample;
    const struct {
        int byte, sample;
    } decoded[] = {{0x00, -32124}, {0x01, -31100}, {0x7E, -8},   {0x7F, 0},
                   {0x80, 32124},  {0x81, 31100},  {0xFE, 8},    {0xFF, 0},
                   {0x55, -716},   {0xD5, 716},    {0xAA, 5372}, {0x2A, -5372}};
    for (const auto& row : decoded)
        EXPECT_EQ(decode_mulaw(static_cast<std::uint8_t>(row.byte)), row.sample) << row.byte;
}

TEST(Mulaw, GoesThereAndBackUnchangedButForNegativeZero) {
    for (int byte = 0; byte < 256; ++byte) {
        const auto expected = byte == 0x7F ? 0xFF : byte;
        EXPECT_EQ(encode_mulaw(decode_mulaw(static_cast<std::uint8_t>(byte))), expected);
    }
}

TEST(Mulaw, ConvertsOnlyWhatFits) {
    const std::vector<std::uint8_t> bytes(10, kMulawSilence);
    std::vector<std::int16_t> samples(4, 99);
    EXPECT_EQ(decode_mulaw(bytes, samples), 4U);
    EXPECT_EQ(samples, std::vector<std::int16_t>(4, 0));
    EXPECT_EQ(decode_mulaw({}, samples), 0U);
}

}  // namespace
}  // namespace bridge::audio
