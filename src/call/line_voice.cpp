#include "call/line_voice.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace bridge::call {

using audio::AudioFrame;
using audio::kFrameSamples;
using namespace std::chrono_literals;

namespace {

/// Before the far end runs dry, so that what is sent then comes in time.
constexpr auto kJustInTime = 5ms;

}  // namespace

OutboundLine::State::Voice::Voice(std::shared_ptr<State> line, Kind kind, std::size_t tag)
    : line_(std::move(line)), lane_(line_->book.open_lane()), kind_(kind), tag_(tag) {
    line_->voices.push_back(this);
    if (kind_ == Kind::live) ++line_->live_voices;
}

OutboundLine::State::Voice::~Voice() {
    std::erase(line_->voices, this);
    if (kind_ == Kind::live) --line_->live_voices;
    finish_current(true);
    line_->book.close_lane(lane_);
    if (!line_->gone) line_->tell();
}

UtteranceId OutboundLine::State::Voice::begin() {
    // What is left of the one before is not sent by itself: the new one's samples fill its frame.
    finish_current(false);
    if (!line_->gone) line_->tell();
    finish_current(false);  // a hook may have begun one
    current_ = line_->book.begin(lane_);
    if (runs_.full()) runs_.set_capacity(runs_.capacity() * 2);
    runs_.push_back({current_, 0, false});
    return current_;
}

std::size_t OutboundLine::State::Voice::write(std::span<const std::int16_t> samples) {
    if (line_->gone) return 0;
    if (current_ == 0) begin();
    auto taken = samples.size();
    if (kind_ == Kind::ahead) {
        const auto room = samples_of(line_->options.ahead_backlog);
        taken = std::min<std::size_t>(taken, room - std::min<std::size_t>(room, queue_.size()));
        line_->stats.dropped_ahead_samples += samples.size() - taken;
    }
    put_down();
    const bool at_once = kind_ == Kind::live && taken == kFrameSamples && waiting() == 0;
    in_hand_ = at_once ? line_->take_in_hand(samples.first<kFrameSamples>())
                       : std::span<const std::int16_t>();
    if (in_hand_.empty()) queue_.push(samples.first(taken));
    if (waiting() % kFrameSamples != 0) written_at_ = line_->clock.now();
    runs_.back().waiting += taken;
    line_->book.received(current_, taken);
    if (kind_ == Kind::ahead && !line_->live()) {
        line_->pump(false);
        line_->tell();
    }
    return taken;
}

void OutboundLine::State::Voice::end() {
    if (current_ == 0) return;
    finish_current(false);
    if (!line_->gone) {
        line_->pump(false);
        line_->tell();
    }
}

UtteranceId OutboundLine::State::Voice::play(std::unique_ptr<audio::SampleSource> source) {
    const auto id = begin();
    source_ = std::move(source);
    if (!line_->gone) {
        line_->pump(false);
        line_->tell();
    }
    return id;
}

void OutboundLine::State::Voice::cancel() {
    if (line_->gone) return;
    const bool unplayed = spoke_until_ > line_->played_now();
    forget();
    if (unplayed) line_->clear_far_end();
    line_->pump(false);  // the others go on
    line_->tell();
}

void OutboundLine::State::Voice::pause() {
    if (line_->gone || paused_ || kind_ == Kind::live) return;
    paused_ = true;
    ++line_->stats.pauses;
    if (spoke_until_ > line_->played_now()) line_->clear_far_end();
    line_->pump(false);
    line_->tell();
}

void OutboundLine::State::Voice::resume() {
    if (line_->gone || !std::exchange(paused_, false)) return;
    ++line_->stats.resumes;
    line_->pump(false);
    line_->tell();
}

std::size_t OutboundLine::State::Voice::frames_ready(std::size_t most) {
    if (paused_) return 0;
    const auto wanted = most * kFrameSamples;
    while (source_ && queue_.size() < wanted) {
        std::array<std::int16_t, kFrameSamples> block;
        const auto got = source_->read(block);
        queue_.push(std::span(block).first(got));
        if (!runs_.empty()) runs_.back().waiting += got;
        line_->book.received(current_, got);
        if (got < block.size()) finish_current(false);
    }
    const auto whole = waiting() / kFrameSamples;
    const auto rest = waiting() % kFrameSamples;
    // A remainder waits for what follows it, unless nothing does, or too late.
    const bool too =
        rest > 0 && whole < most && (current_ == 0 || line_->clock.now() >= rest_due());
    return std::min(whole + (too ? 1 : 0), most);
}

