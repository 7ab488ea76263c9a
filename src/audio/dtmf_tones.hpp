#pragma once
// Telephone keys as sound, for a far end that listens for them in the speech itself.

#include <cstdint>
#include <string_view>
#include <vector>

namespace bridge::audio {

/// What a carrier plays as keys: 0-9 * # A-D, and w for a pause of half a second.
bool is_dial_key(char key) noexcept;

/// The keys one after the other, 8 kHz: each sounds 100 ms and is silent for 100 ms (ITU-T Q.24
/// wants 40 and 40), the low tone at −8 dBFS and the high one 2 dB above it, as telephones have it
/// against the line's loss at high frequencies. Anything but a key is left out.
std::vector<std::int16_t> dtmf_tones(std::string_view keys);

}  // namespace bridge::audio
