#include "emulator/playout_book.hpp"

#include <algorithm>

namespace bridge::emulator {
namespace {

constexpr std::uint64_t kFrameBytes = std::tuple_size_v<MulawFrame>;
constexpr double kFrameMs = 20;

template <class T>
void keep(std::deque<T>& list, T one) {
    if (list.size() >= PlayoutBook::kKept) list.pop_front();
    list.push_back(std::move(one));
}

}  // namespace

void PlayoutBook::started(Time now) {
    started_ = now;
}

void PlayoutBook::ended(Time now) {
    if (ended_) return;
    ended_ = now;
    lost_at_end_ = playout_.queued_bytes();
    playout_.clear();
    before_last_tick_ = playout_.played_bytes();
}

double PlayoutBook::stream_ms(Time now) const {
    if (!started_) return 0;
    const std::chrono::duration<double, std::milli> spent = ended_.value_or(now) - *started_;
    return spent.count() * kFrameMs / static_cast<double>(std::max<std::int64_t>(
                                          1, frame_time_.count()));
}

bool PlayoutBook::append(std::span<const std::uint8_t> mulaw) {
    const auto before = playout_.queued_bytes();
    const bool fitted = playout_.append(mulaw);
    const auto kept = playout_.queued_bytes() - before;
    received_ += mulaw.size();
    refused_ += mulaw.size() - kept;
    return fitted;
}

bool PlayoutBook::mark(const std::string& name, Time now) {
    keep(marks_, {name, stream_ms(now), std::nullopt, 0, false});
    const bool at_once = playout_.mark(name);
    if (at_once) echoed({name}, false, now);
    return at_once;
}

std::vector<std::string> PlayoutBook::clear(Time now) {
    const std::uint64_t dropped = playout_.queued_bytes();
    auto names = playout_.clear();
    cleared_ += dropped;
    ++clear_count_;
    keep(clears_, {stream_ms(now), dropped, playout_.played_bytes()});
    before_last_tick_ = playout_.played_bytes();
    dry_since_.reset();  // silence was asked for
    echoed(names, true, now);
    return names;
}

std::vector<std::string> PlayoutBook::tick(MulawFrame& out, Time now) {
    const auto before = playout_.played_bytes();
    auto names = playout_.tick(out);
    // The frame taken by the tick before has been played; this one is being played now.
    before_last_tick_ = before;
    last_tick_ = now;
    echoed(names, false, now);
    watch_for_underrun(before, now);
    ++ticks_;
    return names;
}

void PlayoutBook::echoed(const std::vector<std::string>& names, bool cleared, Time now) {
    for (const auto& name : names) {
        const auto mark = std::find_if(marks_.begin(), marks_.end(), [&](const Mark& one) {
            return !one.echoed_ms && one.name == name;
        });
        if (mark == marks_.end()) continue;
        mark->echoed_ms = stream_ms(now);
        // Marks are due at the end of the frame before, or when what is left has been dropped.
        mark->played_bytes = before_last_tick_;
        mark->cleared = cleared;
    }
}

void PlayoutBook::watch_for_underrun(std::uint64_t before, Time now) {
    const auto taken = playout_.played_bytes() - before;
    const auto begin = ticks_ * kFrameBytes;
    if (taken > 0 && dry_since_) {
        const auto gap = begin - *dry_since_;
        if (gap > 0 && gap <= kLongestUnderrunBytes) {
            ++underrun_count_;
            underrun_bytes_ += gap;
            const double ms = static_cast<double>(gap) / 8;
            keep(underruns_, {std::max(0.0, stream_ms(now) - ms), ms});
        }
        dry_since_.reset();
    }
    if (taken > 0) dry_since_ = begin + taken;
}

double PlayoutBook::position_bytes(Time now) const {
    const auto played = playout_.played_bytes();
    if (played == before_last_tick_) return static_cast<double>(played);
    const auto spent = std::chrono::duration<double, std::milli>(now - last_tick_).count();
    const auto part = spent / static_cast<double>(std::max<std::int64_t>(1, frame_time_.count()));
    return std::min(static_cast<double>(played),
                    static_cast<double>(before_last_tick_) +
                        std::max(0.0, part) * static_cast<double>(kFrameBytes));
}

}  // namespace bridge::emulator
