#pragma once
// Sound of the telephone as WAV files, for whoever fetches it. The emulator's own, as its mu-law
// is.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace bridge::emulator {

/// RIFF WAVE, format 7 (mu-law), 8000 Hz, mono, with the `fact` chunk that compressed formats need.
std::string mulaw_wav(std::span<const std::uint8_t> audio);
/// RIFF WAVE, format 1 (PCM), 8000 Hz, 16 bits; of several channels sample by sample.
std::string pcm_wav(std::span<const std::int16_t> interleaved, std::size_t channels);

}  // namespace bridge::emulator
