#include "call/level_tap.hpp"

#include <algorithm>
#include <cstdlib>

namespace bridge::call {
namespace {

constexpr std::uint64_t kPeakBits = 16;
constexpr std::uint64_t kPeakMask = (1U << kPeakBits) - 1;
constexpr std::uint64_t kLoudest = 32768;
constexpr std::uint64_t kClipped = 32100;  // the loudest that mu-law can say is 32124
/// A burst is spread no further than this.
constexpr LevelTap::Slot kFurthestAhead = 5;

std::uint64_t peak_of(const audio::AudioFrame& frame) noexcept {
    int peak = 0;
    for (const auto sample : frame.pcm) peak = std::max(peak, std::abs(static_cast<int>(sample)));
    return static_cast<std::uint64_t>(peak);
}

std::size_t index_of(LevelTap::Slot slot) noexcept {
    return static_cast<std::size_t>(slot) % LevelTap::kSlots;
}

}  // namespace

void LevelTap::put(Cells& cells, Slot slot, std::uint64_t peak) noexcept {
    auto& cell = cells[index_of(slot)];
    const auto before = get(cells, slot);
    // One more than the peak, so that a silent frame is not an absent one.
    const auto value = std::max(before, std::min(peak, kLoudest) + 1);
    cell.store((static_cast<std::uint64_t>(slot) << kPeakBits) | value, std::memory_order_relaxed);
}

/// Peak and one; 0: nothing came.
std::uint64_t LevelTap::get(const Cells& cells, Slot slot) noexcept {
    const auto cell = cells[index_of(slot)].load(std::memory_order_relaxed);
    const auto mine = static_cast<std::uint64_t>(slot) << kPeakBits;
    return (cell & ~kPeakMask) == mine ? cell & kPeakMask : 0;
}

void LevelTap::far(Clock::Time now, const audio::AudioFrame& frame) noexcept {
    const auto slot = slot_of(now);
    const auto next = last_far_ + 1;
    last_far_ = next > slot && next <= slot + kFurthestAhead ? next : slot;
    put(far_, last_far_, peak_of(frame));
}

void LevelTap::near(Clock::Time heard_at, const audio::AudioFrame& frame) noexcept {
    put(near_, slot_of(heard_at), peak_of(frame));
}

void LevelTap::forget_near(Clock::Time from) noexcept {
    const auto first = slot_of(from);
    for (auto slot = first; slot < first + static_cast<Slot>(kSlots); ++slot) {
        if (get(near_, slot) != 0) near_[index_of(slot)].store(0, std::memory_order_relaxed);
    }
}

void LevelTap::read(const Cells& cells, Slot first, std::array<float, kWindow>& peaks,
                    bool& clipped) noexcept {
    for (std::size_t i = 0; i < kWindow; ++i) {
        const auto slot = first + static_cast<Slot>(i);
        auto peak = get(cells, slot);
        if (peak == 0 && get(cells, slot + 1) != 0) peak = get(cells, slot - 1);
        if (peak == 0) continue;
        clipped = clipped || peak > kClipped;
        peaks[i] = static_cast<float>(peak - 1) / static_cast<float>(kLoudest);
    }
}

LevelTap::Window LevelTap::read(Slot first) const noexcept {
    Window out;
    read(far_, first, out.far, out.far_clipped);
    read(near_, first, out.near, out.near_clipped);
    return out;
}

}  // namespace bridge::call
