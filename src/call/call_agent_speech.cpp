// What an agent says, how it is cut off, and what it has done for it.

#include <algorithm>
#include <utility>

#include "base/log.hpp"
#include "call/agent_line.hpp"

namespace bridge::call {

using namespace std::chrono_literals;
using input::TimerKind;

namespace {

/// An agent often asks to end the call before its last words have come.
constexpr auto kGoodbyeComes = 400ms;

}  // namespace

void LiveCall::on(const input::AgentSpeech& speech) {
    if (!agent_ || !agent_->open() || speech.session != agent_session_ || is_final(state_)) return;
    using Kind = input::AgentSpeech::Kind;
    const auto begun = [this](UtteranceId id) {
        agent_answer_due_ = agent_utterances_.empty();  // else it goes on with what it says
        agent_utterances_.push_back(id);
        agent_utterance_open_ = true;
    };
    switch (speech.kind) {
        case Kind::begin:
            if (agent_->silenced) {  // the one before is over with this
                agent_voice_->cancel();
                agent_voice_->pause();
            }
            begun(agent_voice_->begin());
            break;
        case Kind::samples:
            if (!agent_utterance_open_) begun(agent_voice_->begin());
            if (std::exchange(agent_answer_due_, false))
                turns_->agent_first_byte(services_.clock.now());
            agent_voice_->write(speech.samples);
            break;
        case Kind::end:
            agent_utterance_open_ = false;
            agent_voice_->end();
            if (agent_->silenced) {  // it is to know that nobody heard it
                agent_voice_->cancel();
                agent_voice_->pause();
            }
            break;
        case Kind::source:
            begun(agent_voice_->play(std::move(*speech.source)));
            agent_utterance_open_ = false;
            break;
        case Kind::cancel:
            agent_utterances_.clear();  // it knows
            agent_utterance_open_ = false;
            turns_->gave_way(services_.clock.now());
            agent_voice_->cancel();
            if (agent_->silenced) agent_voice_->pause();
            break;
    }
}

bool LiveCall::is_agents(UtteranceId utterance) const {
    return std::binary_search(agent_utterances_.begin(), agent_utterances_.end(), utterance);
}

/// True if the utterance is an agent's.
bool LiveCall::agent_spoken(UtteranceId utterance, const Heard& heard) {
    const auto found =
        std::lower_bound(agent_utterances_.begin(), agent_utterances_.end(), utterance);
    if (found == agent_utterances_.end() || *found != utterance) return false;
    agent_utterances_.erase(found);
    if (!agent_ || !agent_->open()) return true;
    if (heard.outcome == SpeechOutcome::cleared) {
        agent_->agent().interrupted(utterance, heard);
    } else {
        agent_->agent().spoken(utterance, heard);
    }
    return true;
}

/// For good, and the agent is told how much was heard.
void LiveCall::cut_agent_off() {
    if (!agent_voice_) return;
    agent_utterance_open_ = false;
    agent_voice_->cancel();
    if (agent_ && agent_->silenced) agent_voice_->pause();
}

/// From now on what the agent says is thrown away, and it is told so utterance by utterance.
void LiveCall::silence_agent(bool silent) {
    if (!agent_ || agent_->silenced == silent) return;
    agent_->silenced = silent;
    if (silent) {
        agent_voice_->pause();
    } else {
        cut_agent_off();
    }
}

// --- whose turn it is

void LiveCall::open_turns() {
    if (turns_) return;
    auto options = services_.agent_care.turns;
    options.barge_in = services_.agent_care.barge_in.value_or(
        agent_->agent().decides_interruptions() ? BargeIn::agent : BargeIn::detector);
    turns_ = std::make_unique<Turns>(options, [this](const TurnLatency& turn) {
        if (!turn.greeting) services_.metrics->turned(turn);
        publish(event::TurnMeasured{turn});
    });
}

/// What the phone says, before anybody else hears it.
void LiveCall::hear_caller(const audio::AudioFrame& frame) {
    if (!agent_) return;
    const auto now = heard_at_;
    const bool speaks =
        agent_voice_->paused() ? agent_voice_->waiting() > 0 : now < agent_heard_until_;
    turns_->agent_speaks(speaks, now);
    follow(turns_->hear(frame, now));
}

void LiveCall::hear_hint(bool speaking) {
    if (turns_) follow(turns_->caller_hint(speaking, services_.clock.now()));
}

void LiveCall::follow(Turns::Action action) {
    if (!agent_ || agent_->silenced) return;
    switch (action) {
        case Turns::Action::pause:
            agent_voice_->pause();
            break;
        case Turns::Action::resume:
            agent_voice_->resume();
            services_.metrics->resumed();
            break;
        case Turns::Action::interrupt:
            services_.metrics->interrupted();
            cut_agent_off();
            break;
        case Turns::Action::none:
        case Turns::Action::turn_ended:
            break;
    }
}

void LiveCall::on_agent(const input::told::GiveWay&) {
    if (services_.agent_care.barge_in == BargeIn::off) return;
    if (outbound_->speaking()) services_.metrics->interrupted();
    turns_->gave_way(services_.clock.now());
    cut_agent_off();
}

void LiveCall::on_agent(const input::told::CallerSpeaks& caller) {
    hear_hint(caller.speaking);
}

// --- what it has done for it

void LiveCall::on_agent(const ToolCall& tool) {
    const auto session = agent_session_;
    const auto began = services_.clock.now();
    const auto finished = [weak = weak_from_this(), session, name = tool.name,
                           began](ToolResult result) {
        const auto call = std::static_pointer_cast<LiveCall>(weak.lock());
        if (!call) return;
        const auto took =
            std::chrono::duration_cast<milliseconds>(call->services_.clock.now() - began);
        call->publish(event::ToolUsed{name, took, result.failed ? result.output : std::string{}});
        call->accept(input::ToolFinished{session, std::move(result)});
    };
    auto* tools = agent_->tools();
    if (!tools) {
        finished({tool.id, "there are no tools on this call", true});
        return;
    }
    ToolContext context{spec_.id, sid_, spec_.from, spec_.to, {}};
    context.act = [weak = weak_from_this()](ToolAction action,
                                            std::function<void(Result<std::string>)> done) {
        if (const auto call = std::static_pointer_cast<LiveCall>(weak.lock())) {
            call->act(std::move(action), std::move(done));
        } else {
            done(fail(Errc::cancelled, "the call is over"));
        }
    };
    tools->run(tool, std::move(context), finished);
}

void LiveCall::on(const input::ToolFinished& finished) {
    if (!agent_ || !agent_->open() || finished.session != agent_session_) return;
    agent_->agent().tool_result(finished.result);
}

void LiveCall::act(ToolAction action, ToolDone done) {
    if (is_final(state_) || hang_up_wanted_) {
        done(fail(Errc::refused, "the call is over"));
        return;
    }
    std::visit([&](auto& what) { act_on(what, done); }, action);
}

void LiveCall::act_on(tool::EndCall& end, ToolDone& done) {
    agent_end_ =
        end.reason.empty() ? "the agent ended the call" : "the agent ended the call: " + end.reason;
    arm(TimerKind::agent_goodbye, kGoodbyeComes);
    done(std::string("the call ends as soon as your last words were heard"));
}

void LiveCall::act_on(tool::TransferCall& transfer, ToolDone& done) {
    transfer_asked_.push_back(std::move(done));
    on(input::Transfer{transfer.to});
}

void LiveCall::act_on(tool::SendDigits& digits, ToolDone& done) {
    digits_asked_.push_back(std::move(done));
    on(input::SendDigits{digits.keys, false});
}

void LiveCall::act_on(tool::Hold& hold, ToolDone& done) {
    on(input::SetHeld{hold.on, HoldSound::music});
    done(std::string(hold.on ? "the caller hears music and does not hear you"
                             : "the caller hears you again"));
}

void LiveCall::act_on(tool::TakeMessage& message, ToolDone& done) {
    if (!services_.messages) {
        done(fail(Errc::refused, "messages cannot be kept here"));
        return;
    }
    TakenMessage taken{spec_.id,
                       sid_,
                       spec_.from,
                       spec_.to,
                       std::move(message.name),
                       std::move(message.number),
                       std::move(message.text)};
    services_.messages->keep(
        std::move(taken), services_.executor,
        [weak = weak_from_this(), done = std::move(done)](Result<std::string> where) {
            if (const auto call = std::static_pointer_cast<LiveCall>(weak.lock()); call && where)
                call->publish(event::MessageTaken{*where});
            done(where ? Result<std::string>("the message is kept") : std::move(where));
        });
}

void LiveCall::act_on(tool::Record& record, ToolDone& done) {
    const bool runs = recording_ != nullptr;
    if (record.status == RecordingStatus::paused && !runs) {
        done(fail(Errc::refused, "the call is not recorded"));
        return;
    }
    on(input::SetRecording{record.status});
    if (record.status == RecordingStatus::stopped) {
        done(std::string(runs ? "the recording has ended" : "the call was not recorded"));
    } else if (recording_) {
        done(std::string(record.status == RecordingStatus::paused ? "the recording pauses"
                                                                  : "the call is recorded"));
    } else {
        done(fail(Errc::refused, "the call cannot be recorded: " + recording_state_.problem));
    }
}

void LiveCall::answer_tools(std::vector<ToolDone>& waiting, const Result<std::string>& answer) {
    for (auto& done : std::exchange(waiting, {})) done(answer);
}

}  // namespace bridge::call
