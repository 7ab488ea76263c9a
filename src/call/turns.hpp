#pragma once
// Whose turn it is: listens to the phone while an agent is on the call, and decides when the agent
// is to stop, whether for good, and when the caller has finished. It only decides; the call acts.
//
//   quiet ──voice 80 ms, or a hint──▶ pause ──250 ms──▶ interrupt
//                                       └──300 ms of quiet, or the hint withdrawn──▶ resume
//   voice ──600 ms of quiet──▶ turn_ended

#include <chrono>
#include <cstdint>
#include <functional>

#include "audio/echo_guard.hpp"
#include "audio/frame.hpp"
#include "audio/voice_detector.hpp"
#include "base/clock.hpp"
#include "call/turn_latency.hpp"
#include "call/voice_sink.hpp"

namespace bridge::call {

/// Who decides that the agent is cut off.
enum class BargeIn {
    detector,  ///< the call's own detector, with the agent's as a hint
    agent,     ///< the agent alone (`give_way`)
    off,       ///< nobody
};

struct TurnOptions {
    BargeIn barge_in = BargeIn::detector;
    /// The agent stops once the caller has spoken so long, for the time being …
    std::chrono::milliseconds pause_after{80};
    /// … and for good after so long. What is shorter is a cough or an "mhm".
    std::chrono::milliseconds min_speech{250};
    /// Quiet after which a pause is over.
    std::chrono::milliseconds resume_after{300};
    /// A hint of the agent's own detector confirms itself by lasting so long. Longer than
    /// `min_speech` for an agent whose detector waits a while before it tells of quiet.
    std::chrono::milliseconds hint_speech{250};
    /// Quiet after which the caller has finished.
    std::chrono::milliseconds end_of_turn{600};
    /// Less than this is no turn; over the agent's speech, less than `min_speech` is none.
    std::chrono::milliseconds least_turn{100};
    /// The first words of the agent on a call are not cut off for so long.
    std::chrono::milliseconds protect_greeting{0};
};

/// Pure: no timers, time comes with each member; durations of speech and quiet are counted in the
/// frames' own time, so that frames that arrive late and together change nothing. Frames come
/// every 20 ms while the phone's stream is up; each decision is made in the frame that completes
/// it. No allocation. Thread: the one of its call.
class Turns {
public:
    enum class Action {
        none,
        pause,       ///< hold the agent's speech at this frame; it may go on from there
        resume,      ///< go on: it was a cough
        interrupt,   ///< cut the agent's speech off for good
        turn_ended,  ///< the caller has finished: an agent with no detector of its own answers
    };

    explicit Turns(TurnOptions options = {}, TurnBook::Measured measured = {});

    /// What the phone says.
    Action hear(const audio::AudioFrame& frame, Clock::Time now);
    /// The same for a frame that was judged already; `took`: media time since the one before.
    Action weigh(const audio::Voice& voice, std::chrono::milliseconds took, Clock::Time now);
    /// Another stream of the phone: another line, and media time begins anew. Nobody speaks.
    void new_stream();
    /// False while a person has the agent's place: nothing is decided or measured. A pause is
    /// forgotten; whoever takes over has the agent's speech cut off anyway.
    void attend(bool on);

    /// The far end begins to hear the agent, or has heard all of what it said. While it is paused:
    /// false if there is nothing left to go on with.
    void agent_speaks(bool on, Clock::Time now);
    /// A frame of the agent's speech goes out, to be heard then: its echo is not the caller.
    void agent_sent(const audio::AudioFrame& frame, Clock::Time heard_at);
    /// What the agent's own detector says; false also when its session ends. Only a hint that
    /// comes while the agent speaks can stop it. Gives `none`, `pause` or `resume`.
    Action caller_hint(bool speaking, Clock::Time now);
    /// The agent cut itself off.
    void gave_way(Clock::Time now);

    /// For the latencies, see TurnBook.
    void answered(Clock::Time now) { book_.answered(now); }
    void agent_first_byte(Clock::Time now);
    void first_frame_sent(UtteranceId utterance, Clock::Time now);
    void heard(UtteranceId utterance, Clock::Time when) { book_.heard(utterance, when); }

    bool paused() const { return paused_; }
    bool caller_speaks() const { return detector_.voiced(); }
    /// The last frame's, for meters.
    const audio::Voice& voice() const { return voice_; }
    TurnStats stats() const;

private:
    Action decide(Clock::Time now);
    Action begin_pause(Clock::Time now);
    Action end_pause();
    void cut_off(Clock::Time now);
    bool may_cut_off(Clock::Time now) const;
    bool hint_confirms(Clock::Time now) const;
    std::chrono::milliseconds least_turn() const;
    void forget_caller();

    using Ms = std::chrono::milliseconds;
    TurnOptions options_;
    TurnBook book_;
    audio::VoiceDetector detector_;
    audio::EchoGuard echo_;
    audio::Voice voice_;
    Ms last_at_{-1};           ///< media time of the last frame; -1: none yet
    Ms burst_{0};              ///< voice over the agent, or since the last `resume_after` of quiet
    Ms turn_{0};               ///< voice of the caller's turn so far
    Ms quiet_{0};              ///< since the last voice
    bool over_agent_ = false;  ///< the turn began while the agent spoke
    bool attending_ = true;
    bool agent_speaks_ = false;
    bool paused_ = false;
    bool hint_ = false;
    bool spoke_before_ = false;  ///< the agent, on this call
    Clock::Time hint_since_{}, protected_until_{};
    std::uint64_t interruptions_ = 0, resumes_ = 0;
};

}  // namespace bridge::call
