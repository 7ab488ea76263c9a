#include "call/warm_transfer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/log.hpp"

namespace bridge::call {

std::string_view to_string(WarmTransfer::State state) {
    switch (state) {
        case WarmTransfer::State::dialling:
            return "dialling";
        case WarmTransfer::State::briefing:
            return "briefing";
        case WarmTransfer::State::joining:
            return "joining";
        case WarmTransfer::State::done:
            return "done";
        case WarmTransfer::State::cancelled:
            return "cancelled";
        case WarmTransfer::State::failed:
            return "failed";
    }
    return "failed";
}

Result<std::shared_ptr<WarmTransfer>> WarmTransfer::start(CallRegistry& calls, EventBus& events,
                                                          boost::asio::any_io_executor executor,
                                                          Clock& clock, Order order) {
    if (!calls.home_of(order.far))
        return fail(Errc::not_found, fmt::format("there is no call {}", order.far));
    std::shared_ptr<WarmTransfer> transfer(
        new WarmTransfer(calls, events, std::move(executor), clock, std::move(order)));
    transfer->begin();
    return transfer;
}

WarmTransfer::WarmTransfer(CallRegistry& calls, EventBus& events,
                           boost::asio::any_io_executor executor, Clock& clock, Order order)
    : calls_(calls),
      events_(events),
      executor_(std::move(executor)),
      clock_(clock),
      order_(std::move(order)) {}

WarmTransfer::~WarmTransfer() {
    clock_.cancel(deadline_);
}

void WarmTransfer::begin() {
    order_.target.id = new_call_id();
    order_.target.parent = order_.far;
    target_ = order_.target.id;
    // Before the calls can tell anything.
    subscription_ = events_.subscribe(
        executor_, 256,
        [weak = weak_from_this()](const CallEvent& event, std::uint64_t) {
            if (const auto self = weak.lock()) self->on_event(event);
        },
        "warm transfer", EventBus::Take::all_but_statistics);
    log::info({"transfer", order_.far}, "on hold; {} is called for it", target_);
    calls_.post(order_.far, input::SetHeld{true, order_.hold});
    calls_.post(order_.far, input::TransferTold{{order_.target.to, "dialling", target_}});
    calls_.open(order_.target);
    calls_.post(target_, input::Dial{});
}

void WarmTransfer::on_event(const CallEvent& event) {
    const bool far = event.call == order_.far;
    if (over() || (!far && event.call != target_)) return;
    const auto keep = shared_from_this();
    const auto* state = std::get_if<event::StateChanged>(&event.what);
    if (state != nullptr && is_final(state->state)) {
        on_end(far, *state);
    } else if (const auto* changed = std::get_if<event::TransferChanged>(&event.what)) {
        on_transfer(far, changed->transfer);
    } else if (!far && state_ == State::dialling &&
               std::holds_alternative<event::StreamUp>(event.what)) {
        enter(State::briefing, "briefing");
    }
}

void WarmTransfer::on_end(bool far, const event::StateChanged& end) {
    const auto why = far ? std::string("the far end hung up")
                     : end.reason.empty()
                         ? fmt::format("the target: {}", to_string(end.state))
                         : fmt::format("the target: {} ({})", to_string(end.state), end.reason);
    (far ? far_leg_ : target_leg_).gone = true;
    if (state_ == State::joining) {
        fall_back(why);
        return;
    }
    problem_ = why;
    if (far) {
        calls_.post(target_, input::HangUp{why});
    } else {
        calls_.post(order_.far, input::SetHeld{false});
    }
    enter(State::failed, "failed: " + why);
}

void WarmTransfer::on_transfer(bool far, const TransferState& transfer) {
    if (state_ != State::joining || !transfer.to.starts_with("conference ")) return;
    auto& leg = far ? far_leg_ : target_leg_;
    if (transfer.status.starts_with("failed")) {
        fall_back((far ? "the far end: " : "the target: ") + transfer.status);
        return;
    }
    if (transfer.status == "over") {
        fall_back("one of the two left at once");
        return;
    }
    if (transfer.status != "connected") return;
    leg.joined = true;
    if (!far_leg_.joined || !target_leg_.joined) return;
    // The far end's last: a program that is there for that call alone ends with it.
    calls_.post(target_, input::LetGo{});
    calls_.post(order_.far, input::LetGo{});
    enter(State::done, {});
}

Result<> WarmTransfer::join() {
    if (state_ != State::briefing)
        return fail(Errc::refused,
                    fmt::format("the transfer is {}, not ready to be joined", to_string(state_)));
    // Nobody can guess the room: a CallId is random.
    const auto room = order_.far.str();
    enter(State::joining, {});
    deadline_ = clock_.after(kJoinTime, [this] {
        deadline_ = Clock::kNoTimer;
        const auto keep = shared_from_this();
        fall_back("the two did not meet in time");
    });
    calls_.post(order_.far, input::JoinConference{room});
    calls_.post(target_, input::JoinConference{room});
    return {};
}

Result<> WarmTransfer::cancel() {
    if (state_ != State::dialling && state_ != State::briefing)
        return fail(Errc::refused,
                    fmt::format("the transfer is {}, and cannot be cancelled", to_string(state_)));
    calls_.post(target_, input::HangUp{"the transfer was cancelled"});
    calls_.post(order_.far, input::SetHeld{false});
    enter(State::cancelled, "failed: cancelled");
    return {};
}

void WarmTransfer::fall_back(const std::string& why) {
    problem_ = why;
    // One that never left has its stream still and takes no notice.
    calls_.post(order_.far, input::TakeBack{});
    calls_.post(order_.far, input::SetHeld{false});
    if (far_leg_.gone) {
        calls_.post(target_, input::TakeBack{});
    } else {
        calls_.post(target_, input::HangUp{"the transfer failed"});
    }
    enter(State::failed, far_leg_.gone ? std::string() : "failed: " + why);
}

/// `told`: what the far end's own events say of it; empty: nothing.
void WarmTransfer::enter(State state, const std::string& told) {
    state_ = state;
    log::info({"transfer", order_.far}, "warm transfer: {}{}{}", to_string(state),
              problem_.empty() ? "" : ": ", problem_);
    if (!told.empty())
        calls_.post(order_.far, input::TransferTold{{order_.target.to, told, target_}});
    if (over()) clock_.cancel(std::exchange(deadline_, Clock::kNoTimer));
    if (order_.changed) order_.changed(*this);
}

Result<std::shared_ptr<WarmTransfer>> WarmTransfers::start(WarmTransfer::Order order) {
    std::erase_if(by_far_, [](const auto& entry) { return entry.second->over(); });
    const auto far = order.far;
    if (find(far))
        return fail(Errc::exists, fmt::format("call {} is being transferred already", far));
    auto started = WarmTransfer::start(calls_, events_, executor_, clock_, std::move(order));
    if (started) by_far_[far] = *started;
    return started;
}

std::shared_ptr<WarmTransfer> WarmTransfers::find(const CallId& call) const {
    const auto found = std::find_if(by_far_.begin(), by_far_.end(), [&](const auto& entry) {
        return entry.second->far() == call || entry.second->target() == call;
    });
    return found == by_far_.end() ? nullptr : found->second;
}

}  // namespace bridge::call
