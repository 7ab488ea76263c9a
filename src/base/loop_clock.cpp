#include "base/loop_clock.hpp"

#include <algorithm>

namespace bridge {

using std::chrono::milliseconds;

namespace {

/// Frames are fetched on whole milliseconds (net::ReadableWatch). A timer of the same moment comes
/// right after them: a call that has just heard finds itself in the cache when it speaks.
constexpr std::chrono::microseconds kBehind{50};

}  // namespace

LoopClock::LoopClock(boost::asio::any_io_executor executor)
    : timer_(std::move(executor)),
      origin_(std::chrono::floor<milliseconds>(std::chrono::steady_clock::now())) {
    heads_.fill(kNone);
}

LoopClock::~LoopClock() = default;

std::int64_t LoopClock::tick_of(Time when) const {
    // Rounded up, so that a timer never fires before its time.
    const auto since = when - origin_;
    return std::chrono::ceil<milliseconds>(since).count();
}

void LoopClock::link(std::uint32_t index, std::int64_t tick) {
    const auto slot = static_cast<std::uint32_t>(static_cast<std::uint64_t>(tick) % kSlots);
    entries_[index].slot = slot;
    auto& link = links_[index];
    link.previous = kNone;
    link.next = heads_[slot];
    if (link.next != kNone) links_[link.next].previous = index;
    heads_[slot] = index;
}

void LoopClock::unlink(std::uint32_t index) {
    const auto& link = links_[index];
    if (link.previous != kNone) {
        links_[link.previous].next = link.next;
    } else {
        heads_[entries_[index].slot] = link.next;
    }
    if (link.next != kNone) links_[link.next].previous = link.previous;
}

Clock::TimerId LoopClock::at(Time when, std::function<void()> fire) {
    std::uint32_t index;
    if (free_.empty()) {
        index = static_cast<std::uint32_t>(entries_.size());
        entries_.emplace_back();
        links_.emplace_back();
        free_.reserve(entries_.capacity());
        due_.reserve(entries_.capacity());
    } else {
        index = free_.back();
        free_.pop_back();
    }
    if (live_count_ == 0) {
        // The wheel stood still: nothing lies between where it stopped and now.
        turned_to_ = std::max(turned_to_, tick_of(now()) - 1);
    }
    auto& entry = entries_[index];
    entry.when = when;
    entry.fire = std::move(fire);
    entry.live = true;
    ++entry.generation;
    ++live_count_;
    const auto tick = std::max(tick_of(when), turned_to_ + 1);
    link(index, tick);
    if (armed_for_ < 0 || tick < armed_for_) arm();
    return (static_cast<TimerId>(entry.generation) << 32U) | (index + 1U);
}

void LoopClock::cancel(TimerId timer) {
    const auto low = static_cast<std::uint32_t>(timer & 0xffffffffU);
    if (low == 0 || low > entries_.size()) return;
    const auto index = low - 1U;
    auto& entry = entries_[index];
    if (!entry.live || entry.generation != static_cast<std::uint32_t>(timer >> 32U)) return;
    entry.live = false;
    entry.fire = nullptr;
    --live_count_;
    unlink(index);
    free_.push_back(index);
    if (live_count_ == 0 && armed_for_ >= 0) {
        armed_for_ = -1;
        timer_.cancel();
    }
}

void LoopClock::arm() {
    // The next slot that holds anything; entries of later rounds make it a harmless early look.
    std::int64_t tick = turned_to_ + 1;
    const auto last = turned_to_ + static_cast<std::int64_t>(kSlots);
    while (tick < last && heads_[static_cast<std::uint64_t>(tick) % kSlots] == kNone) ++tick;
    if (tick == armed_for_) return;
    armed_for_ = tick;
    timer_.expires_at(std::chrono::time_point_cast<std::chrono::steady_clock::duration>(
        origin_ + milliseconds(tick) + kBehind));
    timer_.async_wait([this, tick](const boost::system::error_code& error) {
        if (error || armed_for_ != tick) return;
        armed_for_ = -1;
        turn();
    });
}

void LoopClock::turn() {
    const auto start = now();
    const std::int64_t reached = std::chrono::floor<milliseconds>(start - origin_).count();
    const auto first = std::max(turned_to_ + 1, reached - static_cast<std::int64_t>(kSlots) + 1);
    due_.clear();
    for (auto tick = first; tick <= reached; ++tick) {
        for (auto index = heads_[static_cast<std::uint64_t>(tick) % kSlots]; index != kNone;
             index = links_[index].next) {
            __builtin_prefetch(&entries_[index]);
            due_.push_back(index);
        }
    }
    std::erase_if(due_, [&](std::uint32_t index) { return entries_[index].when > start; });
    turned_to_ = std::max(turned_to_, reached);
    std::sort(due_.begin(), due_.end(), [this](std::uint32_t a, std::uint32_t b) {
        return entries_[a].when < entries_[b].when;
    });
    // A handler may cancel a later one or add new ones, so each is looked at again before it runs.
    for (std::size_t i = 0; i < due_.size(); ++i) {
        const auto index = due_[i];
        auto& entry = entries_[index];
        if (!entry.live || entry.when > start) continue;
        auto fire = std::move(entry.fire);
        entry.fire = nullptr;
        entry.live = false;
        --live_count_;
        unlink(index);
        free_.push_back(index);
        fire();
    }
    if (live_count_ > 0) arm();
}

}  // namespace bridge
