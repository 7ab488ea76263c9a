#pragma once
// Where a moment lies on the call's timeline (track_tap.hpp). The carrier numbers the frames of a
// stream from the stream's begin; how far apart two streams of a call lie, only our clock tells.
//
//   stream 1 │▁▂▃▄▅│   nothing   │▁▂▃▄▅│ stream 2        timestamps begin anew with each
//   0 ───────┴─────┴─────────────┴─────┴──▶ one timeline

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>

#include "base/clock.hpp"

namespace bridge::call {

/// One for each call. Thread: the call's io thread. No allocation.
class CarrierTime {
public:
    /// A stream begins, the first one at 0.
    void begin_stream(Clock::Time now);
    /// Until the next one time goes on by the clock.
    void end_stream() { offset_.reset(); }
    /// A stream has begun, at least once.
    bool began() const { return began_.has_value(); }
    /// False: the stream's first frame is still to come, and must be told to frame().
    bool placed() const { return offset_.has_value(); }
    /// A frame has come; returns where its first sample lies. Frames that follow one another in the
    /// stream do so here, however their timestamps are rounded. Nothing: its time has been before.
    std::optional<std::uint64_t> frame(std::chrono::milliseconds timestamp, std::size_t samples,
                                       Clock::Time now);
    /// Where the line is now: behind the last frame that has come. While none come it goes on by
    /// the clock.
    std::uint64_t now(Clock::Time now) const;
    /// No frame that is still to come lies before it. A network that stalls is waited for, for a
    /// few seconds.
    std::uint64_t settled(Clock::Time now) const;
    /// By our clock alone.
    std::int64_t by_clock(Clock::Time time) const;

private:
    std::int64_t place_at(Clock::Time now, std::int64_t patience) const;

    std::optional<Clock::Time> began_;
    std::optional<std::int64_t> offset_;   ///< of the stream, in samples
    std::int64_t stream_clock_ = 0;        ///< when it began, by the clock
    std::optional<std::int64_t> transit_;  ///< shortest time from a frame's end to its arrival
    std::int64_t next_ = 0;                ///< behind the last frame
    std::int64_t arrived_ = 0;             ///< of the last frame, by the clock
};

}  // namespace bridge::call
