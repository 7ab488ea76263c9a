#pragma once
// Digits in a text, written or spoken ("four one double one", "forty-one"), as they are read out on
// the phone.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace bridge::transcribers {

/// Digits that follow each other, with nothing but punctuation and words such as "uh" or "dash"
/// between them.
struct DigitRun {
    struct Group {
        std::size_t begin = 0, end = 0;  ///< bytes of the text: a number or a word
        std::size_t first = 0;           ///< its first digit's place among the run's digits
    };
    std::string digits;
    std::vector<Group> groups;
    bool reaches_end = false;  ///< no other word follows

    std::size_t begin() const { return groups.front().begin; }
    std::size_t end() const { return groups.back().end; }
};

std::vector<DigitRun> digit_runs(std::string_view text);

/// Whether digits are right by Luhn's check (ISO/IEC 7812-1), as card numbers are.
bool luhn(std::string_view digits);
/// Whether a number of this length begins as the cards of some issuer do.
bool looks_like_card(std::string_view digits);

}  // namespace bridge::transcribers
