#include "devices/file_device.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <utility>
#include <vector>

#include "base/log.hpp"
#include "base/thread_name.hpp"

namespace bridge::devices {
namespace {

constexpr std::size_t kRingBlocks = 1000;  // 10 s
constexpr std::chrono::milliseconds kWriteEvery{100};

}  // namespace

FileDevice::FileDevice(std::filesystem::path path, std::shared_ptr<audio::DuplexTap> tap)
    : MixingDevice(std::make_shared<Output>()),
      path_(std::move(path)),
      blocks_(kRingBlocks),
      clock_([this, tap = std::move(tap)](Clock::Time now) {
          Block block;
          output().heartbeat.beat(now);
          output().mixer.render(std::span<std::int16_t>(block), kRate, now);
          if (tap) {
              std::array<float, kBlockSamples> played;
              std::transform(block.begin(), block.end(), played.begin(),
                             [](std::int16_t x) { return static_cast<float>(x) / 32768.0F; });
              tap->played(played, kRate, now, {});
          }
          if (!blocks_.push(block)) dropped_.fetch_add(1, std::memory_order_relaxed);
      }) {}

FileDevice::~FileDevice() {
    stop();
}

Result<> FileDevice::start() {
    const std::lock_guard life(life_);
    if (writer_.joinable()) return {};
    auto file = audio::WavWriter::create(path_, kRate);
    if (!file) return tl::unexpected(file.error());
    file_ = std::move(*file);
    stopping_ = false;
    failed_.store(false, std::memory_order_relaxed);
    writer_ = std::thread([this] { write_out(); });
    output().heartbeat.restart();
    clock_.start();
    output().running = true;
    return {};
}

void FileDevice::stop() {
    const std::lock_guard life(life_);
    clock_.stop();
    output().running = false;
    if (!writer_.joinable()) return;
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_all();
    writer_.join();
    file_.reset();
}

void FileDevice::write_out() {
    name_this_thread("file writer");
    std::vector<std::int16_t> samples;
    for (bool last = false; !last;) {
        {
            std::unique_lock lock(mutex_);
            last = wake_.wait_for(lock, kWriteEvery, [this] { return stopping_; });
        }
        samples.clear();
        for (auto waiting = blocks_.size(); waiting > 0; --waiting) {
            const auto& block = blocks_.peek(0);
            samples.insert(samples.end(), block.begin(), block.end());
            blocks_.pop();
        }
        if (samples.empty() || failed_.load(std::memory_order_relaxed)) continue;
        if (const auto written = file_->write(samples); !written) {
            failed_.store(true, std::memory_order_relaxed);
            log::error("device", "{}; nothing more is written, the calls go on",
                       written.error().message);
        }
    }
}

}  // namespace bridge::devices
