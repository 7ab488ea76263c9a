// The far end goes to somebody else: dialled through (a cold transfer), or into a conference (the
// second half of a warm one, see warm_transfer.hpp).
//
//   Transfer ─▶ carrier dials ─▶ ringing ─▶ answered: no longer ours (Hold::transferred)
//                                     └────▶ busy, no answer, failed: back into a stream of ours

#include <fmt/format.h>

#include <chrono>
#include <utility>

#include "base/log.hpp"
#include "base/secret.hpp"
#include "call/live_call.hpp"

namespace bridge::call {

using namespace std::chrono_literals;
using input::TimerKind;

namespace {

constexpr auto kConfirmAfterDial = 3s;
/// A call that was handed over is looked at so often, in case its last webhook is lost.
constexpr auto kLookAfter = 60s;

std::string in_words(const std::string& status) {
    if (status == "busy") return "busy";
    if (status == "no-answer") return "nobody answered";
    if (status == "canceled") return "canceled";
    return status.empty() ? "failed" : status;
}

}  // namespace

bool LiveCall::transfer_under_way() const {
    return transfer_waiting_ || transfer_.status == "dialling" || transfer_.status == "ringing";
}

/// As people know it: by whom the far end is to talk to, not by the room they meet in.
TransferState LiveCall::transfer_shown() const {
    if (warm_.to.empty() || !transfer_.to.starts_with("conference ")) return transfer_;
    auto shown = warm_;
    shown.status = transfer_under_way() ? "joining" : transfer_.status;
    return shown;
}

void LiveCall::tell_transfer(std::string status) {
    if (transfer_.status == status) return;
    transfer_.status = std::move(status);
    log::info({"call", id()}, "transfer to {}: {}",
              transfer_.to.starts_with('+') ? masked_number(transfer_.to) : transfer_.to,
              transfer_.status);
    publish(event::TransferChanged{transfer_});
    const bool failed = transfer_.status.starts_with("failed");
    if (transfer_.status == "connected") {
        answer_tools(transfer_asked_, std::string("the caller talks to them now"));
    } else if (failed) {
        answer_tools(transfer_asked_, fail(Errc::refused, "the transfer " + transfer_.status));
    }
    if (failed && std::exchange(fallback_transfer_, false)) agent_goodbye();
}

void LiveCall::on(const input::Transfer& request) {
    auto why = not_instructable();
    if (why.empty() && (away() || transfer_under_way()))
        why = "the far end is being handed to somebody else";
    if (why.empty() && request.to.empty()) why = "to nobody";
    if (why.empty() && !services_.carrier) why = "no carrier is configured";
    if (why.empty() && services_.may_transfer) {
        if (const auto allowed = services_.may_transfer(request.to); !allowed)
            why = allowed.error().message;
    }
    if (!why.empty()) {
        publish(event::TransferChanged{{request.to, "failed: " + why}});
        answer_tools(transfer_asked_, fail(Errc::refused, "the transfer failed: " + why));
        if (std::exchange(fallback_transfer_, false)) agent_goodbye();
        return;
    }
    transfer_ = {request.to, {}};
    warm_ = {};
    tell_transfer("dialling");
    transfer_waiting_ = request.to;
    next_instruction();
}

void LiveCall::on(const input::DialReported& report) {
    if (is_final(state_) || hold_ != Hold::held || hang_up_wanted_) {
        // Their conversation is over, and with it the call: its own last status follows.
        if (report.over && hold_ == Hold::transferred && !is_final(state_))
            dial_over(report.status);
        return;
    }
    if (report.over) {
        dial_over(report.status);
        return;
    }
    const auto status = parse_call_state(report.status);
    if (status == CallState::ringing) {
        disarm(TimerKind::stream_deadline);
        tell_transfer("ringing");
    } else if (status == CallState::in_progress) {
        connected_elsewhere();
    }
}

void LiveCall::dial_over(const std::string& status) {
    disarm(TimerKind::transfer_deadline);
    instruction_.reset();
    if (status == "completed" || status == "answered") {
        if (hold_ != Hold::transferred) connected_elsewhere();  // their webhook was overtaken
        disarm(TimerKind::transfer_deadline);
        tell_transfer("over");
        arm(TimerKind::confirm_deadline, kConfirmAfterDial);
        return;
    }
    set_hold(spec_.listen_only ? Hold::listen_only : Hold::stream);
    tell_transfer("failed: " + in_words(status));
    if (stream_open_) return;
    instruction_ = Instruction::stream;  // the answer to this report led it there
    await_stream();
}

/// Somebody else has the far end: from now on nothing here ends the call.
void LiveCall::connected_elsewhere() {
    if (hold_ == Hold::transferred) return;
    set_hold(Hold::transferred);
    instruction_.reset();
    gap_since_.reset();
    disarm(TimerKind::stream_deadline);
    disarm(TimerKind::confirm_deadline);
    arm(TimerKind::transfer_deadline, kLookAfter);
    end_reason_ = "handed over to " + transfer_.to;
    tell_transfer("connected");
    if (line_) line_->close();
    drain_speaker();
}

void LiveCall::on_transfer_deadline() {
    if (hold_ == Hold::conference) {
        tell_transfer("failed: it did not join in time");
        on(input::TakeBack{});
        return;
    }
    if (hold_ == Hold::transferred) arm(TimerKind::transfer_deadline, kLookAfter);
    // Held: no webhook told how the dial went. The carrier knows whether the call lives.
    if (hold_ == Hold::transferred || hold_ == Hold::held) arm(TimerKind::confirm_deadline, 0ms);
}

// --- conferences

void LiveCall::on(const input::JoinConference& request) {
    auto why = not_instructable();
    if (why.empty() && (away() || transfer_under_way()))
        why = "it is being handed to somebody else";
    if (why.empty() && !services_.carrier) why = "no carrier is configured";
    const auto to = "conference " + request.room;
    if (!why.empty()) {
        publish(event::TransferChanged{{to, "failed: " + why}});
        return;
    }
    transfer_ = {to, {}};
    tell_transfer("dialling");
    transfer_waiting_ = request.room;
    next_instruction();
}

void LiveCall::on(const input::ConferenceReported& report) {
    if (is_final(state_) || hold_ != Hold::conference) return;
    if (report.event == "participant-join") {
        instruction_.reset();
        gap_since_.reset();
        disarm(TimerKind::transfer_deadline);
        tell_transfer("connected");
    } else if (report.event == "participant-leave" || report.event == "conference-end") {
        if (asking_ || instruction_ == Instruction::stream) return;  // on its way back to us
        set_hold(Hold::stream);  // the room is over, and with it its instructions
        tell_transfer("over");
        arm(TimerKind::confirm_deadline, kConfirmAfterDial);
    }
}

void LiveCall::on(const input::TransferTold& told) {
    if (is_final(state_)) return;
    warm_ = told.transfer;
    transfer_.to = told.transfer.to;
    transfer_.call = told.transfer.call;
    tell_transfer(told.transfer.status);
}

// --- letting go

void LiveCall::on(const input::LetGo&) {
    const bool joined = hold_ == Hold::conference && transfer_.status == "connected";
    if (!is_final(state_) && (joined || hold_ == Hold::transferred)) let_go();
}

void LiveCall::let_go() {
    set_hold(Hold::transferred);
    handed_over_ = true;
    end_reason_.clear();
    finish(CallState::completed,
           fmt::format("handed over to {}; it goes on without us", transfer_shown().to));
}

}  // namespace bridge::call
