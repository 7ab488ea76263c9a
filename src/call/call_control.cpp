// New instructions for a call while it is live, and what the phone is told by tones: keys, hold.
//
//   SendDigits ─▶ digits_waiting_ ─▶ instruct(digits) ─▶ carrier: <Play digits>, then our stream
//   again
//                                        stream ends (expected) … gap … next stream ─▶ DigitsSent
//
// One request at a time; what comes meanwhile waits, and keys that wait go out together.

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "audio/dtmf_tones.hpp"
#include "base/log.hpp"
#include "call/live_call.hpp"

namespace bridge::call {

using namespace std::chrono_literals;
using input::TimerKind;

namespace {

/// Keys that a person types one after the other go out together: each request costs a second of
/// sound.
constexpr auto kTyping = 300ms;
constexpr std::size_t kMostDigits = 64;
/// Twilio's own pace of playing keys is not documented; a pause of `w` is half a second.
constexpr auto kPerKey = 500ms;
constexpr auto kConfirmLost = 3s;
/// A request without an answer is carried out within this time, or never.
constexpr auto kUnsure = 20s;
constexpr auto kJoin = 15s;

std::string_view word_of(Instruction what) {
    switch (what) {
        case Instruction::digits:
            return "digits";
        case Instruction::transfer:
            return "transfer";
        case Instruction::conference:
            return "conference";
        case Instruction::stream:
            return "stream";
    }
    return "stream";
}

bool may_have_been_taken(const Error& error) {
    return error.code == Errc::timed_out || error.code == Errc::connection_lost;
}

}  // namespace

// --- keys

void LiveCall::on(const input::SendDigits& request) {
    const auto refuse = [&](std::string why) {
        answer_tools(digits_asked_, fail(Errc::refused, "the keys were not sent: " + why));
        publish(event::DigitsSent{request.digits, request.in_band, std::move(why)});
    };
    const auto& digits = request.digits;
    if (digits.empty()) return refuse("there are none");
    if (!std::all_of(digits.begin(), digits.end(), audio::is_dial_key))
        return refuse("keys are 0-9 * # A-D, and w for a pause of half a second");
    auto& waiting = request.in_band ? in_band_waiting_ : digits_waiting_;
    if (waiting.size() + digits.size() > kMostDigits)
        return refuse(fmt::format("more than {} are waiting", kMostDigits));
    if (auto why = not_instructable(); !why.empty()) return refuse(std::move(why));
    if (away() || transfer_under_way())
        return refuse("the far end is being handed to somebody else");
    if (request.in_band) return send_in_band(digits);
    if (!services_.carrier) return refuse("no carrier is configured");
    digits_waiting_ += digits;
    arm(TimerKind::digits_pause, digits.size() == 1 ? Clock::Duration(kTyping) : 0ms);
}

void LiveCall::send_in_band(const std::string& digits) {
    if (spec_.listen_only) {
        publish(event::DigitsSent{digits, true, "nothing can be said on a listen-only call"});
        return;
    }
    if (prompt_job_ == Prompt::tones) {  // after those that sound now
        in_band_waiting_ += digits;
        return;
    }
    in_band_sent_ = digits;
    auto tones = std::make_shared<const std::vector<std::int16_t>>(audio::dtmf_tones(digits));
    speak(Prompt::tones, std::make_unique<audio::PcmSource>(std::move(tones), false));
}

void LiveCall::digits_done(std::string problem) {
    if (digits_sent_.empty()) return;
    log::info({"call", id()}, "keys {} {}{}", digits_sent_,
              problem.empty() ? "sent" : "not sent: ", problem);
    answer_tools(digits_asked_, problem.empty()
                                    ? Result<std::string>("the keys were sent")
                                    : fail(Errc::refused, "the keys were not sent: " + problem));
    publish(event::DigitsSent{std::exchange(digits_sent_, {}), false, std::move(problem)});
}

// --- requests

std::string LiveCall::not_instructable() const {
    if (is_final(state_) || hang_up_wanted_) return "the call is over";
    if (state_ != CallState::in_progress) return "the call is not answered yet";
    if (hold_ == Hold::transferred) return "the call was handed over";
    if (local_.ringing) return "the call was not taken yet";
    if (local_.voicemail) return "the caller leaves a message";
    if (!line_ && !instruction_) return "the call has no stream";
    return {};
}

void LiveCall::instruct(Instruction what, std::string detail) {
    instruction_ = what;
    asking_ = true;
    if (what == Instruction::transfer) {
        // Should this program die, the carrier dials on.
        set_hold(Hold::held);
        arm(TimerKind::transfer_deadline, spec_.ring_timeout + kAnswerSlack);
    } else if (what == Instruction::conference) {
        set_hold(Hold::conference);
        arm(TimerKind::transfer_deadline, kJoin);
    }
    asks(word_of(what), detail);
    spawn(services_.executor, "new instructions", give(self(), what, std::move(detail)));
}

asio::awaitable<void> LiveCall::give(std::shared_ptr<LiveCall> call, Instruction what,
                                     std::string detail) {
    const auto carrier = call->services_.carrier;
    CallRef ref{call->spec_.id, call->sid_};
    Result<> outcome;
    if (what == Instruction::digits) {
        outcome = co_await carrier->play_digits(std::move(ref), std::move(detail));
    } else if (what == Instruction::transfer) {
        TransferOrder order;
        order.to = std::move(detail);
        order.timeout = call->spec_.ring_timeout;
        order.time_limit = call->spec_.time_limit;
        outcome = co_await carrier->transfer(std::move(ref), std::move(order));
    } else if (what == Instruction::conference) {
        outcome = co_await carrier->join_conference(std::move(ref), std::move(detail));
    } else {
        outcome = co_await carrier->reconnect(std::move(ref));
    }
    call->accept(input::InstructionsGiven{what, std::move(outcome)});
}

void LiveCall::on(const input::InstructionsGiven& given) {
    asking_ = false;
    if (is_final(state_) || hang_up_wanted_) return;
    if (instruction_ != given.what) {  // it was carried out before its answer came
        next_instruction();
        return;
    }
    if (given.outcome) {
        // Of a listen-only call the stream goes on, whatever the call does.
        if (spec_.listen_only && given.what == Instruction::digits) {
            instruction_.reset();
            digits_done({});
        }
        next_instruction();
        return;
    }
    const auto& error = given.outcome.error();
    const bool unsure = may_have_been_taken(error);
    if (unsure) unsure_until_ = services_.clock.now() + kUnsure;
    if (unsure && !line_) return;  // it was carried out, as the stream's end shows
    instruction_.reset();
    disarm(TimerKind::transfer_deadline);
    // What may yet be carried out would go on without us.
    if (away() && line_ && !unsure) set_hold(spec_.listen_only ? Hold::listen_only : Hold::stream);
    instruction_failed(given.what, error.message);
    if (!line_ || error.code == Errc::not_found)
        arm(TimerKind::confirm_deadline, error.code == Errc::not_found ? 0ms : kConfirmLost);
    next_instruction();
}

void LiveCall::instruction_failed(Instruction what, const std::string& why) {
    if (what == Instruction::digits) {
        digits_done(why);
    } else if (what == Instruction::stream) {
        warn("the call could not be taken back: " + why);
    } else {
        tell_transfer("failed: " + why);
    }
}

void LiveCall::next_instruction() {
    if (asking_ || is_final(state_) || hang_up_wanted_ || hold_ == Hold::transferred) return;
    if (std::exchange(take_back_waiting_, false) && (away() || instruction_)) {
        disarm(TimerKind::transfer_deadline);
        instruct(Instruction::stream, {});
        return;
    }
    if (instruction_) return;
    if (!digits_waiting_.empty() && !armed(TimerKind::digits_pause)) {
        digits_sent_ = std::exchange(digits_waiting_, {});
        instruct(Instruction::digits, digits_sent_);
    } else if (transfer_waiting_) {
        auto to = std::move(*transfer_waiting_);
        transfer_waiting_.reset();
        const bool room = transfer_.to.starts_with("conference ");
        instruct(room ? Instruction::conference : Instruction::transfer, std::move(to));
    }
}

void LiveCall::on(const input::TakeBack&) {
    if (is_final(state_) || hang_up_wanted_ || !services_.carrier) return;
    const bool gone =
        away() || instruction_ == Instruction::transfer || instruction_ == Instruction::conference;
    if (!gone) return;
    take_back_waiting_ = true;
    next_instruction();
}

// --- the stream between two instructions

bool LiveCall::stream_end_expected() const {
    if (is_final(state_) || hang_up_wanted_) return false;
    return instruction_ || away() || services_.clock.now() < unsure_until_;
}

/// The stream has ended because the call has something else to do. The speaker's line stays: what
/// it holds plays out, and it goes on with the next stream.
void LiveCall::retire_stream() {
    stream_open_ = false;
    audio_.reset();
    const auto line = line_;
    note_stream_end(true, "the call was given something else to do");
    line->close();
    gap_since_ = services_.clock.now();
    disarm(TimerKind::confirm_deadline);
    if (!away()) {
        await_stream();
    } else if (!armed(TimerKind::transfer_deadline)) {
        arm(TimerKind::transfer_deadline, spec_.ring_timeout + kAnswerSlack);
    }
}

void LiveCall::await_stream() {
    arm(TimerKind::stream_deadline,
        kStreamSetup + kPerKey * static_cast<std::int64_t>(digits_sent_.size()));
}

void LiveCall::on_stream_back() {
    if (gap_since_) {
        const auto gap = services_.clock.now() - *gap_since_;
        const auto gap_ms = std::chrono::duration_cast<milliseconds>(gap).count();
        media_.gap_ms += static_cast<std::uint64_t>(gap_ms);
        log::info({"call", id()}, "the stream is back after {} ms", gap_ms);
        gap_since_.reset();
    }
    unsure_until_ = {};
    instruction_.reset();
    disarm(TimerKind::transfer_deadline);
    disarm(TimerKind::confirm_deadline);
    digits_done({});
    if (away()) {
        set_hold(spec_.listen_only ? Hold::listen_only : Hold::stream);
        if (transfer_under_way()) tell_transfer("failed: it came back");
    }
    if (spec_.direction == Direction::inbound && spec_.ring && !rang_ && !local_.ringing)
        start_ringing();
    if (machine_) speak_to_machine();
    if (local_.held && prompt_job_ == Prompt::none && hold_sound_ == HoldSound::music)
        on(input::SetHeld{true, hold_sound_});
    agent_answered();
    next_instruction();
}

void LiveCall::set_hold(Hold hold) {
    if (hold_ == hold) return;
    hold_ = hold;
    JournalChange change;
    change.hold = hold;
    remember(std::move(change));
}

// --- hold

void LiveCall::on(const input::SetHeld& request) {
    if (is_final(state_) || local_.ringing || local_.voicemail || spec_.listen_only) return;
    const auto before = local_;
    local_.held = request.on;
    if (request.on) hold_sound_ = request.sound;
    const bool music = request.on && hold_sound_ == HoldSound::music;
    if (music && prompt_job_ == Prompt::none) {
        auto samples = services_.hold_music ? services_.hold_music : audio::hold_music();
        speak(Prompt::music, std::make_unique<audio::PcmSource>(std::move(samples), true));
    } else if (!music && prompt_job_ == Prompt::music) {
        hush();
    }
    local_changed(before);
}

// --- what the phone is told by tones, one thing at a time

void LiveCall::speak(Prompt what, std::unique_ptr<audio::SampleSource> source) {
    prompt_job_ = what;
    prompt_utterance_ = 0;  // what this takes the place of is not to be told
    prompt_utterance_ = prompt_->play(std::move(source));
}

void LiveCall::hush() {
    prompt_job_ = Prompt::none;
    prompt_utterance_ = 0;
    prompt_->cancel();
}

void LiveCall::on_spoken(UtteranceId utterance, const Heard& heard) {
    if (said(utterance) || agent_spoken(utterance, heard)) return;
    if (utterance != prompt_utterance_ || prompt_utterance_ == 0) return;
    const auto job = std::exchange(prompt_job_, Prompt::none);
    prompt_utterance_ = 0;
    if (is_final(state_)) return;
    const bool played = heard.outcome == SpeechOutcome::played;
    const bool lost = heard.outcome == SpeechOutcome::lost;
    if (job == Prompt::tones) {
        publish(event::DigitsSent{std::exchange(in_band_sent_, {}), true,
                                  played ? "" : "they were cut off"});
        if (!in_band_waiting_.empty()) {
            send_in_band(std::exchange(in_band_waiting_, {}));
        } else if (local_.held) {
            on(input::SetHeld{true, hold_sound_});
        }
    } else if (job == Prompt::greeting && !lost) {
        begin_message();
    } else if (job == Prompt::to_machine) {
        spoken_to_machine(heard.outcome);
    } else if (job == Prompt::music && local_.held) {
        on(input::SetHeld{true, hold_sound_});  // somebody cut it off: it goes on
    } else if (job == Prompt::ringback && local_.ringing) {
        speak(Prompt::ringback, audio::ringback_tone());
    }
}

}  // namespace bridge::call
