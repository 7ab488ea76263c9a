#pragma once
// The laptop's desk: which of several calls the person here speaks to, and how the others sound
// meanwhile. Keys, the command line and the control API all come through here.
//
//   key, `agentbridge calls`, API ──▶ Desk ──SetLocal, SetMuted, SetHeld, …──▶ Call
//                                       ▲                                        │
//                                       └────────────── EventBus ◀───────────────┘
//
// One call has the focus: the microphone is its, and it is heard at full loudness. The first call
// gets it, and it stays where the person put it; when that call ends, the next one has it. A new
// call does not take it, unless the person here dialled it; nor does one that rings, until it is
// accepted. The target of a warm transfer has it from the start; if nothing comes of that, it goes
// back to the far end.

#include <boost/asio/any_io_executor.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/result.hpp"
#include "call/call_registry.hpp"
#include "call/command.hpp"
#include "call/event_bus.hpp"
#include "call/warm_transfer.hpp"

namespace bridge::call {

/// What becomes of the calls that do not have the focus.
enum class OtherCalls {
    duck,  ///< 15 dB quieter
    pan,  ///< left and right of the one in the middle, where the device is stereo, and 6 dB quieter
    mute,  ///< not heard
    hold,  ///< on hold: they hear music, and are not heard
};

struct DeskOptions {
    OtherCalls others = OtherCalls::duck;
    bool push_to_talk = false;  ///< every call is muted but while `talk(true)`
    bool heard = true;          ///< false: no sound device, so nothing is made louder or quieter
    /// On the desk's thread; outlives it. Null: no warm transfers.
    WarmTransfers* transfers = nullptr;
    /// The call that is made to somebody for a far end. Errors: as for any call that is ordered.
    std::function<Result<CallSpec>(const CallId& far, const std::string& to)> target{};
};

/// Thread: the executor's, for every member.
class Desk : public std::enable_shared_from_this<Desk> {
public:
    /// Watches the calls from now on. `calls` and `events` outlive it.
    static std::shared_ptr<Desk> open(CallRegistry& calls, EventBus& events,
                                      boost::asio::any_io_executor executor, DeskOptions options);
    Desk(const Desk&) = delete;
    Desk& operator=(const Desk&) = delete;

    /// The call as it is afterwards. Errors: not_found (no such call), refused (its state forbids
    /// it), exists (it is being transferred already), bad_field ("keys: …", "percent: …"), and
    /// those of DeskOptions::target.
    using Done = std::function<void(Result<CallSnapshot>)>;
    /// `done` is called once, soon: after a turn of the call's own thread.
    void carry_out(const CallId& id, Command command, Done done);

    /// The person here dialled this call, and speaks to it (`focus`), if not `muted`.
    void dialled(const CallId& id, bool focus = true, bool muted = false);
    /// The next call gets the focus. False: there is no other.
    bool focus_next();
    /// Empty: no call has it.
    const CallId& focused() const { return focus_; }
    /// The call to accept or refuse: the one that has rung longest; empty: none rings.
    CallId ringing() const;
    /// Whom a command is for that names nobody: the focus, or the one that rings; empty: nobody.
    CallId meant_by(const Command& command) const;
    /// With push-to-talk: the microphone is open while this is on.
    void talk(bool on);
    bool push_to_talk() const { return options_.push_to_talk; }

    /// What only the desk knows of a call.
    struct Place {
        int volume = 100;  ///< percent
        bool solo = false;
    };
    Place place(const CallId& id) const;

private:
    struct Seat {
        CallId id;
        bool ringing = false;
        bool aside = false;  ///< rings, or was not taken: not for the focus
        bool muted = false, held = false, solo = false;
        HoldSound sound = HoldSound::music;
        int volume = 100;
        float side = 0;  ///< its place when others are panned
        // what the call was told last, or told itself
        input::SetLocal told{false, 1.0F, 0.0F};
        bool told_muted = false, told_held = false;
    };

    Desk(CallRegistry& calls, boost::asio::any_io_executor executor, DeskOptions options)
        : calls_(calls), executor_(std::move(executor)), options_(std::move(options)) {}
    void on_event(const CallEvent& event, std::uint64_t missed);
    /// Where it sits; seats_.size(): nowhere.
    std::size_t index_of(const CallId& id) const;
    /// Its seat; a new one if it has none.
    Seat& seat(const CallId& id);
    void remove(const CallId& id);
    /// Forgets calls whose end was missed.
    void look_again();
    float free_side() const;
    /// The first one after `at`, round the table, that can have the focus; empty: none.
    CallId next_after(std::size_t at) const;
    /// Who has the focus when the call that sits at `at` loses it; empty: nobody.
    CallId successor(std::size_t at) const;
    /// The one under way of which this is one of the two calls; null: none.
    std::shared_ptr<WarmTransfer> warm_transfer(const CallId& id) const;

    Result<> obey(const CallId& id, const Command& command);
    void obey(const CallId& id, const command::Focus&);
    void obey(const CallId& id, const command::Mute& mute);
    void obey(const CallId& id, const command::Hold& hold);
    void obey(const CallId& id, const command::Solo& solo);
    void obey(const CallId& id, const command::Volume& volume);
    void obey(const CallId& id, const command::Digits& digits);
    Result<> obey(const CallId& id, const command::Transfer& transfer);
    Result<> obey(const CallId& id, const command::Join&);
    Result<> obey(const CallId& id, const command::CancelTransfer&);
    void obey(const CallId& id, const command::Accept&);
    void obey(const CallId& id, const command::Reject&);
    void obey(const CallId& id, const command::HangUp& hang_up);
    void obey(const CallId& id, const command::Clear&);
    void obey(const CallId& id, const command::SetAgent& agent);
    void obey(const CallId& id, const command::Record& record);
    void obey(const CallId& id, const command::Transcribe& transcribe);
    void obey(const CallId& id, const command::AgentTurn& turn);

    /// Tells every call what is new for it.
    void arrange();
    input::SetLocal local_part(const Seat& seat, bool any_solo) const;

    CallRegistry& calls_;
    const boost::asio::any_io_executor executor_;
    const DeskOptions options_;
    std::vector<Seat> seats_;  ///< in the order they came
    CallId focus_;
    bool talking_ = false;
    std::shared_ptr<EventBus::Subscription> subscription_;
};

}  // namespace bridge::call
