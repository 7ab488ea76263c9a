#pragma once
// What was said last in a call, for the live view: of each side the utterance it is in, or was.

#include <string>
#include <vector>

#include "call/transcript.hpp"

namespace bridge::app {

class LastWords {
public:
    void take(const call::TranscriptPiece& piece);
    /// One line of each side that has spoken, the one that began last below; less than `width`
    /// columns each, of long ones the end.
    std::vector<std::string> lines(int width, bool unicode) const;

private:
    call::TranscriptPiece far_, near_;  ///< number 0: nothing was said
};

}  // namespace bridge::app
