#include "audio/playout_buffer.hpp"

#include <algorithm>
#include <cmath>

namespace bridge::audio {
namespace {

constexpr double kLeastCeilingMs = 20;  // less than a frame cannot work
constexpr double kBurstMs = 3;          // closer together than this: one burst
constexpr int kFarFrames = 12;  // this many far too late frames in a row: the way got longer
constexpr std::size_t kMeasureEvery = 5;
constexpr double kMeanMs = 600;    // time constant of the smoothed delay
constexpr double kStepMs = 40;     // the device left out so much …
constexpr double kStepForMs = 50;  // … and has not caught up for so long: time was lost
constexpr double kEarlyDecayMs = 4000;
constexpr double kMaxEarlyMs = 40;
// An error of e ms is taken back at the rate e / 12 s: enough for two crystals that differ, and so
// little that sound keeps its shape within a window of 250 ms. What is above 8 ms goes faster.
constexpr double kGentleMs = 12000;
constexpr double kFirmMs = 3000;
constexpr double kFirmFromMs = 8;
constexpr double kHoldMs = 5;  // the target does not follow less jitter before it is this much less
constexpr double kHoldDownPerMs = 0.002;

}  // namespace

PlayoutBuffer::PlayoutBuffer(double ceiling_ms) noexcept
    : ceiling_(std::max(ceiling_ms, kLeastCeilingMs)) {}

void PlayoutBuffer::set_base(double base) noexcept {
    mean_ += base_ - base;
    base_ = base;
}

void PlayoutBuffer::rebase() noexcept {
    held_ = 0;
    next_ = 0;
    far_ = 0;
    seen_ = 0;
    needed_ = kFirstJitterMs;
    held_needed_ = kFirstJitterMs;
    p95_ = 0;
}

void PlayoutBuffer::arrived(double at_ms, double arrival_ms) noexcept {
    const auto transit = arrival_ms - at_ms;
    const bool burst = seen_ > 0 && arrival_ms - last_arrival_ < kBurstMs;
    last_arrival_ = arrival_ms;

    // A way that got longer for good looks like a stall at first. It is one only if frames come
    // with their old delay again.
    far_ = seen_ > 0 && transit - base_ > 2 * ceiling_ ? far_ + 1 : 0;
    if (far_ >= kFarFrames) {
        rebase();
    }

    arrivals_[next_] = {transit, !burst};
    next_ = (next_ + 1) % kWindow;
    held_ = std::min(held_ + 1, kWindow);
    ++seen_;
    if (seen_ == 1 || transit < base_) set_base(transit);
    if (seen_ % kMeasureEvery == 0 || transit - base_ > needed_) measure();
}

void PlayoutBuffer::measure() noexcept {
    auto base = arrivals_[0].transit;
    std::array<double, kWindow> late;
    std::size_t count = 0;
    for (std::size_t i = 0; i < held_; ++i) base = std::min(base, arrivals_[i].transit);
    for (std::size_t i = 0; i < held_; ++i)
        if (arrivals_[i].counts) late[count++] = arrivals_[i].transit - base;
    set_base(base);
    if (count == 0) return;

    const auto quantile = [&](std::size_t left_out) {
        const auto index = count - 1 - std::min(left_out, count - 1);
        std::nth_element(late.begin(), late.begin() + static_cast<std::ptrdiff_t>(index),
                         late.begin() + static_cast<std::ptrdiff_t>(count));
        return late[index];
    };
    p95_ = quantile(count / 20);
    needed_ = quantile(count / 80);  // p99: of 5 s the three latest may conceal
    if (seen_ < 50) needed_ = std::max(needed_, kFirstJitterMs);
    held_needed_ = std::max(held_needed_, needed_);
}

double PlayoutBuffer::wanted_margin() const noexcept {
    return std::clamp(held_needed_ + early_ + kReserveMs, std::max(0.0, kFloorMs - block_),
                      std::max(0.0, ceiling_ - block_));
}

// A target that trembled with the measured jitter would make the steering tremble.
void PlayoutBuffer::hold_target(double block_ms) noexcept {
    if (needed_ >= held_needed_)
        held_needed_ = needed_;
    else if (needed_ < held_needed_ - kHoldMs)
        held_needed_ -= kHoldDownPerMs * block_ms;
}

double PlayoutBuffer::target_ms() const noexcept {
    return wanted_margin() + block_;
}

double PlayoutBuffer::excess_ms() const noexcept {
    return mean_ - wanted_margin();
}

void PlayoutBuffer::resumed(double media_ms, double now_ms, double block_ms) noexcept {
    block_ = std::max(block_ms, block_ * 0.995);
    mean_ = delay_ms(media_ms, now_ms) - block_ms;
    in_step_at_ = now_ms;
}

void PlayoutBuffer::played(double media_ms, double now_ms, double block_ms) noexcept {
    block_ = std::max(block_ms, block_ * 0.995);
    const auto left = delay_ms(media_ms, now_ms) - block_ms;

    early_ *= std::max(0.0, 1.0 - block_ms / kEarlyDecayMs);
    early_ = std::clamp(std::max(early_, mean_ - left), 0.0, kMaxEarlyMs);
    // A device that stood still and goes on without catching up leaves a backlog, which need not be
    // found out slowly.
    if (left - mean_ < kStepMs)
        in_step_at_ = now_ms;
    else if (now_ms - in_step_at_ > kStepForMs)
        mean_ = left;
    mean_ += (left - mean_) * std::min(1.0, block_ms / kMeanMs);

    hold_target(block_ms);
    const auto error = excess_ms();
    const auto gentle = std::clamp(error, -kFirmFromMs, kFirmFromMs);
    const auto wanted = std::clamp(gentle / kGentleMs + (error - gentle) / kFirmMs, -kMaxCorrection,
                                   kMaxCorrection);
    const auto slew = kSlewPerMs * block_ms;
    correction_ += std::clamp(wanted - correction_, -slew, slew);
}

}  // namespace bridge::audio
