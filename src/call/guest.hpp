#pragma once
// Seam: somebody outside who listens to a call and may speak into it: a browser, `agentbridge
// listen` and `talk`, a test. A call has any number of them, up to kMostGuests.
//
//   GuestJoins ─▶ hears the mix of all voices but its own, 20 ms at a time (AudioSink::write)
//   GuestTalks, GuestSpeech ─▶ TalkQueue ─▶ a live voice of the OutboundLine ─▶ phone, other ears
//   GuestLeaves

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "audio/frame.hpp"

namespace bridge::call {

/// Names a guest among those of one call; whoever lets it in chooses it.
using GuestId = std::uint64_t;

inline constexpr std::size_t kMostGuests = 64;

/// Which voices of a call are heard.
enum class Side {
    both,
    far,   ///< the phone's alone, as it came
    near,  ///< what the phone hears
};
/// "both", "far", "near".
std::string_view to_string(Side side);
std::optional<Side> parse_side(std::string_view text);

/// Nothing comes while the call is held or rings, or its phone sends nothing. A member does not
/// call back into the call. Thread: the call's io thread.
class Guest : public audio::AudioSink {
public:
    /// From now on nobody here hears the call, or everybody does again.
    virtual void held(bool on) = 0;
    /// Its mouth is open, or closed.
    virtual void talks(bool on) = 0;
    /// Nothing comes any more: the call is over, or would not have it. Last.
    virtual void over(const std::string& reason) = 0;
};

}  // namespace bridge::call
