#pragma once
// Two habits of ALSA that PortAudio, which is built upon it on Linux, does not cope with.

#include "base/result.hpp"

namespace bridge::devices {

/// PortAudio ends the whole program by an assertion when ALSA's configuration names no default
/// device, as with an ALSA_CONFIG_PATH whose file is missing. So that is looked at before.
/// Errors: device_failed, with the one thing that fixes it. Where there is no ALSA: fine.
/// Thread: inside with_portaudio (ALSA's configuration belongs to the process).
Result<> check_alsa_config();

/// Each look for devices loads ALSA's plugins, some of which bring dozens of libraries along, and
/// unloads them again. Some of those lose memory every time: 13 kB and 22 ms of CPU for one look on
/// Debian 12. Called once, when it is known that there will be many, this loads the plugins for
/// good: 11 MB, and then nothing and 6 ms. Thread: inside with_portaudio.
void keep_alsa_plugins() noexcept;

}  // namespace bridge::devices
