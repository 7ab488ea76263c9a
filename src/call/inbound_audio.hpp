#pragma once
// What the phone says, on its way in: numbers checked, gaps found, mu-law made PCM, cut into 20 ms
// frames on the carrier's timeline.
//
//   input::Media ─▶ sequence and timestamp ─▶ mu-law → PCM ─▶ FrameCutter ─▶ from_phone

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>

#include "audio/frame_cutter.hpp"
#include "base/clock.hpp"
#include "base/hot_lines.hpp"
#include "call/call_input.hpp"
#include "call/event.hpp"

namespace bridge::call {

/// One for each stream of a call. Thread: the call's io thread. No allocation per message.
class InboundAudio {
public:
    /// A longer silence on the wire is counted as a stall.
    static constexpr std::chrono::milliseconds kStall{200};
    /// A frame this much later than the best one of the stream is counted as late.
    static constexpr std::chrono::milliseconds kLate{100};
    /// A timestamp further ahead than this is a gap (Twilio's own rounding is a few ms).
    static constexpr std::chrono::milliseconds kGap{10};

    explicit InboundAudio(MediaStats& stats) : stats_(stats) {}

    /// False: this sequence number was seen before; the message must be ignored.
    bool count(std::uint64_t sequence);
    /// `write` takes each frame that this message completes.
    template <class Write>
    void media(const input::Media& message, Clock::Time now, Write&& write) {
        if (!note(message, now)) return;
        cutter_.write_mulaw(message.mulaw, message.timestamp, [&](const audio::AudioFrame& frame) {
            ++stats_.frames;
            write(frame);
        });
    }

    /// Adds what a whole frame touches.
    void list_hot(HotLines& lines) const { lines.add_between(this, cutter_.own_frame()); }

private:
    bool note(const input::Media& message, Clock::Time now);

    MediaStats& stats_;
    std::uint64_t last_sequence_ = 0;
    std::optional<std::chrono::microseconds>
        expected_;  ///< timestamp of the next message, if nothing is missing
    std::optional<Clock::Time> last_arrival_;
    std::optional<Clock::Duration> best_transit_;  ///< smallest (arrival − timestamp) so far
    audio::FrameCutter cutter_;
};

}  // namespace bridge::call
