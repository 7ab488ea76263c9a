#include "call/turns.hpp"

#include <algorithm>
#include <utility>

namespace bridge::call {

Turns::Turns(TurnOptions options, TurnBook::Measured measured)
    : options_(options), book_(std::move(measured)) {}

Turns::Action Turns::hear(const audio::AudioFrame& frame, Clock::Time now) {
    // Once the agent was stopped its echo fades, and somebody was louder than it already.
    const bool sounds = agent_speaks_ && !paused_;
    const auto margin_db = sounds ? audio::EchoGuard::kMarginDb : 0.0F;
    const auto voice = detector_.hear(frame, echo_.least_dbfs(now, margin_db));
    echo_.heard(voice.level_dbfs);
    // A jump ahead is audio that was lost: nobody heard a voice in it.
    const bool follows = last_at_ >= Ms{0} && frame.at > last_at_;
    const auto took = follows ? frame.at - last_at_ : audio::kFrameTime;
    last_at_ = frame.at;
    return weigh(voice, took, now);
}

Turns::Action Turns::weigh(const audio::Voice& voice, Ms took, Clock::Time now) {
    voice_ = voice;
    if (!attending_) return Action::none;
    if (!voice.active) {
        quiet_ += took;
        return decide(now);
    }
    const auto speech = audio::kFrameTime * voice.fresh;
    if (turn_ == Ms{0}) over_agent_ = agent_speaks_ || paused_;
    burst_ += speech;
    turn_ += speech;
    quiet_ = Ms{0};
    if (turn_ >= least_turn()) book_.caller_spoke(now);
    return decide(now);
}

Turns::Action Turns::decide(Clock::Time now) {
    if (may_cut_off(now)) {
        const bool speaking = quiet_ == Ms{0};
        if ((speaking && burst_ >= options_.min_speech) || hint_confirms(now)) {
            cut_off(now);
            return Action::interrupt;
        }
        if (!paused_ && (hint_ || (speaking && burst_ >= options_.pause_after)))
            return begin_pause(now);
        if (paused_ && !hint_ && quiet_ >= options_.resume_after) return end_pause();
    }
    if (quiet_ >= options_.resume_after && !paused_) burst_ = Ms{0};
    if (paused_ || turn_ == Ms{0} || quiet_ < options_.end_of_turn) return Action::none;
    const bool was_turn = turn_ >= least_turn();
    forget_caller();
    if (!was_turn) return Action::none;
    book_.noticed(now, true);
    return Action::turn_ended;
}

Turns::Action Turns::begin_pause(Clock::Time now) {
    paused_ = true;
    echo_.cut(now);
    return Action::pause;
}

Turns::Action Turns::end_pause() {
    paused_ = false;
    ++resumes_;
    // A cough is no part of a turn. Where the agent had nothing left to say, it was an answer.
    if (agent_speaks_) turn_ = std::max(turn_ - burst_, Ms{0});
    over_agent_ = over_agent_ && agent_speaks_;
    burst_ = Ms{0};
    return Action::resume;
}

void Turns::cut_off(Clock::Time now) {
    echo_.cut(now);
    paused_ = agent_speaks_ = over_agent_ = false;
    burst_ = Ms{0};
    ++interruptions_;
    book_.interrupted();
}

bool Turns::may_cut_off(Clock::Time now) const {
    return options_.barge_in == BargeIn::detector && (paused_ || agent_speaks_) &&
           now >= protected_until_;
}

bool Turns::hint_confirms(Clock::Time now) const {
    return hint_ && now - hint_since_ >= options_.hint_speech;
}

/// Of voice that makes a turn: what does not stop the agent's speech is not answered either.
Turns::Ms Turns::least_turn() const {
    return over_agent_ ? std::max(options_.least_turn, options_.min_speech) : options_.least_turn;
}

void Turns::forget_caller() {
    burst_ = turn_ = Ms{0};
    over_agent_ = false;
}

void Turns::new_stream() {
    detector_.reset();
    echo_ = {};
    voice_ = {};
    last_at_ = Ms{-1};
}

void Turns::attend(bool on) {
    if (attending_ == on) return;
    attending_ = on;
    paused_ = agent_speaks_ = hint_ = false;
    quiet_ = Ms{0};
    forget_caller();
}

void Turns::agent_speaks(bool on, Clock::Time now) {
    if (!attending_ || agent_speaks_ == on) return;
    agent_speaks_ = on;
    if (!on) {
        over_agent_ = over_agent_ && paused_;
        return;
    }
    // Only what is said over the agent stops it; a hint from before may never be withdrawn.
    burst_ = Ms{0};
    hint_ = false;
    if (!std::exchange(spoke_before_, true)) protected_until_ = now + options_.protect_greeting;
}

void Turns::agent_sent(const audio::AudioFrame& frame, Clock::Time heard_at) {
    echo_.spoke(frame, heard_at);
}

Turns::Action Turns::caller_hint(bool speaking, Clock::Time now) {
    if (!attending_ || hint_ == speaking) return Action::none;
    hint_ = speaking;
    if (speaking) {
        hint_since_ = now;
        return may_cut_off(now) && !paused_ ? begin_pause(now) : Action::none;
    }
    if (quiet_ > Ms{0}) book_.noticed(now, false);
    return paused_ && burst_ == Ms{0} ? end_pause() : Action::none;
}

void Turns::gave_way(Clock::Time now) {
    if (!attending_ || !(agent_speaks_ || paused_)) return;
    cut_off(now);
}

void Turns::agent_first_byte(Clock::Time now) {
    if (attending_) book_.first_byte(now);
}

void Turns::first_frame_sent(UtteranceId utterance, Clock::Time now) {
    if (attending_) book_.first_frame(utterance, now);
}

TurnStats Turns::stats() const {
    auto out = book_.stats();
    out.interruptions = interruptions_;
    out.resumes = resumes_;
    return out;
}

}  // namespace bridge::call
