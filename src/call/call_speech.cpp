// What a call says to its phone, and what of it is heard here: the outbound line and its voices,
// the microphone's turn, loudness and place of the local ear.

#include <algorithm>
#include <functional>
#include <utility>

#include "base/log.hpp"
#include "base/stable_hash.hpp"
#include "call/agent_line.hpp"

namespace bridge::call {

using namespace std::chrono_literals;

namespace {

/// After a stall the microphone's line keeps so much; a frame that is taken comes on top.
constexpr std::size_t kMicBacklog = 40 * audio::kSamplesPerMs;

/// So many frames against the slot, and in favour of another one, and the line moves there.
constexpr int kSureStep = 25;
/// After so many in one slot it does not move for a millisecond any more.
constexpr int kSettledStep = 100;

/// Until something is heard calls share the 20 ms evenly, as far as their names allow.
milliseconds phase_of(const CallId& id) {
    return milliseconds(stable_hash(id.str()) % 20);
}

}  // namespace

void LiveCall::make_outbound_line() {
    OutboundLine::Hooks hooks;
    hooks.pull_live = [this](Clock::Time now) {
        pull_microphone(now);
        pull_guests(false);
    };
    hooks.sent = [this](std::size_t voice, const audio::AudioFrame& frame, Clock::Time heard_at) {
        monitor(voice, frame, heard_at);
    };
    hooks.cleared = [this](Clock::Time from) {
        forget_monitored(from);
        timeline_->note(age(), Timeline::Lane::clear, "asked", {});
        agent_heard_until_ = std::min(agent_heard_until_, from);
    };
    hooks.began = [this](UtteranceId utterance, Clock::Time sent_at) {
        if (turns_ && is_agents(utterance)) turns_->first_frame_sent(utterance, sent_at);
    };
    hooks.heard_first = [this](UtteranceId utterance, Clock::Time when) {
        if (turns_ && is_agents(utterance)) turns_->heard(utterance, when);
    };
    hooks.finished = [this](UtteranceId utterance, const Heard& heard) {
        timeline_->spoken(age(), utterance, heard);
        on_spoken(utterance, heard);
    };
    outbound_.emplace(services_.clock, phase_of(spec_.id), services_.outbound, std::move(hooks));
    prompt_monitor_ = mix_.add_voice();
    prompt_ = outbound_->add_voice(OutboundLine::Kind::ahead, prompt_monitor_);
}

/// The call's slot is the one in which the phone's frames come, or have come a millisecond before:
/// then all that a slot touches is in the cache. From the first frame on; and where most frames
/// come now, as the first ones come in a rush and clocks drift. Frames that come anyhow move
/// nothing.
void LiveCall::keep_step() {
    const auto now =
        std::chrono::floor<milliseconds>(heard_at_.time_since_epoch()) % audio::kFrameTime;
    const auto fits = [&](milliseconds slot) {
        return (slot - now + audio::kFrameTime) % audio::kFrameTime <= 1ms;
    };
    if (fits(step_.candidate)) {
        step_.votes = std::min(step_.votes + 1, kSureStep);
    } else if (--step_.votes < 0) {
        step_.candidate = now;
        step_.votes = 1;
    }
    const bool first = step_.slot < 0ms;
    if (!first && step_.frames < kSettledStep) {
        // Right before the slot is near enough, but in it is better.
        ++step_.frames;
        const bool early = fits(step_.slot) && now != step_.slot;
        step_.early = std::max(step_.early + (early ? 1 : -2), 0);
        if (step_.early == kSureStep) {
            step_.slot = now;
            step_.early = 0;
            outbound_->set_phase(now);
        }
    }
    step_.misfits = std::clamp(step_.misfits + (fits(step_.slot) ? -1 : 1), 0, kSureStep);
    if (!first && (step_.misfits < kSureStep || step_.votes < kSureStep)) return;
    step_.slot = first ? now : step_.candidate;
    step_.votes = step_.misfits = step_.early = step_.frames = 0;
    outbound_->set_phase(step_.slot);
}

bool LiveCall::may_speak() const {
    return line_ && line_->can_send() && !local_.muted && !local_.held && !local_.ringing &&
           !given_up_ && !closing_ && !machine_ && !is_final(state_);
}

/// The microphone goes to the phone, or to the agent's ear, while the call has the focus and
/// nothing stands against it.
void LiveCall::update_microphone() {
    const bool open = services_.microphone && local_.focus && may_speak();
    const bool to_phone = open && !agent_keeps_phone();
    const bool wanted = to_phone || (open && agent_hears_person());
    local_.microphone = to_phone;
    if (wanted && !mic_line_) {
        mic_line_ = std::make_shared<audio::MicLine>();
        services_.microphone->attach(mic_line_);
    }
    if (to_phone && !mic_voice_) {
        if (mic_monitor_ == 0) mic_monitor_ = mix_.add_voice();
        mic_voice_ = outbound_->add_voice(OutboundLine::Kind::live, mic_monitor_);
    } else if (!to_phone) {
        mic_voice_.reset();
    }
    if (!wanted && mic_line_) {
        services_.microphone->detach(mic_line_);
        mic_dropped_ += mic_line_->dropped_samples();
        mic_line_.reset();
    }
    update_guests();
}

/// In the call's own slot: 20 ms of the microphone, if they are there.
void LiveCall::pull_microphone(Clock::Time now) {
    if (!mic_line_) return;
    if (capture_) capture_->looks_for_microphone(*mic_line_);
    audio::MicFrame frame;
    while (mic_line_->waiting() > kMicBacklog + audio::kFrameSamples && mic_line_->read(frame))
        mic_dropped_ += audio::kFrameSamples;
    if (mic_line_->read(frame)) accept(input::MicrophoneBlock{frame.pcm, now - frame.captured});
}

void LiveCall::on(const input::MicrophoneBlock& block) {
    if (agent_hears_person() && block.pcm.size() == audio::kFrameSamples) {
        audio::AudioFrame frame;
        std::copy(block.pcm.begin(), block.pcm.end(), frame.pcm.begin());
        mix_.write(person_, frame, services_.clock.now());
    }
    if (!mic_voice_) return;
    mic_voice_->write(block.pcm);
    const auto age = std::chrono::duration<double, std::milli>(block.age).count();
    mouth_to_wire_ms_ = age;
    mouth_to_wire_max_ms_ = std::max(mouth_to_wire_max_ms_, age);
}

/// An ear on this side hears what is said here when the phone does, not when it is sent.
void LiveCall::monitor(EarMix::VoiceId voice, const audio::AudioFrame& frame,
                       Clock::Time heard_at) {
    const bool agents = voice == agent_monitor_;
    if (agents && turns_) {
        agent_heard_until_ = heard_at + audio::kFrameTime;
        turns_->agent_sent(frame, heard_at);
    }
    // An agent hears neither itself nor prompts, and the microphone by another way.
    const bool microphone = voice == mic_monitor_;
    const bool for_agent = agent_ && !agents && !microphone && voice != prompt_monitor_;
    const bool wanted = !guests_.empty() || for_agent || (speaker_ && !microphone);
    if (!wanted || monitored_.full()) return;
    monitored_.push_back({voice, heard_at, frame});
}

void LiveCall::hear_own(Clock::Time now) {
    while (!monitored_.empty() && monitored_.front().heard_at <= now) {
        mix_.write(monitored_.front().voice, monitored_.front().frame, now);
        monitored_.pop_front();
    }
    // Nobody speaks to the phone, so no slot of the line's brings what the agent alone hears.
    if (mic_line_ && !mic_voice_) pull_microphone(now);
    pull_guests(true);
}

void LiveCall::forget_monitored(Clock::Time from) {
    const auto kept = std::remove_if(monitored_.begin(), monitored_.end(),
                                     [&](const auto& one) { return one.heard_at >= from; });
    monitored_.erase(kept, monitored_.end());
}

void LiveCall::on(const input::SetLocal& local) {
    const auto before = local_;
    local_.focus = local.focus;
    local_.gain = std::clamp(local.gain, 0.0F, 1.0F);
    local_.pan = std::clamp(local.pan, -1.0F, 1.0F);
    local_changed(before);
}

void LiveCall::on(const input::SetMuted& muted) {
    const auto before = local_;
    local_.muted = muted.on;
    local_changed(before);
}

/// Puts into effect what is new in `local_`, and tells it.
void LiveCall::local_changed(const LocalPart& before) {
    update_microphone();
    update_local_ear();
    update_agent_ear();
    if (local_ == before) return;
    if (agent_ && local_.held != before.held) agent_->agent().on_hold(local_.held);
    log::info({"call", id()}, "here: focus={} muted={} held={} ringing={} gain={:.2f} pan={:.1f}",
              local_.focus, local_.muted, local_.held, local_.ringing, local_.gain, local_.pan);
    publish(event::LocalChanged{local_});
}

/// A call that is held, rings or leaves a message is not heard here.
void LiveCall::update_local_ear() {
    if (!speaker_) return;
    const bool silent = local_.held || local_.ringing || given_up_;
    speaker_->set_gain(silent ? 0.0F : local_.gain);
    speaker_->set_pan(local_.pan);
}

void LiveCall::on(const input::Play& play) {
    if (!play.samples || play.samples->empty() || is_final(state_)) return;
    if (play.loop) {
        prompt_->play(std::make_unique<audio::PcmSource>(play.samples, true));
        return;
    }
    prompt_->begin();
    prompt_->write(*play.samples);
    prompt_->end();
}

void LiveCall::on(const input::Clear&) {
    agent_utterance_open_ = false;
    sayings_.clear();
    outbound_->clear();
    if (agent_ && agent_->silenced) agent_voice_->pause();
}

void LiveCall::on(const input::MeasureLevels& measure) {
    levels_ = measure.tap;
    outbound_->measure(measure.tap);
}

OutboundStats LiveCall::outbound_stats() const {
    auto out = outbound_->stats();
    out.dropped_live_samples += mic_dropped_;
    out.mouth_to_wire_ms = mouth_to_wire_ms_;
    out.mouth_to_wire_max_ms = mouth_to_wire_max_ms_;
    return out;
}

}  // namespace bridge::call
