#pragma once
// A device that writes what would have been heard to a WAV file, in real time: silence included,
// from the moment it starts.
//
//   SelfClock: 10 ms blocks ──ring (10 s)──▶ writer thread ──▶ WAV, header always up to date

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "audio/duplex_tap.hpp"
#include "audio/spsc_ring.hpp"
#include "audio/wav.hpp"
#include "devices/mixing_device.hpp"
#include "devices/self_clock.hpp"

namespace bridge::devices {

/// 48 kHz, 16-bit, mono. Killed at any moment the file is readable but for its last 100 ms. A full
/// disk ends the file and is logged once; the calls go on.
class FileDevice final : public MixingDevice {
public:
    static constexpr int kRate = 48000;

    /// `tap`, if given, hears what is written.
    explicit FileDevice(std::filesystem::path path,
                        std::shared_ptr<audio::DuplexTap> tap = nullptr);
    ~FileDevice() override;

    std::string name() const override { return "file: " + path_.string(); }
    /// Creates or overwrites the file. Errors: io.
    Result<> start() override;
    void stop() override;

    /// 10 ms blocks that found no room because the disk was too slow for 10 s.
    std::uint64_t dropped_blocks() const noexcept {
        return dropped_.load(std::memory_order_relaxed);
    }
    bool failed() const noexcept { return failed_.load(std::memory_order_relaxed); }

private:
    static constexpr std::size_t kBlockSamples = kRate / 100;
    using Block = std::array<std::int16_t, kBlockSamples>;

    void write_out();

    const std::filesystem::path path_;
    audio::SpscRing<Block> blocks_;
    std::unique_ptr<audio::WavWriter> file_;  ///< the writer thread's while it runs
    std::atomic<std::uint64_t> dropped_{0};
    std::atomic<bool> failed_{false};
    std::mutex life_;   ///< start and stop exclude each other
    std::mutex mutex_;  ///< of stopping_; the clock's thread never takes it
    std::condition_variable wake_;
    bool stopping_ = false;
    std::thread writer_;
    SelfClock clock_;
};

}  // namespace bridge::devices
