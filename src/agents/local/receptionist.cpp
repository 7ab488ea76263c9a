#include "agents/local/receptionist.hpp"

#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <utility>

#include "agents/local/slot_text.hpp"

namespace bridge::agents::local {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kKeysApart{3000};  // a longer pause ends a number that is keyed in
constexpr int kMostUnheard = 24;          // states that follow each other with nobody answering

/// "+12025550100" would be read as twelve thousand million: digit by digit.
std::string spelled(const std::string& value) {
    std::string out;
    for (const char c : value) {
        if (c < '0' || c > '9') continue;
        if (!out.empty()) out += ' ';
        out += c;
    }
    return out.empty() ? value : out;
}

bool is_number(const std::string& text) {
    const auto digits = text.find_first_not_of('+') == 1 ? text.substr(1) : text;
    return digits.size() > 1 && digits.find_first_not_of("0123456789") == std::string::npos;
}

std::string tidy(const std::string& text) {
    std::string out;
    for (const char c : text) {
        const bool after_space = !out.empty() && out.back() == ' ';
        if (c == ' ' && (out.empty() || after_space)) continue;
        if (after_space && (c == ',' || c == '.' || c == '?')) out.pop_back();
        out += c;
    }
    while (!out.empty() && out.back() == ' ') out.pop_back();
    return out;
}

}  // namespace

Receptionist::Receptionist(std::shared_ptr<const Dialogue> dialogue, Desk& desk, std::string caller,
                           bool speech)
    : dialogue_(std::move(dialogue)), desk_(desk), caller_(std::move(caller)), speech_(speech) {
    slots_["caller"] = {spelled(caller_), caller_};
}

void Receptionist::begin() {
    if (phase_ == Phase::over) return;
    unheard_ = 0;
    enter(at_);
}

milliseconds Receptionist::silence() const {
    return gathered_.empty() ? state().silence : kKeysApart;
}

void Receptionist::go(StateId id) {
    misses_ = 0;
    enter(id == kAgain ? at_ : id);
}

void Receptionist::enter(StateId id) {
    at_ = id;
    gathered_.clear();
    if (++unheard_ > kMostUnheard) return end_call("the dialogue went round with nobody answering");
    for (const auto& [slot, text] : state().set) {
        const auto value = text_of(text, false);
        slots_[slot] = {is_number(value) ? spelled(value) : value, value};
    }
    phase_ = Phase::speaking;
    // What follows without asking is said in one go: waiting for the ear would leave a gap.
    if (state().next) {
        if (auto text = tidy(text_of(state().say, true)); !text.empty()) desk_.say(text);
        return go(*state().next);
    }
    say_prompt(!speech_);
}

void Receptionist::say_prompt(bool with_keys) {
    auto text = text_of(state().say, true);
    if (with_keys && !state().keys.empty()) text += " " + text_of(state().keys, true);
    speak(tidy(text));
}

void Receptionist::speak(const std::string& text) {
    phase_ = Phase::speaking;
    if (text.empty()) return prompt_over();
    desk_.say(text);
}

void Receptionist::prompt_over() {
    if (phase_ != Phase::speaking) return;
    if (state().asks()) {
        phase_ = Phase::listening;
    } else {
        act();
    }
}

void Receptionist::act() {
    boost::json::object arguments;
    for (const auto& [name, text] : state().doing->with) {
        const auto value = tidy(text_of(text, false));
        if (value == "true" || value == "false") {
            arguments[name] = value == "true";
        } else {
            arguments[name] = value;
        }
    }
    phase_ = Phase::using_tool;
    desk_.use_tool(state().doing->tool, boost::json::serialize(arguments));
}

void Receptionist::tool_done(bool failed) {
    if (phase_ != Phase::using_tool) return;
    if (state().doing->tool == "end_call") {
        phase_ = Phase::over;
        return;
    }
    const auto& next = failed ? state().doing->failed : state().doing->done;
    if (next) {
        go(*next);
    } else if (failed) {
        end_call("a tool of the dialogue failed and nothing follows it");
    } else {
        phase_ = Phase::idle;  // it was handed over: somebody else speaks with the caller now
    }
}

void Receptionist::end_call(const std::string& reason) {
    phase_ = Phase::over;
    desk_.use_tool("end_call", boost::json::serialize(boost::json::object{{"reason", reason}}));
}

void Receptionist::understood(const std::vector<std::string>& words) {
    if (phase_ != Phase::listening && phase_ != Phase::speaking) return;
    if (!state().asks() || state().record) return;
    for (const auto& hear : state().hear) {
        if (words.empty()) break;
        auto slots = hear.phrase.match(words, dialogue_->lists);
        if (!slots) continue;
        // A slot the phrase might have filled and did not is empty, not what it was last time.
        for (const auto& slot : hear.phrase.slots()) slots_.erase(slot);
        for (auto& [name, slot] : *slots) slots_[name] = std::move(slot);
        unheard_ = 0;
        desk_.hush();
        return go(hear.to);
    }
    desk_.hush();
    missed("Sorry, I did not understand.");
}

void Receptionist::key(char digit) {
    if (phase_ != Phase::listening && phase_ != Phase::speaking) return;
    if (!state().asks()) return;
    unheard_ = 0;
    if (state().digits && digit != '*') {
        desk_.hush();
        phase_ = Phase::listening;
        if (digit == '#') return take_digits();
        gathered_ += digit;
        if (gathered_.size() == state().digits->most) take_digits();
        return;
    }
    const auto found = state().key.find(digit);
    desk_.hush();
    if (found == state().key.end()) return missed("That key means nothing here.");
    go(found->second);
}

void Receptionist::take_digits() {
    if (gathered_.size() < state().digits->fewest) {
        gathered_.clear();
        return missed("That is not enough digits.");
    }
    slots_[state().digits->slot] = {spelled(gathered_), gathered_};
    go(state().digits->to);
}

void Receptionist::quiet() {
    if (phase_ != Phase::listening) return;
    if (!gathered_.empty()) return take_digits();
    missed({});
}

void Receptionist::recorded(milliseconds spoken) {
    if (!recording()) return;
    unheard_ = 0;
    const auto seconds = (spoken.count() + 500) / 1000;
    const auto text = "The caller spoke for " + std::to_string(seconds) +
                      (seconds == 1 ? " second" : " seconds") +
                      "; the words are in the call's recording, if it was recorded.";
    slots_[state().record->slot] = {text, text};
    go(state().record->to);
}

void Receptionist::missed(const std::string& apology) {
    if (++misses_ >= state().tries) {
        if (state().after_tries) return go(*state().after_tries);
        return end_call("the caller was not understood");
    }
    gathered_.clear();
    auto text = apology;
    if (!text.empty()) text += ' ';
    text += text_of(state().say, true);
    if (!state().keys.empty()) text += " " + text_of(state().keys, true);
    speak(tidy(text));
}

std::string Receptionist::text_of(const std::string& text, bool spoken) const {
    return filled(text, [&](const std::string& name) {
        const auto found = slots_.find(name);
        if (found == slots_.end()) return std::string();
        return spoken ? found->second.words : found->second.value;
    });
}

}  // namespace bridge::agents::local
