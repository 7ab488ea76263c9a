#pragma once
// The playout of one bidirectional stream and its account: the true count of what the phone heard,
// for tests of whoever claims to know it.

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "emulator/playout.hpp"

namespace bridge::emulator {

/// Times are ms since the stream began (its `start` was sent), on the call's clock. Thread: the
/// emulator's.
class PlayoutBook {
public:
    using Time = std::chrono::steady_clock::time_point;

    struct Mark {
        std::string name;
        double received_ms = 0;
        std::optional<double> echoed_ms;  ///< none: it is outstanding, or the stream ended first
        std::uint64_t played_bytes = 0;   ///< at the echo
        bool cleared = false;             ///< echoed because of a `clear`
    };
    struct Clear {
        double at_ms = 0;
        std::uint64_t bytes = 0;         ///< dropped
        std::uint64_t played_bytes = 0;  ///< until then, since the stream began
    };
    /// The queue was empty in the middle of sound and had something again soon after.
    struct Underrun {
        double at_ms = 0;
        double ms = 0;
    };
    /// A pause that is longer is one that the other side meant.
    static constexpr std::uint64_t kLongestUnderrunBytes = 400 * 8;
    static constexpr std::size_t kKept = 1000;

    PlayoutBook(std::string stream_sid, std::chrono::milliseconds frame_time)
        : stream_sid_(std::move(stream_sid)), frame_time_(frame_time) {}

    void started(Time now);
    /// What is still queued will never be played.
    void ended(Time now);

    /// False: some of it did not fit.
    bool append(std::span<const std::uint8_t> mulaw);
    /// True: it is to be echoed at once.
    bool mark(const std::string& name, Time now);
    /// The names to be echoed.
    std::vector<std::string> clear(Time now);
    /// 20 ms pass; the names to be echoed.
    std::vector<std::string> tick(MulawFrame& out, Time now);

    const std::string& stream_sid() const { return stream_sid_; }
    bool open() const { return started_ && !ended_; }
    /// Of the stream, which stops at its end.
    double stream_ms(Time now) const;
    std::uint64_t received_bytes() const { return received_; }
    std::uint64_t refused_bytes() const { return refused_; }
    std::uint64_t cleared_bytes() const { return cleared_; }
    std::uint64_t lost_at_end_bytes() const { return lost_at_end_; }
    std::uint64_t queued_bytes() const { return playout_.queued_bytes(); }
    /// Handed to the phone, which is what heard.wav has of it.
    std::uint64_t played_bytes() const { return playout_.played_bytes(); }
    /// What the phone has heard to the end at this moment: advances byte by byte between ticks.
    double position_bytes(Time now) const;
    std::size_t outstanding_marks() const { return playout_.outstanding_marks(); }
    const std::deque<Mark>& marks() const { return marks_; }
    const std::deque<Clear>& clears() const { return clears_; }
    std::uint64_t clear_count() const { return clear_count_; }
    const std::deque<Underrun>& underruns() const { return underruns_; }
    std::uint64_t underrun_count() const { return underrun_count_; }
    double underrun_ms() const { return static_cast<double>(underrun_bytes_) / 8; }

private:
    void echoed(const std::vector<std::string>& names, bool cleared, Time now);
    void watch_for_underrun(std::uint64_t before, Time now);

    std::string stream_sid_;
    std::chrono::milliseconds frame_time_;
    std::optional<Time> started_, ended_;
    Playout playout_;
    Time last_tick_{};
    std::uint64_t ticks_ = 0;
    std::uint64_t received_ = 0, refused_ = 0, cleared_ = 0, lost_at_end_ = 0;
    std::uint64_t before_last_tick_ = 0;  ///< bytes played when the last tick began
    std::optional<std::uint64_t> dry_since_;  ///< in bytes of the line's own time
    std::deque<Mark> marks_;
    std::deque<Clear> clears_;
    std::deque<Underrun> underruns_;
    std::uint64_t clear_count_ = 0, underrun_count_ = 0, underrun_bytes_ = 0;
};

}  // namespace bridge::emulator
