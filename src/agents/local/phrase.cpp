#include "agents/local/phrase.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <utility>

namespace bridge::agents::local {
namespace {

using Node = Phrase::Node;
using Kind = Node::Kind;

constexpr std::size_t kDeepest = 16;
constexpr int kMostSteps = 20'000;  // of matching: a phrase made to take for ever takes no longer

bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || c == '\'';
}

bool is_name(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
    });
}

std::string joined(const std::vector<std::string>& words, std::string_view between) {
    std::string out;
    for (const auto& word : words) {
        if (!out.empty()) out += between;
        out += word;
    }
    return out;
}

/// Recursive descent over the text of a phrase.
class Parser {
public:
    explicit Parser(std::string_view text) : text_(text) {}

    Result<Node> all() {
        auto node = choice(0);
        if (!node) return node;
        if (at_ < text_.size())
            return fail(Errc::bad_config, fmt::format("'{}' closes nothing", text_[at_]));
        return node;
    }

private:
    char peek() {
        while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t')) ++at_;
        return at_ < text_.size() ? text_[at_] : '\0';
    }

    Result<Node> choice(std::size_t depth) {
        if (depth > kDeepest) return fail(Errc::bad_config, "too many brackets in one another");
        Node node{Kind::choice, {}, {}, false, {}};
        do {
            if (!node.parts.empty()) ++at_;  // the |
            auto part = sequence(depth);
            if (!part) return part;
            node.parts.push_back(std::move(*part));
        } while (peek() == '|');
        if (node.parts.size() == 1) return Node(std::move(node.parts.front()));
        return node;
    }

    Result<Node> sequence(std::size_t depth) {
        Node node{Kind::sequence, {}, {}, false, {}};
        for (char c = peek(); c != '\0' && c != '|' && c != ']' && c != ')'; c = peek()) {
            auto part = item(c, depth);
            if (!part) return part;
            node.parts.push_back(std::move(*part));
        }
        if (node.parts.empty()) return fail(Errc::bad_config, "words are missing");
        return node;
    }

    Result<Node> item(char c, std::size_t depth) {
        if (c == '[' || c == '(') {
            ++at_;
            auto inside = choice(depth + 1);
            if (!inside) return inside;
            if (peek() != (c == '[' ? ']' : ')'))
                return fail(Errc::bad_config, fmt::format("'{}' is not closed", c));
            ++at_;
            if (c == '(') return inside;
            Node node{Kind::optional, {}, {}, false, {}};
            node.parts.push_back(std::move(*inside));
            return node;
        }
        if (c == '<') return list();
        std::string word;
        while (at_ < text_.size() && is_letter(text_[at_])) word += text_[at_++];
        if (word.empty()) {
            return fail(Errc::bad_config,
                        fmt::format("'{}' cannot be said; write small letters", text_[at_]));
        }
        return Node{Kind::word, std::move(word), {}, false, {}};
    }

    Result<Node> list() {
        const auto end = text_.find('>', at_);
        if (end == std::string_view::npos) return fail(Errc::bad_config, "'<' is not closed");
        auto inside = text_.substr(at_ + 1, end - at_ - 1);
        at_ = end + 1;
        Node node{Kind::list, {}, {}, false, {}};
        if (!inside.empty() && inside.back() == '+') {
            node.repeated = true;
            inside.remove_suffix(1);
        }
        const auto equals = inside.find('=');
        node.slot = inside.substr(0, equals);
        node.text = equals == std::string_view::npos ? inside : inside.substr(equals + 1);
        if (!is_name(node.slot) || !is_name(node.text)) {
            return fail(Errc::bad_config,
                        fmt::format("<{}> names no list; write <list> or <slot=list>", inside));
        }
        return node;
    }

    std::string_view text_;
    std::size_t at_ = 0;
};

/// Tries every way, depth first; what follows a part is the function it goes on with.
class Matcher {
public:
    using Next = std::function<bool(std::size_t)>;

    Matcher(const std::vector<std::string>& words, const Lists& lists)
        : words_(words), lists_(lists) {}

    bool run(const Node& node, std::size_t at, const Next& next) {
        if (++steps_ > kMostSteps) return false;
        switch (node.kind) {
            case Kind::word:
                return at < words_.size() && words_[at] == node.text && next(at + 1);
            case Kind::sequence:
                return sequence(node, 0, at, next);
            case Kind::choice:
                return std::any_of(node.parts.begin(), node.parts.end(),
                                   [&](const Node& part) { return run(part, at, next); });
            case Kind::optional:
                return run(node.parts.front(), at, next) || next(at);
            case Kind::list:
                return entry(node, at, next);
        }
        return false;
    }

    Slots take_slots() { return std::move(slots_); }

private:
    bool sequence(const Node& node, std::size_t part, std::size_t at, const Next& next) {
        if (part == node.parts.size()) return next(at);
        return run(node.parts[part], at, [&, part](std::size_t further) {
            return sequence(node, part + 1, further, next);
        });
    }

