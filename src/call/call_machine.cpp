// A machine has answered: what is done about it. The call does not wait for the carrier's verdict:
// whoever speaks for this side has begun as with a human, and is stopped when it is sure.
//
//   human, unknown ─▶ nothing
//   machine_…, fax ─┬▶ hang up
//                   └▶ silence ─▶ our message ─▶ heard ─▶ hang up      (a fax: hang up)
//
// When the message begins is the carrier's matter: with DetectMessageEnd its verdict comes after
// the machine's beep (machine_end_…), else at the machine's first words (machine_start).

#include <fmt/format.h>

#include <chrono>
#include <utility>

#include "base/log.hpp"
#include "call/live_call.hpp"

namespace bridge::call {

using namespace std::chrono_literals;
using input::TimerKind;

namespace {

/// A message that nobody reports as heard is taken for heard so long after it should have been.
constexpr auto kMessageSlack = 10s;

}  // namespace

void LiveCall::act_on_machine() {
    const bool fax = answered_by_ == "fax";
    if (spec_.on_machine == OnMachine::ignore || !(fax || answered_by_.starts_with("machine")))
        return;
    // It is over, or the person here or somebody elsewhere has it in hand.
    if (is_final(state_) || hang_up_wanted_ || closing_ || away() || transfer_under_way() ||
        hold_ == Hold::transferred || agent_state_.mode == AgentMode::taken_over)
        return;
    if (agent_) {
        remove_agent();
        set_agent_state(AgentState::Status::gone, fmt::format("{} answered", answered_by_));
    }
    on(input::Clear{});
    const bool message = spec_.on_machine == OnMachine::message && !fax;
    if (!message || !spec_.machine_message || spec_.machine_message->empty() || spec_.listen_only) {
        on(input::HangUp{fmt::format("{} answered", answered_by_)});
        return;
    }
    log::info({"call", id()}, "a machine answered: it gets the message");
    machine_ = true;
    update_microphone();
    if (line_) speak_to_machine();
}

/// From its beginning, also when keys or a transfer have interrupted it.
void LiveCall::speak_to_machine() {
    if (prompt_job_ == Prompt::to_machine)
        hush();  // its remainder, which the new stream began with
    const milliseconds length(spec_.machine_message->size() / audio::kSamplesPerMs);
    speak(Prompt::to_machine, std::make_unique<audio::PcmSource>(spec_.machine_message, false));
    arm(TimerKind::machine_message, length + kMessageSlack);
}

void LiveCall::spoken_to_machine(SpeechOutcome outcome) {
    disarm(TimerKind::machine_message);
    if (outcome == SpeechOutcome::lost)
        return;  // the stream has gone: it comes back, or all is over
    on(input::HangUp{outcome == SpeechOutcome::played    ? "the machine has our message"
                     : outcome == SpeechOutcome::cleared ? "the message to the machine was cut off"
                                                         : "the machine may have our message"});
}

}  // namespace bridge::call
