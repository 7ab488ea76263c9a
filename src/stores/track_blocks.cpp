#include "stores/track_blocks.hpp"

#include <algorithm>
#include <limits>

namespace bridge::stores {

namespace {

constexpr auto kOpenEnd = std::numeric_limits<std::uint64_t>::max();

}  // namespace

void TrackBlocks::far_end(std::uint64_t at, std::span<const std::int16_t> samples) {
    put(Side::far, at, samples);
    const auto end = at + samples.size();
    if (end > begin_) far_ = std::max(far_, end - begin_);
    leave_known();
}

void TrackBlocks::near_end(std::uint64_t at, std::span<const std::int16_t> samples) {
    put(Side::near, at, samples);
    const auto end = at + samples.size();
    if (end > begin_) near_ = std::max(near_, end - begin_);
    leave_known();
}

void TrackBlocks::near_known(std::uint64_t at) {
    if (at <= begin_) return;
    near_ = std::max(near_, at - begin_);
    // While the phone sends nothing, time passes all the same.
    far_ = std::max(far_, at - begin_);
    end_ = std::max(end_, at - begin_);
    leave_known();
}

void TrackBlocks::pause(std::uint64_t at) {
    const auto place = at > begin_ ? at - begin_ : 0;
    if (!pauses_.empty() && pauses_.back().second == kOpenEnd) return;
    pauses_.emplace_back(place, kOpenEnd);
}

void TrackBlocks::resume(std::uint64_t at) {
    if (pauses_.empty() || pauses_.back().second != kOpenEnd) return;
    pauses_.back().second = at > begin_ ? at - begin_ : 0;
}

bool TrackBlocks::is_paused(std::uint64_t at) const {
    return std::any_of(pauses_.begin(), pauses_.end(),
                       [at](const auto& pause) { return at >= pause.first && at < pause.second; });
}

void TrackBlocks::put(Side side, std::uint64_t at, std::span<const std::int16_t> samples) {
    const auto earliest = begin_ + first_;
    if (at < earliest) {
        const auto missed = std::min<std::uint64_t>(earliest - at, samples.size());
        samples = samples.subspan(static_cast<std::size_t>(missed));
        at = earliest;
    }
    auto place = at - begin_;
    if (!samples.empty()) end_ = std::max(end_, place + samples.size());
    while (!samples.empty()) {
        auto& block = block_of(place);
        const auto from = static_cast<std::size_t>(place - block.at);
        const auto part = std::min(samples.size(), kBlock - from);
        const auto out = (side == Side::far ? block.far : block.near).begin() +
                         static_cast<std::ptrdiff_t>(from);
        if (pauses_.empty()) {
            std::copy_n(samples.begin(), part, out);
        } else {
            for (std::size_t i = 0; i < part; ++i) {
                if (!is_paused(place + i)) out[static_cast<std::ptrdiff_t>(i)] = samples[i];
            }
        }
        place += part;
        samples = samples.subspan(part);
    }
}

/// The block that `at` lies in; those before it are there too, unless they would be too many.
TrackBlocks::Block& TrackBlocks::block_of(std::uint64_t at) {
    const auto wanted = at - at % kBlock;
    while (first_ + open_.size() * kBlock <= wanted) {
        if (open_.size() >= kMostOpen) leave(kBlock);
        if (open_.empty()) first_ = wanted;
        open_.push_back(std::make_unique<Block>());
        open_.back()->at = first_ + (open_.size() - 1) * kBlock;
    }
    return *open_[static_cast<std::size_t>((wanted - first_) / kBlock)];
}

void TrackBlocks::leave(std::size_t samples) {
    auto block = std::move(open_.front());
    open_.pop_front();
    first_ += kBlock;
    block->samples = samples;
    take_(std::move(block));
}

void TrackBlocks::leave_known() {
    const auto known = std::min(far_, near_);
    while (!open_.empty() && first_ + kBlock <= known) leave(kBlock);
    if (open_.empty()) first_ = std::max(first_, known - known % kBlock);
    while (!pauses_.empty() && pauses_.front().second <= first_) pauses_.pop_front();
}

void TrackBlocks::finish() {
    while (!open_.empty() && first_ + kBlock <= end_) leave(kBlock);
    if (open_.empty() && end_ > first_) block_of(end_ - 1);
    if (!open_.empty()) leave(static_cast<std::size_t>(end_ - first_));
}

}  // namespace bridge::stores
