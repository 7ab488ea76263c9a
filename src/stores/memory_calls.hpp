#pragma once
// Calls kept in memory: of a program that keeps nothing on disk, and of one whose disk does not
// take them for now.

#include <chrono>
#include <cstddef>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "call/call_store.hpp"
#include "stores/call_texts.hpp"

namespace bridge::stores {

class MemoryCalls final : public call::CallStore {
public:
    static constexpr std::size_t kKept = 1000;  ///< calls that have ended; the oldest go

    Result<> write(const std::vector<call::CallChange>& changes) override;
    Result<std::vector<call::FoundCall>> page(const call::CallQuery& query) override;
    Result<std::optional<call::StoredCall>> find(std::string_view id_or_sid) override;
    Result<std::string> timeline(const CallId& call) override;
    Result<std::vector<call::StoredEvent>> events(const CallId& call) override;
    Result<std::vector<call::TranscriptPiece>> transcript(const CallId& call) override;
    Result<bool> remove(const CallId& call) override;
    Result<std::vector<CallId>> ended_before(std::chrono::system_clock::time_point time,
                                             std::size_t limit) override;
    Result<std::vector<call::StoredCall>> live() override;

    bool empty() const { return calls_.empty(); }
    /// Calls that had to go because there were too many.
    std::size_t dropped() const { return dropped_; }
    /// All of it, to be written elsewhere.
    std::vector<call::CallChange> everything() const;
    void clear() { calls_.clear(); }

private:
    struct Kept {
        call::StoredCall call;
        std::vector<call::StoredEvent> events;
        CallTexts texts;
        std::string timeline;
    };
    Kept* known(const CallId& call);
    void add(Kept& to, const call::CallChange& change);

    std::deque<Kept> calls_;  ///< as they were first heard of
    std::size_t dropped_ = 0;
};

}  // namespace bridge::stores
