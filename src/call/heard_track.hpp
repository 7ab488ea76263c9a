#pragma once
// What the phone heard of this side, on the call's timeline (track_tap.hpp). Frames that were sent
// wait here until their fate is known, about half a second, and are then told with the place at
// which they were heard.
//
//   OutboundLine ─ sent ──▶ [ frames in the order of the line ] ─▶ TrackTap::near_end
//                  marked          ▲                ▲
//   carrier ─ echo of a mark: all before it ended now│
//                             after a clear: was cut here
//
// Speech that went on without a gap at the far end stays without one: its first frames are placed
// by the echoes of their marks, the others follow on. An echo that comes late for once moves
// nothing; two in succession tell that the line stood still.

#include <boost/circular_buffer.hpp>
#include <cstdint>
#include <optional>

#include "audio/frame.hpp"
#include "base/clock.hpp"
#include "call/carrier_time.hpp"
#include "call/track_tap.hpp"

namespace bridge::call {

/// Positions are those of PlayoutEstimate: samples sent on the line, over all its streams. Thread:
/// the call's io thread. No allocation in steady state.
class HeardTrack {
public:
    /// What is not known so long after it should have been heard is taken to have been heard then.
    static constexpr std::chrono::milliseconds kLatest{1000};

    /// `tap` is told, in order; both must outlive it.
    HeardTrack(const CarrierTime& carrier, TrackTap& tap) : carrier_(carrier), tap_(tap) {}

    // --- from the line

    /// A frame that begins at `position` was sent; by the clock, and the way there aside, it will
    /// be heard at `heard_at`.
    void sent(std::uint64_t position, const audio::AudioFrame& frame, Clock::Time heard_at,
              Clock::Time now);
    /// A mark was set behind everything before `position`. Not `tight`: it comes too late to end
    /// with it.
    void marked(std::uint64_t position, bool tight);
    /// The mark came back.
    void echoed(std::uint64_t position, Clock::Time now);
    /// The far end is told to throw away what it has not played.
    void cleared(Clock::Time now);
    /// What was not heard by now will not be.
    void stream_ended(Clock::Time now);

    // --- from the call

    /// Time passes: now and then, and with every frame of the phone.
    void advance(Clock::Time now);

private:
    /// Frames of one run follow one another without a gap at the far end, as far as is known.
    struct Frame {
        std::uint64_t position;
        std::int64_t due;    ///< by our clock, if it is heard without any delay, less `slack`
        std::int64_t slack;  ///< how much later than that it was sent, by the timer's jitter
        std::int64_t spare;  ///< samples the far end still had when it was sent
        std::uint32_t run;
        std::uint32_t generation;  ///< counts clears and streams
        bool tight = false;        ///< a mark is set behind it, and ends with it
        audio::AudioFrame sound;
    };
    /// Of what was sent before a clear: that much was heard, unless an echo tells better.
    struct Cut {
        std::uint32_t up_to;  ///< generations
        std::int64_t place;
        Clock::Time asked;
    };
    /// A measure that the next one confirms or not.
    struct Doubt {
        std::uint64_t position;  ///< of the mark
        std::uint32_t run;
        std::int64_t delay;
    };

    void measured(const Frame& last, std::int64_t delay);
    void settle_doubt();
    void settle_cut(std::int64_t place);
    void believe(const Frame& last, std::int64_t delay);
    void place_until(std::uint64_t position);
    void tell(const Frame& frame, std::int64_t until);
    void know(std::uint64_t at);
    std::int64_t delay_of(const Frame& frame) const;
    Frame* ending_at(std::uint64_t position);

    const CarrierTime& carrier_;
    TrackTap& tap_;
    boost::circular_buffer<Frame> waiting_{32};  ///< grows to kMostWaiting
    std::optional<Cut> cut_;
    std::optional<Doubt> doubt_;
    std::uint32_t generation_ = 1;
    std::uint32_t run_ = 0;             ///< of the last frame that was sent
    std::uint32_t run_generation_ = 0;  ///< … and when that was
    std::int64_t run_end_ = 0;          ///< `due` of what follows it
    std::int64_t slack_ = 0;
    std::uint32_t placed_run_ = 0;  ///< the run that `delay_` was measured in
    std::int64_t delay_ = 0;        ///< from `due` to the place on the timeline
    std::int64_t usual_delay_ = 0;  ///< the same, for a run of which nothing is known yet
    std::uint64_t known_ = 0;       ///< everything before it was told
};

}  // namespace bridge::call
