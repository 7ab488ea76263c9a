#pragma once
// Seam: where calls are kept when they are over: what they were, what happened in them and what was
// said, to be listed, searched and, some day, forgotten.
//
//   HistoryKeeper ── CallChange, several in one transaction ──▶ CallStore ──▶ memory, SQLite,
//   page, find, search ◀────────────────────────────────────────────┘        PostgreSQL

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "call/event.hpp"
#include "call/transcript.hpp"

namespace bridge::call {

/// A call as it is kept. One that has not ended was up when it was last heard of.
struct StoredCall {
    CallId id;
    CallSid sid;
    Direction direction = Direction::outbound;
    std::string to, from;
    CallState state = CallState::created;
    std::string reason;  ///< why it ended
    std::chrono::system_clock::time_point created{};
    std::optional<std::chrono::system_clock::time_point> ended;
    bool recorded = false, transcribed = false, captured = false;
    std::string instance;  ///< the program that has it, or had it last
    std::string document;  ///< all there is to know, as the control API shows it: JSON text
};

/// One event of a call, as JSON text.
struct StoredEvent {
    std::uint64_t number = 0;  ///< counts the events of the call
    std::string document;
};

/// Words that an agent's service understood or said, where nobody took the call down.
struct StoredSaying {
    LineEnd speaker = LineEnd::far;
    std::string text;
};

/// What is new about a call. Everything but `call` is added to what is there.
struct CallChange {
    StoredCall call;  ///< in place of what was kept of it
    std::vector<StoredEvent> events{};
    /// Final ones; in place of an earlier one of the same speaker and number.
    std::vector<TranscriptPiece> pieces{};
    std::vector<StoredSaying> sayings{};
    std::vector<std::string> messages{};  ///< that an agent took down
    std::string timeline{};               ///< JSON text; empty: none, or as it was
};

/// A place in a list of calls, which begins with the newest.
struct CallPlace {
    std::chrono::system_clock::time_point created;
    CallId id;
};
/// Whether `left` comes before `right`.
bool is_newer(const CallPlace& left, const CallPlace& right);
CallPlace place_of(const CallSnapshot& call);
CallPlace place_of(const StoredCall& call);

/// Which calls are wanted; all of what is set must be so.
struct CallQuery {
    enum class Which { ended, live, all } which = Which::ended;
    std::optional<CallState> state{};
    std::optional<std::chrono::system_clock::time_point> since{}, until{};  ///< created in [since,
                                                                            ///< until)
    /// As a person writes them. A call is found that has every one of the words in what was said,
    /// in messages, in its numbers or in the reason of its end; the beginning of a word is enough,
    /// case and accents do not matter. Only calls that have ended. No word in it: no call.
    std::optional<std::string> words{};
    std::string number{};  ///< part of either end's number or address
    std::optional<Direction> direction{};
    std::optional<CallPlace> after{};  ///< further down in the list
    std::size_t limit = 50;
};

/// Where a call that was searched for has the words.
struct TextMatch {
    enum class Where { transcript, number, reason, message } where = Where::transcript;
    std::optional<LineEnd> speaker{};
    std::optional<std::chrono::milliseconds> begin{};  ///< on the call's timeline
    std::string snippet;  ///< plain text; each word that was found stands between U+0001 and U+0002
};
/// "transcript", "number", "reason", "message".
std::string_view to_string(TextMatch::Where where);

struct FoundCall {
    StoredCall call;
    std::vector<TextMatch> matches{};  ///< the best ones; empty without `words`
};

/// Thread: one, for every member; it may wait for a disk or a server. Errors of all: io, with the
/// place and what to do; unreachable (the server went away: another try opens a new connection).
class CallStore {
public:
    virtual ~CallStore() = default;
    /// All of it or nothing. Safe from a kill of this program when it returns.
    virtual Result<> write(const std::vector<CallChange>& changes) = 0;
    /// The newest first.
    virtual Result<std::vector<FoundCall>> page(const CallQuery& query) = 0;
    /// By CallId or CallSid.
    virtual Result<std::optional<StoredCall>> find(std::string_view id_or_sid) = 0;
    /// JSON text; empty: there is none.
    virtual Result<std::string> timeline(const CallId& call) = 0;
    virtual Result<std::vector<StoredEvent>> events(const CallId& call) = 0;
    /// Final pieces in order of their begin, then the far end first.
    virtual Result<std::vector<TranscriptPiece>> transcript(const CallId& call) = 0;
    /// Everything of it. False: there was no such call.
    virtual Result<bool> remove(const CallId& call) = 0;
    /// Calls that ended before, the oldest first, at most `limit`.
    virtual Result<std::vector<CallId>> ended_before(std::chrono::system_clock::time_point time,
                                                     std::size_t limit) = 0;
    /// All that have not ended.
    virtual Result<std::vector<StoredCall>> live() = 0;
};

}  // namespace bridge::call
