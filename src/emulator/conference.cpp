#include "emulator/conference.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.hpp"
#include "base/spawn.hpp"
#include "emulator/exchange.hpp"
#include "emulator/phone_call.hpp"
#include "emulator/sid.hpp"
#include "emulator/wait_music.hpp"

namespace bridge::emulator {
namespace {

WallTime this_moment() {
    return std::chrono::system_clock::now();
}

const char* yes_no(bool yes) {
    return yes ? "true" : "false";
}

}  // namespace

Conference::Conference(std::shared_ptr<Exchange> exchange, std::string name)
    : exchange_(std::move(exchange)),
      sid_(new_sid("CF")),
      name_(std::move(name)),
      created_(this_moment()),
      updated_(created_) {
    callbacks_ = std::make_shared<CallbackQueue>(exchange_, sid_);
}

std::shared_ptr<Participant> Conference::find(const std::string& who) const {
    for (const auto& one : participants_) {
        if (one->call_sid == who || (!who.empty() && one->order.label == who)) return one;
    }
    return nullptr;
}

std::size_t Conference::connected() const {
    return static_cast<std::size_t>(std::count_if(participants_.begin(), participants_.end(),
                                                  [](const auto& one) { return one->connected; }));
}

std::shared_ptr<Participant> Conference::expect(const std::shared_ptr<PhoneCall>& call,
                                                const ParticipantOrder& order) {
    auto participant = std::make_shared<Participant>();
    participant->call_sid = call->sid();
    participant->call = call;
    participant->order = order;
    participant->beep_on_exit = order.beep_on_exit;
    participant->created = participant->updated = this_moment();
    participants_.push_back(participant);
    return participant;
}

tl::expected<std::shared_ptr<Participant>, Conference::Refusal> Conference::join(
    const std::shared_ptr<PhoneCall>& call, const ParticipantOrder& order) {
    auto participant = find(call->sid());
    if (!participant) {
        if (!order.label.empty() && find(order.label)) {
            return tl::unexpected(
                Refusal{16025, "Conference: the participant label '" + order.label + "' is taken"});
        }
        participant = expect(call, order);
    }
    // Room is counted in those who have joined: a phone that rings takes none yet.
    if (connected() >= order.most) {
        std::erase(participants_, participant);
        participant->out = true;
        if (participants_.empty() && status_ == "init") end("last-participant-left");
        return tl::unexpected(
            Refusal{0, fmt::format("Conference: '{}' has its {} participants", name_, order.most)});
    }
    if (!has_callback_) {
        has_callback_ = true;
        callback_ = order.status_callback;
        callback_method_ = order.status_callback_method;
        callback_events_ = order.status_events;
    }
    participant->connected = true;
    participant->updated = updated_ = this_moment();
    log::info({"emulator", call->sid()}, "joins the conference {}", sid_);
    exchange_->ledger.conference_joined(call->sid(), sid_, name_);
    call->line().enter(room_);
    tell("join", "participant-join", participant);
    if (started() && order.beep_on_enter) beep(participant);
    settle(participant);
    start_if_ready();
    return participant;
}

void Conference::start_if_ready() {
    const bool wanted =
        std::any_of(participants_.begin(), participants_.end(),
                    [](const auto& one) { return one->connected && one->order.start_on_enter; });
    if (status_ != "init" || !wanted || connected() < 2) return;
    status_ = "in-progress";
    updated_ = this_moment();
    tell("start", "conference-start", nullptr);
    for (const auto& one : participants_) settle(one);
}

void Conference::settle(const std::shared_ptr<Participant>& participant) {
    const auto call = participant->call.lock();
    if (!participant->connected || participant->out || !call || call->over()) return;
    auto& line = call->line();
    const auto tune = ++participant->tune;
    line.mute(participant->order.muted);
    line.set_aside(!started() || participant->hold);
    const auto& wait = participant->order.wait;
    const bool waits = !started() && !participant->hold;
    if (started() && !participant->hold) {
        line.set_music(nullptr, false);
        return;
    }
    const auto from = waits ? wait.value_or(Instruction{}) : participant->hold_music;
    if (is_own_music(from.url) || from.url.empty()) {
        const bool silent = waits && wait && from.url.empty();
        line.set_music(silent ? nullptr : own_music(), true);
        return;
    }
    line.set_music(nullptr, false);
    spawn(exchange_->executor, "music for " + participant->call_sid,
          fetch_music(shared_from_this(), participant, from, tune, waits));
}

asio::awaitable<void> Conference::fetch_music(std::shared_ptr<Conference> self,
                                              std::shared_ptr<Participant> participant,
                                              Instruction from, std::uint64_t tune, bool required) {
    const auto call = participant->call.lock();
    if (!call) co_return;
    const auto music = co_await fetch_wait_music(call, std::move(from));
    if (participant->out || participant->tune != tune || call->over()) co_return;
    if (music) {
        call->line().set_music(std::make_shared<const Mulaw>(music->mulaw), music->again);
        co_return;
    }
    self->exchange_->debugger.error(music.error().code, music.error().message, call->sid());
    if (!required) co_return;
    // Without its waitUrl a participant does not get in; its call goes on after <Dial>.
    participant->refused = true;
    self->leave(participant, "participant_add_failed");
}

void Conference::beep(const std::shared_ptr<Participant>& but) {
    for (const auto& one : participants_) {
        const auto call = one->call.lock();
        if (one == but || !one->connected || one->hold || !call || call->over()) continue;
        call->line().announce(*own_beep());
    }
}

void Conference::remove(std::shared_ptr<Participant> participant, const std::string& reason) {
    participant->out = true;
    ++participant->tune;
    std::erase(participants_, participant);
    updated_ = this_moment();
    const auto call = participant->call.lock();
    if (participant->connected) {
        exchange_->ledger.conference_left(participant->call_sid, sid_);
        tell("leave", "participant-leave", participant,
             {{"ReasonParticipantLeft", reason},
              {"ParticipantCallStatus", call ? call->record().status : "completed"}});
    }
    if (!call || call->over()) return;
    if (participant->connected) {
        call->line().set_music(nullptr, false);
        call->line().interrupt();  // <Dial> goes on
    } else {
        call->finish(call->answered() ? "completed" : "canceled", call->answered() ? 200 : 487);
    }
}

void Conference::leave(const std::shared_ptr<Participant>& participant, const std::string& reason,
                       bool kicked) {
    if (participant->out) return;
    const bool was_in = participant->connected;
    remove(participant, reason);
    if (over()) return;
    if (was_in && participant->order.end_on_exit) {
        return end(kicked ? "participant-with-end-conference-on-exit-kicked"
                          : "participant-with-end-conference-on-exit-left",
                   participant);
    }
    if (participants_.empty()) {
        return end(kicked ? "last-participant-kicked" : "last-participant-left", participant);
    }
    if (started() && was_in && participant->beep_on_exit) beep(nullptr);
}

void Conference::end(const std::string& reason, const std::shared_ptr<Participant>& by) {
    if (over()) return;
    status_ = "completed";
    updated_ = this_moment();
    reason_ended_ = reason;
    const bool by_moderator = by && !participants_.empty();
    while (!participants_.empty()) {
        remove(participants_.front(),
               by_moderator ? "moderator_ended_conference" : "conference_ended_via_api");
    }
    Fields more{{"ReasonConferenceEnded", reason},
                {"Reason", "The conference has ended: " + reason}};
    if (by) {
        call_ending_ = by->call_sid;
        more.emplace_back("CallSidEndingConference", by->call_sid);
        if (!by->order.label.empty()) {
            more.emplace_back("ParticipantLabelEndingConference", by->order.label);
        }
    }
    log::info("emulator", "the conference {} has ended: {}", sid_, reason);
    tell("end", "conference-end", nullptr, std::move(more), true);
}

void Conference::call_ended(const std::string& call_sid) {
    const auto participant = find(call_sid);
    if (!participant || participant->call_sid != call_sid) return;
    leave(participant, participant->connected ? "participant_hung_up" : "participant_add_failed");
}

void Conference::mute(const std::shared_ptr<Participant>& participant, bool muted) {
    if (participant->order.muted == muted) return;
    participant->order.muted = muted;
    participant->updated = this_moment();
    const auto call = participant->call.lock();
    if (!participant->connected || !call || call->over()) return;
    call->line().mute(muted);
    tell("mute", muted ? "participant-mute" : "participant-unmute", participant);
}

void Conference::hold(const std::shared_ptr<Participant>& participant, bool hold,
                      Instruction music) {
    const bool changed = participant->hold != hold;
    const bool other_music = hold && participant->hold_music.url != music.url;
    if (!changed && !other_music) return;
    participant->hold = hold;
    participant->hold_music = std::move(music);
    participant->updated = this_moment();
    if (!participant->connected) return;
    settle(participant);
    if (!changed) return;
    exchange_->ledger.held(participant->call_sid, hold);
    tell("hold", hold ? "participant-hold" : "participant-unhold", participant);
}

void Conference::modify(const std::shared_ptr<Participant>& participant,
                        std::optional<bool> end_on_exit, std::optional<bool> beep_on_exit) {
    const bool changed = (end_on_exit && *end_on_exit != participant->order.end_on_exit) ||
                         (beep_on_exit && *beep_on_exit != participant->beep_on_exit);
    if (end_on_exit) participant->order.end_on_exit = *end_on_exit;
    if (beep_on_exit) participant->beep_on_exit = *beep_on_exit;
    if (!changed) return;
    participant->updated = this_moment();
    if (participant->connected) tell("modify", "participant-modify", participant);
}

void Conference::announce(const std::shared_ptr<Participant>& participant, Instruction what) {
    for (const auto& one : participants_) {
        if (!one->connected || (participant && one != participant)) continue;
        spawn(exchange_->executor, "announcement to " + one->call_sid,
              fetch_announcement(shared_from_this(), one, what));
    }
}

asio::awaitable<void> Conference::fetch_announcement(std::shared_ptr<Conference> self,
                                                     std::shared_ptr<Participant> participant,
                                                     Instruction what) {
    const auto call = participant->call.lock();
    if (!call) co_return;
    const auto sound = co_await fetch_wait_music(call, std::move(what));
    if (participant->out || call->over()) co_return;
    if (!sound) {
        self->exchange_->debugger.error(sound.error().code, sound.error().message, call->sid());
        co_return;
    }
    call->line().announce(sound->mulaw);
}

void Conference::tell(const std::string& event, const char* name,
                      const std::shared_ptr<Participant>& participant, Fields more, bool last) {
    if (callback_.empty() || !callback_events_.contains(event)) {
        // A fault may be holding earlier ones back until the end.
        if (last) callbacks_->post({}, true);
        return;
    }
    Webhook webhook;
    webhook.url = callback_;
    webhook.method = callback_method_;
    webhook.fields = {{"ConferenceSid", sid_},
                      {"FriendlyName", name_},
                      {"AccountSid", exchange_->account.sid},
                      {"SequenceNumber", std::to_string(++sequence_)},
                      {"Timestamp", format_rfc2822(this_moment())},
                      {"StatusCallbackEvent", name}};
    if (participant) {
        const auto& order = participant->order;
        if (const auto call = participant->call.lock()) webhook.scope = call->fault_scope();
        webhook.fields.emplace_back("CallSid", participant->call_sid);
        webhook.fields.emplace_back("Muted", yes_no(order.muted));
        webhook.fields.emplace_back("Hold", yes_no(participant->hold));
        webhook.fields.emplace_back("Coaching", "false");
        webhook.fields.emplace_back("EndConferenceOnExit", yes_no(order.end_on_exit));
        webhook.fields.emplace_back("StartConferenceOnEnter", yes_no(order.start_on_enter));
        if (!order.label.empty()) webhook.fields.emplace_back("ParticipantLabel", order.label);
    }
    for (auto& field : more) webhook.fields.push_back(std::move(field));
    callbacks_->post(std::move(webhook), last);
}

}  // namespace bridge::emulator
