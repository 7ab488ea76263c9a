#pragma once
// The caller's sound on its way to the service: mu-law, one message for each frame. While sessions
// change it keeps the newest frames, so that the fresh session hears what the old one did not, or
// not to its end.

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "agents/openai/realtime_session.hpp"
#include "audio/frame.hpp"

namespace bridge::agents {

class CallerFeed {
public:
    static constexpr std::size_t kKept = 500;  ///< frames: 10 s

    /// Sends one frame to `to`, or keeps it until there is a session (null). False: the session
    /// does not take it. No allocation in steady state.
    bool write(const audio::AudioFrame& frame, RealtimeSession* to);

    /// From now on the newest frames are kept, whether they are sent or not.
    void keep();
    /// `to` hears everything from `from` on that is still kept: from the first frame that nobody
    /// was sent, if that is earlier. Then nothing is kept any more. False: it does not take it.
    bool hand_over(RealtimeSession& to, std::uint64_t from);
    /// A new conversation.
    void reset();

    /// Frames so far.
    std::uint64_t frames() const { return frames_; }
    /// Which frame a time of the session's own count is: 0 ms is the first it was sent.
    std::uint64_t frame_at(std::uint64_t session_ms) const;

private:
    using Encoded = std::array<std::uint8_t, audio::kFrameSamples>;

    bool append(const Encoded& frame, RealtimeSession& to);

    std::vector<Encoded> kept_;  ///< a ring: frame n is at n % kKept; empty: nothing is kept
    std::uint64_t kept_from_ = 0;
    std::uint64_t frames_ = 0;
    std::uint64_t unsent_from_ = 0;   ///< frames before this one were sent to some session
    std::uint64_t session_from_ = 0;  ///< the first frame of the session
    std::string text_;
};

}  // namespace bridge::agents
