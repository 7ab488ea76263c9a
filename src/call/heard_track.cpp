#include "call/heard_track.hpp"

#include <algorithm>
#include <limits>
#include <span>

namespace bridge::call {

namespace {

constexpr auto kFrame = static_cast<std::int64_t>(audio::kFrameSamples);
constexpr auto kTrackPerMs = static_cast<std::int64_t>(audio::kSamplesPerMs);
/// More than can be under way for kLatest and the longest lead.
constexpr std::size_t kMostWaiting = 160;
constexpr std::int64_t kLatestSamples = HeardTrack::kLatest.count() * kTrackPerMs;
constexpr auto kToItsEnd = std::numeric_limits<std::int64_t>::max();

}  // namespace

void HeardTrack::sent(std::uint64_t position, const audio::AudioFrame& frame, Clock::Time heard_at,
                      Clock::Time now) {
    if (waiting_.full() && waiting_.capacity() < kMostWaiting)
        waiting_.set_capacity(std::min(waiting_.capacity() * 2, kMostWaiting));
    if (waiting_.full()) {
        tell(waiting_.front(), kToItsEnd);
        waiting_.pop_front();
    }
    const auto due = carrier_.by_clock(heard_at);
    const auto late = due - run_end_ - slack_;
    if (late < kFrame && run_generation_ == generation_) {
        // The timer's jitter. Whether it made a gap at the far end, the marks will tell.
        slack_ += std::max<std::int64_t>(late, 0);
    } else {
        ++run_;
        run_generation_ = generation_;
        run_end_ = due;
        slack_ = 0;
    }
    const auto spare = due - carrier_.by_clock(now);
    waiting_.push_back({position, run_end_, slack_, spare, run_, generation_, false, frame});
    run_end_ += kFrame;
}

void HeardTrack::marked(std::uint64_t position, bool tight) {
    if (auto* last = ending_at(position)) last->tight = tight;
}

HeardTrack::Frame* HeardTrack::ending_at(std::uint64_t position) {
    const auto found = std::partition_point(
        waiting_.begin(), waiting_.end(),
        [position](const Frame& one) { return one.position + audio::kFrameSamples < position; });
    const bool there =
        found != waiting_.end() && found->position + audio::kFrameSamples == position;
    return there ? &*found : nullptr;
}

std::int64_t HeardTrack::delay_of(const Frame& frame) const {
    if (frame.run == placed_run_) return delay_;
    const bool doubted = doubt_ && doubt_->run == frame.run;
    return doubted ? doubt_->delay : usual_delay_ + frame.slack;
}

void HeardTrack::echoed(std::uint64_t position, Clock::Time now) {
    const auto* last = ending_at(position);
    if (last == nullptr) return;
    const auto place = static_cast<std::int64_t>(carrier_.now(now));
    const auto delay = place - (last->due + kFrame);
    const bool of_cut = cut_ && last->generation <= cut_->up_to;
    // It comes before its time: the far end has thrown away what was before it.
    if (of_cut && delay < delay_of(*last) - kFrame / 2) return settle_cut(place);
    if (cut_ && !of_cut) settle_cut(cut_->place);
    // Of a run that has ended no other mark comes.
    if (doubt_ && doubt_->run != last->run) settle_doubt();
    if (last->tight) return measured(*last, delay);
    // All before it had ended when it was set: when, it does not tell.
    if (doubt_) settle_doubt();
    if (last->run != placed_run_) believe(*last, std::min(delay, delay_of(*last)));
    place_until(position);
}

void HeardTrack::measured(const Frame& last, std::int64_t delay) {
    const auto position = last.position + audio::kFrameSamples;
    if (last.run == placed_run_ && delay < delay_ + kFrame) {
        doubt_.reset();  // that echo was late, not the line
        if (delay <= delay_ - kFrame) believe(last, delay);
        return place_until(position);
    }
    const bool again = doubt_.has_value();
    doubt_ = Doubt{position, last.run, again ? std::min(doubt_->delay, delay) : delay};
    const bool last_of_run = run_ != last.run || waiting_.back().position == last.position;
    if (again || last_of_run) settle_doubt();
}

void HeardTrack::believe(const Frame& last, std::int64_t delay) {
    placed_run_ = last.run;
    delay_ = delay;
    usual_delay_ = delay - last.slack;
}

/// The measure is taken for what it says. In a run that has a place already the line stood still:
/// where the far end had least to play.
void HeardTrack::settle_doubt() {
    const auto doubt = *doubt_;
    doubt_.reset();
    const auto* last = ending_at(doubt.position);
    if (last == nullptr) return;
    if (doubt.run == placed_run_) {
        const auto gap = std::min_element(
            waiting_.begin(),
            std::find_if(waiting_.begin(), waiting_.end(),
                         [&](const Frame& one) { return one.position >= doubt.position; }),
            [](const Frame& a, const Frame& b) { return a.spare < b.spare; });
        place_until(gap->position);
    }
    believe(*last, doubt.delay);
    place_until(doubt.position);
}

/// Before the clear so much was heard.
void HeardTrack::settle_cut(std::int64_t place) {
    const auto up_to = cut_->up_to;
    cut_.reset();
    if (doubt_) settle_doubt();
    while (!waiting_.empty() && waiting_.front().generation <= up_to) {
        tell(waiting_.front(), place);
        waiting_.pop_front();
    }
}

void HeardTrack::place_until(std::uint64_t position) {
    while (!waiting_.empty() && waiting_.front().position < position) {
        tell(waiting_.front(), kToItsEnd);
        waiting_.pop_front();
    }
}

void HeardTrack::tell(const Frame& frame, std::int64_t until) {
    const auto at = std::max(static_cast<std::int64_t>(known_), frame.due + delay_of(frame));
    const auto heard = std::min(until - at, kFrame);
    if (heard <= 0) return;
    known_ = static_cast<std::uint64_t>(at + heard);
    tap_.near_end(static_cast<std::uint64_t>(at),
                  std::span(frame.sound.pcm).first(static_cast<std::size_t>(heard)));
}

void HeardTrack::know(std::uint64_t at) {
    if (at <= known_) return;
    known_ = at;
    tap_.near_known(at);
}

void HeardTrack::cleared(Clock::Time now) {
    if (cut_) settle_cut(cut_->place);
    const auto up_to = generation_++;
    if (waiting_.empty()) return;
    const auto& last = waiting_.back();
    cut_ = Cut{up_to, carrier_.by_clock(now) + delay_of(last) - last.slack, now};
}

void HeardTrack::stream_ended(Clock::Time now) {
    if (cut_) settle_cut(cut_->place);
    cut_ = Cut{generation_++, 0, now};
    settle_cut(static_cast<std::int64_t>(carrier_.now(now)));
}

void HeardTrack::advance(Clock::Time now) {
    if (cut_ && now - cut_->asked > kLatest) settle_cut(cut_->place);
    const auto clock = carrier_.by_clock(now);
    while (!waiting_.empty() && (!cut_ || waiting_.front().generation > cut_->up_to)) {
        const auto& first = waiting_.front();
        const auto expected = first.due + std::max(delay_of(first), first.slack);
        if (expected + kLatestSamples > clock) break;
        if (doubt_ && doubt_->run == first.run) {
            settle_doubt();
        } else {
            tell(first, kToItsEnd);
            waiting_.pop_front();
        }
    }
    if (waiting_.empty()) know(carrier_.settled(now));
}

}  // namespace bridge::call
