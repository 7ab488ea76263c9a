#pragma once
// What a call's outbound line counts, for people, logs and events.

#include <cstdint>

namespace bridge::call {

/// Counters only grow. Frames are 20 ms.
struct OutboundStats {
    std::uint64_t frames = 0, messages = 0, marks = 0;
    std::uint64_t marks_played = 0, marks_cleared = 0, marks_lost = 0;
    std::uint64_t clears = 0;
    std::uint64_t pauses = 0, resumes = 0;
    std::uint64_t refused_frames = 0;         ///< the connection did not take them: dropped
    std::uint64_t dropped_live_samples = 0;   ///< of live voices, oldest first, after a stall
    std::uint64_t dropped_ahead_samples = 0;  ///< of voices that ran too far ahead
    std::uint64_t lost_utterances = 0;        ///< told as lost: too many were not over
    std::uint64_t starved = 0;          ///< times speech that runs ahead was not there in time
    double lead_ms = 0;                 ///< what the far end should have waiting now
    double round_trip_ms = 0;           ///< of the last mark on an empty queue; 0: none yet
    float level_dbfs = -96.0F;          ///< of the last 100 ms sent
    float peak_dbfs = -96.0F;           ///< of the same
    std::uint64_t clipped_samples = 0;  ///< of the mix, limited
    double mouth_to_wire_ms = 0;        ///< microphone's callback to the socket: the last one
    double mouth_to_wire_max_ms = 0;    ///< and the longest
};

}  // namespace bridge::call
