#include "agents/local/cascade_agent.hpp"

#include <algorithm>
#include <utility>

namespace bridge::agents::local {
namespace {

using std::chrono::milliseconds;

constexpr int kMostFailures = 3;  // in a row; then the call's own fallback acts
constexpr int kMostRounds = 8;    // of tools without a word of the caller
constexpr std::size_t kMostKeys = 64;
constexpr milliseconds kKeysApart{1500};
constexpr milliseconds kFirstRetry{1000};

/// These tools take the caller away: not before the words before them were heard.
bool ends_talk(const call::ToolCall& tool) {
    return tool.name == "end_call" || tool.name == "transfer_call";
}

}  // namespace

CascadeAgent::CascadeAgent(LocalParts parts, std::unique_ptr<SpeechToText> ear,
                           std::shared_ptr<net::HttpClient> http, CascadeOptions options)
    : parts_(std::move(parts)),
      options_(std::move(options)),
      ear_(std::move(ear)),
      mouth_(std::make_shared<Mouth>(parts_.pool, parts_.executor, parts_.synthesize)),
      chat_(parts_.executor, std::move(http), options_.chat),
      conversation_(options_.instructions) {}

CascadeAgent::~CascadeAgent() {
    cancel_timers();
    mouth_->stop();
}

void CascadeAgent::start(const call::AgentCall&, Ear with) {
    stop();
    events_ = with.events;
    mouth_->start(
        std::move(with.voice),
        {
            [this](const std::string& sentence, call::UtteranceId id) {
                events_->text({call::Speaker::agent, sentence, true, id});
            },
            [this](const std::string& sentence, double part, std::uint64_t reply) {
                sentence_heard(sentence, part, reply);
            },
            [this] { run_tools(); },
            [this](const std::string& why) { events_->warning("The agent is mute: " + why); },
        });
    failures_ = rounds_ = 0;
    apologised_ = false;
    events_->ready();
    if (events_ == nullptr) return;
    if (conversation_.empty() && !options_.greeting.empty()) {
        reply_ = conversation_.reply(options_.greeting);
        conversation_.end_reply({});
        mouth_->say(options_.greeting, reply_);
    } else if (conversation_.owes_answer()) {
        ask();
    }
}

void CascadeAgent::stop() {
    // What was being said when the session ended is told to nobody any more.
    if (!mouth_->silent()) conversation_.cut_reply(reply_, heard_[reply_]);
    drop_tools("not done: the connection was lost");
    for (const auto& id : std::exchange(running_, {}))
        conversation_.tool_result({id, "it is not known what came of it", true});
    events_ = nullptr;
    cancel_timers();
    chat_.cancel();
    ear_->cancel();
    mouth_->stop();
    cutter_.reset();
    sentences_.rest();
    keys_.clear();
    held_back_.clear();
    replying_ = broke_in_ = false;
}

void CascadeAgent::cancel_timers() {
    for (auto* timer : {&patience_timer_, &retry_timer_, &keys_timer_})
        parts_.clock.cancel(std::exchange(*timer, Clock::kNoTimer));
}

// --- what the caller says

void CascadeAgent::write(const audio::AudioFrame& frame) {
    if (events_ == nullptr || waits_) return;
    switch (cutter_.hear(frame)) {
        case audio::UtteranceCutter::Event::none:
            if (cutter_.speaking()) ear_->hear(frame.pcm);
            return;
        case audio::UtteranceCutter::Event::began:
            ear_->begin();
            ear_->hear(cutter_.samples());
            return;
        case audio::UtteranceCutter::Event::ended:
            return utterance_ended();
        case audio::UtteranceCutter::Event::dropped:
            broke_in_ = false;
            return ear_->cancel();
    }
}

void CascadeAgent::utterance_ended() {
    const bool broke_in = std::exchange(broke_in_, false);
    // What was said into its words without cutting them off is an echo, or somebody's "mhm".
    if (!mouth_->silent() && !broke_in) return ear_->cancel();
    ear_->end([weak = weak_from_this()](Result<std::string> words) {
        if (const auto self = weak.lock()) self->transcribed(std::move(words));
    });
}

void CascadeAgent::transcribed(Result<std::string> words) {
    if (events_ == nullptr || waits_) return;
    if (!words) return failed(words.error());
    if (words->empty()) return;
    events_->text({call::Speaker::caller, *words, true, 0});
    caller_said(*words);
}

void CascadeAgent::caller_said(const std::string& text) {
    if (events_ == nullptr) return;
    rounds_ = 0;
    if (!running_.empty()) {
        if (held_back_.size() < 4096) held_back_ += (held_back_.empty() ? "" : " ") + text;
        return;
    }
    give_up_question();
    conversation_.caller(text);
    ask();
}

void CascadeAgent::dtmf(char digit) {
    if (events_ == nullptr || waits_ || keys_.size() == kMostKeys) return;
    keys_ += digit;
    parts_.clock.cancel(keys_timer_);
    keys_timer_ = parts_.clock.after(kKeysApart, [this] {
        keys_timer_ = Clock::kNoTimer;
        const auto text = "(The caller pressed the keys " + std::exchange(keys_, {}) + ".)";
        events_->text({call::Speaker::caller, text, true, 0});
        caller_said(text);
    });
}

void CascadeAgent::context(std::string_view text) {
    if (events_ != nullptr) conversation_.note(text);
}

void CascadeAgent::taken_over(bool by_person) {
    if (events_ == nullptr) return;
    waits_ = by_person;
    if (!waits_) return;
    cancel_timers();
    give_up_question();
    drop_tools("not done: a colleague has taken over");
    ear_->cancel();
    cutter_.reset();
    keys_.clear();
}

// --- what the model answers

void CascadeAgent::ask() {
    cancel_timers();
    replying_ = false;
    be_patient();
    chat_.ask(conversation_.request(options_.chat.model, options_.tools),
              {[weak = weak_from_this()](const std::string& text) {
                   if (const auto self = weak.lock()) self->answer_text(text);
               },
               [weak = weak_from_this()](Result<std::vector<call::ToolCall>> tools) {
                   if (const auto self = weak.lock()) self->answer_over(std::move(tools));
               }});
}

void CascadeAgent::be_patient() {
    parts_.clock.cancel(patience_timer_);
    patience_timer_ = parts_.clock.after(options_.patience, [this] {
        patience_timer_ = Clock::kNoTimer;
        chat_.cancel();
        failed({Errc::timed_out,
                "The language model's server does not answer; check that it runs "
                "and has loaded the model"});
    });
}

void CascadeAgent::answer_text(const std::string& text) {
    be_patient();
    replying_ = true;
    reply_ = conversation_.reply(text);
    for (const auto& sentence : sentences_.add(text)) mouth_->say(sentence, reply_);
}

void CascadeAgent::answer_over(Result<std::vector<call::ToolCall>> tools) {
    if (events_ == nullptr) return;
    parts_.clock.cancel(std::exchange(patience_timer_, Clock::kNoTimer));
    if (const auto rest = sentences_.rest(); !rest.empty()) mouth_->say(rest, reply_);
    if (!tools) {
        conversation_.end_reply({});
        return failed(tools.error());
    }
    failures_ = 0;
    apologised_ = false;
    if (!tools->empty() && ++rounds_ > kMostRounds) {
        events_->warning("The language model uses tools again and again; it was stopped");
        tools->clear();
    }
    conversation_.end_reply(*tools);
    for (const auto& tool : *tools) running_.insert(tool.id);
    to_run_ = std::move(*tools);
    const bool last_words = std::any_of(to_run_.begin(), to_run_.end(), ends_talk);
    if (!last_words || mouth_->silent()) run_tools();
}

void CascadeAgent::run_tools() {
    for (const auto& tool : std::exchange(to_run_, {})) {
        if (events_ == nullptr) return;  // the first of them has ended it all
        events_->call_tool(tool);
    }
}

/// A model is owed an answer for every tool it asked for.
void CascadeAgent::drop_tools(const std::string& why) {
    for (const auto& tool : std::exchange(to_run_, {})) {
        if (running_.erase(tool.id) > 0) conversation_.tool_result({tool.id, why, true});
    }
}

void CascadeAgent::tool_result(const call::ToolResult& result) {
    if (events_ == nullptr || running_.erase(result.id) == 0) return;
    conversation_.tool_result(result);
    if (!running_.empty() || waits_) return;
    if (!held_back_.empty()) conversation_.caller(std::exchange(held_back_, {}));
    ask();
}

/// The answer that is still coming is not wanted any more.
void CascadeAgent::give_up_question() {
    if (!chat_.asking()) return;
    chat_.cancel();
    parts_.clock.cancel(std::exchange(patience_timer_, Clock::kNoTimer));
    sentences_.rest();
    conversation_.end_reply({});
}

// --- what the caller hears

void CascadeAgent::interrupted(call::UtteranceId utterance, const call::Heard& heard) {
    if (events_ == nullptr) return;
    broke_in_ = true;
    give_up_question();
    drop_tools("not done: the caller has interrupted you");
    mouth_->interrupted(utterance, heard);
}

void CascadeAgent::spoken(call::UtteranceId utterance, const call::Heard&) {
    if (events_ != nullptr) mouth_->spoken(utterance);
}

/// Of a reply that was cut off the model is told what the caller heard.
void CascadeAgent::sentence_heard(const std::string& sentence, double part, std::uint64_t reply) {
    auto& heard = heard_[reply];
    const auto text = first_part(sentence, part);
    if (!text.empty() && !heard.empty()) heard += ' ';
    heard += text;
    if (part < 1.0) conversation_.cut_reply(reply, heard);
    while (heard_.size() > 4) heard_.erase(heard_.begin());
}

// --- what goes wrong

void CascadeAgent::failed(const Error& why) {
    if (events_ == nullptr) return;
    ++failures_;
    if (why.code == Errc::unauthorized || why.code == Errc::bad_config)
        return end(call::AgentEnd::refused, why.message);
    if (failures_ >= kMostFailures) return end(call::AgentEnd::dropped, why.message);
    events_->warning(why.message);
    if (events_ == nullptr) return;
    if (!std::exchange(apologised_, true)) mouth_->say(options_.apology);
    // An answer that broke off was heard in part: the caller will say whether that will do.
    if (replying_ || !conversation_.owes_answer()) return;
    retry_timer_ = parts_.clock.after(kFirstRetry * failures_, [this] {
        retry_timer_ = Clock::kNoTimer;
        ask();
    });
}

void CascadeAgent::end(call::AgentEnd how, const std::string& reason) {
    auto* events = events_;
    stop();
    events->ended(how, reason);
}

}  // namespace bridge::agents::local
