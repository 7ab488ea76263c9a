#include "agents/local/dialogue.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "agents/local/slot_text.hpp"

namespace bridge::agents::local {
namespace {

constexpr std::size_t kLargestFile = 64 * 1024;
constexpr std::size_t kMostStates = 200;
constexpr std::size_t kMostPhrases = 100;  // of a state
constexpr std::size_t kLongestText = 1000;

std::string_view trimmed(std::string_view text) {
    const auto space = [](char c) { return c == ' ' || c == '\t' || c == '\r'; };
    while (!text.empty() && space(text.front())) text.remove_prefix(1);
    while (!text.empty() && space(text.back())) text.remove_suffix(1);
    return text;
}

std::string_view take_word(std::string_view& text) {
    const auto end = std::min(text.find_first_of(" \t"), text.size());
    const auto word = text.substr(0, end);
    text = trimmed(text.substr(end));
    return word;
}

bool is_lower_name(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
    });
}

std::optional<int> number_in(std::string_view text, int least, int most) {
    int value = 0;
    const auto* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc{} || stop != end || value < least || value > most) return {};
    return value;
}

/// "6s" or "500ms".
std::optional<std::chrono::milliseconds> time_in(std::string_view text) {
    const bool ms = text.size() > 2 && text.substr(text.size() - 2) == "ms";
    if (!ms && (text.empty() || text.back() != 's')) return {};
    const auto value = number_in(text.substr(0, text.size() - (ms ? 2 : 1)), 1, 600'000);
    if (!value) return {};
    const std::chrono::milliseconds time(ms ? *value : *value * 1000);
    return time > std::chrono::minutes(10) ? std::nullopt : std::optional(time);
}

/// A place that names a state, to be found when all states are known.
struct Arrow {
    int line;
    std::string to;
    std::size_t state;  ///< whose arrow it is
    std::function<void(State&, StateId)> put;
};

class Reader {
public:
    Result<Dialogue> read(std::string_view text) {
        while (!text.empty()) {
            const auto end = std::min(text.find('\n'), text.size());
            ++line_;
            auto line = text.substr(0, end);
            text.remove_prefix(std::min(end + 1, text.size()));
            line = trimmed(line);
            if (line.empty() || line.front() == '#') continue;
            if (auto done = read_line(line); !done) return tl::unexpected(done.error());
        }
        return finish();
    }

private:
    template <class... A>
    tl::unexpected<Error> wrong(fmt::format_string<A...> format, A&&... args) const {
        return wrong_at(line_, fmt::format(format, std::forward<A>(args)...));
    }
    static tl::unexpected<Error> wrong_at(int line, const std::string& what) {
        return fail(Errc::bad_config, fmt::format("line {}: {}", line, what));
    }

    Result<> read_line(std::string_view rest) {
        const auto verb = take_word(rest);
        if (verb == "list") return read_list(rest);
        if (verb == "sound") return read_sound(rest);
        if (verb == "state") return begin_state(rest);
        if (verb == "anywhere") {
            if (!rest.empty()) return wrong("anywhere stands alone");
            in_ = &anywhere_;
            return {};
        }
        if (in_ == nullptr) return wrong("'{}' belongs into a state; write \"state NAME\"", verb);
        if (verb == "hear") return read_hear(rest);
        if (verb == "key") return read_key(rest);
        if (in_ == &anywhere_) return wrong("anywhere has \"hear\" and \"key\" only");
        if (verb == "say") return read_text(rest, in_->say);
        if (verb == "keys") return read_text(rest, in_->keys);
        if (verb == "digits") return read_digits(rest);
        if (verb == "record") return read_record(rest);
        if (verb == "silence") return read_silence(rest);
        if (verb == "tries") return read_tries(rest);
        if (verb == "set" || verb == "with") return read_assignment(verb, rest);
        if (verb == "do") return read_do(rest);
        if (verb == "done" || verb == "failed" || verb == "next") return read_next(verb, rest);
        return wrong(
            "\"{}\" is none of say, keys, hear, key, digits, record, silence, tries, set, do, "
            "with, done, failed, next, state, anywhere, list, sound",
            verb);
    }

    Result<> read_list(std::string_view rest) {
        const auto name = take_word(rest);
        if (!is_lower_name(name) || rest.empty() || rest.front() != '=')
            return wrong("write \"list NAME = one | other\"");
        auto list = parse_list(rest.substr(1));
        if (!list) return wrong("{}", list.error().message);
        for (const auto& entry : *list)
            for (const auto& word : entry.words) out_.words.emplace(word, line_);
        if (!out_.lists.emplace(name, std::move(*list)).second)
            return wrong("there is a list {} already", name);
        return {};
    }

    Result<> read_sound(std::string_view rest) {
        const std::string word(take_word(rest));
        if (word.empty() || rest.empty()) return wrong("write \"sound WORD PHONES\"");
        out_.sounds[word] = rest;
        return {};
    }

    Result<> begin_state(std::string_view name) {
        if (!is_lower_name(name) || name == "again")
            return wrong("a state's name is small letters, digits and _; \"again\" is taken");
        if (out_.states.size() == kMostStates)
            return wrong("there are over {} states", kMostStates);
        if (!names_.emplace(name, out_.states.size()).second)
            return wrong("there is a state {} already", name);
        out_.states.emplace_back().name = name;
        lines_.push_back(line_);
        in_ = &out_.states.back();
        return {};
    }
    Result<> read_text(std::string_view rest, std::string& into) {
        if (rest.empty()) return wrong("there is nothing to say");
        if (!into.empty()) into += ' ';
        into += rest;
        if (into.size() > kLongestText)
            return wrong("more than {} characters to say at once", kLongestText);
        return need_slots(rest);
    }

    Result<> need_slots(std::string_view text) {
        auto used = slots_used(text);
        if (!used) return wrong("{}", used.error().message);
        for (auto& slot : *used) needed_.emplace(std::move(slot), line_);
        return {};
    }

    /// Cuts "… -> state" off the end.
    Result<std::string> target(std::string_view& rest) const {
        const auto arrow = rest.rfind("->");
        if (arrow == std::string_view::npos) return wrong("\"-> STATE\" is missing");
        std::string name(trimmed(rest.substr(arrow + 2)));
        rest = trimmed(rest.substr(0, arrow));
        if (!is_lower_name(name)) return wrong("\"-> STATE\" is missing");
        return name;
    }

    void arrow(std::string to, std::function<void(State&, StateId)> put) {
        const bool anywhere = in_ == &anywhere_;
        arrows_.push_back({line_, std::move(to),
                           anywhere ? kAgain : static_cast<std::size_t>(in_ - out_.states.data()),
                           std::move(put)});
    }

    Result<> read_hear(std::string_view rest) {
        auto to = target(rest);
        if (!to) return tl::unexpected(to.error());
        auto phrase = Phrase::parse(rest);
        if (!phrase) return wrong("{}", phrase.error().message);
        if (in_->hear.size() == kMostPhrases) return wrong("over {} phrases", kMostPhrases);
        for (auto& list : phrase->lists()) lists_needed_.emplace(list, line_);
        for (auto& slot : phrase->slots()) filled_.insert(slot);
        for (auto& word : phrase->words()) out_.words.emplace(word, line_);
        const auto at = in_->hear.size();
        in_->hear.push_back({std::move(*phrase), kAgain});
        arrow(std::move(*to), [at](State& state, StateId id) { state.hear[at].to = id; });
        return {};
    }

    Result<> read_key(std::string_view rest) {
        auto to = target(rest);
        if (!to) return tl::unexpected(to.error());
        if (rest.size() != 1 || std::string_view("0123456789*#").find(rest[0]) == rest.npos)
            return wrong("key is followed by one of 0-9 * #");
        const char key = rest[0];
        if (!in_->key.emplace(key, kAgain).second) return wrong("key {} is there twice", key);
        arrow(std::move(*to), [key](State& state, StateId id) { state.key[key] = id; });
        return {};
    }

    Result<> read_digits(std::string_view rest) {
        auto to = target(rest);
        if (!to) return tl::unexpected(to.error());
        Gather gather;
        gather.slot = take_word(rest);
        const auto dash = rest.find('-');
        const auto fewest = number_in(rest.substr(0, dash), 1, 32);
        const auto most = dash == rest.npos ? fewest : number_in(rest.substr(dash + 1), 1, 32);
        if (!is_lower_name(gather.slot) || !fewest || !most || *fewest > *most)
            return wrong("write \"digits SLOT 3-15 -> STATE\"; no more than 32 keys");
        gather.fewest = static_cast<std::size_t>(*fewest);
        gather.most = static_cast<std::size_t>(*most);
        filled_.insert(gather.slot);
        in_->digits = std::move(gather);
        arrow(std::move(*to), [](State& state, StateId id) { state.digits->to = id; });
        return {};
    }

    Result<> read_record(std::string_view rest) {
        auto to = target(rest);
        if (!to) return tl::unexpected(to.error());
        Record record;
        record.slot = take_word(rest);
        const auto time = time_in(rest);
        if (!is_lower_name(record.slot) || !time)
            return wrong("write \"record SLOT 30s -> STATE\"");
        record.longest = *time;
        filled_.insert(record.slot);
        in_->record = std::move(record);
        arrow(std::move(*to), [](State& state, StateId id) { state.record->to = id; });
        return {};
    }

    Result<> read_silence(std::string_view rest) {
        const auto time = time_in(rest);
        if (!time) return wrong("silence is followed by a time such as 6s or 500ms");
        in_->silence = *time;
        return {};
    }

    Result<> read_tries(std::string_view rest) {
        auto to = target(rest);
        if (!to) return tl::unexpected(to.error());
        const auto tries = number_in(rest, 1, 20);
        if (!tries) return wrong("write \"tries 3 -> STATE\", 1 to 20");
        in_->tries = *tries;
        arrow(std::move(*to), [](State& state, StateId id) { state.after_tries = id; });
        return {};
    }

    Result<> read_assignment(std::string_view verb, std::string_view rest) {
        const std::string name(take_word(rest));
        if (!is_lower_name(name) || rest.empty() || rest.front() != '=')
            return wrong("write \"{} NAME = TEXT\"", verb);
        const auto text = trimmed(rest.substr(1));
        if (text.size() > kLongestText)
            return wrong("the text is over {} characters", kLongestText);
        if (verb == "set") {
            filled_.insert(name);
            in_->set.emplace_back(name, text);
        } else if (!in_->doing) {
            return wrong("\"with\" follows a \"do\"");
        } else {
            in_->doing->with.emplace_back(name, text);
        }
        return need_slots(text);
    }

    Result<> read_do(std::string_view tool) {
        if (!is_lower_name(tool)) return wrong("do is followed by the name of a tool");
        if (in_->doing) return wrong("a state does one thing");
        in_->doing = Doing{std::string(tool), {}, {}, {}};
        return {};
    }

    Result<> read_next(std::string_view verb, std::string_view rest) {
        auto to = target(rest);
        if (!to) return tl::unexpected(to.error());
        if (!rest.empty()) return wrong("write \"{} -> STATE\"", verb);
        if (verb == "next") {
            arrow(std::move(*to), [](State& state, StateId id) { state.next = id; });
            return {};
        }
        if (!in_->doing) return wrong("\"{}\" follows a \"do\"", verb);
        if (verb == "done") {
            arrow(std::move(*to), [](State& state, StateId id) { state.doing->done = id; });
        } else {
            arrow(std::move(*to), [](State& state, StateId id) { state.doing->failed = id; });
        }
        return {};
    }

    Result<> resolve() {
        for (const auto& arrow : arrows_) {
            StateId id = kAgain;
            auto& state = arrow.state == kAgain ? anywhere_ : out_.states[arrow.state];
            if (arrow.to != "again") {
                const auto found = names_.find(arrow.to);
                if (found == names_.end())
                    return wrong_at(arrow.line, fmt::format("there is no state {}", arrow.to));
                id = found->second;
            }
            arrow.put(state, id);
        }
        for (const auto& [list, line] : lists_needed_)
            if (!out_.lists.contains(list))
                return wrong_at(line, fmt::format("there is no list {}", list));
        for (const auto& [slot, line] : needed_)
            if (!filled_.contains(slot))
                return wrong_at(line, fmt::format("nothing ever fills the slot {{{}}}", slot));
        return {};
    }

    Result<> check_states() const {
        for (std::size_t i = 0; i < out_.states.size(); ++i) {
            const auto& state = out_.states[i];
            const int ways =
                int{state.asks()} + int{state.doing.has_value()} + int{state.next.has_value()};
            if (ways != 1)
                return wrong_at(lines_[i],
                                fmt::format("state {} must do one thing: ask (hear, key, digits, "
                                            "record), do, or go to the next",
                                            state.name));
            if (state.record && (!state.hear.empty() || state.digits))
                return wrong_at(lines_[i], fmt::format("state {} records what is said: it can "
                                                       "listen for keys, not for words or digits",
                                                       state.name));
            const bool digit_keys = std::any_of(state.key.begin(), state.key.end(),
                                                [](const auto& key) { return key.first != '*'; });
            if (state.digits && digit_keys)
                return wrong_at(
                    lines_[i],
                    fmt::format("state {} gathers digits: it can have key * only", state.name));
        }
        return {};
    }

    /// What holds anywhere holds in each state that asks, after its own lines.
    void spread() {
        for (auto& state : out_.states) {
            if (!state.asks()) continue;
            if (!state.record)
                state.hear.insert(state.hear.end(), anywhere_.hear.begin(), anywhere_.hear.end());
            for (const auto& [key, to] : anywhere_.key)
                if (!state.digits || key == '*') state.key.emplace(key, to);
        }
    }

    Result<Dialogue> finish() {
        if (out_.states.empty())
            return fail(Errc::bad_config, "the dialogue has no state; write \"state NAME\"");
        if (auto good = resolve(); !good) return tl::unexpected(good.error());
        if (auto good = check_states(); !good) return tl::unexpected(good.error());
        spread();
        return std::move(out_);
    }

    Dialogue out_;
    State anywhere_;
    State* in_ = nullptr;
    int line_ = 0;
    std::vector<int> lines_;  ///< of each state's beginning
    std::map<std::string, StateId, std::less<>> names_;
    std::vector<Arrow> arrows_;
    std::map<std::string, int> lists_needed_, needed_;
    std::set<std::string> filled_{"caller"};
};

}  // namespace

