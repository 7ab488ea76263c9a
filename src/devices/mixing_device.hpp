#pragma once
// What every device has: lines that are mixed, and a heartbeat from which its statistics are made.

#include <atomic>
#include <memory>

#include "audio/device.hpp"
#include "devices/heartbeat.hpp"
#include "devices/line_mixer.hpp"

namespace bridge::devices {

class MixingDevice : public virtual audio::AudioDevice {
public:
    bool attach(std::shared_ptr<audio::SpeakerLine> line) final;
    void detach(const std::shared_ptr<audio::SpeakerLine>& line) final;
    audio::DeviceStats stats() const override;

protected:
    /// What the device's thread works on. Shared: a sound library that hangs may call back after
    /// the device is gone.
    struct Output {
        virtual ~Output() = default;

        LineMixer mixer;
        Heartbeat heartbeat;
        std::atomic<int> sample_rate{48000};  ///< Hz
        std::atomic<int> block{480};          ///< samples
        std::atomic<int> channels{1};
        std::atomic<double> latency_ms{0};
        std::atomic<bool> running{false};
    };

    explicit MixingDevice(std::shared_ptr<Output> output) : output_(std::move(output)) {}
    Output& output() const noexcept { return *output_; }

private:
    const std::shared_ptr<Output> output_;
};

}  // namespace bridge::devices
