#pragma once
// Seam: the media connection to the phone of one call (Twilio's stream, or a scripted one in
// tests). What the phone says does not come through here: it enters the call as CallInput
// (call_input.hpp).

#include <cstdint>
#include <span>
#include <string_view>

#include "audio/frame.hpp"
#include "base/ids.hpp"

namespace bridge::call {

/// Thread: the call's io thread, for every member.
class PhoneLine {
public:
    virtual ~PhoneLine() = default;
    virtual const StreamSid& stream_sid() const = 0;
    /// False: `send`, `mark` and `clear` do nothing. It is false for a listen-only stream; else
    /// from input::StreamStopped, or `close`, on. Nothing else changes it, so that a captured call
    /// that is done again finds what it found: a connection that fails refuses what it is given.
    virtual bool can_send() const = 0;
    /// Speech for the phone, as one message of `frames.size()` × 20 ms, in the order of the calls.
    /// False: the connection is too far behind or gone, and nothing of it was sent.
    virtual bool send(std::span<const audio::AudioFrame> frames) = 0;
    /// Asks to be told (input::MarkEchoed) when everything sent before has been played or cleared.
    virtual bool mark(std::string_view name) = 0;
    /// Throws away what the far side has not played yet.
    virtual bool clear() = 0;
    /// Ends the stream cleanly. The call hears of it as input::StreamClosed.
    virtual void close() = 0;
};

}  // namespace bridge::call
