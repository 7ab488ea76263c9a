#pragma once
// What was said in the calls of this run, as far as it was taken down: of those that live and of
// the last ones that ended.

#include <cstddef>
#include <deque>
#include <optional>

#include "base/ids.hpp"
#include "call/event.hpp"
#include "call/transcript_document.hpp"

namespace bridge::web {

/// Thread: the control plane's.
class TranscriptBook {
public:
    static constexpr std::size_t kKept = 1000;  ///< calls
    static constexpr std::size_t kMostBytes = 64UL * 1024 * 1024;

    void take(const call::CallEvent& event);
    /// One that was made of a recording; it takes the place of what there was.
    void put(call::TranscriptDocument document);
    /// Nothing: the call was not taken down, or that is long ago.
    std::optional<call::TranscriptDocument> find(const CallId& call) const;

private:
    struct Entry {
        CallId call;
        std::string engine;
        call::TranscriptPieces pieces;
        bool complete = false;
    };

    Entry& entry(const CallId& call);
    void forget_old();

    std::deque<Entry> entries_;  ///< the oldest first
    std::size_t bytes_ = 0;
};

}  // namespace bridge::web
