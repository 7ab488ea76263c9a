#include "audio/echo_guard.hpp"

#include <algorithm>

namespace bridge::audio {
namespace {

constexpr float kAudibleDbfs = -45;  // of ours: what is quieter comes back as nothing

}  // namespace

void EchoGuard::spoke(const AudioFrame& frame, Clock::Time heard_at) noexcept {
    const auto level = rms_dbfs(frame.pcm);
    if (level < kAudibleDbfs) return;
    spoken_[next_] = {heard_at, level};
    next_ = (next_ + 1) % kFrames;
    latest_ = std::max(latest_, heard_at);
}

void EchoGuard::cut(Clock::Time now) noexcept {
    for (auto& spoken : spoken_) {
        if (spoken.at > now) spoken.dbfs = kSilenceDbfs;
    }
    latest_ = std::min(latest_, now);
}

float EchoGuard::least_dbfs(Clock::Time now, float margin_db) noexcept {
    ours_ = kSilenceDbfs;
    if (latest_ + kReach < now) return kSilenceDbfs;
    for (const auto& spoken : spoken_) {
        if (spoken.at <= now + kFrameTime && spoken.at + kReach >= now)
            ours_ = std::max(ours_, spoken.dbfs);
    }
    return ours_ > kSilenceDbfs ? ours_ - loss_db_ + margin_db : kSilenceDbfs;
}

void EchoGuard::heard(float level_dbfs) noexcept {
    if (ours_ <= kSilenceDbfs) return;
    most_ = std::max(most_, level_dbfs - ours_);
    if (++in_block_ < kBlockFrames) return;
    // Somebody who talks over us raises some blocks, echo raises all: the lowest tells.
    returned_[next_block_] = most_;
    next_block_ = (next_block_ + 1) % kBlocks;
    blocks_ = std::min(blocks_ + 1, kBlocks);
    const auto lowest = *std::min_element(returned_.begin(),
                                          returned_.begin() + static_cast<std::ptrdiff_t>(blocks_));
    loss_db_ = std::clamp(-lowest, kLeastLossDb, kMostLossDb);
    in_block_ = 0;
    most_ = kSilenceDbfs;
}

}  // namespace bridge::audio
