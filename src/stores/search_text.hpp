#pragma once
// Words of a text, for searching: where they stand, and how they are compared. All stores of calls
// find and show words in the same way because of this.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "call/call_store.hpp"

namespace bridge::stores {

struct TextWord {
    std::size_t begin = 0, end = 0;  ///< in bytes
    std::string folded;              ///< lower case, without accents
};
/// Letters and digits of any script; everything else stands between words. Bytes that are no UTF-8
/// are nothing.
std::vector<TextWord> words_of(std::string_view text);

/// What a person wants found: at most kMostWords different words, folded.
inline constexpr std::size_t kMostWords = 16;
std::vector<std::string> wanted_words(std::string_view text);

/// For FTS5: each word, quoted, with all that begin with it; all must be there. The words as they
/// are written, since FTS5 folds by itself. Empty: there is no word.
std::string fts5_query(std::string_view text);
/// The same as a tsquery of PostgreSQL, of folded words.
std::string tsquery(const std::vector<std::string>& wanted);

/// UTF-8 without NUL: what is neither becomes U+FFFD.
std::string clean_text(std::string_view text);

/// A text of a call that may be searched for.
struct SearchedText {
    call::TextMatch::Where where;
    std::string_view text;
    std::optional<call::LineEnd> speaker{};
    std::optional<std::chrono::milliseconds> begin{};
};

/// Finds the best matches of one call. The texts are only looked at during `look`.
class MatchFinder {
public:
    static constexpr std::size_t kMost = 5;

    explicit MatchFinder(const std::vector<std::string>& wanted) : wanted_(wanted) {}
    void look(const SearchedText& text);
    /// Those with the most of the words first, then as they came.
    std::vector<call::TextMatch> take();
    /// Every word has been seen somewhere.
    bool complete() const { return seen_.size() == wanted_.size(); }

private:
    const std::vector<std::string>& wanted_;
    struct Ranked {
        std::size_t words;
        call::TextMatch match;
    };
    std::vector<Ranked> found_;
    std::vector<std::size_t> seen_;  ///< places in `wanted_`
};

}  // namespace bridge::stores
