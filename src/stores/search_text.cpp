#include "stores/search_text.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

namespace bridge::stores {
namespace {

constexpr std::size_t kMostWordBytes = 64;
/// Of a snippet: words before the first one that was found, and in all.
constexpr std::size_t kWordsBefore = 5, kSnippetWords = 16;
constexpr std::size_t kMostShownBytes = 120;  ///< of one word
constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

/// One code point off the front of `text` at `at`; kBroken: a byte that is no UTF-8.
constexpr char32_t kBroken = 0xFFFFFFFF;
char32_t next_code_point(std::string_view text, std::size_t& at) {
    const auto first = static_cast<unsigned char>(text[at]);
    ++at;
    if (first < 0x80) return first;
    const int more = first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : 1;
    if (first < 0xC2 || first > 0xF4 || at + static_cast<std::size_t>(more) > text.size())
        return kBroken;
    auto code = static_cast<char32_t>(first & (0x3FU >> more));
    for (int i = 0; i < more; ++i) {
        const auto next = static_cast<unsigned char>(text[at + static_cast<std::size_t>(i)]);
        if ((next & 0xC0U) != 0x80U) return kBroken;
        code = (code << 6U) | (next & 0x3FU);
    }
    constexpr std::array<char32_t, 4> kSmallest{0, 0x80, 0x800, 0x10000};
    if (code < kSmallest[static_cast<std::size_t>(more)] || code > 0x10FFFF ||
        (code >= 0xD800 && code < 0xE000))
        return kBroken;
    at += static_cast<std::size_t>(more);
    return code;
}

bool is_mark(char32_t code) {
    return code >= 0x300 && code < 0x370;
}

struct Range {
    char32_t first, last;
};
/// Spaces, punctuation, symbols and pictures outside ASCII.
constexpr std::array<Range, 13> kBetweenWords{{{0x80, 0xA9},
                                               {0xAB, 0xB1},
                                               {0xB4, 0xB4},
                                               {0xB6, 0xB8},
                                               {0xBB, 0xBB},
                                               {0xBF, 0xBF},
                                               {0xD7, 0xD7},
                                               {0xF7, 0xF7},
                                               {0x2000, 0x2BFF},
                                               {0x3000, 0x3004},
                                               {0x3008, 0x3020},
                                               {0xFE00, 0xFF0F},
                                               {0xFFE0, 0xFFFF}}};

bool is_word(char32_t code) {
    if (code < 0x80)
        return (code >= '0' && code <= '9') || (code >= 'a' && code <= 'z') ||
               (code >= 'A' && code <= 'Z');
    if (code == kBroken || (code >= 0xE000 && code < 0xF900) || code >= 0xE0000) return false;
    if (code >= 0x1F000 && code < 0x1FB00) return false;
    return std::none_of(kBetweenWords.begin(), kBetweenWords.end(), [&](const Range& range) {
        return code >= range.first && code <= range.last;
    });
}

/// U+00C0 to U+017F; '.' stands for a letter of its own.
constexpr std::string_view kLatin =
    "aaaaaa.ceeeeiiii.nooooo..uuuuy..aaaaaa.ceeeeiiii.nooooo..uuuuy.y"
    "aaaaaaccccccccdd..eeeeeeeeeegggggggghh..iiiiiiiii...jjkk.llllll."
    "...nnnnnn...oooooo..rrrrrrsssssssstttt..uuuuuuuuuuuuwwyyyzzzzzz.";

void append_code_point(std::string& out, char32_t code) {
    const auto byte = [&](char32_t value) { out += static_cast<char>(value); };
    if (code < 0x80) {
        byte(code);
    } else if (code < 0x800) {
        byte(0xC0U | (code >> 6U));
        byte(0x80U | (code & 0x3FU));
    } else if (code < 0x10000) {
        byte(0xE0U | (code >> 12U));
        byte(0x80U | ((code >> 6U) & 0x3FU));
        byte(0x80U | (code & 0x3FU));
    } else {
        byte(0xF0U | (code >> 18U));
        byte(0x80U | ((code >> 12U) & 0x3FU));
        byte(0x80U | ((code >> 6U) & 0x3FU));
        byte(0x80U | (code & 0x3FU));
    }
}

void append_folded(std::string& out, char32_t code) {
    if (code >= 'A' && code <= 'Z') {
        out += static_cast<char>(code + 0x20);
        return;
    }
    if (code >= 0xC0 && code < 0xC0 + kLatin.size()) {
        const char base = kLatin[code - 0xC0];
        if (base != '.') {
            out += base;
            return;
        }
        if (code < 0xDF) {
            code += 0x20;
        } else if (code >= 0x100) {
            // Capitals are even there but for two stretches.
            const bool odd = (code >= 0x139 && code < 0x149) || (code >= 0x179 && code < 0x17F);
            if ((code % 2 == 1) == odd) ++code;
        }
    } else if ((code >= 0x391 && code <= 0x3A9) || (code >= 0x410 && code <= 0x42F)) {
        code += 0x20;
    } else if (code >= 0x400 && code <= 0x40F) {
        code += 0x50;
    }
    append_code_point(out, code);
}

/// On one line, without anything that could be taken for a mark; not without end.
void append_shown(std::string& out, std::string_view text) {
    text = text.substr(0, kMostShownBytes);
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        out += byte < 0x20 || byte == 0x7F ? ' ' : c;
    }
}

std::string snippet(std::string_view text, const std::vector<TextWord>& words,
                    const std::vector<bool>& found) {
    const auto hit = std::find(found.begin(), found.end(), true) - found.begin();
    const auto first_hit = static_cast<std::size_t>(hit);
    const auto first = first_hit > kWordsBefore ? first_hit - kWordsBefore : 0;
    const auto last = std::min(first + kSnippetWords, words.size());
    std::string out = first > 0 ? "…" : "";
    auto at = first > 0 ? words[first].begin : 0;
    for (auto i = first; i < last; ++i) {
        append_shown(out, text.substr(at, words[i].begin - at));
        const auto word = text.substr(words[i].begin, words[i].end - words[i].begin);
        if (found[i]) out += '\x01';
        append_shown(out, word);
        if (found[i]) out += '\x02';
        at = words[i].end;
    }
    if (last < words.size()) {
        out += "…";
    } else {
        append_shown(out, text.substr(at));
    }
    return clean_text(out);
}

}  // namespace

