#pragma once
// Inside OutboundLine, for its own files and no others: what the line and its voices share.

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "audio/level.hpp"
#include "call/heard_track.hpp"
#include "call/outbound_line.hpp"
#include "call/playout_estimate.hpp"
#include "call/speech_book.hpp"

namespace bridge::call {

struct OutboundLine::State : std::enable_shared_from_this<OutboundLine::State> {
    class Voice;  // line_voice.hpp

    State(Clock& the_clock, std::chrono::milliseconds the_phase, OutboundOptions with,
          Hooks the_hooks)
        : clock(the_clock),
          phase(the_phase % audio::kFrameTime),
          options(with),
          hooks(std::move(the_hooks)) {}

    Clock& clock;
    std::chrono::milliseconds phase;
    const OutboundOptions options;
    Hooks hooks;
    bool gone = false;  ///< the line is; its voices may still be held

    std::shared_ptr<PhoneLine> phone;
    std::vector<Voice*> voices;
    std::size_t live_voices = 0;
    std::size_t hands_free = 0;  ///< places for frames of live voices, in a slot
    Clock::TimerId timer = Clock::kNoTimer;
    Clock::Time timer_at{};

    PlayoutEstimate far_end;
    SpeechBook book;
    bool ran_dry = false;  ///< in the middle of an utterance, and a mark was set there
    OutboundStats stats;
    audio::LevelMeter meter;
    std::shared_ptr<LevelTap> levels;   ///< null: nobody looks
    std::shared_ptr<HeardTrack> track;  ///< null: nobody takes down what is heard

    bool live() const { return options.send_silence || live_voices > 0; }
    bool can_send() const { return phone && phone->can_send(); }
    /// Samples the far end has played, as far as this side can know by now.
    std::uint64_t played_now() const {
        const auto now = clock.now();
        return far_end.played_by(now - far_end.behind(now));
    }
    /// The longest that speech can be under way and unheard.
    std::uint64_t most_unheard() const {
        return samples_of(options.lead_high + options.message + PlayoutEstimate::kMostBehind);
    }

    /// In a slot, while the live voices bring what they have: a copy that lasts until the slot is
    /// over. Empty: there is no place, or it is not the time.
    std::span<const std::int16_t> take_in_hand(
        std::span<const std::int16_t, audio::kFrameSamples> samples);

    /// What is due goes out, and the timer is set for the next time something will be.
    void pump(bool in_slot);
    void schedule(Clock::Time now);
    /// The timer is set for `when`, and for nothing else.
    void arm(std::optional<Clock::Time> when);
    /// The far end throws away what it has. What it has not played, as far as this side can tell,
    /// goes back to the voices that have not forgotten it.
    void clear_far_end();
    /// Nothing that was sent and not played by `position` will be.
    void cut(std::uint64_t position, SpeechOutcome outcome);
    void tell();

private:
    void pump_live(Clock::Time now);
    void pump_ahead(Clock::Time now);
    std::size_t mix(std::size_t most, bool with_live, Clock::Time now);
    void give(std::span<const audio::AudioFrame> frames, Clock::Time now);
    void set_mark(Clock::Time now);
    void mark_end(Clock::Time now);
    std::optional<Clock::Time> next_turn(Clock::Time now);
    void mark_if_due(std::size_t next_frames, Clock::Time now);
    Clock::Time slot_after(Clock::Time then) const;
};

}  // namespace bridge::call
