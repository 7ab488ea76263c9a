#pragma once
// The system's sound card, through PortAudio: an output, an input, or both, of one device or two.

#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "audio/duplex_tap.hpp"
#include "devices/card.hpp"
#include "devices/mixing_device.hpp"

namespace bridge::devices {

struct PortAudioOptions {
    /// "" or "default", or a device's name or a part of it. Nothing: that side is not wanted.
    std::optional<std::string> output = "default";
    std::optional<std::string> input{};
    /// 1 leaves it to the system on which speakers a call sounds, 2 plays the same on both unless a
    /// line is panned; where the device refuses that number it is opened with another one.
    int channels = 1;
    /// Hears what is captured, and what is played. Null: nobody wants either.
    std::shared_ptr<audio::DuplexTap> tap{};
};

/// Each side runs at its device's own rate in blocks of 10 ms. The callbacks mix lines and copy
/// samples; they neither lock nor allocate.
class PortAudioDevice final : public MixingDevice, public Card {
public:
    explicit PortAudioDevice(PortAudioOptions options);
    ~PortAudioDevice() override;

    std::string name() const override;
    std::string input_name() const override;
    /// Looks for devices anew, so it finds one that was plugged in since; therefore no other stream
    /// may be open in the program. Errors: no_device, device_failed (with PortAudio's words; also
    /// after 5 s without an answer), of the output if that is wanted.
    Result<> start() override;
    /// Within a second, even if the sound server hangs: what cannot be closed by then is left
    /// behind.
    void stop() override;
    audio::DeviceStats stats() const override;
    std::optional<Error> trouble(Side side) const override;
    void close(Side side) override;
    Result<> reopen(Side side) override;

private:
    struct Streams;
    PortAudioDevice(PortAudioOptions options, std::shared_ptr<Streams> streams);
    const PortAudioOptions options_;
    const std::shared_ptr<Streams> streams_;  ///< shared with a call into PortAudio that hangs
};

}  // namespace bridge::devices