std::string Dialogue::grammar(StateId id) const {
    const auto& state = states.at(id);
    if (state.hear.empty()) return {};
    std::string text = "#JSGF V1.0;\ngrammar dialogue;\n";
    std::set<std::string> used;
    std::string all;
    for (const auto& hear : state.hear) {
        all += fmt::format("{}( {} )", all.empty() ? "" : " | ", hear.phrase.jsgf());
        used.merge(hear.phrase.lists());
    }
    for (const auto& list : used) text += fmt::format("<{}> = {};\n", list, jsgf(lists.at(list)));
    text += fmt::format("public <dialogue> = {};\n", all);
    return text;
}

Result<Dialogue> parse_dialogue(std::string_view text) {
    return Reader().read(text);
}

Result<Dialogue> load_dialogue(const std::string& path) {
    std::error_code error;
    if (!std::filesystem::is_regular_file(path, error))
        return fail(Errc::not_found, "there is no dialogue " + path);
    if (std::filesystem::file_size(path, error) > kLargestFile || error)
        return fail(Errc::too_large, "the dialogue " + path + " is over 64 KiB");
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    if (!file) return fail(Errc::io, "the dialogue " + path + " cannot be read");
    auto dialogue = parse_dialogue(text.str());
    if (!dialogue) return fail(dialogue.error().code, path + ": " + dialogue.error().message);
    return dialogue;
}

}  // namespace bridge::agents::local
