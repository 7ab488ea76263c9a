#pragma once
// Seam: whoever takes both sides of a call down on one timeline: a recording, a transcript.
//
//   phone ──▶ frames at the carrier's timestamps ────────────────────────────▶ far_end
//   voices ─▶ OutboundLine ─▶ sent … marks come back: so much of it was heard ─▶ near_end,
//   near_known
//
// The timeline counts samples at 8 kHz since the first stream of the call began. It goes on through
// pauses of the stream: what comes after one lies as much later as the pause was long.

#include <cstdint>
#include <span>

namespace bridge::call {

/// Both sides come in order and never overlap; what lies between two pieces is silence. The near
/// end comes up to a second behind the far end: only then is it known what was heard. Thread: the
/// call's io thread; a member neither blocks nor throws, and does not call back into the call.
class TrackTap {
public:
    virtual ~TrackTap() = default;
    /// What the phone said. `at`: of the first sample.
    virtual void far_end(std::uint64_t at, std::span<const std::int16_t> samples) = 0;
    /// What the phone heard of this side.
    virtual void near_end(std::uint64_t at, std::span<const std::int16_t> samples) = 0;
    /// Nothing before this place comes any more on the near end.
    virtual void near_known(std::uint64_t at) = 0;
};

}  // namespace bridge::call
