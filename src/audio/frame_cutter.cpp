#include "audio/frame_cutter.hpp"

#include <cstdlib>

namespace bridge::audio {
namespace {

constexpr std::int64_t samples_of(std::chrono::milliseconds time) {
    return time.count() * static_cast<std::int64_t>(kSamplesPerMs);
}

}  // namespace

FrameCutter::Placed FrameCutter::judge(std::chrono::milliseconds at) noexcept {
    if (!placed_) return Placed::anew;
    const auto ahead = samples_of(at) - next_;
    if (std::abs(ahead) <= samples_of(kJump)) return Placed::goes_on;
    ++jumps_;
    const auto missing = static_cast<std::int64_t>(kFrameSamples - filled_);
    if (filled_ > 0 && ahead >= missing) return Placed::padded;
    discarded_ += filled_;
    return Placed::anew;
}

void FrameCutter::start_at(std::chrono::milliseconds at) noexcept {
    filled_ = 0;
    next_ = samples_of(at);
    placed_ = true;
}

void FrameCutter::reset() noexcept {
    filled_ = 0;
    placed_ = false;
}

}  // namespace bridge::audio
