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
        agent_utterances_.push_back(id);
        agent_utterance_open_ = true;
    };
    switch (speech.kind) {
        case Kind::begin:
            begun(agent_voice_->begin());
            break;
        case Kind::samples:
            if (!agent_utterance_open_) begun(agent_voice_->begin());
            agent_voice_->write(speech.samples);
            break;
        case Kind::end:
            agent_utterance_open_ = false;
            agent_voice_->end();
            if (agent_->silenced) agent_voice_->cancel();
            break;
        case Kind::source:
            begun(agent_voice_->play(std::move(*speech.source)));
            agent_utterance_open_ = false;
            break;
        case Kind::cancel:
            agent_utterances_.clear();  // it knows
            agent_utterance_open_ = false;
            agent_voice_->cancel();
            forget_monitored(agent_monitor_);
            break;
    }
}

/// True if the utterance is an agent's.
bool LiveCall::agent_spoken(UtteranceId utterance, const Heard& heard) {
    const auto found = std::find(agent_utterances_.begin(), agent_utterances_.end(), utterance);
    if (found == agent_utterances_.end()) return false;
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
    forget_monitored(agent_monitor_);
}

/// From now on what the agent says is thrown away, and it is told so utterance by utterance.
void LiveCall::silence_agent(bool silent) {
    if (!agent_ || agent_->silenced == silent) return;
    agent_->silenced = silent;
    if (silent) {
        agent_voice_->pause();
    } else {
        agent_utterance_open_ = false;
        agent_voice_->cancel();
        agent_voice_->resume();
    }
}

void LiveCall::on_agent(const input::told::GiveWay&) {
    cut_agent_off();
}

void LiveCall::on_agent(const input::told::CallerSpeaks&) {}

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

void LiveCall::act_on(tool::TakeMessage&, ToolDone& done) {
    done(fail(Errc::refused, "messages cannot be kept here"));
}

void LiveCall::answer_tools(std::vector<ToolDone>& waiting, const Result<std::string>& answer) {
    for (auto& done : std::exchange(waiting, {})) done(answer);
}

}  // namespace bridge::call
