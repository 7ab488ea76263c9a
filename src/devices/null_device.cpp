#include "devices/null_device.hpp"

#include <array>
#include <memory>

namespace bridge::devices {
namespace {

constexpr std::size_t kBlockSamples = NullDevice::kRate / 100;

}  // namespace

NullDevice::NullDevice(std::shared_ptr<audio::DuplexTap> tap)
    : MixingDevice(std::make_shared<Output>()), clock_([this, tap](Clock::Time now) {
          std::array<float, kBlockSamples> block;
          output().heartbeat.beat(now);
          output().mixer.render(block, kRate, now);
          if (tap) tap->played(block, kRate, now, {});
      }) {}

NullDevice::~NullDevice() {
    stop();
}

Result<> NullDevice::start() {
    if (!clock_.running()) output().heartbeat.restart();
    clock_.start();
    output().running = true;
    return {};
}

void NullDevice::stop() {
    clock_.stop();
    output().running = false;
}

}  // namespace bridge::devices
