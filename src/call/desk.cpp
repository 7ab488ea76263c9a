#include "call/desk.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>
#include <iterator>
#include <type_traits>
#include <utility>

namespace bridge::call {
namespace {

constexpr std::size_t kEventsWaiting = 4096;
constexpr std::size_t kKeysAtOnce = 64;
constexpr float kDucked = 0.1778F;  // -15 dB
constexpr float kPanned = 0.5012F;  // -6 dB
/// Taken in this order; a fifth call shares a place.
constexpr std::array<float, 4> kSides{-0.8F, 0.8F, -0.4F, 0.4F};

bool is_key(char key) {
    return std::string_view("0123456789*#ABCDw").find(key) != std::string_view::npos;
}

/// What is wrong with the values of a command, wherever the call stands.
struct CheckValues {
    Result<> operator()(const command::Digits& digits) const {
        if (digits.keys.empty()) return fail(Errc::bad_field, "keys: there are none");
        if (digits.keys.size() > kKeysAtOnce)
            return fail(Errc::bad_field, fmt::format("keys: at most {} at once", kKeysAtOnce));
        for (const auto key : digits.keys) {
            if (!is_key(key))
                return fail(Errc::bad_field,
                            fmt::format("keys: '{}' is not one of 0-9 * # A-D w", key));
        }
        return {};
    }
    Result<> operator()(const command::Volume& volume) const {
        const auto least = volume.relative ? -100 : 0;
        if (volume.percent < least || volume.percent > 100)
            return fail(Errc::bad_field,
                        fmt::format("percent: {} is not from {} to 100", volume.percent, least));
        return {};
    }
    Result<> operator()(const command::Transfer& transfer) const {
        if (transfer.to.empty()) return fail(Errc::bad_field, "to: nobody is named");
        return {};
    }
    template <class Other>
    Result<> operator()(const Other&) const {
        return {};
    }
};

/// Whether a call can do it now.
struct CheckState {
    const CallSnapshot& call;
    bool in_warm_transfer;  ///< one of the two calls of one that is under way

    Result<> live() const {
        if (is_final(call.state)) return fail(Errc::refused, "the call is over");
        return {};
    }
    Result<> taken() const {
        if (call.local.ringing && !is_final(call.state))
            return fail(Errc::refused, "the call rings here: accept it first");
        return live();
    }
    Result<> talking() const {
        if (call.state != CallState::in_progress)
            return fail(Errc::refused,
                        fmt::format("the call is {}, not in-progress", to_string(call.state)));
        return taken();
    }
    Result<> rings() const {
        if (is_final(call.state) || !call.local.ringing)
            return fail(Errc::refused, "the call does not ring here");
        return {};
    }

