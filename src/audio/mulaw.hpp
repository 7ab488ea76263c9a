#pragma once
// G.711 mu-law (PCMU), the only codec of Media Streams: one byte is one sample at 8 kHz.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace bridge::audio {

inline constexpr std::uint8_t kMulawSilence = 0xFF;  ///< +0; 0x00 is full scale, a loud click

/// All 256 values, ITU-T G.711: -32124 … 32124. 0x7F and 0xFF are both 0.
extern const std::array<std::int16_t, 256> kMulawDecode;

inline std::int16_t decode_mulaw(std::uint8_t byte) noexcept {
    return kMulawDecode[byte];
}

/// Bias 132, clip 32635, as Twilio and most of the world do it. Realtime-safe.
std::uint8_t encode_mulaw(std::int16_t sample) noexcept;

/// Decodes min(in, out) samples and returns how many. Realtime-safe.
std::size_t decode_mulaw(std::span<const std::uint8_t> in, std::span<std::int16_t> out) noexcept;
/// Encodes min(in, out) samples and returns how many. Realtime-safe; the compiler vectorises it.
std::size_t encode_mulaw(std::span<const std::int16_t> in, std::span<std::uint8_t> out) noexcept;

}  // namespace bridge::audio
