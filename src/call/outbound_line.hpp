#pragma once
// What the phone hears of us: one line for each call. It mixes the voices, sends whole 20 ms frames
// in the call's own slot, keeps a lead for speech that runs ahead of real time, sets marks, and
// knows what was heard. A voice can be paused at once and goes on where the phone stopped hearing
// it.
//
//   prompt, agent ─ahead─┐                 lead 160–260 ms, messages up to 100 ms
//   microphone ────live──┴─▶ mix ─▶ frames ─▶ PhoneLine::send ─▶ … far end's queue ─▶ ear
//                                   marks  ─▶ PhoneLine::mark ◀─ echo: played, cleared or lost

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "audio/frame.hpp"
#include "base/clock.hpp"
#include "base/hot_lines.hpp"
#include "call/level_tap.hpp"
#include "call/outbound_stats.hpp"
#include "call/phone_line.hpp"
#include "call/voice_sink.hpp"

namespace bridge::call {

class HeardTrack;

struct OutboundOptions {
    /// Speech that runs ahead: the far end has this much waiting before it is sent more …
    std::chrono::milliseconds lead_low{160};
    /// … up to this, so that a stall of ours of `lead_low` is not heard.
    std::chrono::milliseconds lead_high{260};
    /// The longest message; longer ones make `clear` no slower but a lost one costs more.
    std::chrono::milliseconds message{100};
    std::chrono::milliseconds mark_every{200};  ///< of speech
    /// A live voice that has more waiting after a stall loses its oldest.
    std::chrono::milliseconds live_backlog{40};
    /// A voice that runs ahead may have this much waiting; more is not taken. Twilio keeps ten
    /// minutes and then reports 31931: whoever was written for it meets no smaller limit here.
    std::chrono::milliseconds ahead_backlog{std::chrono::minutes(11)};
    /// Silence is sent where nobody speaks; else nothing is.
    bool send_silence = false;
};

/// Thread: the call's io thread, for every member. No allocation per frame in steady state.
class OutboundLine {
public:
    enum class Kind {
        ahead,  ///< may be written faster than it is spoken; the lead is kept
        live,   ///< is written as it is spoken; nothing is kept waiting
    };
    /// What the line tells; any of them may be empty. Called from the line's own timer or from
    /// inside a member.
    struct Hooks {
        /// A slot has come while a live voice is open: bring what the microphone has.
        std::function<void(Clock::Time now)> pull_live;
        /// A frame of a voice was sent; it will be heard at `heard_at` or soon after. `tag`: as the
        /// voice was added with.
        std::function<void(std::size_t tag, const audio::AudioFrame&, Clock::Time heard_at)> sent;
        /// The far end throws away what it has not played: of the frames told by `sent`, those with
        /// a `heard_at` from `from` on. What is to be heard after all is sent, and told, again.
        std::function<void(Clock::Time from)> cleared;
        /// The first frame of an utterance was given to the stream. Once.
        std::function<void(UtteranceId, Clock::Time sent_at)> began;
        /// A mark tells that an utterance is heard. `when` is the best guess of when that began:
        /// by the clock, and half the way there and back of this mark. Once; never of one that was
        /// cut off before a mark came.
        std::function<void(UtteranceId, Clock::Time when)> heard_first;
        /// All of an utterance is known to be played, cleared or lost. Once.
        std::function<void(UtteranceId, const Heard&)> finished;
    };

    /// `phase`: the call's slot in every 20 ms, 0–19.
    OutboundLine(Clock& clock, std::chrono::milliseconds phase, OutboundOptions options,
                 Hooks hooks);
    ~OutboundLine();
    OutboundLine(const OutboundLine&) = delete;
    OutboundLine& operator=(const OutboundLine&) = delete;

    /// `tag`: whatever whoever adds it knows it by.
    std::shared_ptr<VoiceSink> add_voice(Kind kind, std::size_t tag = 0);
    /// Everything that is sent is measured there; null: nothing is.
    void measure(std::shared_ptr<LevelTap> levels);
    /// What is heard of what is sent from now on is told there; null: nobody wants to know.
    void follow(std::shared_ptr<HeardTrack> track);
    /// Moves the slot to where the phone's frames come, 0–19: sending is cheaper while the call and
    /// its socket are at hand anyway, and the acknowledgement of what was received travels along.
    void set_phase(std::chrono::milliseconds phase);

    /// From now on speech goes there. What waits is kept from one stream to the next.
    void attach(std::shared_ptr<PhoneLine> phone);
    /// The stream is gone: marks without an echo are lost.
    void detach();
    /// A mark came back: what was sent before it has been played, or was cleared.
    void mark_echoed(std::string_view name);

    /// The far end throws away what it has not played, every voice's queue is emptied, and none is
    /// paused any more.
    void clear();
    /// Whether anything is waiting, or sent and not yet known to be heard.
    bool speaking() const;
    /// Of an utterance that is not finished, or one of the last 64 that are; else nothing.
    std::optional<Heard> heard(UtteranceId utterance) const;
    OutboundStats stats() const;
    /// Adds what its next slot will touch.
    void list_hot(HotLines& lines) const;

private:
    struct State;
    std::shared_ptr<State> state_;  ///< shared with its voices, which may outlive it
};

}  // namespace bridge::call
