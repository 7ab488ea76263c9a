#include "audio/mic_steering.hpp"

#include <algorithm>
#include <cmath>

namespace bridge::audio {
namespace {

constexpr double kQuickMs = 3000;
constexpr double kSmoothMs = 400;
constexpr double kQuickSmoothMs = 150;
constexpr double kReadForMs = 100;  // no read for so long: nobody takes frames
// An error this small is left alone: the echo canceller likes a steady speed.
constexpr double kDeadMs = 2.5;
constexpr double kGainPerMs = 0.0003;
constexpr double kQuickGainPerMs = 0.0015;
constexpr double kLearnMs = 15000;
constexpr double kMaxDrift = 0.002;
constexpr double kMissMs = 4;  // added to the target by a frame that was not there in time
constexpr double kForgetPerMs = 1.0 / 10000;
constexpr double kSlewPerMs = 0.003 / 1000;

}  // namespace

void MicSteering::begin(double now_ms) noexcept {
    begun_ = now_ms;
    first_ = true;
    wait_ = target_ms();
    push_ = 0;
}

void MicSteering::idle() noexcept {
    push_ = 0;
    read_at_ = -1e9;
}

void MicSteering::look(double now_ms, std::size_t waiting, std::uint64_t reads,
                       std::uint64_t misses, bool captured) noexcept {
    const auto passed = std::clamp(now_ms - last_, 0.0, 50.0);
    last_ = now_ms;
    if (first_) {
        reads_ = reads;
        misses_ = misses;
        first_ = false;
    }
    const bool came = reads != reads_;
    const bool missed = misses != misses_;
    reads_ = reads;
    misses_ = misses;
    if (came) {
        if (now_ms - read_at_ > kReadForMs) {
            begin(now_ms);
            first_ = false;
        }
        read_at_ = now_ms;
    }
    if (now_ms - read_at_ > kReadForMs || !captured) {
        push_ = 0;
        return;
    }

    const bool quick = now_ms - begun_ < kQuickMs;
    extra_ = std::max(0.0, extra_ - kForgetPerMs * passed);
    if (missed && !quick) extra_ = std::min(extra_ + kMissMs, kMostTargetMs - kTargetMs);
    const auto now_waiting = static_cast<double>(waiting) / 8;
    wait_ += (now_waiting - wait_) * std::min(1.0, passed / (quick ? kQuickSmoothMs : kSmoothMs));

    const auto error = wait_ - target_ms();
    const auto counts = std::copysign(std::max(0.0, std::abs(error) - kDeadMs), error);
    const auto limit = quick ? kQuickCorrection : kMaxCorrection;
    const auto wanted = std::clamp(counts * (quick ? kQuickGainPerMs : kGainPerMs), -limit, limit);
    if (quick) {
        push_ = wanted;
    } else {
        const auto slew = kSlewPerMs * passed;
        push_ += std::clamp(wanted - push_, -slew, slew);
        // Not of errors that a stall has made.
        if (std::abs(error) < 15)
            drift_ = std::clamp(drift_ + wanted * passed / kLearnMs, -kMaxDrift, kMaxDrift);
    }
    push_ = std::clamp(push_, -limit - drift_, limit - drift_);
}

}  // namespace bridge::audio
