#pragma once
// A call's transcript as a whole, and the files it can be had as.

#include <cstdint>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "call/transcript.hpp"

namespace bridge::call {

struct TranscriptDocument {
    CallId call;
    std::string engine;
    bool complete = false;                ///< nothing more comes, and nothing was left out
    std::vector<TranscriptPiece> pieces;  ///< final ones, by when they began, then by speaker
    std::uint64_t dropped = 0;            ///< the oldest ones: it was too long to be kept whole
};

/// The order of TranscriptDocument::pieces.
bool comes_before(const TranscriptPiece& left, const TranscriptPiece& right);

/// Gathers the final pieces of one call; of one that is talked in for days the oldest go.
class TranscriptPieces {
public:
    static constexpr std::size_t kMostBytes = 4 * 1024 * 1024;

    /// A later piece of the same side and number takes the place of an earlier one.
    void take(const TranscriptPiece& piece);
    /// In the order of TranscriptDocument.
    const std::vector<TranscriptPiece>& pieces() const { return pieces_; }
    std::uint64_t dropped() const { return dropped_; }
    std::size_t bytes() const { return bytes_; }

private:
    std::vector<TranscriptPiece> pieces_;
    std::size_t bytes_ = 0;
    std::uint64_t dropped_ = 0;
};

/// One line for each piece: "00:01:05.2  far   Hello, who is there?".
std::string format_transcript_text(const TranscriptDocument& document);
/// SubRip: what most players read.
std::string format_transcript_srt(const TranscriptDocument& document);
/// WebVTT (w3.org/TR/webvtt1), the speaker as a voice: <v far>.
std::string format_transcript_vtt(const TranscriptDocument& document);

}  // namespace bridge::call
