#pragma once
// Where the sound that a recognizer was given lies on the call's timeline. A recognizer counts what
// it hears; long silence is not sent to it, and after a break of its connection it hears some sound
// twice.

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <iterator>
#include <span>

#include "audio/frame.hpp"

namespace bridge::transcribers {

/// One side's. All in samples. Thread: one.
class SideTime {
public:
    /// So much silence is heard of a pause: enough for every service to see that somebody paused.
    static constexpr std::uint64_t kPause = 3ULL * audio::kSampleRate / 2;

    /// How much silence comes before sound at this place of the timeline.
    std::uint64_t before(std::uint64_t at) const {
        if (at <= end_) return 0;
        return begun_ ? std::min(at - end_, kPause - std::min(kPause, silence_)) : 0;
    }
    /// Nothing but silence is there up to this place: how much of it is to be heard now.
    std::uint64_t silence_to(std::uint64_t at) {
        if (!begun_ || at <= end_) return 0;
        const auto more = std::min(at - end_, kPause - std::min(kPause, silence_));
        grow(more);
        silence_ += more;
        return more;
    }
    /// Sound at this place, after the silence that `before` said.
    void sound(std::uint64_t at, std::uint64_t samples) {
        if (begun_) grow(before(at));
        // Sound that comes twice is heard twice, but time does not go back.
        if (!begun_ || at > end_) {
            end_ = at;
            jumps_.push_back({heard_, at});
            if (jumps_.size() > kMostJumps) jumps_.pop_front();
        }
        begun_ = true;
        silence_ = 0;
        grow(samples);
    }

    bool begun() const { return begun_; }
    /// Samples that were given to the recognizer so far.
    std::uint64_t heard() const { return heard_; }
    /// The place on the timeline of one of them.
    std::uint64_t timeline(std::uint64_t heard) const {
        if (jumps_.empty()) return 0;
        auto at = jumps_.rbegin();
        while (at != std::prev(jumps_.rend()) && at->heard > heard) ++at;
        return heard >= at->heard ? at->timeline + (heard - at->heard) : at->timeline;
    }

private:
    static constexpr std::size_t kMostJumps = 1024;
    struct Jump {
        std::uint64_t heard, timeline;
    };

    void grow(std::uint64_t samples) {
        heard_ += samples;
        end_ += samples;
    }

    std::deque<Jump> jumps_;  ///< from here on both count alike
    std::uint64_t heard_ = 0;
    std::uint64_t end_ = 0;      ///< on the timeline, of what was heard
    std::uint64_t silence_ = 0;  ///< heard at the end
    bool begun_ = false;
};

/// Hands so many samples of silence to `give`, at most 20 ms at a time.
template <class Give>
void in_silence(std::uint64_t samples, Give give) {
    static constexpr std::array<std::int16_t, 160> kSilence{};
    while (samples > 0) {
        const auto part = std::min<std::uint64_t>(samples, kSilence.size());
        give(std::span(kSilence).first(part));
        samples -= part;
    }
}

}  // namespace bridge::transcribers
