#pragma once
// Which output the system plays on unless told otherwise, where a running stream does not follow it
// by itself.

#include <cstdint>

namespace bridge::devices {

/// A number that changes when the user chooses another default output: Core Audio's device id on
/// macOS, where PortAudio's streams stay on the device they were opened on and its list of devices
/// is fixed while one is open. 0: there is none, or the sound server moves streams itself
/// (PulseAudio and PipeWire do). Thread: any; a few microseconds.
std::uint64_t default_output_id() noexcept;

}  // namespace bridge::devices
