#include "call/playout_estimate.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

namespace bridge::call {

using namespace std::chrono_literals;

namespace {

/// Without an answer; a far end that answers none is no reason to grow.
constexpr std::size_t kMostMarks = 4096;
constexpr auto kLongestRoundTrip = 5s;

/// "g3:17"
std::optional<std::pair<std::uint32_t, std::uint32_t>> parse_mark(std::string_view name) {
    if (!name.starts_with('g')) return std::nullopt;
    const auto* const end = name.data() + name.size();
    std::pair<std::uint32_t, std::uint32_t> out;
    const auto first = std::from_chars(name.data() + 1, end, out.first);
    if (first.ec != std::errc{} || first.ptr == end || *first.ptr != ':') return std::nullopt;
    const auto second = std::from_chars(first.ptr + 1, end, out.second);
    if (second.ec != std::errc{} || second.ptr != end) return std::nullopt;
    return out;
}

}  // namespace

std::uint64_t PlayoutEstimate::played_by(Clock::Time then) const {
    const auto waiting = dry_at_ > then ? samples_of(dry_at_ - then) : 0;
    return std::max(played_, sent_ - std::min(sent_, waiting));
}

Clock::Duration PlayoutEstimate::behind(Clock::Time now) const {
    auto longest = slowest_;
    const auto next = std::partition_point(marks_.begin(), marks_.end(), [this](const Mark& mark) {
        return mark.generation != generation_;
    });
    if (next != marks_.end()) longest = std::max(longest, now - next->due);
    return std::min<Clock::Duration>(longest, kMostBehind);
}

Clock::Duration PlayoutEstimate::silent_for(Clock::Time now) const {
    return fresh_ ? Clock::Duration::max() : now - dry_at_;
}

void PlayoutEstimate::begin(Clock::Time now) {
    dry_at_ = now;
    fresh_ = true;
}

void PlayoutEstimate::gave(std::uint64_t samples, Clock::Time now) {
    sent_ += samples;
    fresh_ = false;
    passed(samples, now);
}

void PlayoutEstimate::passed(std::uint64_t samples, Clock::Time now) {
    dry_at_ = std::max(dry_at_, now) + time_of(samples);
}

void PlayoutEstimate::settle(std::uint64_t position) {
    played_ = std::max(played_, position);
}

void PlayoutEstimate::cut(Clock::Time now) {
    played_ = sent_;
    marked_ = sent_;
    dry_at_ = now;
}

PlayoutEstimate::MarkName PlayoutEstimate::next_mark() const {
    MarkName name;
    name.length =
        fmt::format_to_n(name.text.begin(), name.text.size(), "g{}:{}", generation_, mark_number_)
            .size;
    return name;
}

bool PlayoutEstimate::set_mark(Clock::Time now) {
    if (marks_.full() && marks_.capacity() < kMostMarks) marks_.set_capacity(marks_.capacity() * 2);
    const bool room = !marks_.full();
    marks_.push_back({generation_, mark_number_++, sent_, std::max(dry_at_, now)});
    marked_ = sent_;
    return room;
}

std::optional<PlayoutEstimate::Echo> PlayoutEstimate::echoed(std::string_view name,
                                                             Clock::Time now) {
    const auto numbers = parse_mark(name);
    if (!numbers || marks_.empty()) return std::nullopt;
    const auto [generation, number] = *numbers;
    const auto found = std::find_if(marks_.begin(), marks_.end(), [&](const Mark& mark) {
        return mark.generation == generation && mark.number == number;
    });
    if (found == marks_.end()) return std::nullopt;
    const auto mark = *found;
    // They come back in order: one that was passed over has had the same fate.
    const auto answered = static_cast<std::size_t>(found - marks_.begin()) + 1;
    marks_.erase_begin(answered);
    if (generation != generation_) return Echo{answered, false, mark.at, {}};
    const auto late =
        std::clamp<Clock::Duration>(now - mark.due, Clock::Duration(0), kLongestRoundTrip);
    lag_ = lag_known_ ? lag_ + (late - lag_) / 4 : late;
    lag_known_ = true;
    slowest_ = std::max(late, slowest_ - (slowest_ - late) / 8);
    return Echo{answered, true, mark.at, late};
}

bool PlayoutEstimate::mark_waits() const {
    return !marks_.empty() && marks_.back().generation == generation_;
}

std::size_t PlayoutEstimate::forget_marks() {
    const auto count = marks_.size();
    marks_.clear();
    return count;
}

}  // namespace bridge::call
