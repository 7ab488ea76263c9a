#pragma once
// mu-law (G.711 PCMU) as the telephone network uses it. The emulator's own, so that a mistake in
// the bridge's codec is heard instead of cancelled.

#include <cstdint>
#include <span>
#include <vector>

namespace bridge::emulator {

inline constexpr std::uint8_t kMulawSilence = 0xFF;

/// One linear 16-bit sample as a mu-law byte: clipped at 32635, bias 132.
std::uint8_t mulaw_encode(std::int16_t sample) noexcept;
/// −32124 … 32124; 0xFF and 0x7F are both zero.
std::int16_t mulaw_decode(std::uint8_t byte) noexcept;

std::vector<std::uint8_t> mulaw_encode(std::span<const std::int16_t> samples);
std::vector<std::int16_t> mulaw_decode(std::span<const std::uint8_t> bytes);

/// Root mean square of what the bytes decode to, in 16-bit steps.
double mulaw_rms(std::span<const std::uint8_t> bytes) noexcept;

}  // namespace bridge::emulator
