#include "devices/null_device.hpp"

#include <array>
#include <utility>

namespace bridge::devices {
namespace {

constexpr std::size_t kBlockSamples = NullDevice::kRate / 100;

}  // namespace

NullDevice::NullDevice()
    : clock_([this](Clock::Time now) {
          std::array<float, kBlockSamples> block;
          heartbeat_.beat(now);
          mixer_.render(block, kRate, now);
      }) {}

NullDevice::~NullDevice() {
    clock_.stop();
}

Result<> NullDevice::start() {
    if (!clock_.running()) heartbeat_.restart();
    clock_.start();
    return {};
}

void NullDevice::stop() {
    clock_.stop();
}

bool NullDevice::attach(std::shared_ptr<audio::SpeakerLine> line) {
    return mixer_.attach(std::move(line), kRate);
}

void NullDevice::detach(const std::shared_ptr<audio::SpeakerLine>& line) {
    mixer_.detach(line);
}

audio::DeviceStats NullDevice::stats() const {
    audio::DeviceStats stats;
    stats.sample_rate = kRate;
    stats.block_samples = static_cast<int>(kBlockSamples);
    stats.callbacks = heartbeat_.callbacks();
    stats.longest_gap_ms = heartbeat_.longest_gap_ms();
    stats.running = clock_.running();
    return stats;
}

}  // namespace bridge::devices
