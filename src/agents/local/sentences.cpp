#include "agents/local/sentences.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace bridge::agents::local {
namespace {

constexpr std::size_t kLongestSentence = 300;  // a text without an end is cut at a space about here
constexpr std::size_t kMostSpeakable = 1000;

bool is_space(char c) {
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

/// "Dr." and "J." end no sentence, nor does the dot of "1." in a list.
bool is_abbreviation(std::string_view before) {
    static constexpr std::array<std::string_view, 12> kKnown{
        "mr", "mrs", "ms", "dr", "st", "vs", "etc", "e.g", "i.e", "no", "prof", "approx"};
    const auto begin = before.find_last_of(" \n\t");
    auto word = std::string(begin == before.npos ? before : before.substr(begin + 1));
    std::transform(word.begin(), word.end(), word.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    const bool letter = word.size() == 1 && word != "i" && word != "a";
    // "No." ends an answer far more often than it counts one.
    return letter ||
           (word != "no" && std::find(kKnown.begin(), kKnown.end(), word) != kKnown.end());
}

/// The place behind the first complete sentence of `text`, or 0. What ends it is only known once
/// the space after it is there: "3.5" and "example.com" go on.
std::size_t end_of_sentence(std::string_view text) {
    for (std::size_t i = 0; i + 1 < text.size(); ++i) {
        if (text[i] == '\n' && i > 0) return i + 1;
        if (text[i] != '.' && text[i] != '!' && text[i] != '?') continue;
        auto after = i + 1;
        while (after < text.size() &&
               (text[after] == '"' || text[after] == ')' || text[after] == '\'' ||
                text[after] == '.' || text[after] == '!' || text[after] == '?'))
            ++after;
        if (after >= text.size() || !is_space(text[after])) continue;
        if (text[i] == '.' && is_abbreviation(text.substr(0, i))) continue;
        return after;
    }
    if (text.size() <= kLongestSentence) return 0;
    const auto space = text.rfind(' ', kLongestSentence);
    return space == text.npos || space == 0 ? kLongestSentence : space;
}

std::string without_spaces(std::string_view text) {
    while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
    while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
    return std::string(text);
}

}  // namespace

std::vector<std::string> Sentences::add(std::string_view more) {
    text_ += more;
    std::vector<std::string> out;
    while (const auto end = end_of_sentence(text_)) {
        if (auto one = without_spaces(std::string_view(text_).substr(0, end)); !one.empty())
            out.push_back(std::move(one));
        text_.erase(0, end);
    }
    return out;
}

std::string Sentences::rest() {
    return without_spaces(std::exchange(text_, {}));
}

std::vector<std::string> sentences_of(std::string_view text) {
    Sentences all;
    auto out = all.add(text);
    if (auto rest = all.rest(); !rest.empty()) out.push_back(std::move(rest));
    return out;
}

std::string speakable(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size() && out.size() < kMostSpeakable; ++i) {
        const auto byte = static_cast<unsigned char>(text[i]);
        if (text.substr(i, 3) == "\xE2\x80\x99") {  // a typographic apostrophe
            out += '\'';
            i += 2;
        } else if (byte >= 0x80 || text[i] == '*' || text[i] == '`' || text[i] == '#' ||
                   text[i] == '_' || byte < 0x20) {
            if (!out.empty() && out.back() != ' ') out += ' ';
        } else {
            out += text[i];
        }
    }
    return without_spaces(out);
}

}  // namespace bridge::agents::local
