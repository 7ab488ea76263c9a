#pragma once
// Sound of a session: its devices, opened as the settings say, and what callers hear of us besides
// voices.

#include <memory>
#include <string>
#include <vector>

#include "app/bridge.hpp"
#include "app/session.hpp"
#include "base/metrics.hpp"
#include "devices/device_factory.hpp"

namespace bridge::app {

struct SessionSound {
    devices::Sound devices;          ///< running
    std::string wav_file;            ///< where it is kept; empty: nowhere
    std::vector<std::string> lines;  ///< for the user
};
/// Speaker and microphone. Without a sound card a demo is kept in demo.wav. Errors: no_device.
/// Thread: main; may take seconds.
Outcome<SessionSound> open_sound(const SessionOptions& options);

/// Hold music, and the voicemail with its greeting, into `bridge`. Errors: configuration (a file
/// that cannot be read, a folder that cannot be written). Thread: main.
Outcome<> open_recorded_sounds(const Config& config, std::shared_ptr<metrics::Registry> metrics,
                               BridgeOptions& bridge);

/// What an answering machine is told; null if there is none. Errors: configuration. Thread: main.
Outcome<audio::Samples> open_machine_message(const Config& config);

/// How the devices did, at the end: a line for each in the log.
void log_sound(const devices::Sound& sound);

}  // namespace bridge::app
