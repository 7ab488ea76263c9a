#pragma once
// From what a user writes to a device that plays.

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "audio/device.hpp"
#include "base/result.hpp"
#include "devices/supervised_device.hpp"

namespace bridge::devices {

/// One sound device of the system, for `devices list`.
struct DeviceListing {
    std::string name;
    std::string host_api;  ///< ALSA, Core Audio, …
    int inputs = 0;        ///< channels
    int outputs = 0;
    double default_rate = 0;  ///< Hz
    bool default_input = false;
    bool default_output = false;
};

struct DeviceOptions {
    /// Without a usable default sound card: true gives a null device (and says so), false an error.
    bool fall_back_to_null = true;
    /// 2: a sound card that has two channels is opened with both, the same on each.
    int channels = 1;
    /// Given: a sound card is supervised (supervised_device.hpp), so that calls outlive it, and
    /// what happens to it is told here. Thread: the supervisor's, never an io thread.
    std::function<void(const DeviceChange&)> on_change = {};
};

struct OutputDevice {
    std::shared_ptr<audio::AudioDevice> device;  ///< started; null for "none"
    bool fell_back = false;                      ///< the default was asked for and there is none
    std::string note;                            ///< if so, one sentence for the user: why
};

/// False: this program was built without PortAudio and knows no sound cards.
bool has_sound_cards() noexcept;

/// Empty on a machine with neither sound card nor sound server. Thread: any; may take a second.
/// Errors: device_failed (the sound system does not answer, or sound cards were left out of this
/// program).
Result<std::vector<DeviceListing>> list_devices();

/// "" or "default": the system's default output. "null": keeps time, says nothing. "none": no
/// device at all. "file:PATH": a WAV file of what would have been heard. Anything else: the name of
/// a device, or a part of it, in any case. The device is started. Errors: no_device (listing what
/// there is), device_failed, io (the file). Thread: any but an io thread; may take a second.
Result<OutputDevice> make_output_device(std::string_view spec, const DeviceOptions& options = {});

}  // namespace bridge::devices
