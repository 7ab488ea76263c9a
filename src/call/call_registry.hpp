#pragma once
// Owns all calls and knows the home shard of each. The index is the one thing shards share; it is
// touched when a call is set up, named, found by a webhook or let go, never per frame.

#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "call/call.hpp"

namespace bridge::call {

/// An io thread as the registry sees it.
struct CallHome {
    boost::asio::any_io_executor executor;
    Clock* clock;
};

class CallRegistry {
public:
    /// `services` without clock and executor: those are the home shard's.
    struct Services {
        EventBus& events;
        std::shared_ptr<Carrier> carrier;
        std::shared_ptr<audio::AudioDevice> speaker;
        audio::PlayoutOptions playout;
        std::shared_ptr<Journal> journal{};
        std::shared_ptr<metrics::Registry> metrics{};  ///< null: nobody looks
        std::function<std::shared_ptr<audio::AudioSink>(const CallId&)> listener{};
        std::shared_ptr<audio::Microphone> microphone{};
        OutboundOptions outbound{};
        audio::Samples hold_music{};                ///< null: our own
        std::shared_ptr<VoicemailBox> voicemail{};  ///< null: nobody can leave a message
        std::shared_ptr<AgentShelf> agents{};       ///< null: there are none
        AgentCare agent_care{};
        std::shared_ptr<MessageBox> messages{};  ///< null: an agent can take none
        std::function<Result<>(const std::string&)> may_transfer{};  ///< as CallServices has it
        std::shared_ptr<RecordingShelf> recordings{};                ///< the same
        std::shared_ptr<TranscriberShelf> transcribers{};            ///< the same
        std::shared_ptr<CaptureShelf> captures{};                    ///< the same
    };
    CallRegistry(std::vector<CallHome> homes, Services services);
    ~CallRegistry();

    /// Makes a call on the next home shard (round robin) and returns its id at once; inputs posted
    /// from now on reach it in order. Thread: any.
    CallId open(CallSpec spec);
    /// Hands `input` to the call on its home shard, soon. False: no such call (any more). Thread:
    /// any. Not for input::Media, whose bytes would be gone by then.
    bool post(const CallId& id, CallInput input);

    /// By our id or by the CallSid. Thread: any.
    std::optional<CallId> find(std::string_view id_or_sid) const;
    std::optional<std::size_t> home_of(const CallId& id) const;
    /// Remembers the CallSid of a call; called by the webhooks and by the call itself. Thread: any.
    void name(const CallId& id, const CallSid& sid);

    /// The call itself. Thread: its home shard's only.
    std::shared_ptr<Call> here(const CallId& id) const;

    std::size_t size() const;
    /// Of these, the ones that were placed from here and have not reached a final state.
    std::size_t outbound() const;
    /// In the order in which they were opened.
    std::vector<CallId> ids() const;
    /// Of these, the ones that have reached a final state and are not let go yet.
    std::vector<CallId> finished() const;
    /// A call and its place in that order, which counts from 1.
    struct Opened {
        std::uint64_t number;
        CallId id;
    };
    /// At most `most` of those that were opened after number `after`.
    std::vector<Opened> opened_after(std::uint64_t after, std::size_t most) const;
    const CallHome& home(std::size_t index) const { return homes_[index]; }
    /// Calls `take` on the home shard with the snapshot. False: no such call. Thread: any.
    bool snapshot(const CallId& id, std::function<void(CallSnapshot)> take);
    /// Calls `use` with the call on its home shard, or with null if there is no such call (any
    /// more; one that is not known is told on this thread). Always once. Thread: any.
    void visit(const CallId& id, std::function<void(Call*)> use);
    /// `take` is posted to `executor` with every call of this moment, the oldest first. Thread:
    /// any.
    void snapshots(boost::asio::any_io_executor executor,
                   std::function<void(std::vector<CallSnapshot>)> take);
    /// With these calls, in this order; one that is not there any more has no value. Thread: any.
    void snapshots(const std::vector<CallId>& wanted, boost::asio::any_io_executor executor,
                   std::function<void(std::vector<std::optional<CallSnapshot>>)> take);
    /// Those of the calls that are over. Thread: any.
    TimelineShelf& timelines() const { return *timelines_; }
    /// `done` runs (on some home shard) once no call is left; at once if there is none.
    void when_empty(std::function<void()> done);

private:
    struct Entry {
        CallId id;
        std::uint64_t number;
        std::size_t home;
        Direction direction;
        CallSid sid;
        bool finished = false;
        std::shared_ptr<Call> call;  ///< touched on the home shard only
    };
    void finish(const CallId& id);
    void sweep(const CallId& id);

    std::vector<CallHome> homes_;
    Services services_;
    std::shared_ptr<CallMetrics> metrics_;
    const std::shared_ptr<TimelineShelf> timelines_ = std::make_shared<TimelineShelf>();
    mutable std::mutex
        mutex_;  // guards what follows; held for look-ups only, never while a call runs
    std::unordered_map<CallId, std::shared_ptr<Entry>> calls_;
    std::unordered_map<CallSid, CallId> by_sid_;
    std::map<std::uint64_t, CallId> in_order_;
    std::uint64_t opened_ = 0;
    std::size_t next_home_ = 0;
    std::vector<std::function<void()>> when_empty_;
};

}  // namespace bridge::call
