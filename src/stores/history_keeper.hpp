#pragma once
// Keeps what happens in the calls, on a thread of its own, for lists, search and whoever looks into
// a call afterwards; and forgets it when it is old enough.
//
//   EventBus ─▶ HistoryKeeper ── every 200 ms, one transaction ──▶ SteadyCalls ─▶ SQLite, …
//   calls' snapshots, timelines ─▶ │
//   API ── page, find, remove … ──▶┘ (the same thread: a question sees all that came before it)
//
// A call has a row from its beginning on, so that a kill leaves one. Queues: "events:history" (as
// every subscriber of the bus; when it overflowed, the calls themselves are looked at again),
// "history" (what is asked; more is refused).

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/metrics.hpp"
#include "call/call_registry.hpp"
#include "call/event_bus.hpp"
#include "call/history.hpp"
#include "stores/steady_calls.hpp"

namespace bridge::stores {

/// What else there is of a call on the disk, elsewhere than in the history. Thread: the history's.
struct HistoryFiles {
    std::string name;  ///< "recordings"
    /// Nothing of the call is left. Errors: io.
    std::function<Result<>(const CallId& call)> remove;
    /// Takes away what is older, whether the history knows its call or not. May be empty.
    std::function<void(std::chrono::system_clock::time_point before)> sweep{};
};

struct HistoryOptions {
    /// As SteadyOptions has it.
    std::function<Result<std::unique_ptr<call::CallStore>>()> open{};
    /// JSON texts, as the control API shows these. Called on the history's thread.
    std::function<std::string(const call::CallSnapshot&)> document{};
    std::function<std::string(const call::CallEvent&)> event{};
    std::function<std::string(const CallId&, const call::Timeline&,
                              std::chrono::milliseconds length)>
        timeline{};
    /// Whether a call was captured, asked at its end. May be empty: none is.
    std::function<bool(const CallId&)> captured{};
    std::string instance{};  ///< this program, in the rows of its calls
    /// Whether a program that had calls has died. Empty: nobody can tell.
    std::function<bool(const std::string& instance)> dead{};
    std::vector<HistoryFiles> files{};
    std::optional<std::chrono::seconds> retain{};  ///< nothing: for ever
    std::chrono::milliseconds commit{200};         ///< what happened is written so soon
    std::chrono::milliseconds retry{5000};         ///< as SteadyOptions has it
    std::chrono::milliseconds sweep{3600 * 1000};  ///< how often old calls are looked for
    std::shared_ptr<metrics::Registry> metrics{};  ///< null: nobody looks
};

/// Thread: any, for every public member.
class HistoryKeeper final : public call::History,
                            public std::enable_shared_from_this<HistoryKeeper> {
public:
    /// What may be asked and not answered yet.
    static constexpr std::size_t kAsked = 256;
    /// Events of one call that are kept; what comes after them is counted.
    static constexpr std::size_t kEventsOfCall = 5000;

    static std::shared_ptr<HistoryKeeper> start(HistoryOptions options);
    ~HistoryKeeper() override;
    HistoryKeeper(const HistoryKeeper&) = delete;
    HistoryKeeper& operator=(const HistoryKeeper&) = delete;

    /// From now on what happens in these calls is kept. Both outlive close().
    void follow(call::EventBus& events, call::CallRegistry& calls);
    /// What was found out about a call of a program that died. `state`: the carrier said so.
    void settle(CallId call, CallSid sid, std::optional<call::CallState> state, std::string reason);
    /// Takes no more, writes what there is and ends the thread. May be called twice.
    void close();

    void page(call::CallQuery query, Told<std::vector<call::FoundCall>> told) override;
    void find(std::string id_or_sid, Told<std::optional<call::StoredCall>> told) override;
    void timeline(std::string id_or_sid, Told<std::optional<call::StoredTimeline>> told) override;
    void transcript(std::string id_or_sid,
                    Told<std::optional<call::StoredTranscript>> told) override;
    void add_transcript(CallId call, std::vector<call::TranscriptPiece> pieces,
                        Told<bool> told) override;
    void mark(CallId call, std::optional<bool> recorded, std::optional<bool> captured,
              Told<bool> told) override;
    void remove(CallId call, Told<bool> told) override;

private:
    /// A call that is not over, or whose end is not written yet.
    struct Followed {
        call::CallChange change;  ///< what is not written yet
        bool known = false;       ///< change.call is filled in
        bool asked = false;       ///< its thread has been asked what it is now
        bool stale = false;       ///< change.call is not what it is now
        bool dirty = false;
        bool over = false;
        std::size_t events = 0;
        std::shared_ptr<const call::Timeline> timeline;
        std::chrono::milliseconds length{0};
    };

    explicit HistoryKeeper(HistoryOptions options);
    void run();

    // All that follows: on the history's thread.
    void open();
    void end_left_calls();
    void on_event(const call::CallEvent& event, std::uint64_t missed);
    void take(Followed& call, const call::CallEvent& event);
    void end(Followed& call, const call::CallSnapshot& last);
    void look_again(std::uint64_t missed);
    void look_at(const CallId& id, Followed& call);
    void learn(const call::CallSnapshot& snapshot);
    call::StoredCall stored(const call::CallSnapshot& snapshot) const;
    void write_soon();
    void write_now();
    /// Writes what there is; of many ends only so many at once, and true if there are more.
    bool write_some();
    void write_all();
    void forget_old();
    void sweep_soon();
    Result<bool> forget(const CallId& call);
    Result<std::optional<call::StoredCall>> ended_call(std::string_view id_or_sid);
    template <class T>
    void ask(Told<T> told, std::function<Result<T>(HistoryKeeper&)> work);

    HistoryOptions options_;
    metrics::Counter &shown_calls_, &shown_missed_, &shown_removed_;
    const std::shared_ptr<std::atomic<std::size_t>> asked_ =
        std::make_shared<std::atomic<std::size_t>>(0);
    const std::shared_ptr<std::atomic<std::size_t>> refused_ =
        std::make_shared<std::atomic<std::size_t>>(0);
    metrics::Registry::Queue shown_queue_;

    boost::asio::io_context loop_{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard_;
    boost::asio::steady_timer commit_, sweep_;
    SteadyCalls store_;
    call::CallRegistry* calls_ = nullptr;
    std::unordered_map<CallId, Followed> followed_;
    std::unordered_set<CallId> over_;  ///< calls that are written to their end
    std::deque<CallId> over_order_;    ///< the oldest first, for a bound
    bool writing_soon_ = false, ending_ = false;
    bool left_ended_ = false;  ///< calls of programs that died have been looked for

    std::mutex mutex_;  // guards what follows; held for a post
    std::shared_ptr<call::EventBus::Subscription> subscription_;
    bool closed_ = false;
    std::thread thread_;
};

}  // namespace bridge::stores
