#include "audio/mulaw.hpp"

#include <algorithm>
#include <bit>

namespace bridge::audio {
namespace {

constexpr int kBias = 132;
constexpr int kClip = 32635;

constexpr std::array<std::int16_t, 256> make_decode_table() {
    std::array<std::int16_t, 256> table{};
    for (int byte = 0; byte < 256; ++byte) {
        const int code = ~byte & 0xFF;
        const int magnitude = ((((code & 0x0F) << 3) + kBias) << ((code >> 4) & 7)) - kBias;
        table[static_cast<std::size_t>(byte)] =
            static_cast<std::int16_t>((code & 0x80) != 0 ? -magnitude : magnitude);
    }
    return table;
}

// mu-law is a tiny floating point format: 3 bits of exponent, 4 of mantissa. The magnitude with its
// bias is 132 … 32767, exactly representable as a float, whose own exponent and upper mantissa bits
// are the wanted ones. Bit 23 up is the exponent; 132 = 1.03 * 2^7 has 127 + 7 there.
inline std::uint8_t encode_one(std::int16_t sample) noexcept {
    const int value = sample;
    const int sign = value < 0 ? 0x80 : 0;
    const int magnitude = std::min(value < 0 ? -value : value, kClip) + kBias;
    const auto bits = std::bit_cast<std::uint32_t>(static_cast<float>(magnitude));
    const auto code = static_cast<int>(bits >> 19) - ((127 + 7) << 4);
    return static_cast<std::uint8_t>(~(sign | code));
}

}  // namespace

constexpr std::array<std::int16_t, 256> kTable = make_decode_table();
const std::array<std::int16_t, 256> kMulawDecode = kTable;

std::uint8_t encode_mulaw(std::int16_t sample) noexcept {
    return encode_one(sample);
}

std::size_t decode_mulaw(std::span<const std::uint8_t> in, std::span<std::int16_t> out) noexcept {
    const auto count = std::min(in.size(), out.size());
    for (std::size_t i = 0; i < count; ++i) out[i] = kTable[in[i]];
    return count;
}

std::size_t encode_mulaw(std::span<const std::int16_t> in, std::span<std::uint8_t> out) noexcept {
    const auto count = std::min(in.size(), out.size());
    for (std::size_t i = 0; i < count; ++i) out[i] = encode_one(in[i]);
    return count;
}

}  // namespace bridge::audio
