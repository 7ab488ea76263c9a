#pragma once
// A store of calls that takes everything also while its disk is full, or its server away: memory
// keeps what could not be written, and it is written later.
//
//   write ──▶ store          page, find ◀── store and memory together
//     └─ it failed ─▶ memory ── again after a while ─▶ store

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/metrics.hpp"
#include "call/call_store.hpp"
#include "stores/memory_calls.hpp"

namespace bridge::stores {

struct SteadyOptions {
    /// Opens the store; asked again when that failed, or the store was lost. Empty: memory alone.
    std::function<Result<std::unique_ptr<call::CallStore>>()> open{};
    std::chrono::milliseconds retry{5000};
    std::shared_ptr<metrics::Registry> metrics{};  ///< null: nobody looks
};

/// Thread: as CallStore's.
class SteadyCalls final : public call::CallStore {
public:
    explicit SteadyCalls(SteadyOptions options);

    /// Never fails.
    Result<> write(const std::vector<call::CallChange>& changes) override;
    Result<std::vector<call::FoundCall>> page(const call::CallQuery& query) override;
    Result<std::optional<call::StoredCall>> find(std::string_view id_or_sid) override;
    Result<std::string> timeline(const CallId& call) override;
    Result<std::vector<call::StoredEvent>> events(const CallId& call) override;
    Result<std::vector<call::TranscriptPiece>> transcript(const CallId& call) override;
    /// Errors: io, unreachable: it is still there, and tried again when asked again.
    Result<bool> remove(const CallId& call) override;
    Result<std::vector<CallId>> ended_before(std::chrono::system_clock::time_point time,
                                             std::size_t limit) override;
    Result<std::vector<call::StoredCall>> live() override;

    /// Opens the store, or writes what waits, if it is time to. Also part of every write.
    void try_again();
    /// The same now, whatever the time; at the end.
    void try_now();
    /// Something waits in memory.
    bool failing() const { return failing_; }

private:
    using Time = std::chrono::steady_clock::time_point;
    bool have_store();
    void lost(const Error& error);
    template <class T>
    Result<T> told(Result<T> result);

    const SteadyOptions options_;
    std::unique_ptr<call::CallStore> store_;  ///< null: not open
    MemoryCalls memory_;                      ///< what is not in the store; all, without one
    bool failing_ = false;
    Time next_try_{};
    std::size_t shown_dropped_ = 0;
    metrics::Gauge& shown_failing_;
    metrics::Counter& shown_lost_;
    metrics::Histogram& shown_writes_;
};

}  // namespace bridge::stores
