// OpenAiAgent, what the service says in the session that is in use.

#include <algorithm>
#include <utility>

#include "agents/openai/openai_agent.hpp"
#include "agents/openai/realtime_requests.hpp"
#include "audio/mulaw.hpp"
#include "base/log.hpp"

namespace bridge::agents {
namespace {

constexpr std::size_t kLongestText = 8000;
constexpr std::size_t kOpenCalls = 32;
constexpr std::size_t kTakenCalls = 64;
constexpr int kFailures = 2;
constexpr std::chrono::seconds kAnswerAgain{1};

}  // namespace

void OpenAiAgent::on_event(RealtimeSession& session, const RealtimeEvent& event) {
    const auto self = weak_from_this().lock();
    if (&session == next_.get()) {
        on_next_event(event);
    } else if (&session == session_.get()) {
        std::visit([this](const auto& one) { on(one); }, event);
    }
}

void OpenAiAgent::on(const realtime::SpeechStarted& event) {
    turn_.caller_speaking = true;
    turn_.speech_start_ms = event.audio_start_ms;
    const bool saying = !turn_.active.empty() || spoken_.speaking();
    // The service has stopped this response by itself; what is on its way of it is late.
    if (options_.service_interrupts) spoken_.silence(turn_.active);
    auto* const events = ear_.events;
    events->caller_speaks(true);
    if (options_.service_interrupts && saying && ear_.events == events) events->give_way();
}

void OpenAiAgent::on(const realtime::SpeechStopped&) {
    turn_.caller_speaking = false;
    ear_.events->caller_speaks(false);
}

void OpenAiAgent::on(const realtime::Committed& event) {
    turn_.caller_speaking = false;
    conversation_.append(Conversation::Kind::caller, event.item, {});
    if (options_.turns == TurnDetection::none) return;
    // The service begins a response by itself, but not if it is still making one.
    if (turn_.active.empty() && !turn_.creating) {
        turn_.waiting_since = clock_.now();
    } else {
        turn_.owed = true;
    }
}

void OpenAiAgent::on(const realtime::CallerText& event) {
    using Kind = realtime::CallerText::Kind;
    if (event.kind == Kind::failed) {
        if (std::exchange(told_transcription_, true)) return;
        warn("OpenAI could not write down what the caller said: " +
             plain_words(event.text, options_));
        return;
    }
    if (event.kind == Kind::completed) {
        conversation_.set(Conversation::Kind::caller, event.item, event.text);
        tell_text(call::Speaker::caller, event.text, true, 0);
        return;
    }
    conversation_.append(Conversation::Kind::caller, event.item, event.text);
    if (const auto* item = conversation_.find(Conversation::Kind::caller, event.item)) {
        tell_text(call::Speaker::caller, std::string(item->text), false, 0);
    }
}

void OpenAiAgent::on(const realtime::ResponseCreated& event) {
    turn_.active = event.response;
    turn_.active_spoke = false;
    // Whoever asked for it: it answers everything that was said until now.
    turn_.creating = turn_.wanted = turn_.owed = false;
    turn_.waiting_since = clock_.now();
}

void OpenAiAgent::on(const realtime::AudioDelta& event) {
    if (spoken_.is_silenced(event.response)) {
        ++late_pieces_;
        return;
    }
    if (turn_.waiting_since) turn_.waiting_since = clock_.now();
    turn_.active_spoke = true;
    const auto voice = ear_.voice;  // to begin may end the utterance before, and be told so
    auto& item = spoken_.at(serial_, event.response, event.item);
    if (item.utterance == 0) {
        item.utterance = speaking_ = voice->begin();
        item.content_index = event.content_index;
        conversation_.append(Conversation::Kind::agent, event.item, {});
    }
    if (item.utterance != speaking_) {  // ended, or cut off
        ++late_pieces_;
        return;
    }
    pcm_.resize(event.audio.size());
    audio::decode_mulaw(event.audio, pcm_);
    item.samples += pcm_.size();
    const auto taken = voice->write(pcm_);
    if (taken < pcm_.size() && !std::exchange(told_overflow_, true)) {
        warn("the agent speaks for longer than the call keeps: the end of it is not heard");
    }
}

void OpenAiAgent::on(const realtime::AudioDone& event) {
    if (spoken_.is_silenced(event.response)) return;
    const auto& item = spoken_.at(serial_, event.response, event.item);
    if (item.utterance == 0 || item.utterance != speaking_) return;
    speaking_ = 0;
    ear_.voice->end();
}

void OpenAiAgent::on(const realtime::AgentText& event) {
    if (spoken_.is_silenced(event.response)) return;
    if (turn_.waiting_since) turn_.waiting_since = clock_.now();
    auto& item = spoken_.at(serial_, event.response, event.item);
    if (item.text_told) return;
    if (event.done) {
        item.text = within(event.text, kLongestText);
    } else {
        item.text += within(event.text, kLongestText - std::min(kLongestText, item.text.size()));
    }
    item.text_told = event.done;
    // What was cut off is remembered as far as it was heard.
    if (!item.over) conversation_.set(Conversation::Kind::agent, item.item, item.text);
    tell_text(call::Speaker::agent, std::string(item.text), event.done, item.utterance);
}

void OpenAiAgent::tell_unfinished_texts(std::string_view response) {
    const std::string wanted(response);
    for (auto& item : spoken_.all()) {
        if (item.session != serial_ || item.response != wanted || item.text_told) continue;
        item.text_told = true;
        tell_text(call::Speaker::agent, std::string(item.text), true, item.utterance);
        if (!session_) return;
    }
}

void OpenAiAgent::on(const realtime::CallMade& event) {
    if (turn_.waiting_since) turn_.waiting_since = clock_.now();
    take_call(event.response, event.call);
}

void OpenAiAgent::take_call(std::string_view response, const realtime::FunctionCall& call) {
    if (spoken_.is_silenced(response)) return;
    const auto known = std::find(taken_calls_.begin(), taken_calls_.end(), call.id);
    if (known != taken_calls_.end()) return;
    if (calls_.size() == kOpenCalls) {
        warn("OpenAI calls too many functions at once: " + std::string(within(call.name, 64)) +
             " is not run");
        return;
    }
    if (taken_calls_.size() == kTakenCalls) taken_calls_.erase(taken_calls_.begin());
    taken_calls_.emplace_back(call.id);
    calls_.push_back({std::string(call.id), std::string(response)});
    turn_.called = response;
    turn_.active_spoke = true;  // what is due now is the answer to the call
    conversation_.add({Conversation::Kind::call, std::string(call.id), std::string(call.arguments),
                       std::string(call.name), false});
    ear_.events->call_tool(
        {std::string(call.id), std::string(call.name), std::string(call.arguments)});
}

/// True: the session is over.
bool OpenAiAgent::response_failed(const realtime::ResponseDone& event) {
    const auto words = plain_words(event.message, options_);
    const realtime::Failure failure{{}, event.error_code, event.message, {}, {}};
    if (auto end = judge(failure, false, options_)) {
        end_with(end->how, std::move(end->reason));
        return true;
    }
    if (++failures_ >= kFailures) {
        turn_.wanted = true;
        end_with(call::AgentEnd::dropped, "OpenAI fails to answer: " + words);
        return true;
    }
    answer_again_at_ = clock_.now() + kAnswerAgain;
    warn("OpenAI failed to answer and is asked again: " + words);
    return !session_;
}

void OpenAiAgent::on(const realtime::ResponseDone& event) {
    using Status = realtime::ResponseDone::Status;
    const std::string response(event.response);
    if (event.status == Status::completed) {
        failures_ = 0;
        for (const auto& call : event.calls) {
            take_call(response, call);
            if (!session_) return;
        }
    }
    if (turn_.active == response) {
        turn_.active.clear();
        turn_.waiting_since.reset();
    }
    if (event.status == Status::failed && response_failed(event)) return;
    tell_unfinished_texts(response);
    if (!session_) return;
    if (turn_.called == response) {
        turn_.called.clear();
        if (!has_open_calls(response)) turn_.wanted = true;
    }
    if ((turn_.wanted || turn_.owed) && turn_.active.empty()) request_response();
}

void OpenAiAgent::on(const realtime::Failure& event) {
    if (event.code == "session_expired") {
        if (!next_) open_next();
        return;
    }
    if (event.code == "response_cancel_not_active") return;  // it ended while we asked
    const bool about_ours = !turn_.create_id.empty() && event.event == turn_.create_id;
    if (event.code == "conversation_already_has_active_response") {
        if (!about_ours) return;  // the service's own attempt: `owed` sees to it
        turn_.creating = false;
        // One that the service has begun by itself answers the caller as well.
        if (turn_.create_is_owed) return;
        turn_.wanted = true;
        if (turn_.active.empty()) request_response();
        return;
    }
    if (auto end = judge(event, false, options_)) {
        end_with(end->how, std::move(end->reason));
        return;
    }
    if (about_ours) {
        turn_.creating = false;
        turn_.waiting_since.reset();
    }
    warn("OpenAI reports: " + plain_words(event.message, options_));
}

}  // namespace bridge::agents
