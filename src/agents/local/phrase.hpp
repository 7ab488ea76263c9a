#pragma once
// What a caller may say, as the receptionist's dialogue writes it, and what was meant by what was
// said:
//
//     [please] leave a message | message       words; [ ] may be left out; | either; ( ) together
//     on <day> [<part>]                        one entry of a list, kept under the list's name
//     my number is <number=digit+>             one or more entries of a list, kept as "number"
//
// The same phrase becomes a grammar for a recogniser (JSGF) and is matched against its words.

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace bridge::agents::local {

/// `seven:7` in a list: what is said, and what it stands for.
struct ListEntry {
    std::vector<std::string> words;
    std::string value;
};
using Lists = std::map<std::string, std::vector<ListEntry>>;

/// What a part of a phrase was filled with.
struct Slot {
    std::string words;  ///< as they were said: "five five one"
    std::string value;  ///< what they stand for: "551"
};
using Slots = std::map<std::string, Slot>;

class Phrase {
public:
    /// Words are small letters and apostrophes. Errors: bad_config (what is wrong where).
    static Result<Phrase> parse(std::string_view text);

    /// The right side of a JSGF rule; each list is a rule of its name.
    std::string jsgf() const;
    /// The slots of the first way in which all of `words` are this phrase.
    std::optional<Slots> match(const std::vector<std::string>& words, const Lists& lists) const;
    /// Names of the lists it uses.
    std::set<std::string> lists() const;
    /// Names of the slots it may fill.
    std::set<std::string> slots() const;
    /// Every word it is made of, lists excepted.
    std::set<std::string> words() const;

    struct Node {
        enum class Kind { word, sequence, choice, optional, list } kind = Kind::word;
        std::string text;  ///< the word, or the list's name
        std::string slot;
        bool repeated = false;
        std::vector<Node> parts;
    };

private:
    Node root_;
};

/// "zero:0 | oh:0 | one" as a list. Errors: bad_config.
Result<std::vector<ListEntry>> parse_list(std::string_view text);
/// The right side of a list's JSGF rule.
std::string jsgf(const std::vector<ListEntry>& list);
/// Small letters, split at spaces.
std::vector<std::string> words_of(std::string_view text);

}  // namespace bridge::agents::local
