#pragma once
// Seam: the calls of the past, asked from an io thread, which never waits for the disk.

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "call/call_store.hpp"

namespace bridge::call {

struct StoredTimeline {
    CallId call;
    std::string document;  ///< JSON text
};

struct StoredTranscript {
    StoredCall call;
    std::vector<TranscriptPiece> pieces;  ///< as CallStore::transcript has them
};

/// `told` runs exactly once, soon, on a thread of the history's own. Errors of all: io, unreachable
/// (as CallStore has them), refused (too much is asked at once), cancelled (the program is ending).
/// Thread: any, for every member.
class History {
public:
    template <class T>
    using Told = std::function<void(Result<T>)>;

    virtual ~History() = default;
    /// The newest first. A call whose event::Ended was published is among them.
    virtual void page(CallQuery query, Told<std::vector<FoundCall>> told) = 0;
    /// By CallId or CallSid.
    virtual void find(std::string id_or_sid, Told<std::optional<StoredCall>> told) = 0;
    /// Nothing: there is no such call, or it has none.
    virtual void timeline(std::string id_or_sid, Told<std::optional<StoredTimeline>> told) = 0;
    /// Nothing: there is no such call.
    virtual void transcript(std::string id_or_sid, Told<std::optional<StoredTranscript>> told) = 0;
    /// What was made of a call's sound after its end, in place of what there was of the same
    /// speaker and number. False: there is no such call that has ended.
    virtual void add_transcript(CallId call, std::vector<TranscriptPiece> pieces,
                                Told<bool> told) = 0;
    /// Whether there is a recording or a capture of it; what is not set stays. False: as above.
    virtual void mark(CallId call, std::optional<bool> recorded, std::optional<bool> captured,
                      Told<bool> told) = 0;
    /// Everything that is kept of a call that has ended: sound, text, capture. False: as above.
    virtual void remove(CallId call, Told<bool> told) = 0;
};

}  // namespace bridge::call
