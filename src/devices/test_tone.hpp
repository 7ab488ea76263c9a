#pragma once
// `devices test`: rising tones, and what was recorded, through the whole way of a call's sound.

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>

#include "audio/device.hpp"
#include "base/result.hpp"

namespace bridge::devices {

struct TestToneReport {
    audio::DeviceStats device;    ///< callbacks, block, rate, latency, underflows
    audio::PlayoutStats playout;  ///< of the tones' line
    std::chrono::milliseconds took{0};
};

/// Plays tones from 300 to 1200 Hz for `length` on a started device and waits until they have
/// been taken. Blocks for that long. Errors: device_failed (the device takes nothing, or stopped),
/// too_large (all of its slots are in use).
Result<TestToneReport> play_test_tone(const std::shared_ptr<audio::AudioDevice>& device,
                                      std::chrono::milliseconds length = std::chrono::seconds(2),
                                      float gain = 0.3F);

/// The same with sound of 8 kHz, as loud as it is.
Result<TestToneReport> play_samples(const std::shared_ptr<audio::AudioDevice>& device,
                                    std::span<const std::int16_t> samples);

}  // namespace bridge::devices
