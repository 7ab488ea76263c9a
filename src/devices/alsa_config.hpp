#pragma once
// PortAudio ends the whole program by an assertion when ALSA's configuration names no default
// device, as with an ALSA_CONFIG_PATH whose file is missing. So that is looked at before.

#include "base/result.hpp"

namespace bridge::devices {

/// Errors: device_failed, with the one thing that fixes it. Where there is no ALSA: fine.
/// Thread: inside with_portaudio (ALSA's configuration belongs to the process).
Result<> check_alsa_config();

}  // namespace bridge::devices
