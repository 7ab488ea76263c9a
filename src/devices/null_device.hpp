#pragma once
// A device that takes sound in real time and throws it away: for machines without a sound card.

#include <memory>
#include <string>

#include "audio/duplex_tap.hpp"
#include "devices/mixing_device.hpp"
#include "devices/self_clock.hpp"

namespace bridge::devices {

/// 48 kHz, 10 ms blocks, on its own clock.
class NullDevice final : public MixingDevice {
public:
    static constexpr int kRate = 48000;

    /// `tap`, if given, hears what is played.
    explicit NullDevice(std::shared_ptr<audio::DuplexTap> tap = nullptr);
    ~NullDevice() override;

    std::string name() const override { return "null"; }
    Result<> start() override;
    void stop() override;

private:
    SelfClock clock_;
};

}  // namespace bridge::devices
