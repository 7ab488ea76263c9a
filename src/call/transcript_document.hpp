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

/// One line for each piece: "00:01:05.2  far   Hello, who is there?".
std::string format_transcript_text(const TranscriptDocument& document);
/// SubRip: what most players read.
std::string format_transcript_srt(const TranscriptDocument& document);
/// WebVTT (w3.org/TR/webvtt1), the speaker as a voice: <v far>.
std::string format_transcript_vtt(const TranscriptDocument& document);

}  // namespace bridge::call
