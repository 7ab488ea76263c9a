#include "call/transcript_document.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <string_view>
#include <utility>

namespace bridge::call {
namespace {

using std::chrono::milliseconds;

/// What subtitles keep to, so that they fit on a screen and can be read.
constexpr std::size_t kLine = 42;  // characters
constexpr std::size_t kLines = 2;
/// A shorter one is not seen.
constexpr milliseconds kShortest{400};

/// The name of a side in front of what it said.
std::string_view label(LineEnd end) {
    return end == LineEnd::far ? "Far: " : "Near: ";
}

/// Characters, not bytes.
std::size_t width(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
        return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
    }));
}

std::vector<std::string_view> words_in(std::string_view text) {
    std::vector<std::string_view> out;
    constexpr std::string_view kSpace = " \t\r\n\v\f";
    while (true) {
        const auto begin = text.find_first_not_of(kSpace);
        if (begin == std::string_view::npos) return out;
        const auto end = std::min(text.find_first_of(kSpace, begin), text.size());
        out.push_back(text.substr(begin, end - begin));
        text.remove_prefix(end);
    }
}

struct Cue {
    LineEnd speaker = LineEnd::far;
    milliseconds begin{0}, end{0};
    std::vector<std::string> lines;
};

/// How many of the words from `first` on fit into one cue.
std::size_t that_fit(const std::vector<std::string_view>& words, std::size_t first,
                     std::size_t indent, std::vector<std::string>& lines) {
    std::size_t at = first, used = indent;
    lines.assign(1, {});
    for (; at < words.size(); ++at) {
        const auto more = width(words[at]) + (lines.back().empty() ? 0 : 1);
        if (used + more > kLine && !lines.back().empty()) {
            if (lines.size() == kLines) break;
            lines.emplace_back();
            used = 0;
        }
        if (!lines.back().empty()) lines.back() += ' ';
        lines.back() += words[at];
        used += width(words[at]) + (lines.back().size() == words[at].size() ? 0 : 1);
    }
    return at - first;
}

/// A piece in cues of a few lines. Their times are those of the words where these are known, and
/// else by how long the text is.
void cut(const TranscriptPiece& piece, std::size_t indent, std::vector<Cue>& out) {
    const auto words = words_in(piece.text);
    const bool timed = piece.words.size() == words.size();
    std::vector<std::size_t> before{0};  // characters before each word
    for (const auto word : words) before.push_back(before.back() + width(word) + 1);
    const auto time_at = [&](std::size_t word) {
        const auto all = static_cast<std::int64_t>(std::max<std::size_t>(before.back(), 1));
        return piece.begin +
               (piece.end - piece.begin) * static_cast<std::int64_t>(before[word]) / all;
    };
    for (std::size_t first = 0; first < words.size();) {
        Cue cue;
        cue.speaker = piece.speaker;
        const auto count = that_fit(words, first, indent, cue.lines);
        cue.begin = timed ? piece.words[first].begin : time_at(first);
        cue.end = timed ? piece.words[first + count - 1].end : time_at(first + count);
        cue.end = std::max(cue.end, cue.begin + kShortest);
        first += count;
        out.push_back(std::move(cue));
    }
}

/// In order; no cue begins before the one before it of the same side has gone.
std::vector<Cue> cues_of(const TranscriptDocument& document, bool labelled) {
    std::vector<Cue> out;
    for (const auto& piece : document.pieces)
        cut(piece, labelled ? label(piece.speaker).size() : 0, out);
    std::stable_sort(out.begin(), out.end(),
                     [](const Cue& left, const Cue& right) { return left.begin < right.begin; });
    for (const auto side : {LineEnd::far, LineEnd::near}) {
        Cue* last = nullptr;
        for (auto& cue : out) {
            if (cue.speaker != side) continue;
            if (last != nullptr && last->end > cue.begin)
                last->end = std::max(last->begin + milliseconds(1), cue.begin);
            last = &cue;
        }
    }
    return out;
}

std::string clock_time(milliseconds time, char point) {
    const auto all = std::max<std::int64_t>(time.count(), 0);
    return fmt::format("{:02}:{:02}:{:02}{}{:03}", all / 3'600'000, all / 60'000 % 60,
                       all / 1000 % 60, point, all % 1000);
}

/// "-->" stands between times and nowhere else.
std::string without_arrows(std::string text) {
    for (auto at = text.find("-->"); at != std::string::npos; at = text.find("-->", at))
        text.erase(at, 1);
    return text;
}

/// WebVTT's cue text.
std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '&') {
            out += "&amp;";
        } else if (c == '<') {
            out += "&lt;";
        } else if (c == '>') {
            out += "&gt;";
        } else {
            out += c;
        }
    }
    return out;
}

/// About what it takes in memory.
std::size_t size_of(const TranscriptPiece& piece) {
    auto bytes = sizeof piece + piece.text.size();
    for (const auto& word : piece.words) bytes += sizeof word + word.text.size();
    return bytes;
}

}  // namespace

bool comes_before(const TranscriptPiece& left, const TranscriptPiece& right) {
    if (left.begin != right.begin) return left.begin < right.begin;
    if (left.speaker != right.speaker) return left.speaker == LineEnd::far;
    return left.number < right.number;
}

void TranscriptPieces::take(const TranscriptPiece& piece) {
    if (!piece.final) return;
    const auto same = std::find_if(pieces_.begin(), pieces_.end(), [&](const auto& one) {
        return one.speaker == piece.speaker && one.number == piece.number;
    });
    if (same != pieces_.end()) {
        bytes_ -= size_of(*same);
        pieces_.erase(same);
    }
    pieces_.insert(std::upper_bound(pieces_.begin(), pieces_.end(), piece, comes_before), piece);
    bytes_ += size_of(piece);
    while (bytes_ > kMostBytes && pieces_.size() > 1) {
        bytes_ -= size_of(pieces_.front());
        pieces_.erase(pieces_.begin());
        ++dropped_;
    }
}

std::string format_transcript_text(const TranscriptDocument& document) {
    std::string out;
    if (document.dropped > 0)
        fmt::format_to(std::back_inserter(out), "({} pieces before these were not kept)\n",
                       document.dropped);
    for (const auto& piece : document.pieces) {
        const auto tenths = std::max<std::int64_t>(piece.begin.count(), 0) / 100;
        fmt::format_to(std::back_inserter(out), "{:02}:{:02}:{:02}.{}  {:<4}  {}\n",
                       tenths / 36'000, tenths / 600 % 60, tenths / 10 % 60, tenths % 10,
                       to_string(piece.speaker), fmt::join(words_in(piece.text), " "));
    }
    return out;
}

std::string format_transcript_srt(const TranscriptDocument& document) {
    std::string out;
    std::size_t number = 0;
    for (const auto& cue : cues_of(document, true)) {
        fmt::format_to(std::back_inserter(out), "{}\n{} --> {}\n{}{}\n\n", ++number,
                       clock_time(cue.begin, ','), clock_time(cue.end, ','), label(cue.speaker),
                       without_arrows(fmt::format("{}", fmt::join(cue.lines, "\n"))));
    }
    return out;
}

std::string format_transcript_vtt(const TranscriptDocument& document) {
    std::string out = "WEBVTT\n";
    for (const auto& cue : cues_of(document, false)) {
        fmt::format_to(std::back_inserter(out), "\n{} --> {}\n<v {}>{}\n",
                       clock_time(cue.begin, '.'), clock_time(cue.end, '.'), to_string(cue.speaker),
                       escaped(fmt::format("{}", fmt::join(cue.lines, "\n"))));
    }
    return out;
}

}  // namespace bridge::call
