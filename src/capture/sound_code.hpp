#pragma once
// Sound in a capture file, without loss: a byte a sample where it is mu-law's (a phone's, most
// agents'), else about as small as FLAC makes a voice.

#include <cstdint>
#include <span>
#include <vector>

namespace bridge::capture {

/// Appends `samples` to `out`. No allocation once `out` is large enough.
void encode_sound(std::span<const std::int16_t> samples, std::vector<std::uint8_t>& out);
/// Takes one such piece from the front of `in`. False: it is damaged.
bool decode_sound(std::span<const std::uint8_t>& in, std::vector<std::int16_t>& samples);

/// Tells two pieces of sound apart; the same on every machine.
std::uint32_t sound_hash(std::span<const std::int16_t> samples, std::uint32_t before = 0) noexcept;

}  // namespace bridge::capture
