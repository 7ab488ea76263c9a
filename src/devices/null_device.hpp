#pragma once
// A device that takes sound in real time and throws it away: for machines without a sound card.

#include <atomic>
#include <memory>
#include <string>

#include "audio/device.hpp"
#include "devices/heartbeat.hpp"
#include "devices/line_mixer.hpp"
#include "devices/self_clock.hpp"

namespace bridge::devices {

/// 48 kHz, 10 ms blocks, on its own clock.
class NullDevice final : public audio::AudioDevice {
public:
    static constexpr int kRate = 48000;

    NullDevice();
    ~NullDevice() override;

    std::string name() const override { return "null"; }
    Result<> start() override;
    void stop() override;
    bool attach(std::shared_ptr<audio::SpeakerLine> line) override;
    void detach(const std::shared_ptr<audio::SpeakerLine>& line) override;
    audio::DeviceStats stats() const override;

private:
    LineMixer mixer_;
    Heartbeat heartbeat_;
    SelfClock clock_;
};

}  // namespace bridge::devices
