#pragma once
// What the far end of a call's stream has waiting and how much of it was played, as well as this
// side can tell: by the clock from what was sent and when, and for certain by the echoes of marks.
//
//   0 ────────────── played ─────────── played_by(now) ───────────── sent     samples on the line
//     known by a mark          by the clock               at the far end, or on its way

#include <array>
#include <boost/circular_buffer.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "audio/frame.hpp"
#include "base/clock.hpp"

namespace bridge::call {

inline std::uint64_t samples_of(Clock::Duration time) {
    const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(time).count();
    return micros <= 0 ? 0 : static_cast<std::uint64_t>(micros) * audio::kSamplesPerMs / 1000;
}

inline Clock::Duration time_of(std::uint64_t samples) {
    return std::chrono::microseconds(samples * 1000 / audio::kSamplesPerMs);
}

inline std::chrono::milliseconds whole_ms(std::uint64_t samples) {
    return std::chrono::milliseconds(samples / audio::kSamplesPerMs);
}

/// A position is a number of samples sent on the line, over all its streams. Thread: one. No
/// allocation in steady state.
class PlayoutEstimate {
public:
    struct Mark {
        std::uint32_t generation;
        std::uint32_t number;
        std::uint64_t at;  ///< samples sent before it
        Clock::Time due;   ///< when these should have been played, network aside
    };
    /// "g3:17": generation and number.
    struct MarkName {
        std::array<char, 32> text{};
        std::size_t length = 0;
        operator std::string_view() const { return {text.data(), length}; }
    };
    struct Echo {
        std::size_t answered;  ///< marks: those it has overtaken have had the same fate
        bool played;           ///< else: cleared
        std::uint64_t at;      ///< everything before was played
        Clock::Duration late;  ///< since then by the clock: the way there and back
    };

    std::uint64_t sent() const { return sent_; }
    std::uint64_t played() const { return played_; }
    /// When the far end's queue runs dry, network aside.
    Clock::Time dry_at() const { return dry_at_; }
    /// How much longer than by the clock it takes until a mark is back.
    Clock::Duration lag() const { return lag_; }
    /// How far the far end may be behind the clock: as late as the latest of the last marks, or as
    /// the next one is already. Less than kMostBehind: later than that, no mark will come.
    Clock::Duration behind(Clock::Time now) const;
    static constexpr std::chrono::milliseconds kMostBehind{1500};
    /// Samples the far end has played by `then`.
    std::uint64_t played_by(Clock::Time then) const;

    /// How long the far end has had nothing to play; a new one for ever.
    Clock::Duration silent_for(Clock::Time now) const;

    /// A stream begins, with nothing in it.
    void begin(Clock::Time now);
    void gave(std::uint64_t samples, Clock::Time now);
    /// A message was not taken: its time is over all the same.
    void passed(std::uint64_t samples, Clock::Time now);
    /// Everything up to `position` was played.
    void settle(std::uint64_t position);
    /// What was not played will not be.
    void cut(Clock::Time now);

    std::uint64_t unmarked() const { return sent_ - marked_; }
    MarkName next_mark() const;
    /// next_mark() was sent. False: there are too many without an echo, and the oldest was lost.
    bool set_mark(Clock::Time now);
    std::optional<Echo> echoed(std::string_view name, Clock::Time now);
    /// Marks that were set since the last clear wait for their echo.
    bool mark_waits() const;
    std::size_t forget_marks();
    /// After it the echoes of earlier marks mean cleared.
    void next_generation() { ++generation_; }

private:
    std::uint64_t sent_ = 0;
    std::uint64_t played_ = 0;  ///< or thrown away
    Clock::Time dry_at_{};
    bool fresh_ = true;  ///< nothing was sent on this stream
    Clock::Duration lag_{0};
    Clock::Duration slowest_{0};  ///< of the last marks: up at once, down slowly
    bool lag_known_ = false;
    std::uint32_t generation_ = 1;  ///< counts clears and streams
    std::uint32_t mark_number_ = 0;
    std::uint64_t marked_ = 0;  ///< samples sent when the last mark was set
    boost::circular_buffer<Mark> marks_{64};
};

}  // namespace bridge::call
