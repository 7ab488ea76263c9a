#pragma once
// What the bridge says to the phones under measurement: sound with a number in every frame, so that
// the driver sees what is lost, reordered or stale.

#include <array>
#include <cstdint>
#include <span>

#include "tests/bench/stamp.hpp"

namespace bench {

/// Speech that runs ahead is a loop of so many frames; its number counts the frames of the loop,
/// and above them how often the call has been cut off.
inline constexpr std::uint32_t kLoopFrames = 256;
/// In the stamp's place for the call: which way the frame came.
inline constexpr std::uint32_t kAheadVoice = 0xA11EAD, kLiveVoice = 0x11FE, kAgentVoice = 0xA6E27;

/// 160 bytes of mu-law: the stamp, then a loud tone.
inline void write_speech(const Stamp& stamp, std::span<std::uint8_t, 160> out) {
    write_stamp(stamp, out.first<kStampBytes>());
    for (std::size_t i = kStampBytes; i < out.size(); ++i)
        out[i] = static_cast<std::uint8_t>(0x90U + i % 32);
}

}  // namespace bench
