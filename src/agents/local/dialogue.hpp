#pragma once
// What the receptionist says, listens for and does: a small file of states that anybody can write.
// Each line is one word and what it is about; indentation is for the eye; a line that begins with #
// is a comment.
//
//   list day = today | tomorrow | monday         words to choose from; "seven:7" stands for 7
//   sound wifi W AY F AY                         how a word sounds that is not in the dictionary
//
//   anywhere                                     lines that hold in every state
//     hear  [please] repeat that -> again        "again" is the state one is in
//     key   0 -> person
//
//   state ask_day                                the first state is where a call begins
//     say   When shall we call you back?         {slot} is what was understood
//     keys  Press one for today.                 about keys: when speech is not, or was not,
//     hear  [on] <day> -> check                  understood
//     key   1 -> today
//     digits number 3-15 -> check                keys, up to # or a pause, kept as "number"
//     record speech 30s -> done                  listens until it is quiet; keeps how long it was
//     silence 6s                                 how long it waits for an answer
//     tries 3 -> goodbye                         after so many times nothing was understood
//
//   state today
//     set   day = today                          a slot filled without asking
//     do    take_message                         a tool of the call …
//     with  text = Call back {day}.              … and its arguments
//     done  -> thanks                            what follows; failed -> if it could not be done
//     next  -> thanks                            what follows when nothing is asked or done

#include <array>
#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agents/local/phrase.hpp"
#include "base/result.hpp"

namespace bridge::agents::local {

/// States are known by their place in Dialogue::states.
using StateId = std::size_t;
inline constexpr StateId kAgain = static_cast<StateId>(-1);

struct Hear {
    Phrase phrase;
    StateId to = 0;
};

struct Gather {
    std::string slot;
    std::size_t fewest = 1, most = 32;
    StateId to = 0;
};

struct Record {
    std::string slot;
    std::chrono::milliseconds longest{30'000};
    StateId to = 0;
};

struct Doing {
    std::string tool;
    std::vector<std::pair<std::string, std::string>> with;  ///< argument, text with {slots}
    std::optional<StateId> done, failed;                    ///< empty: the call is ended
};

struct State {
    std::string name;
    std::string say, keys;
    std::vector<Hear> hear;
    std::map<char, StateId> key;
    std::optional<Gather> digits;
    std::optional<Record> record;
    std::vector<std::pair<std::string, std::string>> set;
    std::optional<Doing> doing;
    std::optional<StateId> next;
    std::chrono::milliseconds silence{6000};
    int tries = 3;
    std::optional<StateId> after_tries;  ///< empty: the call is ended

    bool asks() const { return !hear.empty() || !key.empty() || digits || record; }
};

struct Dialogue {
    Lists lists;
    std::vector<State> states;                  ///< what holds anywhere is in each state that asks
    std::map<std::string, std::string> sounds;  ///< word → phones of the CMU dictionary
    std::map<std::string, int> words;           ///< every word to be understood → its first line

    /// A JSGF grammar of what state `id` listens for; empty if it listens for no words.
    std::string grammar(StateId id) const;
};

/// Errors: bad_config with the line's number and what to write instead.
Result<Dialogue> parse_dialogue(std::string_view text);
/// Errors: not_found, too_large (64 KiB), and those of parse_dialogue with the file's name.
Result<Dialogue> load_dialogue(const std::string& path);
/// The dialogue that is used when no other is named.
std::string_view default_dialogue();

}  // namespace bridge::agents::local
