#pragma once
// A warm transfer: the far end waits on hold while somebody is called for it; the person here talks
// to the two of them one after the other, then joins them in a conference of the carrier and
// leaves. One object over two ordinary calls.
//
//   far end:  talks ─ hold ───────────────┐
//   target:           dialled ─ briefing ─┴─ join ─▶ one room ─▶ both let go
//                        └ busy, no answer, cancel ─▶ far end resumed

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "call/call_registry.hpp"
#include "call/event_bus.hpp"

namespace bridge::call {

/// Thread: the one of `executor` and `clock`, for every member.
class WarmTransfer : public std::enable_shared_from_this<WarmTransfer> {
public:
    enum class State {
        dialling,   ///< the target is called; the far end waits on hold
        briefing,   ///< the target has answered and talks to the person here
        joining,    ///< both are on their way into the room
        done,       ///< both are in it, and we are not
        cancelled,  ///< by the person here: the far end is resumed
        failed,     ///< see `problem`: the far end is resumed, if it is still there
    };
    /// Nobody is alone in the room for longer.
    static constexpr std::chrono::seconds kJoinTime{10};

    struct Order {
        CallId far;
        CallSpec target;  ///< whom to call, and from which number; `parent` is filled in
        HoldSound hold = HoldSound::music;
        /// Told each change of state. Thread: as the members.
        std::function<void(const WarmTransfer&)> changed{};
    };
    /// Holds the far end and calls the target. Errors: not_found (no such call).
    static Result<std::shared_ptr<WarmTransfer>> start(CallRegistry& calls, EventBus& events,
                                                       boost::asio::any_io_executor executor,
                                                       Clock& clock, Order order);
    ~WarmTransfer();
    WarmTransfer(const WarmTransfer&) = delete;
    WarmTransfer& operator=(const WarmTransfer&) = delete;

    /// Puts the two together. Errors: refused (not in `briefing`).
    Result<> join();
    /// Hangs the target up and takes the far end off hold. Errors: refused (they are being joined,
    /// or it is over).
    Result<> cancel();

    State state() const { return state_; }
    bool over() const { return state_ >= State::done; }
    const std::string& problem() const { return problem_; }
    const CallId& far() const { return order_.far; }
    const CallId& target() const { return target_; }

private:
    WarmTransfer(CallRegistry& calls, EventBus& events, boost::asio::any_io_executor executor,
                 Clock& clock, Order order);
    /// One of the two calls on its way into the room.
    struct Leg {
        bool joined = false, gone = false;
    };
    void begin();
    void on_event(const CallEvent& event);
    void on_end(bool far, const event::StateChanged& end);
    void on_transfer(bool far, const TransferState& transfer);
    void enter(State state, const std::string& told);
    /// The room did not come about: whoever is on the way comes back.
    void fall_back(const std::string& why);

    CallRegistry& calls_;
    EventBus& events_;
    const boost::asio::any_io_executor executor_;
    Clock& clock_;
    Order order_;
    CallId target_;
    State state_ = State::dialling;
    std::string problem_;
    Leg far_leg_, target_leg_;
    Clock::TimerId deadline_ = Clock::kNoTimer;
    std::shared_ptr<EventBus::Subscription> subscription_;
};
std::string_view to_string(WarmTransfer::State state);

/// Those that are under way, by their far end. Thread: as WarmTransfer's.
class WarmTransfers {
public:
    WarmTransfers(CallRegistry& calls, EventBus& events, boost::asio::any_io_executor executor,
                  Clock& clock)
        : calls_(calls), events_(events), executor_(std::move(executor)), clock_(clock) {}

    /// Errors: exists (one is under way for that call), and those of WarmTransfer::start.
    Result<std::shared_ptr<WarmTransfer>> start(WarmTransfer::Order order);
    /// By the far end or the target; null: none. One that is over is remembered until the next.
    std::shared_ptr<WarmTransfer> find(const CallId& call) const;

private:
    CallRegistry& calls_;
    EventBus& events_;
    const boost::asio::any_io_executor executor_;
    Clock& clock_;
    std::unordered_map<CallId, std::shared_ptr<WarmTransfer>> by_far_;
};

}  // namespace bridge::call