std::vector<TextWord> words_of(std::string_view text) {
    std::vector<TextWord> words;
    bool inside = false;
    for (std::size_t at = 0; at < text.size();) {
        const auto begin = at;
        const auto code = next_code_point(text, at);
        if (is_mark(code)) {  // of the letter before it
            if (inside) words.back().end = at;
            continue;
        }
        if (!is_word(code)) {
            inside = false;
            continue;
        }
        if (!std::exchange(inside, true)) words.push_back({begin, at, {}});
        words.back().end = at;
        append_folded(words.back().folded, code);
    }
    return words;
}

std::vector<std::string> wanted_words(std::string_view text) {
    std::vector<std::string> wanted;
    for (auto& word : words_of(text)) {
        if (wanted.size() == kMostWords) break;
        if (word.folded.size() > kMostWordBytes) continue;
        if (std::find(wanted.begin(), wanted.end(), word.folded) == wanted.end())
            wanted.push_back(std::move(word.folded));
    }
    return wanted;
}

std::string fts5_query(std::string_view text) {
    std::string query;
    std::size_t count = 0;
    for (const auto& word : words_of(text)) {
        if (count == kMostWords) break;
        if (word.folded.size() > kMostWordBytes) continue;
        if (count++ > 0) query += " AND ";
        query += '"';
        query += text.substr(word.begin, word.end - word.begin);
        query += "\"*";
    }
    return query;
}

std::string tsquery(const std::vector<std::string>& wanted) {
    std::string query;
    for (const auto& word : wanted) {
        if (!query.empty()) query += " & ";
        query += "'" + word + "':*";
    }
    return query;
}

std::string clean_text(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t at = 0; at < text.size();) {
        const auto begin = at;
        const auto code = next_code_point(text, at);
        if (code == kBroken || code == 0) {
            out += kReplacement;
        } else {
            out += text.substr(begin, at - begin);
        }
    }
    return out;
}

void MatchFinder::look(const SearchedText& text) {
    const auto words = words_of(text.text);
    std::vector<bool> found(words.size(), false);
    std::vector<std::size_t> which;
    for (std::size_t i = 0; i < words.size(); ++i) {
        for (std::size_t w = 0; w < wanted_.size(); ++w) {
            if (!words[i].folded.starts_with(wanted_[w])) continue;
            found[i] = true;
            if (std::find(which.begin(), which.end(), w) == which.end()) which.push_back(w);
        }
    }
    if (which.empty()) return;
    for (const auto w : which) {
        if (std::find(seen_.begin(), seen_.end(), w) == seen_.end()) seen_.push_back(w);
    }
    // A text that is no better than those there are is not written down.
    const auto place = std::find_if(found_.begin(), found_.end(),
                                    [&](const Ranked& one) { return one.words < which.size(); });
    if (place == found_.end() && found_.size() == kMost) return;
    found_.insert(
        place,
        {which.size(), {text.where, text.speaker, text.begin, snippet(text.text, words, found)}});
    if (found_.size() > kMost) found_.pop_back();
}

std::vector<call::TextMatch> MatchFinder::take() {
    std::vector<call::TextMatch> out;
    for (auto& one : found_) out.push_back(std::move(one.match));
    return out;
}

}  // namespace bridge::stores