Clock::Time OutboundLine::State::Voice::rest_due() const {
    const auto& far_end = line_->far_end;
    const auto after_it = far_end.sent() - std::min(far_end.sent(), spoke_until_);
    const auto dry_at = far_end.dry_at() - time_of(after_it);
    return std::max(dry_at - kJustInTime, written_at_ + audio::kFrameTime);
}

std::optional<Clock::Time> OutboundLine::State::Voice::rest_waits_until() const {
    const bool rest = !paused_ && open() && waiting() > 0 && waiting() < kFrameSamples;
    return rest ? std::optional(rest_due()) : std::nullopt;
}

void OutboundLine::State::Voice::take(AudioFrame& frame, std::uint64_t at, Clock::Time due) {
    auto got = in_hand_.size();
    if (got > 0) {
        std::copy(in_hand_.begin(), in_hand_.end(), frame.pcm.begin());
        in_hand_ = {};
    } else {
        frame.pcm.fill(0);
        got = queue_.pop(frame.pcm);
    }
    auto left = static_cast<std::uint64_t>(got);
    auto offset = std::uint64_t{0};
    while (left > 0 && !runs_.empty()) {
        auto& run = runs_.front();
        const auto part = std::min(left, run.waiting);
        line_->book.sent(lane_, run.id, at + offset, part, due + time_of(offset));
        run.waiting -= part;
        offset += part;
        left -= part;
        drop_spent_runs();
    }
    spoke_until_ = at + kFrameSamples;
    keep_unheard();
}

/// Of what was sent, only what may be unheard is kept.
void OutboundLine::State::Voice::keep_unheard() {
    const auto most = kind_ == Kind::ahead ? line_->most_unheard() : 0;
    queue_.keep(std::min(most, lane_.unsettled));
}

void OutboundLine::State::Voice::rewind(std::uint64_t position) {
    keep_unheard();
    while (queue_.kept() > 0) {
        const auto back = line_->book.take_back(lane_, position, queue_.kept());
        if (back.samples == 0) break;
        queue_.put_back(back.samples);
        put_back(back.id, back.samples);
    }
    queue_.keep(0);
}

void OutboundLine::State::Voice::put_back(UtteranceId id, std::uint64_t samples) {
    if (!runs_.empty() && runs_.front().id == id) {
        runs_.front().waiting += samples;
        return;
    }
    if (runs_.full()) runs_.set_capacity(runs_.capacity() * 2);
    runs_.push_front({id, samples, true});
}

void OutboundLine::State::Voice::refused() {
    // What was kept before it does not join what waits behind it any more.
    if (ready > 0) queue_.keep(0);
}

void OutboundLine::State::Voice::forget() {
    paused_ = false;
    finish_current(true);
}

void OutboundLine::State::Voice::put_down() {
    queue_.push(std::exchange(in_hand_, {}));
}

std::size_t OutboundLine::State::Voice::trim(std::size_t samples) {
    if (waiting() <= samples) return 0;
    put_down();
    const auto excess = queue_.size() - samples;
    queue_.drop(excess);
    auto left = static_cast<std::uint64_t>(excess);
    while (left > 0 && !runs_.empty()) {
        auto& run = runs_.front();
        const auto part = std::min(left, run.waiting);
        line_->book.dropped(run.id, part);
        run.waiting -= part;
        left -= part;
        drop_spent_runs();
    }
    return excess;
}

void OutboundLine::State::Voice::drop_spent_runs() {
    while (!runs_.empty() && runs_.front().closed && runs_.front().waiting == 0) runs_.pop_front();
}

void OutboundLine::State::Voice::finish_current(bool forget) {
    source_.reset();
    if (forget) {
        in_hand_ = {};
        queue_.drop(queue_.size());
        for (auto& run : runs_) line_->book.forgotten(run.id, std::exchange(run.waiting, 0));
    }
    if (current_ != 0) {
        if (!runs_.empty()) runs_.back().closed = true;
        line_->book.ended(std::exchange(current_, 0));
    }
    drop_spent_runs();
}

}  // namespace bridge::call
