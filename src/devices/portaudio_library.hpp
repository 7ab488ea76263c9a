#pragma once
// PortAudio as a whole: it is not safe to enter from two threads, it prints, and a sick sound
// server can make any of its functions hang. All of that is dealt with here.

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "devices/card.hpp"
#include "devices/device_factory.hpp"

namespace bridge::devices {

/// What becomes of work whose turn has not come when its limit is over.
enum class Late {
    forget,  ///< it is never done
    keep,    ///< it is done when its turn comes: something must be closed
};

/// Runs `work` on the one thread that enters PortAudio, in the order of asking, and waits for at
/// most `limit`. False: it is not done; if it has begun, it goes on alone, so it must own all that
/// it uses. Thread: any but an io thread's and a device's.
bool with_portaudio(std::chrono::milliseconds limit, std::function<void()> work,
                    Late late = Late::forget);

/// Errors: device_failed, with PortAudio's own words. Thread: inside with_portaudio.
Result<> open_portaudio();
void close_portaudio();
/// Of an opened PortAudio. Thread: inside with_portaudio.
std::vector<DeviceListing> portaudio_devices();
/// Index of the default device of that direction ("" or "default") or of the named one: exact, then
/// in any case, then a part of the name. Errors: no_device, listing those there are.
Result<int> find_portaudio_device(Side side, const std::string& name);

/// Errors: device_failed. Thread: any.
Result<std::vector<DeviceListing>> list_portaudio_devices();

}  // namespace bridge::devices
