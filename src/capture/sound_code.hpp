#pragma once
// Sound in a capture file, without loss: a byte a sample where it is mu-law's (a phone's, most
// agents'), else about as small as FLAC makes a voice.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace bridge::capture {

/// How a piece is written; its first byte.
enum class SoundForm : std::uint8_t {
    mulaw = 0,     ///< count, a byte a sample
    constant = 1,  ///< count, one sample
    predicted = 2  ///< count, then blocks of up to 160: Rice parameter, bytes, bits
};

/// The smallest that keeps every sample.
SoundForm sound_form(std::span<const std::int16_t> samples) noexcept;
/// At most so many bytes are written.
std::size_t most_sound_bytes(SoundForm form, std::size_t samples) noexcept;
/// Writes `samples`, of which `form` is sound_form(), to `out`, where most_sound_bytes() are free;
/// where it ended.
std::uint8_t* encode_sound(std::span<const std::int16_t> samples, SoundForm form,
                           std::uint8_t* out) noexcept;
/// Takes one such piece from the front of `in`. False: it is damaged.
bool decode_sound(std::span<const std::uint8_t>& in, std::vector<std::int16_t>& samples);

/// Tells two pieces of sound apart; the same on every machine.
std::uint32_t sound_hash(std::span<const std::int16_t> samples, std::uint32_t before = 0) noexcept;

}  // namespace bridge::capture
