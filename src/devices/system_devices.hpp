#pragma once
// What the system tells about its devices beside the sound library, and while that one's list is
// fixed.

#include <cstdint>

#include "devices/card.hpp"

namespace bridge::devices {

/// A number that changes when the user chooses another default device for that side, where a
/// running stream does not follow it by itself: Core Audio's device id on macOS, where PortAudio's
/// streams stay on the device they were opened on. 0: there is none, or the sound server moves
/// streams itself (PulseAudio and PipeWire do). Thread: any; a few microseconds.
std::uint64_t default_device_id(Side side) noexcept;

/// A number that changes when a device is plugged in or out: of ALSA's cards on Linux, of Core
/// Audio's devices on macOS. 0: not known. Thread: any; some ten microseconds.
std::uint64_t plugged_in_id() noexcept;

/// The default input is the monitor of an output, not a microphone: PulseAudio, and PipeWire in its
/// place, offer that where there is nothing else, and a call would hear itself. False where it is
/// not known, or no sound server is in use. Thread: any but an io thread and a device's; it asks
/// the server, which takes a millisecond, and half a second at most.
bool default_input_is_monitor();

}  // namespace bridge::devices