    Result<> operator()(const command::Focus&) const { return taken(); }
    Result<> operator()(const command::Mute&) const { return live(); }
    Result<> operator()(const command::Hold&) const { return taken(); }
    Result<> operator()(const command::Solo&) const { return live(); }
    Result<> operator()(const command::Volume&) const { return live(); }
    Result<> operator()(const command::Digits&) const { return talking(); }
    Result<> operator()(const command::Transfer&) const {
        if (auto can = talking(); !can) return can;
        const auto& status = call.transfer.status;
        if (!in_warm_transfer && (status.empty() || status.starts_with("failed"))) return {};
        return fail(Errc::exists, "the call is being transferred already");
    }
    Result<> operator()(const command::Join&) const {
        if (auto can = live(); !can) return can;
        if (!in_warm_transfer)
            return fail(Errc::refused, "the call is in no warm transfer: there is nobody to join");
        return {};
    }
    Result<> operator()(const command::CancelTransfer&) const {
        if (auto can = live(); !can) return can;
        const auto& status = call.transfer.status;
        if (in_warm_transfer || status == "dialling" || status == "ringing") return {};
        if (status == "connected") return fail(Errc::refused, "somebody else has the call already");
        return fail(Errc::refused, "the call is not being transferred");
    }
    Result<> operator()(const command::Accept&) const { return rings(); }
    Result<> operator()(const command::Reject&) const { return rings(); }
    Result<> operator()(const command::HangUp&) const { return live(); }
    Result<> operator()(const command::Clear&) const { return talking(); }
    Result<> operator()(const command::SetAgent&) const { return taken(); }
    Result<> operator()(const command::AgentTurn&) const {
        if (auto can = taken(); !can) return can;
        const auto status = call.agent.status;
        if (status == AgentState::Status::none || status == AgentState::Status::gone)
            return fail(Errc::refused, "no agent is on the call");
        return {};
    }
    Result<> operator()(const command::Record& record) const {
        if (auto can = live(); !can) return can;
        if (record.status == RecordingStatus::paused && !is_recorded())
            return fail(Errc::refused, "the call is not recorded");
        return {};
    }
    bool is_recorded() const {
        return call.recording.status == RecordingStatus::recording ||
               call.recording.status == RecordingStatus::paused;
    }
    Result<> operator()(const command::Transcribe&) const { return live(); }
};

tl::unexpected<Error> no_such_call(const CallId& id) {
    return fail(Errc::not_found, fmt::format("there is no call {}", id));
}

}  // namespace

std::shared_ptr<Desk> Desk::open(CallRegistry& calls, EventBus& events,
                                 boost::asio::any_io_executor executor, DeskOptions options) {
    std::shared_ptr<Desk> desk(new Desk(calls, executor, std::move(options)));
    desk->subscription_ = events.subscribe(
        std::move(executor), kEventsWaiting,
        [weak = desk->weak_from_this()](const CallEvent& event, std::uint64_t missed) {
            if (const auto self = weak.lock()) self->on_event(event, missed);
        },
        "desk", EventBus::Take::all_but_statistics);
    return desk;
}

// --- commands

void Desk::carry_out(const CallId& id, Command command, Done done) {
    if (auto good = std::visit(CheckValues{}, command); !good) {
        done(tl::unexpected(good.error()));
        return;
    }
    // Asked first, on its own thread; told from here; then looked at again.
    auto look = [this, weak = weak_from_this(), id, command = std::move(command),
                 done = std::move(done)](Result<CallSnapshot> found) {
        const auto self = weak.lock();
        if (!self) return;
        if (found) {
            if (auto can = std::visit(CheckState{*found, warm_transfer(id) != nullptr}, command);
                !can)
                found = tl::unexpected(can.error());
        }
        if (!found) {
            done(std::move(found));
            return;
        }
        if (auto obeyed = obey(id, command); !obeyed) {
            done(tl::unexpected(obeyed.error()));
            return;
        }
        calls_.visit(id, [executor = executor_, done, before = std::move(*found)](Call* call) {
            boost::asio::post(executor,
                              [done, now = call ? call->snapshot() : before] { done(now); });
        });
    };
    calls_.visit(id, [executor = executor_, id, look = std::move(look)](Call* call) {
        auto found = call ? Result<CallSnapshot>(call->snapshot()) : no_such_call(id);
        boost::asio::post(executor,
                          [look, found = std::move(found)]() mutable { look(std::move(found)); });
    });
}

Result<> Desk::obey(const CallId& id, const Command& command) {
    auto obeyed = std::visit(
        [&](const auto& what) -> Result<> {
            if constexpr (std::is_void_v<decltype(obey(id, what))>) {
                obey(id, what);
                return {};
            } else {
                return obey(id, what);
            }
        },
        command);
    arrange();
    return obeyed;
}

void Desk::obey(const CallId& id, const command::Focus&) {
    seat(id).aside = false;
    focus_ = id;
}

void Desk::obey(const CallId& id, const command::Mute& mute) {
    auto& at = seat(id);
    at.muted = mute.on.value_or(!at.muted);
}

void Desk::obey(const CallId& id, const command::Hold& hold) {
    auto& at = seat(id);
    at.held = hold.on.value_or(!at.held);
    at.sound = hold.sound;
}

void Desk::obey(const CallId& id, const command::Solo& solo) {
    auto& at = seat(id);
    at.solo = solo.on.value_or(!at.solo);
}

void Desk::obey(const CallId& id, const command::Volume& volume) {
    auto& at = seat(id);
    at.volume = std::clamp(volume.percent + (volume.relative ? at.volume : 0), 0, 100);
}

void Desk::obey(const CallId& id, const command::Digits& digits) {
    calls_.post(id, input::SendDigits{digits.keys, digits.in_band});
}

Result<> Desk::obey(const CallId& id, const command::Transfer& transfer) {
    if (!transfer.warm) {
        calls_.post(id, input::Transfer{transfer.to});
        return {};
    }
    if (!options_.transfers || !options_.target)
        return fail(Errc::refused, "nobody can be called for it from here");
    auto target = options_.target(id, transfer.to);
    if (!target) return tl::unexpected(target.error());
    auto started = options_.transfers->start({id, std::move(*target), transfer.sound});
    if (!started) return tl::unexpected(started.error());
    seat(id).sound = transfer.sound;
    dialled((*started)->target());
    return {};
}

Result<> Desk::obey(const CallId& id, const command::Join&) {
    const auto transfer = warm_transfer(id);
    if (transfer->state() == WarmTransfer::State::dialling)
        return fail(Errc::refused, "the target has not answered yet: there is nobody to join");
    return transfer->join();
}

Result<> Desk::obey(const CallId& id, const command::CancelTransfer&) {
    const auto transfer = warm_transfer(id);
    if (!transfer) {
        calls_.post(id, input::TakeBack{});
        return {};
    }
    if (auto cancelled = transfer->cancel(); !cancelled) return cancelled;
    if (focus_ == transfer->target()) focus_ = transfer->far();
    return {};
}

/// It gets the focus when it says that it was taken.
void Desk::obey(const CallId& id, const command::Accept&) {
    calls_.post(id, input::Accept{});
}

void Desk::obey(const CallId& id, const command::Reject&) {
    calls_.post(id, input::Reject{});
}

void Desk::obey(const CallId& id, const command::HangUp& hang_up) {
    calls_.post(id, input::HangUp{hang_up.reason});
}

void Desk::obey(const CallId& id, const command::Clear&) {
    calls_.post(id, input::Clear{});
}

void Desk::obey(const CallId& id, const command::SetAgent& agent) {
    calls_.post(id, input::SetAgent{agent.name});
}

void Desk::obey(const CallId& id, const command::Record& record) {
    calls_.post(id, input::SetRecording{record.status, record.notice});
}

void Desk::obey(const CallId& id, const command::Transcribe& transcribe) {
    calls_.post(id, input::SetTranscription{transcribe.on});
}

/// Whoever speaks to a call has the focus there.
void Desk::obey(const CallId& id, const command::AgentTurn& turn) {
    if (turn.mode != AgentMode::speaks) focus_ = id;
    calls_.post(id, input::SetAgentMode{turn.mode});
}

std::shared_ptr<WarmTransfer> Desk::warm_transfer(const CallId& id) const {
    auto found = options_.transfers ? options_.transfers->find(id) : nullptr;
    return found && !found->over() ? found : nullptr;
}

void Desk::dialled(const CallId& id, bool focus, bool muted) {
    if (!calls_.home_of(id)) return;
    seat(id).muted = muted;
    if (focus) focus_ = id;
    arrange();
}

bool Desk::focus_next() {
    const auto next = next_after(index_of(focus_));
    if (next.empty() || next == focus_) return false;
    focus_ = next;
    arrange();
    return true;
}

CallId Desk::ringing() const {
    const auto found =
        std::find_if(seats_.begin(), seats_.end(), [](const Seat& one) { return one.ringing; });
    return found == seats_.end() ? CallId{} : found->id;
}

CallId Desk::meant_by(const Command& command) const {
    const bool rings = std::holds_alternative<command::Accept>(command) ||
                       std::holds_alternative<command::Reject>(command);
    return rings ? ringing() : focus_;
}

void Desk::talk(bool on) {
    talking_ = on;
    arrange();
}

Desk::Place Desk::place(const CallId& id) const {
    const auto at = index_of(id);
    return at < seats_.size() ? Place{seats_[at].volume, seats_[at].solo} : Place{};
}

// --- what the calls tell

void Desk::on_event(const CallEvent& event, std::uint64_t missed) {
    if (missed > 0) look_again();
    if (std::holds_alternative<event::Ended>(event.what)) {
        remove(event.call);
        arrange();
        return;
    }
    auto& at = seat(event.call);
    const auto* state = std::get_if<event::StateChanged>(&event.what);
    if (state && is_final(state->state)) {
        // Its last words play out; whoever is next may speak already.
        at.ringing = at.solo = false;
        at.aside = true;
        if (focus_ == event.call) {
            if (auto next = successor(index_of(event.call)); !next.empty())
                focus_ = std::move(next);
        }
    } else if (std::holds_alternative<event::Ringing>(event.what)) {
        at.ringing = at.aside = true;
        if (focus_ == event.call) focus_ = next_after(seats_.size());
    } else if (const auto* ended = std::get_if<event::RingEnded>(&event.what)) {
        at.ringing = false;
        if (ended->accepted) {
            at.aside = false;
            focus_ = event.call;
        }
    } else if (const auto* changed = std::get_if<event::LocalChanged>(&event.what)) {
        // Somebody else may have told it, such as a transfer.
        at.told_muted = changed->local.muted;
        at.told_held = changed->local.held;
        if (!options_.push_to_talk) at.muted = at.told_muted;
        if (options_.others != OtherCalls::hold) at.held = at.told_held;
    }
    arrange();
}

std::size_t Desk::index_of(const CallId& id) const {
    const auto found =
        std::find_if(seats_.begin(), seats_.end(), [&](const Seat& one) { return one.id == id; });
    return static_cast<std::size_t>(std::distance(seats_.begin(), found));
}

Desk::Seat& Desk::seat(const CallId& id) {
    if (const auto at = index_of(id); at < seats_.size()) return seats_[at];
    Seat made;
    made.id = id;
    made.side = free_side();
    seats_.push_back(std::move(made));
    if (focus_.empty()) focus_ = id;
    return seats_.back();
}

void Desk::remove(const CallId& id) {
    const auto at = index_of(id);
    if (at == seats_.size()) return;
    if (focus_ == id) {
        const auto next = successor(at);
        focus_ = next == id ? CallId{} : next;
    }
    seats_.erase(seats_.begin() + static_cast<std::ptrdiff_t>(at));
}

void Desk::look_again() {
    std::vector<CallId> gone;
    for (const auto& one : seats_) {
        if (!calls_.home_of(one.id)) gone.push_back(one.id);
    }
    for (const auto& id : gone) remove(id);
}

float Desk::free_side() const {
    for (const auto side : kSides) {
        if (std::none_of(seats_.begin(), seats_.end(),
                         [&](const Seat& one) { return one.side == side; }))
            return side;
    }
    return kSides[seats_.size() % kSides.size()];
}

CallId Desk::next_after(std::size_t at) const {
    for (std::size_t step = 1; step <= seats_.size(); ++step) {
        const auto& one = seats_[at >= seats_.size() ? step - 1 : (at + step) % seats_.size()];
        if (!one.aside) return one.id;
    }
    return {};
}

/// Whoever spoke to a target speaks to the far end again, if the two are not together.
CallId Desk::successor(std::size_t at) const {
    const auto& id = seats_[at].id;
    const auto transfer = options_.transfers ? options_.transfers->find(id) : nullptr;
    if (transfer && transfer->target() == id && transfer->state() != WarmTransfer::State::done) {
        const auto far = index_of(transfer->far());
        if (far < seats_.size() && !seats_[far].aside) return seats_[far].id;
    }
    return next_after(at);
}

// --- how the calls sound

input::SetLocal Desk::local_part(const Seat& seat, bool any_solo) const {
    input::SetLocal local{seat.id == focus_, 1.0F, 0.0F};
    if (!options_.heard) return local;
    const bool other = !focus_.empty() && !local.focus;
    local.gain = static_cast<float>(seat.volume) / 100.0F;
    if (other && options_.others == OtherCalls::pan) local.pan = seat.side;
    if (any_solo) {
        if (!seat.solo) local.gain = 0;
        return local;
    }
    if (!other) return local;
    switch (options_.others) {
        case OtherCalls::duck:
            local.gain *= kDucked;
            break;
        case OtherCalls::pan:
            local.gain *= kPanned;
            break;
        case OtherCalls::mute:
            local.gain = 0;
            break;
        case OtherCalls::hold:
            break;
    }
    return local;
}

void Desk::arrange() {
    const bool any_solo =
        std::any_of(seats_.begin(), seats_.end(), [](const Seat& one) { return one.solo; });
    for (auto& one : seats_) {
        const bool focus = one.id == focus_;
        const bool muted = one.muted || (options_.push_to_talk && !(talking_ && focus));
        const bool held =
            !one.aside &&
            (one.held || (options_.others == OtherCalls::hold && !focus && !focus_.empty()));
        const auto local = local_part(one, any_solo);
        // Closed before it can be opened: no word goes to the wrong call.
        if (muted && !one.told_muted) calls_.post(one.id, input::SetMuted{true});
        if (held && !one.told_held) calls_.post(one.id, input::SetHeld{true, one.sound});
        if (local.focus != one.told.focus || local.gain != one.told.gain ||
            local.pan != one.told.pan)
            calls_.post(one.id, local);
        if (!held && one.told_held) calls_.post(one.id, input::SetHeld{false});
        if (!muted && one.told_muted) calls_.post(one.id, input::SetMuted{false});
        one.told = local;
        one.told_muted = muted;
        one.told_held = held;
    }
}

}  // namespace bridge::call
