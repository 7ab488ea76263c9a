#include "devices/mixing_device.hpp"

#include <utility>

namespace bridge::devices {

bool MixingDevice::attach(std::shared_ptr<audio::SpeakerLine> line) {
    return output_->mixer.attach(std::move(line), output_->sample_rate);
}

void MixingDevice::detach(const std::shared_ptr<audio::SpeakerLine>& line) {
    output_->mixer.detach(line);
}

audio::DeviceStats MixingDevice::stats() const {
    audio::DeviceStats stats;
    stats.sample_rate = output_->sample_rate;
    stats.block_samples = output_->block;
    stats.channels = output_->channels;
    stats.reported_latency_ms = output_->latency_ms;
    stats.callbacks = output_->heartbeat.callbacks();
    stats.underflows = output_->heartbeat.underflows();
    stats.longest_gap_ms = output_->heartbeat.longest_gap_ms();
    stats.running = output_->running;
    return stats;
}

}  // namespace bridge::devices
