// An inbound call that rings here, what becomes of it when nobody takes it, and closing words.
//
//   stream ─▶ rings (ringback into it) ─▶ Accept: an ordinary call
//                     ├─▶ Reject ─▶ hung up
//                     └─▶ nobody in time ─▶ hung up, or greeting ─▶ beep ─▶ message

#include <fmt/format.h>

#include <chrono>
#include <utility>

#include "base/log.hpp"
#include "call/live_call.hpp"

namespace bridge::call {

using namespace std::chrono_literals;
using input::TimerKind;

namespace {

/// Closing words are waited for so long, and looked at so often.
constexpr auto kClosingWords = 10s;
constexpr auto kClosingLook = 40ms;

}  // namespace

void LiveCall::start_ringing() {
    const auto before = local_;
    local_.ringing = true;
    log::info({"call", id()}, "rings here for {} s", spec_.ring_timeout.count());
    publish(event::Ringing{spec_.from});
    local_changed(before);
    speak(Prompt::ringback, audio::ringback_tone());
    arm(TimerKind::ring_deadline, spec_.ring_timeout);
}

/// Harmless when it does not ring.
void LiveCall::stop_ringing(bool accepted, std::string reason) {
    if (!local_.ringing) return;
    const auto before = local_;
    local_.ringing = false;
    rang_ = true;
    given_up_ = !accepted;
    disarm(TimerKind::ring_deadline);
    hush();
    log::info({"call", id()}, "{}{}", accepted ? "taken" : "not taken: ", reason);
    publish(event::RingEnded{accepted, std::move(reason)});
    local_changed(before);
}

void LiveCall::on(const input::Accept&) {
    if (is_final(state_) || hang_up_wanted_) return;
    if (local_.ringing) {
        stop_ringing(true, {});
        return;
    }
    if (!local_.voicemail) return;
    // Somebody picks up while the caller speaks to the voicemail.
    const auto before = local_;
    local_.voicemail = false;
    given_up_ = false;
    if (prompt_job_ == Prompt::greeting) hush();
    end_message();
    publish(event::RingEnded{true, "taken from the voicemail"});
    local_changed(before);
}

void LiveCall::on(const input::Reject&) {
    if (!local_.ringing && !local_.voicemail) return;
    stop_ringing(false, "refused here");
    on(input::HangUp{"refused here"});
}

void LiveCall::on_ring_deadline() {
    const auto reason = fmt::format("nobody took it in {} s", spec_.ring_timeout.count());
    if (!spec_.agent.empty() && services_.agents) {
        stop_ringing(true, "nobody took it in time: the agent does");
        put_agent(spec_.agent);
        return;
    }
    stop_ringing(false, reason);
    if (!spec_.voicemail || !services_.voicemail || !line_ || !line_->can_send()) {
        on(input::HangUp{reason});
        return;
    }
    const auto before = local_;
    local_.voicemail = true;
    log::info({"call", id()}, "hears the voicemail's greeting");
    local_changed(before);
    auto said = std::make_shared<std::vector<std::int16_t>>();
    if (const auto greeting = services_.voicemail->greeting()) *said = *greeting;
    const auto beep = audio::voicemail_beep();
    said->insert(said->end(), beep.begin(), beep.end());
    speak(Prompt::greeting, std::make_unique<audio::PcmSource>(std::move(said), false));
}

/// The beep was heard.
void LiveCall::begin_message() {
    if (!local_.voicemail || message_ || !line_) return;
    auto begun = services_.voicemail->begin(id());
    if (!begun) {
        warn("no message can be taken: " + begun.error().message);
        accept(input::HangUp{"no message could be taken"});
        return;
    }
    message_ = std::move(*begun);
    message_began_ = media_.frames;
    tee_.add(message_);
    arm(TimerKind::message_limit, services_.voicemail->limit());
    log::info({"call", id()}, "a message is taken");
}

/// Harmless when none is taken.
void LiveCall::end_message() {
    if (!message_) return;
    disarm(TimerKind::message_limit);
    tee_.remove(message_);
    const auto file = message_->file();
    message_.reset();
    const milliseconds length((media_.frames - message_began_) * 20);
    log::info({"call", id()}, "a message of {:.1f} s is in {}",
              static_cast<double>(length.count()) / 1000.0, file);
    publish(event::VoicemailLeft{file, length});
}

/// Whether what was being said when the hang-up was asked for has been heard; else it is looked
/// at again.
bool LiveCall::speech_is_over() {
    const auto now = services_.clock.now();
    if (!closing_end_) closing_end_ = now + kClosingWords;
    const bool lasts = prompt_job_ == Prompt::music || prompt_job_ == Prompt::ringback ||
                       prompt_job_ == Prompt::comfort;
    if (!line_ || lasts || !outbound_->speaking() || now >= *closing_end_) return true;
    arm(TimerKind::closing_words, kClosingLook);
    return false;
}

void LiveCall::drop_control() {
    const std::string over = hang_up_wanted_ ? "the call was hung up" : "the call is over";
    instruction_.reset();
    take_back_waiting_ = false;
    remove_agent();
    answer_tools(transfer_asked_, fail(Errc::cancelled, over));
    answer_tools(digits_asked_, fail(Errc::cancelled, over));
    stop_ringing(false, hang_up_wanted_ ? end_reason_ : "the caller hung up");
    end_message();
    disarm(TimerKind::digits_pause);
    disarm(TimerKind::transfer_deadline);
    digits_done(over);
    if (!digits_waiting_.empty()) {
        digits_sent_ = std::exchange(digits_waiting_, {});
        digits_done(over);
    }
    in_band_waiting_.clear();
    if (prompt_job_ == Prompt::tones)
        publish(event::DigitsSent{std::exchange(in_band_sent_, {}), true, over});
    if (transfer_under_way()) {
        transfer_waiting_.reset();
        tell_transfer("failed: " + over);
    }
    if (prompt_job_ != Prompt::none) hush();
}

}  // namespace bridge::call
