// An agent on a call, from its first session to the fallback, and the person here beside it.
//
//   put_agent ─▶ session: connecting ─▶ ready ─▶ answered … ─▶ finished: hung up after its words
//                    ▲                    │
//                    └── redial ◀─ lost ◀─┘      refused, or lost too long: agent_fall_back
//                                   └─ 1.5 s: notice, comfort sound
//
//   who hears whom      phone hears        agent hears        (the person here hears both)
//   speaks              agent              phone
//   whisper             agent              phone, person
//   together            agent, person      phone, person
//   taken over          person             nobody

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "audio/call_tones.hpp"
#include "base/log.hpp"
#include "call/agent_line.hpp"

namespace bridge::call {

using namespace std::chrono_literals;
using input::TimerKind;
using Status = AgentState::Status;

namespace {

/// A session that has lasted this long was a good one: the next redial begins anew.
constexpr auto kSteady = 10s;

}  // namespace

// --- what an agent says and tells, made an input

UtteranceId LiveCall::AgentLine::Voice::begin() {
    door.speak({door.number, input::AgentSpeech::Kind::begin});
    return door.call && !door.call->agent_utterances_.empty() ? door.call->agent_utterances_.back()
                                                              : 0;
}

std::size_t LiveCall::AgentLine::Voice::write(std::span<const std::int16_t> samples) {
    door.speak({door.number, input::AgentSpeech::Kind::samples, samples});
    return samples.size();
}

void LiveCall::AgentLine::Voice::end() {
    door.speak({door.number, input::AgentSpeech::Kind::end});
}

UtteranceId LiveCall::AgentLine::Voice::play(std::unique_ptr<audio::SampleSource> source) {
    door.speak({door.number, input::AgentSpeech::Kind::source, {}, &source});
    return door.call && !door.call->agent_utterances_.empty() ? door.call->agent_utterances_.back()
                                                              : 0;
}

void LiveCall::AgentLine::Voice::cancel() {
    door.speak({door.number, input::AgentSpeech::Kind::cancel});
}

bool LiveCall::AgentLine::Voice::paused() const {
    return door.call && door.call->agent_voice_->paused();
}

std::size_t LiveCall::AgentLine::Voice::waiting() const {
    return door.call ? door.call->agent_voice_->waiting() : 0;
}

// --- putting one on the call

void LiveCall::on(const input::SetAgent& request) {
    if (is_final(state_) || hang_up_wanted_ || given_up_) return;
    remove_agent();
    if (request.name.empty()) {
        set_agent_state(Status::none, {});
        local_changed(local_);
        return;
    }
    put_agent(request.name);
}

void LiveCall::put_agent(const std::string& name) {
    if (!services_.agents || spec_.listen_only) return;
    agent_state_ = {};
    agent_state_.name = name;
    AgentHome home{spec_.id, services_.executor, services_.clock, services_.seed, nullptr};
    home.tools = services_.agents->tools(home);
    auto made = services_.agents->agent(name, home);
    if (!made) {
        agent_fall_back(made.error().message);
        return;
    }
    if (!agent_voice_) {
        agent_monitor_ = mix_.add_voice();
        agent_voice_ = outbound_->add_voice(OutboundLine::Kind::ahead, agent_monitor_);
        person_ = mix_.add_voice();
    }
    agent_ = std::make_unique<AgentLine>(*this, std::move(*made), home.tools);
    agent_->ear = mix_.add_ear(agent_->shared(), agent_monitor_);
    mix_.set_gain(prompt_monitor_, agent_->ear, 0.0F);
    agent_->redial = services_.agent_care.first_redial;
    open_turns();
    update_agent_ear();
    update_microphone();
    if (local_.held) agent_->agent().on_hold(true);
    start_agent_session();
}

/// Without a word about it. What it has said already is still heard, unless it is cut off.
void LiveCall::remove_agent() {
    for (const auto kind : {TimerKind::agent_deadline, TimerKind::agent_redial,
                            TimerKind::agent_steady, TimerKind::agent_goodbye}) {
        disarm(kind);
    }
    end_outage();
    if (!agent_) return;
    if (turns_) turns_->attend(false);
    if (agent_voice_->paused()) agent_voice_->resume();
    mix_.remove_ear(agent_->ear);
    if (agent_->silenced) silence_agent(false);
    // It may be one of its own members that led here.
    boost::asio::post(services_.executor, [gone = std::shared_ptr<AgentLine>(std::move(agent_)),
                                           keep = self()] { gone->close(); });
}

AgentCall LiveCall::agent_call() const {
    return {spec_.id,        sid_,       line_ ? line_->stream_sid() : StreamSid{},
            spec_.direction, spec_.from, spec_.to};
}

void LiveCall::start_agent_session() {
    if (!agent_) return;
    ++agent_session_;
    ++agent_state_.sessions;
    agent_->told_answered = false;
    set_agent_state(Status::connecting, {});
    arm(TimerKind::agent_deadline, services_.agent_care.patience);
    agent_->open(agent_session_, agent_call());
}

/// The stream is up: an agent that is ready may speak, and one that is not is missed.
void LiveCall::agent_answered() {
    if (!agent_ || !line_) return;
    if (agent_state_.status != Status::ready) {
        begin_outage();
        return;
    }
    agent_->told_answered = true;
    turns_->answered(services_.clock.now());
    agent_->agent().answered(agent_call());
}

void LiveCall::set_agent_state(Status status, std::string reason) {
    const auto before = agent_state_;
    agent_state_.status = status;
    agent_state_.reason = std::move(reason);
    if (status == Status::none) agent_state_ = {};
    if (agent_state_ == before) return;
    log::info({"call", id()}, "agent {}: {}{}{}",
              agent_state_.name.empty() ? before.name : agent_state_.name, to_string(status),
              agent_state_.reason.empty() ? "" : ": ", agent_state_.reason);
    publish(event::AgentChanged{agent_state_});
}

// --- what it tells

void LiveCall::on(const input::AgentTold& told) {
    if (!agent_ || !agent_->open() || told.session != agent_session_ || is_final(state_)) return;
    std::visit([this](const auto& what) { on_agent(what); }, told.what);
}

void LiveCall::on_agent(const input::told::Ready&) {
    if (agent_state_.status == Status::ready) return;
    disarm(TimerKind::agent_deadline);
    arm(TimerKind::agent_steady, kSteady);
    end_outage();
    set_agent_state(Status::ready, {});
    agent_answered();
}

void LiveCall::on_agent(const input::told::Ended& ended) {
    agent_->close();
    disarm(TimerKind::agent_deadline);
    disarm(TimerKind::agent_steady);
    switch (ended.how) {
        case AgentEnd::finished:
            set_agent_state(Status::gone, "it is done");
            on(input::HangUp{"the agent ended the call", true});
            break;
        case AgentEnd::dropped:
            agent_lost(ended.reason);
            break;
        case AgentEnd::refused:
            agent_gone(ended.reason);
            break;
    }
}

void LiveCall::on_agent(const input::told::Warning& warning) {
    warn("agent: " + warning.text);
}

void LiveCall::on_agent(const AgentText& text) {
    publish(event::Said{text.speaker == Speaker::agent, text.text, text.final});
}

// --- it does not fall silent

/// Worth another try. What it has said is still heard.
void LiveCall::agent_lost(const std::string& reason) {
    auto& care = services_.agent_care;
    agent_voice_->end();
    agent_utterance_open_ = false;
    hear_hint(false);
    set_agent_state(Status::lost, reason);
    warn("the agent is lost: " + reason + "; trying again");
    if (line_) begin_outage();
    // Calls that lost the same server come back one after the other.
    const auto vary = std::uniform_real_distribution<double>(0.8, 1.2)(random_);
    arm(TimerKind::agent_redial,
        std::chrono::duration_cast<Clock::Duration>(
            std::chrono::duration<double, std::nano>(agent_->redial) * vary));
    agent_->redial = std::min<Clock::Duration>(agent_->redial * 2, care.longest_redial);
}

void LiveCall::agent_gone(const std::string& reason) {
    agent_fall_back(reason);
}

void LiveCall::begin_outage() {
    if (outage_since_) return;
    outage_since_ = services_.clock.now();
    arm(TimerKind::agent_notice, services_.agent_care.notice_after);
    arm(TimerKind::agent_fallback, services_.agent_care.fallback_after);
}

void LiveCall::end_outage() {
    disarm(TimerKind::agent_notice);
    disarm(TimerKind::agent_fallback);
    outage_since_.reset();
    if (prompt_job_ == Prompt::comfort) hush();
}

/// Once what it said before is over, the caller is told; then a quiet sound says that the line
/// lives.
void LiveCall::on_agent_notice() {
    if (!outage_since_ || !line_ || agent_state_.mode == AgentMode::taken_over) return;
    if (prompt_job_ != Prompt::none || outbound_->speaking()) {
        arm(TimerKind::agent_notice, 100ms);
        return;
    }
    log::info({"call", id()}, "the caller is told that the agent is missing");
    speak(Prompt::comfort, audio::comfort_tone(services_.agent_care.notice));
}

/// There is no agent for this call any more.
void LiveCall::agent_fall_back(const std::string& reason) {
    const auto& care = services_.agent_care;
    remove_agent();
    set_agent_state(Status::gone, reason);
    update_microphone();
    using Fallback = AgentCare::Fallback;
    const bool answered = state_ == CallState::in_progress && line_;
    if (!answered && care.fallback != Fallback::person) {
        warn("the agent cannot be used: " + reason);
        on(input::HangUp{"the agent cannot be used: " + reason});
        return;
    }
    switch (care.fallback) {
        case Fallback::person:
            warn("the agent is gone (" + reason + "): the call is yours");
            break;
        case Fallback::transfer:
            warn("the agent is gone (" + reason + "): the call goes to " +
                 masked_number(care.transfer_to));
            fallback_transfer_ = true;
            on(input::Transfer{care.transfer_to});
            break;
        case Fallback::hang_up:
            warn("the agent is gone (" + reason + "): the call is ended");
            agent_goodbye();
            break;
    }
}

void LiveCall::agent_goodbye() {
    if (const auto& words = services_.agent_care.goodbye; words && !words->empty()) {
        prompt_->begin();
        prompt_->write(*words);
        prompt_->end();
    }
    on(input::HangUp{"the agent is gone: " + agent_state_.reason, true});
}

// --- the person here beside it

void LiveCall::on(const input::SetAgentMode& request) {
    if (!agent_ || is_final(state_)) return;
    const auto other =
        agent_state_.mode == AgentMode::taken_over ? AgentMode::speaks : AgentMode::taken_over;
    const auto mode = request.mode.value_or(other);
    if (agent_state_.mode == mode) return;
    const auto before = std::exchange(agent_state_.mode, mode);
    log::info({"call", id()}, "agent {}: {}", agent_state_.name, to_string(mode));
    const bool took = mode == AgentMode::taken_over;
    if (took) {
        cut_agent_off();
        silence_agent(true);
        end_outage();
        agent_->agent().taken_over(true);
        agent_->agent().context(
            "A colleague has taken over and speaks with the caller now. Wait until you are told "
            "that you have the call again.");
    } else if (before == AgentMode::taken_over) {
        silence_agent(false);
        agent_->agent().taken_over(false);
        agent_->agent().context(
            "Your colleague has spoken with the caller and hands the call back to you. Go on when "
            "the caller speaks.");
        if (line_ && agent_state_.status != Status::ready) begin_outage();
    }
    update_agent_ear();
    publish(event::AgentChanged{agent_state_});
    local_changed(local_);
}

/// The microphone is for the agent's ear.
bool LiveCall::agent_hears_person() const {
    return agent_ &&
           (agent_state_.mode == AgentMode::whisper || agent_state_.mode == AgentMode::together);
}

/// The microphone is not for the phone.
bool LiveCall::agent_keeps_phone() const {
    return agent_ &&
           (agent_state_.mode == AgentMode::speaks || agent_state_.mode == AgentMode::whisper);
}

void LiveCall::update_agent_ear() {
    if (!agent_) return;
    const bool deaf = local_.held || agent_state_.mode == AgentMode::taken_over;
    mix_.set_gain(EarMix::kPhone, agent_->ear, deaf ? 0.0F : 1.0F);
    turns_->attend(!deaf);
    arrange_ears();
}

}  // namespace bridge::call