    bool entry(const Node& node, std::size_t at, const Next& next) {
        const auto found = lists_.find(node.text);
        if (found == lists_.end() || ++steps_ > kMostSteps) return false;
        for (const auto& one : found->second) {
            if (at + one.words.size() > words_.size() ||
                !std::equal(one.words.begin(), one.words.end(),
                            words_.begin() + static_cast<std::ptrdiff_t>(at)))
                continue;
            const auto before = slots_;
            add(slots_[node.slot], one);
            const auto after = at + one.words.size();
            if ((node.repeated && entry(node, after, next)) || next(after)) return true;
            slots_ = before;
        }
        return false;
    }

    static void add(Slot& slot, const ListEntry& one) {
        const bool digits = one.value.size() == 1 && one.value[0] >= '0' && one.value[0] <= '9';
        if (!slot.words.empty()) slot.words += ' ';
        slot.words += joined(one.words, " ");
        if (!slot.value.empty() && !digits) slot.value += ' ';
        slot.value += one.value;
    }

    const std::vector<std::string>& words_;
    const Lists& lists_;
    Slots slots_;
    int steps_ = 0;
};

std::string jsgf_of(const Node& node) {
    std::string out;
    switch (node.kind) {
        case Kind::word:
            return node.text;
        case Kind::list:
            return fmt::format("<{}>{}", node.text, node.repeated ? "+" : "");
        case Kind::optional:
            return "[ " + jsgf_of(node.parts.front()) + " ]";
        case Kind::sequence:
        case Kind::choice:
            for (const auto& part : node.parts) {
                if (!out.empty()) out += node.kind == Kind::choice ? " | " : " ";
                out += jsgf_of(part);
            }
            return node.kind == Kind::choice ? "( " + out + " )" : out;
    }
    return out;
}

void visit(const Node& node, const std::function<void(const Node&)>& see) {
    see(node);
    for (const auto& part : node.parts) visit(part, see);
}

}  // namespace

Result<Phrase> Phrase::parse(std::string_view text) {
    auto root = Parser(text).all();
    if (!root) return tl::unexpected(root.error());
    Phrase phrase;
    phrase.root_ = std::move(*root);
    return phrase;
}

std::string Phrase::jsgf() const {
    return jsgf_of(root_);
}

std::optional<Slots> Phrase::match(const std::vector<std::string>& words,
                                   const Lists& lists) const {
    Matcher matcher(words, lists);
    if (!matcher.run(root_, 0, [&](std::size_t at) { return at == words.size(); })) return {};
    return matcher.take_slots();
}

std::set<std::string> Phrase::lists() const {
    std::set<std::string> out;
    visit(root_, [&](const Node& node) {
        if (node.kind == Kind::list) out.insert(node.text);
    });
    return out;
}

std::set<std::string> Phrase::slots() const {
    std::set<std::string> out;
    visit(root_, [&](const Node& node) {
        if (node.kind == Kind::list) out.insert(node.slot);
    });
    return out;
}

std::set<std::string> Phrase::words() const {
    std::set<std::string> out;
    visit(root_, [&](const Node& node) {
        if (node.kind == Kind::word) out.insert(node.text);
    });
    return out;
}

Result<std::vector<ListEntry>> parse_list(std::string_view text) {
    std::vector<ListEntry> list;
    while (true) {
        const auto bar = text.find('|');
        const auto part = text.substr(0, bar);
        const auto colon = part.find(':');
        ListEntry entry;
        entry.words = words_of(part.substr(0, colon));
        if (entry.words.empty()) return fail(Errc::bad_config, "an entry of the list has no words");
        for (const auto& word : entry.words) {
            if (!std::all_of(word.begin(), word.end(), is_letter))
                return fail(Errc::bad_config,
                            fmt::format("\"{}\" cannot be said; write small letters", word));
        }
        entry.value = colon == std::string_view::npos
                          ? joined(entry.words, " ")
                          : joined(words_of(part.substr(colon + 1)), " ");
        list.push_back(std::move(entry));
        if (bar == std::string_view::npos) return list;
        text.remove_prefix(bar + 1);
    }
}

std::string jsgf(const std::vector<ListEntry>& list) {
    std::string out;
    for (const auto& entry : list) {
        if (!out.empty()) out += " | ";
        out += joined(entry.words, " ");
    }
    return out;
}

std::vector<std::string> words_of(std::string_view text) {
    std::vector<std::string> words;
    std::string word;
    for (const char c : text) {
        if (c == ' ' || c == '\t') {
            if (!word.empty()) words.push_back(std::exchange(word, {}));
        } else {
            word += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
        }
    }
    if (!word.empty()) words.push_back(std::move(word));
    return words;
}

}  // namespace bridge::agents::local
