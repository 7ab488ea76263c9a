#pragma once
// The telephone exchange: everything the parts of one emulator share. The account and its numbers,
// the calls, the ledger, the debugger, the faults.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/json/value.hpp>
#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "emulator/call_order.hpp"
#include "emulator/debugger.hpp"
#include "emulator/faults.hpp"
#include "emulator/ledger.hpp"
#include "emulator/options.hpp"
#include "emulator/signal.hpp"
#include "emulator/webhook_sender.hpp"

namespace bridge::emulator {

class PhoneCall;
class Conference;

struct Account {
    std::string sid;
    Secret auth_token;
    std::map<std::string, Secret> api_keys;
    bool trial = false;
    WallTime created;
};

/// An IncomingPhoneNumber.
struct OwnedNumber {
    std::string sid, phone_number, friendly_name;
    std::string voice_url, voice_method = "POST";
    std::string voice_fallback_url, voice_fallback_method = "POST";
    std::string status_callback, status_callback_method = "POST";
    std::string voice_application_sid, trunk_sid, voice_receive_mode = "voice";
    bool voice_caller_id_lookup = false;
    WallTime created, updated;
};

/// Thread: the emulator's. Calls hold it; `stop` lets go of them.
struct Exchange : std::enable_shared_from_this<Exchange> {
    Exchange(asio::any_io_executor on, EmulatorOptions with);
    ~Exchange();

    const asio::any_io_executor executor;
    const EmulatorOptions options;
    PersonaBook personas;
    Account account;
    std::vector<OwnedNumber> numbers;
    Debugger debugger;
    Ledger ledger;
    FaultBook faults;
    /// Told to refuse REST connections for a time.
    std::function<void(std::chrono::milliseconds)> on_rest_down;
    std::unique_ptr<WebhookSender> webhooks;
    Signal stopping;
    bool stopped = false;

    /// A call that nobody has started yet. Errors: the persona's.
    Result<std::shared_ptr<PhoneCall>> add_call(CallOrder order);
    /// Gives a number another persona, and that persona's faults. Errors: PersonaBook::assign's.
    Result<> assign_persona(const std::string& number, const std::string& description);
    std::shared_ptr<PhoneCall> find_call(const std::string& sid) const;
    /// Newest first, as Twilio lists them.
    std::vector<std::shared_ptr<PhoneCall>> list_calls() const;
    /// Told by a call that has ended: forgets the oldest ended calls, and the sound of all but the
    /// last.
    void call_ended(const std::string& sid);

    /// The conference of that name that has not ended, or a new one.
    std::shared_ptr<Conference> open_conference(const std::string& name);
    /// By SID, or by the name of one that has not ended.
    std::shared_ptr<Conference> find_conference(const std::string& sid_or_name) const;
    /// Newest first.
    std::vector<std::shared_ptr<Conference>> list_conferences() const;
    /// The conference a call is in, for the control API; null if it is in none.
    boost::json::value stay_json(const std::string& call_sid) const;

    /// The fault "dead": every stream's connection is cut, and nothing reaches the other program
    /// for that time.
    void cut_tunnel(std::chrono::milliseconds time);

    /// Deletes the record of an ended call.
    void forget_call(const std::string& sid) { calls_.erase(sid); }

    OwnedNumber* find_number(const std::string& phone_number);
    bool may_call_from(const std::string& number);
    /// When the next outbound call may leave the queue; 0 if calls are not held back.
    std::chrono::milliseconds next_turn();
    std::chrono::milliseconds scaled(std::chrono::milliseconds time) const;
    /// Speech for <Say>; the last texts are kept. Errors: the synthesiser's.
    Result<Mulaw> speech(const std::string& text);
    /// Ends every call and request. Twice is harmless.
    void stop();

private:
    std::map<std::string, std::shared_ptr<PhoneCall>> calls_;
    std::vector<std::string> order_;
    std::deque<std::string> ended_;
    std::deque<std::shared_ptr<Conference>> conferences_;  ///< oldest first
    std::chrono::steady_clock::time_point next_turn_{};
    std::map<std::string, Mulaw> speech_;
};

}  // namespace bridge::emulator
