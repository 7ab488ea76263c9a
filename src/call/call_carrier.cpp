// What a call asks of the carrier and hears from it, from the create to the confirmed end.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <chrono>
#include <utility>

#include "base/log.hpp"
#include "call/live_call.hpp"
#include "call/lost_create.hpp"

namespace bridge::call {

using namespace std::chrono_literals;
using input::TimerKind;

namespace {

constexpr auto kConfirmAfterHangUp = 1s;
constexpr auto kConfirmAgain = 2s;
/// A stream that failed is explained by a webhook of its own, which the final one may overtake.
constexpr auto kExplanation = 500ms;
constexpr int kConfirmTries = 4;
/// A create with an unknown outcome: its webhooks usually tell within this time that it was made.
constexpr auto kLookForCreate = 1500ms;
constexpr auto kLookAgain = 2s;
constexpr int kLookTries = 3;

}  // namespace

void LiveCall::on(const input::Dial&) {
    if (state_ != CallState::created || dialing_) return;
    if (!services_.carrier) {
        finish(CallState::failed, "no carrier is configured");
        return;
    }
    dialing_ = true;
    journaled_ = true;
    asked_ = services_.clock.now();
    create_.to = spec_.to;
    create_.from = spec_.from;
    create_.since = wall_now();
    PlaceCall request{spec_.id,           spec_.to,         spec_.from,
                      spec_.ring_timeout, spec_.time_limit, spec_.extra};
    asks("create", spec_.to);
    spawn(services_.executor, "place call", place(self(), std::move(request)));
    // While it rings the agent gets ready.
    if (!spec_.agent.empty()) put_agent(spec_.agent);
}

/// Written down first: after a crash nobody else knows that there may be a call.
asio::awaitable<void> LiveCall::place(std::shared_ptr<LiveCall> call, PlaceCall request) {
    if (const auto journal = call->services_.journal) {
        auto entry = call->journal_entry();
        auto written = co_await journal->begin(std::move(entry));
        if (written && call->hang_up_wanted_) {
            written = tl::unexpected(
                Error{make_error_code(Errc::cancelled), "hung up before it was asked for"});
        }
        if (!written) {
            const PlaceFailure failure{written.error(), false, 0, 0};
            const input::CreateFinished refused{tl::unexpected(failure)};
            call->accept(refused);
            co_return;
        }
    }
    const auto carrier = call->services_.carrier;
    auto outcome = co_await carrier->place_call(std::move(request));
    call->accept(input::CreateFinished{std::move(outcome)});
}

void LiveCall::on(const input::CreateFinished& created) {
    dialing_ = false;
    if (created.outcome) {
        learn(created.outcome->sid);
        advance(CallState::queued, {});
        if (!is_final(state_)) arm(TimerKind::answer_deadline, spec_.ring_timeout + kAnswerSlack);
        if (hang_up_wanted_) start_hang_up();
        return;
    }
    const auto& failure = created.outcome.error();
    carrier_code_ = failure.carrier_code;
    if (!failure.outcome_unknown) {
        end_confirmed_ = true;  // there is nothing to end
        const auto by_us = failure.error.code == Errc::cancelled;
        finish(by_us ? CallState::canceled : CallState::failed, failure.error.message);
        return;
    }
    if (!sid_.empty()) return;  // its own webhook came first: it exists after all
    outcome_unknown_ = true;
    create_error_ = failure.error.message;
    create_.until = wall_now();
    warn("it is unknown whether the call was created (" + create_error_ +
         "); it is not asked for again, but looked for");
    arm(TimerKind::lost_create, hang_up_wanted_ ? Clock::Duration::zero() : kLookForCreate);
}

// --- a create whose outcome is unknown

void LiveCall::look_for_create() {
    if (is_final(state_) || !sid_.empty() || looking_) return;
    looking_ = true;
    asks("list");
    spawn(services_.executor, "look for call", look(self()));
}

asio::awaitable<void> LiveCall::look(std::shared_ptr<LiveCall> call) {
    auto carrier = call->services_.carrier;
    auto journal = call->services_.journal;
    auto request = call->create_;
    auto claimed = call->services_.claimed;
    auto found = co_await find_lost_create(std::move(carrier), std::move(journal),
                                           std::move(request), std::move(claimed));
    call->accept(input::LostCreateLookedFor{std::move(found)});
}

void LiveCall::on(const input::LostCreateLookedFor& looked) {
    looking_ = false;
    if (is_final(state_) || !sid_.empty()) return;  // its webhook came meanwhile
    const auto& found = looked.candidates;
    if (found && found->size() == 1) {
        const auto& only = found->front();
        lost_create_ = true;
        learn(only.sid);
        if (const auto seen = parse_call_state(only.status); seen && is_final(*seen)) {
            end_confirmed_ = true;
            finish(*seen, create_error_);
            return;
        }
        warn(fmt::format("the carrier has made it, as {}: it is ended", only.sid));
        hang_up_wanted_ = true;
        end_reason_ = create_error_ + "; the call was made all the same, and was ended";
        start_hang_up();
        return;
    }
    if (++look_tries_ < kLookTries) {
        arm(TimerKind::lost_create, kLookAgain);
        return;
    }
    if (!found) {
        finish(CallState::failed, fmt::format("{}, and its call could not be looked for: {}",
                                              create_error_, found.error().message));
    } else if (found->empty()) {
        outcome_unknown_ = false;
        end_confirmed_ = true;
        finish(CallState::failed, create_error_ + "; the carrier lists no such call");
    } else {
        for (const auto& call : *found) candidates_.push_back(call.sid);
        finish(CallState::failed,
               fmt::format("{}; one of these calls may be it, none was ended: {}", create_error_,
                           fmt::join(candidates_, " ")));
    }
}

// --- a call of a former run

void LiveCall::on(const input::Adopt& former) {
    if (state_ != CallState::created || dialing_) return;
    journaled_ = true;
    adopting_ = true;
    heard_ = true;  // by the former run, perhaps
    hold_ = former.hold;
    asked_ = services_.clock.now();
    if (services_.journal) {
        JournalChange mine;
        mine.instance = services_.journal->instance();
        remember(std::move(mine));
    }
    advance(former.state, "taken over from a former run");
    confirm_end();
}

/// What the carrier says of a call that was just taken over, and that is not over.
void LiveCall::settle_adopted(CallState seen) {
    adopting_ = false;
    advance(seen, {});
    if (seen < CallState::in_progress) {
        arm(TimerKind::answer_deadline, spec_.ring_timeout + kAnswerSlack);
        return;
    }
    if (away()) return;
    // Answered while nobody was there to give instructions; or its stream ended with us.
    const bool stream_comes = stream_open_ || armed(TimerKind::stream_deadline);
    if (!stream_comes) {
        start_hang_up();
        arm(TimerKind::confirm_deadline, kConfirmAgain);
    }
}

// --- webhooks

void LiveCall::on(const input::VoiceRequested& voice) {
    heard_ = true;
    // It asks what to do next: what it did before is over, whoever hears of that first.
    if (line_ && !spec_.listen_only && stream_end_expected()) retire_stream();
    learn(voice.sid);
    if (asked_ == Clock::Time{}) asked_ = services_.clock.now();
    if (spec_.to.empty()) spec_.to = voice.to;
    if (spec_.from.empty()) spec_.from = voice.from;
    note_answered_by(voice.answered_by);
    if (is_final(state_)) return;
    disarm(TimerKind::answer_deadline);
    if (spec_.direction == Direction::inbound && !journaled_ && !voice.rejected) {
        journaled_ = true;
        create_.since = wall_now();
        if (services_.journal) services_.journal->announce(journal_entry());
    }
    if (voice.rejected) {
        end_confirmed_ = true;  // <Reject> as the first verb: the call is never answered
        finish(CallState::canceled, "rejected by our policy");
        return;
    }
    advance(voice.status == "ringing" ? CallState::ringing : CallState::in_progress, {});
    if (hang_up_wanted_ && !hanging_up_) start_hang_up();
    const bool announced = spec_.direction == Direction::inbound && stream_sid_.empty();
    if (announced && !spec_.ring && !spec_.agent.empty() && agent_state_.name.empty())
        put_agent(spec_.agent);
    if (!stream_open_) arm(TimerKind::stream_deadline, kStreamSetup);
}

void LiveCall::on(const input::StatusReported& status) {
    heard_ = true;
    learn(status.sid);
    note_answered_by(status.answered_by);
    const auto reported = parse_call_state(status.status);
    if (!reported) {
        log::warning({"call", id()}, "status callback with an unknown CallStatus '{}'",
                     status.status);
        return;
    }
    if (is_final(state_)) {
        // Late or repeated: nothing moves, but the first details of the end are kept.
        if (is_final(*reported) && !billed_) billed_ = status.duration;
        if (is_final(*reported)) end_confirmed_ = true;
        return;
    }
    if (status.sip_code) sip_code_ = *status.sip_code;
    if (!is_final(*reported)) {
        advance(*reported, {});
        if (hang_up_wanted_ && !hanging_up_ && !sid_.empty()) start_hang_up();
        return;
    }
    end_confirmed_ = true;
    billed_ = status.duration;
    const bool streamless = armed(TimerKind::stream_deadline) && stream_sid_.empty();
    const bool ours = spec_.direction == Direction::outbound && !hang_up_wanted_;
    if (*reported == CallState::completed && streamless && ours && stream_error_.empty()) {
        arm(TimerKind::confirm_deadline, kExplanation);
        return;
    }
    std::string reason = status.error_message;
    if (!status.error_code.empty())
        reason += (reason.empty() ? "error " : " (error ") + status.error_code +
                  (reason.empty() ? "" : ")");
    finish(*reported, std::move(reason));
}

void LiveCall::on(const input::StreamReported& report) {
    if (report.event != "stream-error") return;
    stream_error_ = report.error;
    warn("the carrier reports a stream error: " + report.error);
}

void LiveCall::on(const input::InstructionsFailed& failed) {
    heard_ = true;
    stream_error_ = failed.why;
    warn(failed.why);
}

void LiveCall::on(const input::MachineDetected& machine) {
    note_answered_by(machine.answered_by);
}

// --- hanging up

void LiveCall::on(const input::HangUp& request) {
    if (is_final(state_)) {
        if (line_) line_->close();
        return;
    }
    if (hold_ == Hold::transferred) {  // not ours any more
        let_go();
        return;
    }
    if (request.after_speech && !hang_up_wanted_ && !closing_) {
        closing_ = request.reason;
        update_microphone();
        if (!speech_is_over()) return;
    }
    if (std::exchange(hang_up_wanted_, true)) return;
    end_reason_ = request.reason;
    disarm(TimerKind::closing_words);
    drop_control();
    if (dialing_) return;  // as soon as we know its CallSid
    if (sid_.empty()) {
        if (outcome_unknown_) {
            arm(TimerKind::lost_create, 0ms);
        } else {
            end_confirmed_ = true;
            finish(CallState::canceled, request.reason);
        }
        return;
    }
    start_hang_up();
}

void LiveCall::start_hang_up() {
    if (std::exchange(hanging_up_, true)) return;
    if (!services_.carrier) {
        if (line_) line_->close();
        arm(TimerKind::confirm_deadline, kConfirmAfterHangUp);
        return;
    }
    asks("hang-up");
    spawn(services_.executor, "hang up", hang_up(self(), services_.carrier, sid_));
}

asio::awaitable<void> LiveCall::hang_up(std::shared_ptr<LiveCall> call,
                                        std::shared_ptr<Carrier> carrier, CallSid sid) {
    auto outcome = co_await carrier->hang_up(std::move(sid));
    call->accept(input::HangUpFinished{std::move(outcome)});
}

void LiveCall::on(const input::HangUpFinished& done) {
    hanging_up_ = false;
    if (done.outcome) {
        end_confirmed_ = true;
        // Its final status callback, with the duration, usually follows at once.
        if (!is_final(state_)) arm(TimerKind::confirm_deadline, kConfirmAfterHangUp);
        return;
    }
    warn("the carrier could not be asked to end the call: " + done.outcome.error().message);
    // With <Connect><Stream> and nothing after it, the end of the stream is the end of the
    // call.
    if (line_) line_->close();
    if (!is_final(state_)) arm(TimerKind::confirm_deadline, kConfirmAfterHangUp);
}

void LiveCall::on(const input::FetchFinished& fetched) {
    fetching_ = false;
    if (is_final(state_)) return;
    if (fetched.outcome) {
        const auto seen = parse_call_state(fetched.outcome->status);
        if (seen && is_final(*seen)) {
            end_confirmed_ = true;
            billed_ = fetched.outcome->duration;
            finish(*seen, {});
            return;
        }
        if (adopting_ && seen) {
            settle_adopted(*seen);
            return;
        }
        if (hold_ == Hold::held && !hang_up_wanted_) {
            // The dial's ring time is over and the call lives: somebody answered there.
            connected_elsewhere();
            return;
        }
        // It lives on with nobody at this end: end it.
        const bool elsewhere = hold_ == Hold::conference || hold_ == Hold::transferred;
        if ((elsewhere || line_) && !hang_up_wanted_) {  // it has a reason to live
            confirm_tries_ = 0;
            return;
        }
        if (!stream_open_) start_hang_up();
    } else if (fetched.outcome.error().code == Errc::not_found) {
        end_confirmed_ = true;
        finish(CallState::failed, "the carrier does not know this call");
        return;
    }
    arm(TimerKind::confirm_deadline, kConfirmAgain);
}

asio::awaitable<void> LiveCall::fetch(std::shared_ptr<LiveCall> call,
                                      std::shared_ptr<Carrier> carrier, CallSid sid) {
    auto outcome = co_await carrier->fetch(std::move(sid));
    call->accept(input::FetchFinished{std::move(outcome)});
}

void LiveCall::confirm_end() {
    if (is_final(state_) || fetching_) return;
    if (hanging_up_) {  // its answer is still to come
        arm(TimerKind::confirm_deadline, kConfirmAfterHangUp);
        return;
    }
    if (end_confirmed_) {
        finish(state_ >= CallState::in_progress ? CallState::completed : CallState::canceled,
               end_reason_);
        return;
    }
    if (!services_.carrier || sid_.empty() || confirm_tries_++ >= kConfirmTries) {
        finish(CallState::completed, "its end could not be confirmed with the carrier");
        return;
    }
    fetching_ = true;
    asks("fetch");
    spawn(services_.executor, "fetch call", fetch(self(), services_.carrier, sid_));
}

}  // namespace bridge::call
