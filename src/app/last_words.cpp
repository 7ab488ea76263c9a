#include "app/last_words.hpp"

#include <algorithm>

#include "app/columns.hpp"

namespace bridge::app {

void LastWords::take(const call::TranscriptPiece& piece) {
    auto& last = piece.speaker == call::LineEnd::far ? far_ : near_;
    // An earlier utterance may be told again when it is certain.
    if (piece.number < last.number || piece.text.empty()) return;
    last.speaker = piece.speaker;
    last.number = piece.number;
    last.begin = piece.begin;
    last.text = piece.text;
}

std::vector<std::string> LastWords::lines(int width, bool unicode) const {
    std::vector<const call::TranscriptPiece*> said;
    for (const auto* piece : {&far_, &near_}) {
        if (piece->number > 0) said.push_back(piece);
    }
    std::stable_sort(said.begin(), said.end(), [](const auto* left, const auto* right) {
        return left->begin < right->begin;
    });
    std::vector<std::string> out;
    for (const auto* piece : said) {
        const std::string who = piece->speaker == call::LineEnd::far ? "  they: " : "  we: ";
        const auto room = std::max(width - 1 - static_cast<int>(who.size()), 1);
        const auto text = visible(piece->text, unicode);
        out.push_back(who + std::string(last_columns(text, static_cast<std::size_t>(room))));
    }
    return out;
}

}  // namespace bridge::app
