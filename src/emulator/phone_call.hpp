#pragma once
// One call of the emulator, from the queue to its final status: ringing, answering, time limits,
// machine detection, status callbacks. What TwiML does with it is the Interpreter's part.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "emulator/call_line.hpp"
#include "emulator/call_order.hpp"
#include "emulator/callback_queue.hpp"
#include "emulator/sid.hpp"
#include "emulator/signal.hpp"
#include "emulator/timestamps.hpp"

namespace bridge::emulator {

struct Exchange;

/// The figures of a call, as its REST resource shows them.
struct CallRecord {
    std::string sid;
    std::string status = "queued";
    std::string answered_by;
    WallTime created, updated;
    std::optional<WallTime> started, answered, ended;
    std::chrono::milliseconds queue_time{0};
    std::chrono::milliseconds detection_time{0};
    int sip_code = 0;
};

/// A stream of a call, as its REST resource shows it.
struct StreamRow {
    std::string sid, name;
    bool bidirectional = true;
    bool open = true;
    WallTime updated;
    std::size_t tracks = 1;  ///< of a one-way stream
    std::optional<WallTime> started{};
    std::uint64_t frames = 0;  ///< of 20 ms, once it is over
};

/// What a <Stream> or a REST request says about a stream.
struct StreamOrder {
    std::string url, name, track = "inbound_track";
    std::string status_callback, status_callback_method = "POST";
    std::map<std::string, std::string> parameters;
    bool bidirectional = true;
};

/// Thread: the emulator's.
class PhoneCall : public std::enable_shared_from_this<PhoneCall> {
public:
    PhoneCall(std::shared_ptr<Exchange> exchange, CallOrder order,
              std::unique_ptr<Persona> persona);
    ~PhoneCall();

    /// Begins the life of a call that REST created, or one that a persona makes.
    void start();
    /// Rings, and answers if the persona does. Afterwards the call is either answered or over.
    static asio::awaitable<void> ring(std::shared_ptr<PhoneCall> self);
    /// The call is answered: its clock starts. Once; later ones do nothing.
    void answer();
    /// The end, once: `status` completed busy no-answer failed canceled, with the final SIP code.
    void finish(const std::string& status, int sip_code);
    /// New TwiML for a live call: what it does now is interrupted.
    void redirect(Instruction instruction);
    /// Drops the line once no coroutine uses it; its trace is kept.
    void retire();
    void forget_heard() {
        trace_->heard.clear();
        trace_->said.clear();
    }

    bool over() const { return over_; }
    bool answered() const { return record_.answered.has_value(); }
    /// True if whatever runs now must stop: the end, or new TwiML.
    bool interrupted() const { return over_ || redirect_.has_value(); }
    std::optional<Instruction> take_redirect() { return std::exchange(redirect_, std::nullopt); }

    const std::string& sid() const { return record_.sid; }
    const CallRecord& record() const { return record_; }
    const CallOrder& order() const { return order_; }
    /// Of a call in progress; REST may change the callbacks and limits.
    CallOrder& order() { return order_; }
    Exchange& exchange() { return *exchange_; }
    CallLine& line() { return *line_; }
    std::shared_ptr<CallLine> shared_line() { return line_; }
    Signal& ended() { return ended_; }
    /// What has been kept of the call: sound, keys, playouts.
    const CallTrace& trace() const { return *trace_; }
    const std::string& reaction_answered_by() const { return reaction_.answered_by; }
    std::chrono::seconds duration() const;
    void change_time_limit(std::chrono::milliseconds limit);

    /// Whom the faults of this call are about.
    FaultScope fault_scope() const {
        return {persona_key(order_.direction == "inbound" ? order_.from : order_.to), record_.sid};
    }

    /// Parameters that every webhook about this call carries.
    Fields webhook_fields() const;
    void post_callback(Webhook webhook, bool last) { callbacks_->post(std::move(webhook), last); }

    /// A leg of <Dial>: ends with this call.
    void add_leg(const std::shared_ptr<PhoneCall>& leg);
    void end_legs();
    /// A leg that was redirected: it lives on without `parent`, by the TwiML it was given.
    void leave(PhoneCall& parent);

    /// Whether another one-way stream has room among the four tracks that a call may have.
    bool has_room_for(const StreamOrder& order) const;
    /// The request for the line; the row appears in `streams`.
    StreamRequest prepare_stream(const StreamOrder& order);
    std::function<void(const StreamReport&)> stream_report(const StreamOrder& order,
                                                           const StreamRequest& request);
    /// Begins the faults of these switches on the streams that are up.
    void misbehave(const std::set<Switch>& of);
    const std::vector<StreamRow>& streams() const { return streams_; }

private:
    static asio::awaitable<void> run(std::shared_ptr<PhoneCall> self);
    static asio::awaitable<void> run_outbound(std::shared_ptr<PhoneCall> self);
    static asio::awaitable<void> go_on(std::shared_ptr<PhoneCall> self);
    static asio::awaitable<void> detect_machine(std::shared_ptr<PhoneCall> self);
    StreamFaults stream_faults(const std::set<Switch>& of);
    void set_status(const std::string& status);
    void status_event(const std::string& event, const std::string& status);
    void note_stream(const StreamOrder& order, const StreamRequest& request,
                     const StreamReport& report);
    std::string verdict() const;

    std::shared_ptr<Exchange> exchange_;
    CallOrder order_;
    CallRecord record_;
    Reaction reaction_;
    std::shared_ptr<CallLine> line_;
    std::shared_ptr<CallTrace> trace_;
    std::shared_ptr<CallbackQueue> callbacks_, stream_callbacks_;
    std::vector<StreamRow> streams_;
    std::vector<std::weak_ptr<PhoneCall>> legs_;
    std::optional<Instruction> redirect_;
    Signal ended_;
    asio::steady_timer limit_;
    std::size_t sequence_ = 0;
    bool over_ = false;
};

}  // namespace bridge::emulator
