#pragma once
// The system's sound card, through PortAudio.

#include <memory>
#include <mutex>
#include <string>

#include "audio/device.hpp"

namespace bridge::devices {

/// Plays at the device's own rate in blocks of 10 ms, mono (both channels the same where a device
/// refuses mono). The callback only sums lines; it neither locks nor allocates.
class PortAudioDevice final : public audio::AudioDevice {
public:
    /// "" or "default", or a device's name or part of it.
    explicit PortAudioDevice(std::string wanted);
    ~PortAudioDevice() override;

    std::string name() const override;
    /// Errors: no_device, device_failed (with PortAudio's words; also after 5 s without an answer).
    Result<> start() override;
    /// Within a second, even if the sound server hangs: what cannot be closed by then is left
    /// behind.
    void stop() override;
    bool attach(std::shared_ptr<audio::SpeakerLine> line) override;
    void detach(const std::shared_ptr<audio::SpeakerLine>& line) override;
    audio::DeviceStats stats() const override;

private:
    struct Stream;
    const std::string wanted_;
    mutable std::mutex
        mutex_;          ///< of found_ and stream_'s open/closed; the callback never takes it
    std::string found_;  ///< the device's own name
    std::shared_ptr<Stream> stream_;  ///< shared with PortAudio's callback and a close that hangs
};

}  // namespace bridge::devices
