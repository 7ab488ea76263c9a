#pragma once
// The system's sound card, through PortAudio.

#include <memory>
#include <mutex>
#include <string>

#include "devices/mixing_device.hpp"

namespace bridge::devices {

/// Plays at the device's own rate in blocks of 10 ms. The callback only sums lines; it neither
/// locks nor allocates.
class PortAudioDevice final : public MixingDevice {
public:
    /// `wanted`: "" or "default", or a device's name or part of it. `channels`: 1 leaves it to the
    /// system on which speakers a call sounds, 2 plays the same on both; where the device refuses
    /// that number it is opened with another one, the same on each.
    explicit PortAudioDevice(std::string wanted, int channels = 1);
    ~PortAudioDevice() override;

    std::string name() const override;
    /// Looks for devices anew, so it finds one that was plugged in since; therefore no other stream
    /// may be open in the program. Errors: no_device, device_failed (with PortAudio's words; also
    /// after 5 s without an answer).
    Result<> start() override;
    /// Within a second, even if the sound server hangs: what cannot be closed by then is left
    /// behind.
    void stop() override;

private:
    struct Stream;
    PortAudioDevice(std::string wanted, std::shared_ptr<Stream> stream);
    const std::string wanted_;
    const std::shared_ptr<Stream> stream_;  ///< shared with a call into PortAudio that hangs
    mutable std::mutex mutex_;              ///< of found_
    std::string found_;                     ///< the device's own name
};

}  // namespace bridge::devices
