#include "transcribers/redaction.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "transcribers/spoken_digits.hpp"

namespace bridge::transcribers {
namespace {

using Range = RedactionRules::Range;
using std::chrono::milliseconds;

constexpr std::size_t kLeastCard = 13, kMostCard = 19;  // digits (ISO/IEC 7812-1)
/// Of digits that are spoken on end, so many may be seen before it is known what they are.
constexpr std::size_t kHarmless = 4;
/// Fewer digits at the end of a piece are no reason to wait for the next one.
constexpr std::size_t kWorthWaiting = 3;

/// The card numbers in digits that may have other digits before or after them.
void cards_in(const DigitRun& run, std::vector<Range>& out) {
    const auto& all = run.digits;
    if (all.size() >= kLeastCard && all.size() <= kMostCard && luhn(all)) {
        out.push_back({run.begin(), run.end(), false});
        return;
    }
    for (std::size_t first = 0; first < run.groups.size(); ++first) {
        for (std::size_t last = run.groups.size(); last-- > first;) {
            const auto from = run.groups[first].first;
            const auto to = last + 1 < run.groups.size() ? run.groups[last + 1].first : all.size();
            const auto digits = std::string_view(all).substr(from, to - from);
            if (!looks_like_card(digits) || !luhn(digits)) continue;
            out.push_back({run.groups[first].begin, run.groups[last].end, false});
            first = last;
            break;
        }
    }
}

/// In order; those that touch or overlap become one.
void put_in_order(std::vector<Range>& ranges) {
    std::sort(ranges.begin(), ranges.end(),
              [](const Range& left, const Range& right) { return left.begin < right.begin; });
    std::vector<Range> out;
    for (const auto& range : ranges) {
        if (!out.empty() && range.begin < out.back().end) {
            out.back().end = std::max(out.back().end, range.end);
            out.back().held_back = out.back().held_back && range.held_back;
        } else {
            out.push_back(range);
        }
    }
    ranges = std::move(out);
}

/// The same text with its ranges taken out.
std::string without(std::string_view text, const std::vector<Range>& ranges) {
    std::string out;
    std::size_t at = 0;
    for (const auto& range : ranges) {
        out += text.substr(at, range.begin - at);
        out += range.held_back ? kHeldBack : kRedacted;
        at = range.end;
    }
    out += text.substr(at);
    return out;
}

std::string text_of(const std::vector<call::TranscriptWord>& words) {
    std::string out;
    for (const auto& word : words) {
        if (!out.empty()) out += ' ';
        out += word.text;
    }
    return out;
}

/// The part of `ranges` that lies from `begin` on, counted from there.
std::vector<Range> from(std::vector<Range> ranges, std::size_t begin, std::size_t end) {
    std::vector<Range> out;
    for (auto range : ranges) {
        if (range.end <= begin || range.begin >= end) continue;
        range.begin = std::max(range.begin, begin) - begin;
        range.end = std::min(range.end, end) - begin;
        out.push_back(range);
    }
    return out;
}

/// Each range becomes one word that lasts as long as those it takes the place of.
std::vector<call::TranscriptWord> without(const std::vector<call::TranscriptWord>& words,
                                          const std::vector<Range>& ranges) {
    std::vector<call::TranscriptWord> out;
    std::size_t at = 0;
    const Range* last = nullptr;
    for (const auto& word : words) {
        const auto end = at + word.text.size();
        const auto hit = std::find_if(ranges.begin(), ranges.end(), [&](const Range& range) {
            return range.begin < end && range.end > at;
        });
        at = end + 1;
        if (hit == ranges.end()) {
            out.push_back(word);
            last = nullptr;
        } else if (last == &*hit) {
            out.back().end = std::max(out.back().end, word.end);
        } else {
            last = &*hit;
            out.push_back({std::string(hit->held_back ? kHeldBack : kRedacted), word.begin,
                           word.end, std::nullopt});
        }
    }
    return out;
}

}  // namespace

Result<RedactionRules> RedactionRules::make(bool cards, const std::vector<std::string>& patterns) {
    RedactionRules out;
    out.cards_ = cards;
    for (const auto& pattern : patterns) {
        boost::regex made;
        made.assign(pattern, boost::regex::perl | boost::regex::icase | boost::regex::no_except);
        if (made.status() != 0)
            return fail(Errc::bad_config, fmt::format("'{}' is not a regular expression", pattern));
        out.patterns_.push_back(std::move(made));
    }
    return out;
}

std::vector<Range> RedactionRules::find(std::string_view text, bool growing) const {
    std::vector<Range> out;
    if (cards_) find_cards(text, growing, out);
    find_patterns(text, growing, out);
    put_in_order(out);
    return out;
}

void RedactionRules::find_cards(std::string_view text, bool growing,
                                std::vector<Range>& out) const {
    for (const auto& run : digit_runs(text)) {
        if (growing && run.digits.size() >= kLeastCard) {
            out.push_back({run.begin(), run.end(), false});
        } else if (growing && (run.reaches_end || run.digits.size() > kHarmless)) {
            out.push_back({run.begin(), run.end(), true});
        } else if (!growing) {
            cards_in(run, out);
        }
    }
}

void RedactionRules::find_patterns(std::string_view text, bool growing,
                                   std::vector<Range>& out) const {
    const auto flags = growing ? boost::match_default | boost::match_partial : boost::match_default;
    const auto* const begin = text.data();
    const auto* const end = begin + text.size();
    for (const auto& pattern : patterns_) {
        try {
            boost::cregex_iterator match(begin, end, pattern, flags);
            for (; match != boost::cregex_iterator(); ++match) {
                const auto& whole = (*match)[0];
                if (whole.first == whole.second) continue;
                out.push_back({static_cast<std::size_t>(whole.first - begin),
                               static_cast<std::size_t>(whole.second - begin), !whole.matched});
            }
        } catch (const std::runtime_error&) {
            // A pattern that takes too long to try might match: nothing of the text is shown.
            if (!text.empty()) out.push_back({0, text.size(), false});
        }
    }
}

std::size_t RedactionRules::open_digits(std::string_view text) const {
    if (!cards_) return std::string_view::npos;
    const auto runs = digit_runs(text);
    if (runs.empty() || !runs.back().reaches_end) return std::string_view::npos;
    const auto digits = runs.back().digits.size();
    return digits >= kWorthWaiting && digits < kMostCard ? runs.back().begin()
                                                         : std::string_view::npos;
}

// --- one side

std::vector<SideRedaction::Out> SideRedaction::take(call::TranscriptPiece piece) {
    if (!rules_.any()) return {{std::move(piece), {}}};
    if (!piece.final) return {shown(piece, true)};
    held_.push_back(std::move(piece));
    // Those before the digits that are still open need not wait.
    std::string text;
    std::vector<std::size_t> ends;
    for (const auto& one : held_) {
        text += one.text + ' ';
        ends.push_back(text.size() - 1);
    }
    const auto open = rules_.open_digits(text);
    const auto done = static_cast<std::size_t>(
        std::count_if(ends.begin(), ends.end(), [&](std::size_t end) { return end <= open; }));
    auto out = release(done);
    if (!held_.empty()) {
        auto waiting = held_.back();
        waiting.final = false;
        out.push_back(shown(waiting, true));
    }
    return out;
}

std::vector<SideRedaction::Out> SideRedaction::passed(milliseconds now) {
    if (held_.empty() || now < held_.back().end + kPatience) return {};
    return finish();
}

std::vector<SideRedaction::Out> SideRedaction::finish() {
    return release(held_.size());
}

/// The first `count` of those that wait; what they are is seen in all of them together.
std::vector<SideRedaction::Out> SideRedaction::release(std::size_t count) {
    std::vector<Out> out;
    for (std::size_t i = 0; i < count; ++i) out.push_back(shown(held_[i], false));
    held_.erase(held_.begin(), held_.begin() + static_cast<std::ptrdiff_t>(count));
    return out;
}

/// `piece`, which may be one of those that wait or one after them, as it may be shown.
SideRedaction::Out SideRedaction::shown(const call::TranscriptPiece& piece, bool growing) const {
    std::string text, words;
    std::size_t text_at = std::string::npos, words_at = std::string::npos;
    const auto add = [&](const call::TranscriptPiece& one, bool own) {
        if (own) {
            text_at = text.size();
            words_at = words.size();
        }
        text += one.text + ' ';
        words += (one.words.empty() ? one.text : text_of(one.words)) + ' ';
    };
    for (const auto& one : held_) add(one, one.number == piece.number);
    if (text_at == std::string::npos) add(piece, true);
    text.pop_back();
    words.pop_back();

    Out out{piece, {}};
    const auto own_words = piece.words.empty() ? piece.text : text_of(piece.words);
    const auto in_text = from(rules_.find(text, growing), text_at, text_at + piece.text.size());
    const auto in_words = from(rules_.find(words, growing), words_at, words_at + own_words.size());
    if (in_text.empty() && in_words.empty()) return out;
    out.piece.text = without(piece.text, in_text);
    out.piece.words = without(piece.words, in_words);
    // Where text and words are written differently, one may hide what the other shows.
    const bool differ = !piece.words.empty() && in_text.size() != in_words.size();
    if (differ && in_words.size() > in_text.size()) out.piece.text = text_of(out.piece.words);
    if (differ && in_words.size() < in_text.size()) out.piece.words.clear();
    if (!out.piece.final) return out;
    if (out.piece.words.empty()) {
        out.spans.push_back({piece.speaker, piece.begin, piece.end});
    } else {
        for (const auto& word : out.piece.words) {
            if (word.text == kRedacted) out.spans.push_back({piece.speaker, word.begin, word.end});
        }
    }
    return out;
}

}  // namespace bridge::transcribers
