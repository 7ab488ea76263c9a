#pragma once
// Where sound can be left out unheard: in a pause, or at a distance at which it resembles itself.

#include <cstddef>
#include <span>

namespace bridge::audio {

/// Samples over which the two sides of a cut are blended: 5 ms.
inline constexpr std::size_t kCutBlend = 40;

/// How many samples from the beginning of `x` (8 kHz, -1..1) are quiet, in steps of 5 ms: below
/// -50 dBFS, or 20 dB below `level` (RMS of what was heard lately). Realtime-safe.
std::size_t quiet_run(std::span<const float> x, float level) noexcept;

/// The distance d in [min, max] at which x[d…d+kCutBlend) resembles x[0…kCutBlend) most; x must
/// hold max + kCutBlend samples. Realtime-safe.
std::size_t best_cut(std::span<const float> x, std::size_t min, std::size_t max) noexcept;

}  // namespace bridge::audio
