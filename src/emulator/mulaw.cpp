#include "emulator/mulaw.hpp"

#include <array>
#include <bit>
#include <cmath>

namespace bridge::emulator {
namespace {

constexpr int kBias = 0x84;
constexpr int kClip = 32635;

constexpr std::int16_t decode_byte(std::uint8_t byte) {
    const unsigned bits = static_cast<unsigned>(~byte) & 0xFFU;
    const unsigned exponent = (bits >> 4U) & 7U;
    const unsigned mantissa = bits & 0xFU;
    const int magnitude = static_cast<int>(((mantissa << 3U) + kBias) << exponent) - kBias;
    return static_cast<std::int16_t>((bits & 0x80U) != 0 ? -magnitude : magnitude);
}

constexpr std::array<std::int16_t, 256> decode_table() {
    std::array<std::int16_t, 256> table{};
    for (unsigned byte = 0; byte < 256; ++byte) {
        table[byte] = decode_byte(static_cast<std::uint8_t>(byte));
    }
    return table;
}

constexpr auto kDecoded = decode_table();

}  // namespace

std::uint8_t mulaw_encode(std::int16_t sample) noexcept {
    const unsigned sign = sample < 0 ? 0x80U : 0U;
    int magnitude = sample < 0 ? -static_cast<int>(sample) : static_cast<int>(sample);
    if (magnitude > kClip) magnitude = kClip;
    const auto biased =
        static_cast<unsigned>(magnitude + kBias);  // 132 … 32767: bit 7 … 14 is the highest
    const unsigned exponent = static_cast<unsigned>(std::bit_width(biased)) - 8U;
    const unsigned mantissa = (biased >> (exponent + 3U)) & 0xFU;
    return static_cast<std::uint8_t>(~(sign | (exponent << 4U) | mantissa));
}

std::int16_t mulaw_decode(std::uint8_t byte) noexcept {
    return kDecoded[byte];
}

std::vector<std::uint8_t> mulaw_encode(std::span<const std::int16_t> samples) {
    std::vector<std::uint8_t> bytes;
    bytes.reserve(samples.size());
    for (const auto sample : samples) bytes.push_back(mulaw_encode(sample));
    return bytes;
}

std::vector<std::int16_t> mulaw_decode(std::span<const std::uint8_t> bytes) {
    std::vector<std::int16_t> samples;
    samples.reserve(bytes.size());
    for (const auto byte : bytes) samples.push_back(mulaw_decode(byte));
    return samples;
}

double mulaw_rms(std::span<const std::uint8_t> bytes) noexcept {
    if (bytes.empty()) return 0;
    double sum = 0;
    for (const auto byte : bytes) {
        const double value = kDecoded[byte];
        sum += value * value;
    }
    return std::sqrt(sum / static_cast<double>(bytes.size()));
}

}  // namespace bridge::emulator
