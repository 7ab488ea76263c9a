#pragma once
// A microphone for measurements: every 20 ms one thread says a numbered block to every call,
// stamped with the time at which it was due.

#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>

#include "audio/microphone.hpp"
#include "audio/mulaw.hpp"
#include "tests/bench/speech.hpp"

namespace bench {

/// After a time in which the process did not run it brings every block that was due meanwhile, as a
/// sound card with a long buffer does.
class BenchMicrophone final : public bridge::audio::Microphone {
public:
    BenchMicrophone() : thread_([this] { speak(); }) {}
    ~BenchMicrophone() override {
        stop_ = true;
        thread_.join();
    }
    BenchMicrophone(const BenchMicrophone&) = delete;
    BenchMicrophone& operator=(const BenchMicrophone&) = delete;

    std::string name() const override { return "bench"; }
    void attach(std::shared_ptr<bridge::audio::MicLine> line) override { line->follow(track_); }
    void detach(const std::shared_ptr<bridge::audio::MicLine>& line) override { line->leave(); }
    bridge::audio::MicStats stats() const override {
        bridge::audio::MicStats out;
        out.running = true;
        out.sample_rate = bridge::audio::kSampleRate;
        return out;
    }

private:
    void speak() {
        using namespace std::chrono_literals;
        std::array<std::uint8_t, 160> mulaw{};
        std::array<std::int16_t, 160> pcm{};
        auto due = std::chrono::steady_clock::now();
        for (std::uint32_t number = 0; !stop_; ++number) {
            due += 20ms;
            std::this_thread::sleep_until(due);
            const auto since = due.time_since_epoch();
            write_speech({kLiveVoice, number, static_cast<std::uint64_t>(since.count())}, mulaw);
            bridge::audio::decode_mulaw(mulaw, pcm);
            track_->write(pcm, due);
        }
    }

    const std::shared_ptr<bridge::audio::MicTrack> track_ =
        std::make_shared<bridge::audio::MicTrack>();
    std::atomic<bool> stop_{false};
    std::thread thread_;  // last: it uses the others
};

}  // namespace bench
