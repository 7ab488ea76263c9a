#pragma once
// What a telephone line says without words: it rings, it waits, it wants you to speak.

#include <cstdint>
#include <memory>
#include <vector>

#include "audio/sample_source.hpp"

namespace bridge::audio {

using Samples = std::shared_ptr<const std::vector<std::int16_t>>;  ///< 8 kHz, mono

/// The ringing tone of North America: 440 and 480 Hz, 2 s on, 4 s off (ITU-T E.180), for ever.
std::unique_ptr<SampleSource> ringback_tone();

/// A quiet loop of broken chords for whoever waits, 19 s long; synthesised once, and nobody's
/// property but ours. About −22 dBFS.
Samples hold_music();

/// `first` (null: nothing), then for ever a soft double pip every four seconds: the line lives,
/// somebody will be there soon.
std::unique_ptr<SampleSource> comfort_tone(Samples first);

/// Speak now: 1000 Hz for 400 ms, after 300 ms of silence.
std::vector<std::int16_t> voicemail_beep();

}  // namespace bridge::audio
