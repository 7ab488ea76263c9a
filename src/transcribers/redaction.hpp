#pragma once
// What must not be written down: card numbers, also when they are spoken digit by digit, and what
// the owner's patterns match. It is taken out before a piece of the transcript leaves the call, and
// of pieces that are not final nothing is shown that might yet turn out to be such a thing.

#include <boost/regex.hpp>
#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "call/transcript.hpp"

namespace bridge::transcribers {

/// Stands in place of what was taken out.
inline constexpr std::string_view kRedacted = "[redacted]";
/// Stands for digits that are still being spoken, in pieces that are not final.
inline constexpr std::string_view kHeldBack = "…";

/// What was taken out, on the call's timeline: silence in the recording.
struct RedactedSpan {
    call::LineEnd end = call::LineEnd::far;
    std::chrono::milliseconds begin{0}, until{0};
    bool operator==(const RedactedSpan&) const = default;
};

/// Is told what is taken out of one call's transcript, before the transcript is. To let it go is to
/// say that nothing more comes.
using RedactionTeller = std::function<void(std::vector<RedactedSpan>)>;

/// Thread: any, none changes it.
class RedactionRules {
public:
    /// Bytes of a text.
    struct Range {
        std::size_t begin = 0, end = 0;
        bool held_back = false;  ///< it may be harmless: the text is not over
        bool operator==(const Range&) const = default;
    };

    RedactionRules() = default;
    /// `patterns`: Perl's regular expressions, in which case does not matter. Errors: bad_config,
    /// names the pattern.
    static Result<RedactionRules> make(bool cards, const std::vector<std::string>& patterns);

    bool any() const { return cards_ || !patterns_.empty(); }
    /// In order, none overlaps another. `growing`: more may follow the text.
    std::vector<Range> find(std::string_view text, bool growing) const;
    /// Where digits begin that reach to the end of the text and are the beginning of a card number,
    /// maybe; npos: nothing of the kind.
    std::size_t open_digits(std::string_view text) const;

private:
    void find_cards(std::string_view text, bool growing, std::vector<Range>& out) const;
    void find_patterns(std::string_view text, bool growing, std::vector<Range>& out) const;

    bool cards_ = false;
    std::vector<boost::regex> patterns_;
};

/// One side of a call. A piece that ends with digits waits for the next one, for a card number is
/// often spoken in parts; meanwhile it is told as not final. Thread: one.
class SideRedaction {
public:
    struct Out {
        call::TranscriptPiece piece;
        std::vector<RedactedSpan> spans;  ///< of a final piece
    };
    static constexpr std::chrono::milliseconds kPatience{8000};

    /// `rules` outlive it.
    explicit SideRedaction(const RedactionRules& rules) : rules_(rules) {}

    std::vector<Out> take(call::TranscriptPiece piece);
    /// The call has come so far: what waits for digits that did not come is told.
    std::vector<Out> passed(std::chrono::milliseconds now);
    /// Nothing more comes.
    std::vector<Out> finish();

private:
    Out shown(const call::TranscriptPiece& piece, bool growing) const;
    std::vector<Out> release(std::size_t count);

    const RedactionRules& rules_;
    std::deque<call::TranscriptPiece> held_;  ///< final, not redacted yet
};

}  // namespace bridge::transcribers
