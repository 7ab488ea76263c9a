// Who listens to a call from outside and speaks into it, and who hears whom.
//
//   ears ▶            phone   speaker here   agent   a guest: both   far   near
//   phone               –          ●           ●           ●          ●
//   agent               ●          ●           –           ●                ●
//   prompts, music      ●          ●                       ●                ●
//   said (say, play)    ●          ●           ●           ●                ●
//   microphone          ●                      as its      ●                ●
//                                              mode says
//   another guest       ●          ●           ●           ●                ●
//
// On hold, and while it rings, nobody here hears anything. An agent that was taken over from is
// deaf. While the person here whispers to the agent, a guest's mouth is for the agent alone too.

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/log.hpp"
#include "call/agent_line.hpp"

namespace bridge::call {

std::string_view to_string(Side side) {
    switch (side) {
        case Side::both:
            return "both";
        case Side::far:
            return "far";
        case Side::near:
            return "near";
    }
    return "both";
}

std::optional<Side> parse_side(std::string_view text) {
    for (const auto side : {Side::both, Side::far, Side::near}) {
        if (to_string(side) == text) return side;
    }
    return std::nullopt;
}

LiveCall::GuestSeat* LiveCall::guest(GuestId id) {
    const auto found = std::find_if(guests_.begin(), guests_.end(),
                                    [&](const GuestSeat& seat) { return seat.id == id; });
    return found == guests_.end() ? nullptr : &*found;
}

void LiveCall::on(const input::GuestJoins& joins) {
    if (is_final(state_)) return joins.guest->over("the call is over");
    if (guests_.size() >= kMostGuests)
        return joins.guest->over("as many as can listen to one call do so already");
    GuestSeat seat;
    seat.id = joins.id;
    seat.guest = joins.guest;
    seat.side = joins.side;
    if (joins.may_talk) seat.talk = std::make_unique<TalkQueue>();
    guests_.push_back(std::move(seat));
    log::debug({"call", id()}, "somebody listens ({}), {} in all", to_string(joins.side),
               guests_.size());
    update_guests();
    guests_changed();
}

void LiveCall::on(const input::GuestLeaves& leaves) {
    auto* seat = guest(leaves.id);
    if (!seat) return;
    unseat(*seat);
    std::erase_if(guests_, [&](const GuestSeat& one) { return one.id == leaves.id; });
    arrange_ears();
    guests_changed();
}

/// Nothing of it is left in the mix and on the line.
void LiveCall::unseat(GuestSeat& seat) {
    if (seat.hears) mix_.remove_ear(seat.ear);
    seat.hears = false;
    if (seat.voice != EarMix::kNone) {
        const auto gone = std::remove_if(monitored_.begin(), monitored_.end(),
                                         [&](const auto& one) { return one.voice == seat.voice; });
        monitored_.erase(gone, monitored_.end());
        mix_.remove_voice(std::exchange(seat.voice, EarMix::kNone));
    }
    seat.mouth.reset();
}

void LiveCall::on(const input::GuestTalks& talks) {
    auto* seat = guest(talks.id);
    if (!seat || !seat->talk || seat->talking == talks.on) return;
    seat->talking = talks.on;
    seat->talk->clear();
    seat->guest->talks(talks.on);
    update_guests();
    guests_changed();
}

void LiveCall::on(const input::GuestSpeech& speech) {
    auto* seat = guest(speech.id);
    if (seat && seat->talking && (seat->mouth || seat->whispers)) seat->talk->push(speech.samples);
}

/// In the call's own slot: 20 ms of everybody who talks.
void LiveCall::pull_guests(bool whispers) {
    for (std::size_t i = 0; i < guests_.size(); ++i) {  // a hook of the line may end the call
        auto& seat = guests_[i];
        if (!seat.talking || seat.whispers != whispers) continue;
        audio::AudioFrame frame;
        if (!seat.talk->pull(frame)) continue;
        if (whispers) {
            mix_.write(seat.voice, frame, services_.clock.now());
        } else if (const auto mouth = seat.mouth) {
            mouth->write(frame.pcm);
        }
    }
}

/// Puts into effect who may hear and speak now.
void LiveCall::update_guests() {
    const bool deaf = local_.held || local_.ringing || given_up_;
    const bool open = may_speak();
    const bool whisper = agent_ && agent_state_.mode == AgentMode::whisper;
    std::vector<std::shared_ptr<VoiceSink>> closed;  // to go last: that tells what became of speech
    for (auto& seat : guests_) {
        const bool speaks = seat.talking && open;
        if (speaks && seat.voice == EarMix::kNone) {
            seat.voice = mix_.add_voice();
            if (seat.hears) mix_.set_own(seat.ear, seat.voice);
        }
        seat.whispers = speaks && whisper;
        if (speaks && !whisper && !seat.mouth) {
            seat.mouth = outbound_->add_voice(OutboundLine::Kind::live, seat.voice);
        } else if ((!speaks || whisper) && seat.mouth) {
            closed.push_back(std::move(seat.mouth));
        }
        if (!speaks && seat.talk) seat.talk->clear();
        if (!deaf && !seat.hears) {
            seat.ear = mix_.add_ear(seat.guest, seat.voice);
        } else if (deaf && seat.hears) {
            mix_.remove_ear(seat.ear);
        }
        seat.hears = !deaf;
        if (seat.told_held != local_.held) {
            seat.told_held = local_.held;
            seat.guest->held(local_.held);
        }
    }
    arrange_ears();
}

/// The table above, where a gain is not what it is without being set.
void LiveCall::arrange_ears() {
    const auto hears = [&](EarMix::EarId ear, EarMix::VoiceId voice, bool heard) {
        if (voice != 0 && voice != EarMix::kNone) mix_.set_gain(voice, ear, heard ? 1.0F : 0.0F);
    };
    if (speaker_) {
        hears(local_ear_, person_, false);
        hears(local_ear_, mic_monitor_, false);
        for (const auto& seat : guests_) hears(local_ear_, seat.voice, !seat.whispers);
    }
    if (listener_) hears(listener_ear_, mic_monitor_, false);
    if (agent_) {
        const bool deaf = local_.held || agent_state_.mode == AgentMode::taken_over;
        hears(agent_->ear, mic_monitor_, false);
        hears(agent_->ear, said_monitor_, !deaf);
        for (const auto& seat : guests_) hears(agent_->ear, seat.voice, !deaf);
    }
    for (const auto& seat : guests_) {
        if (!seat.hears) continue;
        const bool near = seat.side != Side::far;
        mix_.set_gain(EarMix::kPhone, seat.ear, seat.side == Side::near ? 0.0F : 1.0F);
        for (const auto voice : {prompt_monitor_, agent_monitor_, said_monitor_, mic_monitor_})
            hears(seat.ear, voice, near);
        hears(seat.ear, person_, false);
        for (const auto& other : guests_) hears(seat.ear, other.voice, near && !other.whispers);
    }
}

void LiveCall::guests_changed() {
    publish(event::ListenersChanged{guests_.size(), talkers()});
}

std::size_t LiveCall::talkers() const {
    return static_cast<std::size_t>(std::count_if(
        guests_.begin(), guests_.end(), [](const GuestSeat& seat) { return seat.talking; }));
}

void LiveCall::dismiss_guests(const std::string& reason) {
    for (auto& seat : std::exchange(guests_, {})) {
        unseat(seat);
        seat.guest->over(reason);
    }
}

}  // namespace bridge::call
