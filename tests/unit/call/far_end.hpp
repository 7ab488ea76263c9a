#pragma once
// The phone's side of a stream, on a virtual clock: a queue that is played in real time, marks in
// it, and a network between it and us. It knows exactly what was heard.

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "call/outbound_line.hpp"

namespace bridge::call {

/// A virtual clock whose thread can be kept from running: what is due meanwhile fires afterwards.
class StallingClock final : public Clock {
public:
    Time now() const override { return clock_.now(); }
    TimerId at(Time when, std::function<void()> fire) override {
        return clock_.at(when, [this, fire = std::move(fire)] {
            if (clock_.now() < stalled_until_) {
                late_.push_back(fire);
            } else {
                fire();
            }
        });
    }
    void cancel(TimerId timer) override { clock_.cancel(timer); }

    void advance(Duration by) { advance_to(now() + by); }
    /// Nothing runs for so long; then everything that was due does.
    void stall(Duration time) {
        stalled_until_ = now() + time;
        clock_.advance_to(stalled_until_);
        auto late = std::move(late_);
        late_.clear();
        for (const auto& fire : late) fire();
    }
    void advance_to(Time end) { clock_.advance_to(end); }
    /// Timers of the far end's machine, which does not stall with ours.
    VirtualClock& outside() { return clock_; }

private:
    VirtualClock clock_;
    Time stalled_until_{};
    std::deque<std::function<void()>> late_;
};

class FarEnd final : public PhoneLine, public std::enable_shared_from_this<FarEnd> {
public:
    using Duration = Clock::Duration;

    FarEnd(StallingClock& clock, Duration there, Duration back)
        : clock_(clock), there_(there), back_(back) {}

    const StreamSid& stream_sid() const override { return sid_; }
    bool can_send() const override { return open; }
    bool send(std::span<const audio::AudioFrame> frames) override {
        if (refuse) return false;
        sizes.push_back(frames.size());
        sent_at.push_back(clock_.now());
        std::vector<std::int16_t> samples;
        for (const auto& frame : frames)
            samples.insert(samples.end(), frame.pcm.begin(), frame.pcm.end());
        sent_samples += samples.size();
        arrive([this, samples] {
            settle();
            if (queue_.empty()) started_ = clock_.now();
            queue_.insert(queue_.end(), samples.begin(), samples.end());
            most_waiting = std::max(most_waiting, queue_.size());
            received_ += samples.size();
        });
        return true;
    }
    bool mark(std::string_view name) override {
        names.emplace_back(name);
        arrive([this, name = std::string(name)] {
            settle();
            marks_.push_back({received_, name});
            schedule_echo();
        });
        return true;
    }
    bool clear() override {
        cleared_at.push_back(clock_.now());
        arrive([this] {
            settle();
            truth_at_clear = played_;
            queue_.clear();
            taken_ = 0;
            received_ = played_;
            for (const auto& [at, name] : std::exchange(marks_, {})) echo(name);
        });
        return true;
    }
    void close() override { open = false; }

    /// Samples played by now, as the phone's owner would count them.
    std::uint64_t played() {
        settle();
        return played_;
    }
    std::vector<std::int16_t>& heard() {
        settle();
        return heard_;
    }

    OutboundLine* line = nullptr;  ///< gets the echoes
    bool open = true, refuse = false, mute_marks = false;
    /// How much longer than usual the next message is under way; none overtakes another.
    std::function<Duration()> jitter;
    std::int16_t watched = -32768;        ///< a sample with this value …
    std::vector<Clock::Time> watched_at;  ///< … was played then
    std::uint64_t sent_samples = 0;
    std::uint64_t truth_at_clear = 0;
    std::size_t most_waiting = 0;
    std::vector<std::size_t> sizes;  ///< frames of each message
    std::vector<Clock::Time> sent_at, cleared_at;
    std::vector<std::string> names;
    /// Silences between two sounds, in samples.
    std::vector<std::uint64_t> gaps;

private:
    template <class Action>
    void arrive(Action action) {
        last_there_ =
            std::max(last_there_, clock_.now() + there_ + (jitter ? jitter() : Duration{0}));
        clock_.outside().at(last_there_, [self = shared_from_this(), action] { action(); });
    }
    void echo(const std::string& name) {
        if (mute_marks) return;
        last_back_ = std::max(last_back_, clock_.now() + back_ + (jitter ? jitter() : Duration{0}));
        clock_.at(last_back_, [self = shared_from_this(), name] {
            if (self->line != nullptr) self->line->mark_echoed(name);
        });
    }
    /// Plays what should have been played by now.
    void settle() {
        const auto now = clock_.now();
        if (!queue_.empty()) {
            const auto micros =
                std::chrono::duration_cast<std::chrono::microseconds>(now - started_).count();
            const auto due = static_cast<std::uint64_t>(micros) * 8 / 1000;
            while (taken_ < due && !queue_.empty()) {
                if (silent_since_ && taken_ == 0)
                    gaps.push_back(static_cast<std::uint64_t>(
                        std::chrono::duration_cast<std::chrono::microseconds>(started_ -
                                                                              *silent_since_)
                            .count() *
                        8 / 1000));
                silent_since_.reset();
                if (queue_.front() == watched)
                    watched_at.push_back(started_ + std::chrono::microseconds(taken_ * 125));
                heard_.push_back(queue_.front());
                queue_.pop_front();
                ++taken_;
                ++played_;
            }
            if (queue_.empty()) {
                silent_since_ = started_ + std::chrono::microseconds(taken_ * 1000 / 8);
                taken_ = 0;
            }
        }
        while (!marks_.empty() && marks_.front().first <= played_) {
            echo(marks_.front().second);
            marks_.pop_front();
        }
    }
    void schedule_echo() {
        settle();
        if (marks_.empty()) return;
        const auto left = marks_.back().first - played_;
        clock_.outside().after(std::chrono::microseconds((left + 1) * 1000 / 8 + 1),
                               [self = shared_from_this()] { self->settle(); });
    }

    StallingClock& clock_;
    const Duration there_, back_;
    Clock::Time last_there_{}, last_back_{};  ///< when the latest message arrives
    StreamSid sid_{"MZ1"};
    std::deque<std::int16_t> queue_;
    std::deque<std::pair<std::uint64_t, std::string>> marks_;
    std::vector<std::int16_t> heard_;
    std::uint64_t received_ = 0, played_ = 0, taken_ = 0;
    Clock::Time started_{};
    std::optional<Clock::Time> silent_since_;
};

}  // namespace bridge::call
