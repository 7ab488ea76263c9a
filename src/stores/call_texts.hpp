#pragma once
// What all stores of calls write in the same form: which texts of a call are searched, the words of
// a piece of transcript, and a call's document when something becomes known after its end.

#include <string>
#include <string_view>
#include <vector>

#include "call/call_store.hpp"

namespace bridge::stores {

/// The texts of a call that are not in its row.
struct CallTexts {
    std::vector<call::TranscriptPiece> pieces;
    std::vector<call::StoredSaying> sayings;
    std::vector<std::string> messages;
};

/// All that is searched, a line for each text. What an agent's service understood counts where
/// nobody took the call down.
std::string searched_body(const call::StoredCall& call, const CallTexts& texts);
/// Where a call has the words.
std::vector<call::TextMatch> find_matches(const call::StoredCall& call, const CallTexts& texts,
                                          const std::vector<std::string>& wanted);

/// The words of a piece as JSON text, and back; text that is none of ours gives no words.
std::string format_words(const std::vector<call::TranscriptWord>& words);
std::vector<call::TranscriptWord> parse_words(std::string_view text);

/// A call of a program that died before it was over, as far as that can be told.
void end_left_call(call::StoredCall& call, std::chrono::system_clock::time_point now);
/// What the carrier said of such a call later.
void settle_left_call(call::StoredCall& call, const CallSid& sid,
                      std::optional<call::CallState> state, std::string reason);

/// With every text as UTF-8 without NUL.
void clean(call::CallChange& change);

/// An order of time, and of the far end before the near one.
bool is_said_before(const call::TranscriptPiece& left, const call::TranscriptPiece& right);

}  // namespace bridge::stores
