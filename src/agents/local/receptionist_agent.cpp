#include "agents/local/receptionist_agent.hpp"

#include <algorithm>
#include <utility>

#include "base/log.hpp"

namespace bridge::agents::local {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kSpokenOut{2000};  // of silence, after which a recording is complete

}  // namespace

ReceptionistAgent::ReceptionistAgent(LocalParts parts, std::shared_ptr<const Dialogue> dialogue,
                                     Understand understand)
    : parts_(std::move(parts)),
      dialogue_(std::move(dialogue)),
      understand_(std::move(understand)),
      mouth_(std::make_shared<Mouth>(parts_.pool, parts_.executor, parts_.synthesize)) {}

ReceptionistAgent::~ReceptionistAgent() {
    parts_.clock.cancel(timer_);
    mouth_->stop();
}

void ReceptionistAgent::start(const call::AgentCall& call, Ear with) {
    stop();
    events_ = with.events;
    Mouth::Told told;
    told.speaks = [this](const std::string& sentence, call::UtteranceId id) {
        events_->text({call::Speaker::agent, sentence, true, id});
    };
    told.over = [this] {
        receptionist_->prompt_over();
        wait();
    };
    told.failed = [this](const std::string& why) {
        if (!std::exchange(warned_, true)) events_->warning("The receptionist is mute: " + why);
    };
    mouth_->start(std::move(with.voice), std::move(told));
    cutter_.reset();
    if (!receptionist_) {
        const bool inbound = call.direction == call::Direction::inbound;
        Receptionist::Desk& desk = *this;
        receptionist_ = std::make_unique<Receptionist>(
            dialogue_, desk, inbound ? call.from : call.to, understand_ != nullptr);
    }
    events_->ready();
    if (!waits_) receptionist_->begin();
    wait();
}

void ReceptionistAgent::stop() {
    events_ = nullptr;
    ++question_;
    understanding_ = broke_in_ = false;
    recorded_ = milliseconds(0);
    tool_id_.clear();
    parts_.clock.cancel(std::exchange(timer_, Clock::kNoTimer));
    mouth_->stop();
}

void ReceptionistAgent::write(const audio::AudioFrame& frame) {
    if (events_ == nullptr || waits_) return;
    switch (cutter_.hear(frame)) {
        case audio::UtteranceCutter::Event::none:
            return;
        case audio::UtteranceCutter::Event::began:
            break;
        case audio::UtteranceCutter::Event::ended:
            utterance_ended();
            break;
        case audio::UtteranceCutter::Event::dropped:
            broke_in_ = false;
            break;
    }
    wait();
}

void ReceptionistAgent::utterance_ended() {
    const bool broke_in = std::exchange(broke_in_, false);
    auto utterance = cutter_.take();
    // What was said into a prompt without cutting it off is the line's echo, or somebody's "mhm".
    if (!receptionist_->listening() && !broke_in) return;
    if (receptionist_->recording()) {
        recorded_ += cutter_.speech();
        if (recorded_ >= receptionist_->state().record->longest) receptionist_->recorded(recorded_);
        return;
    }
    if (!understand_ || understanding_ || receptionist_->state().hear.empty()) return;
    understand(std::move(utterance));
}

void ReceptionistAgent::understand(std::vector<std::int16_t> utterance) {
    understanding_ = true;
    auto work = [understand = understand_, state = receptionist_->state_id(),
                 utterance = std::move(utterance)] { return understand(state, utterance); };
    offload(parts_.pool, parts_.executor, std::move(work),
            [weak = weak_from_this(), question = question_](Result<std::string> words) {
                if (const auto self = weak.lock()) self->understood(question, std::move(words));
            });
}

void ReceptionistAgent::understood(std::uint64_t question, Result<std::string> words) {
    if (events_ == nullptr || question != question_) return;
    understanding_ = false;
    if (!words && !std::exchange(warned_, true))
        events_->warning("The receptionist does not understand speech: " + words.error().message);
    const auto text = words.value_or(std::string());
    if (!text.empty()) events_->text({call::Speaker::caller, text, true, 0});
    receptionist_->understood(words_of(text));
    wait();
}

void ReceptionistAgent::interrupted(call::UtteranceId utterance, const call::Heard& heard) {
    if (events_ == nullptr) return;
    broke_in_ = true;
    mouth_->interrupted(utterance, heard);
}

void ReceptionistAgent::spoken(call::UtteranceId utterance, const call::Heard&) {
    if (events_ != nullptr) mouth_->spoken(utterance);
}

void ReceptionistAgent::dtmf(char digit) {
    if (events_ == nullptr || waits_) return;
    ++question_;
    understanding_ = false;
    events_->text({call::Speaker::caller, std::string("(key ") + digit + ")", true, 0});
    receptionist_->key(digit);
    wait();
}

void ReceptionistAgent::tool_result(const call::ToolResult& result) {
    if (events_ == nullptr || tool_id_.empty() || result.id != tool_id_) return;
    tool_id_.clear();
    if (result.failed) log::info("local", "the dialogue's tool failed: {}", result.output);
    if (ending_ && result.failed) {
        // Somebody has to hang up, and nobody is left to speak with.
        const auto events = std::exchange(events_, nullptr);
        stop();
        return events->ended(call::AgentEnd::finished, "The dialogue is over.");
    }
    receptionist_->tool_done(result.failed);
    wait();
}

/// Meanwhile nothing is heard and no time passes; afterwards it asks again what it had asked.
void ReceptionistAgent::taken_over(bool by_person) {
    if (events_ == nullptr || waits_ == by_person) return;
    waits_ = by_person;
    ++question_;
    understanding_ = broke_in_ = false;
    recorded_ = milliseconds(0);
    cutter_.reset();
    mouth_->hush();
    if (!waits_) receptionist_->begin();
    wait();
}

/// What was asked stands; the time to answer it begins anew when the caller is back.
void ReceptionistAgent::on_hold(bool held) {
    held_ = held;
    cutter_.reset();
    if (receptionist_) wait();
}

void ReceptionistAgent::say(const std::string& text) {
    ++question_;
    understanding_ = false;
    recorded_ = milliseconds(0);
    mouth_->say(text);
}

void ReceptionistAgent::hush() {
    mouth_->hush();
}

void ReceptionistAgent::use_tool(const std::string& name, const std::string& arguments) {
    ending_ = name == "end_call";
    tool_id_ = "local-" + std::to_string(++tools_);
    events_->call_tool({tool_id_, name, arguments});
}

/// While the receptionist listens and the caller says nothing, a timer runs.
void ReceptionistAgent::wait() {
    parts_.clock.cancel(std::exchange(timer_, Clock::kNoTimer));
    if (events_ == nullptr || waits_ || held_ || !receptionist_->listening()) return;
    if (cutter_.speaking() || understanding_) return;
    const bool spoke = receptionist_->recording() && recorded_ > milliseconds(0);
    timer_ = parts_.clock.after(spoke ? kSpokenOut : receptionist_->silence(), [this] {
        timer_ = Clock::kNoTimer;
        waited();
    });
}

void ReceptionistAgent::waited() {
    if (receptionist_->recording() && recorded_ > milliseconds(0)) {
        receptionist_->recorded(recorded_);
    } else {
        receptionist_->quiet();
    }
    wait();
}

}  // namespace bridge::agents::local
