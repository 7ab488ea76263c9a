#pragma once
// Switches that make the emulator misbehave as a network, or Twilio itself, may. One vocabulary for
// the flag --fault, for /emulator/v1/faults and for personas:
//
//   SWITCH=WHAT[:ARGUMENT][@AFTER][*TIMES][%PERCENT]
//
//   create=429:2s*3         the next three creates get 429 with Retry-After: 2
//   socket=drop@3s          each media socket is reset three seconds after it stood
//   callbacks=duplicate%50  half of the status callbacks come twice
//
// What each does is listed in docs/emulator.md; the table behind it is in faults.cpp.

#include <array>
#include <boost/json/object.hpp>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace bridge::emulator {

enum class Switch {
    create,     ///< POST Calls
    update,     ///< POST Calls/CA…: hang-up and redirect
    rest,       ///< every REST request that has no fault by one of the two above
    voice,      ///< requests for TwiML
    callbacks,  ///< status callbacks of calls and streams
    signature,  ///< of webhooks and of upgrades
    upgrade,    ///< of upgrades alone
    socket,     ///< a stream's connection
    pace,       ///< when a stream's messages leave
    frames,     ///< which of a stream's media messages leave
    tunnel      ///< everything that leads to the other program's public address
};
inline constexpr std::size_t kSwitches = 11;

std::string_view to_string(Switch one);
/// Nothing for a word that is no switch.
std::optional<Switch> find_switch(std::string_view name);

/// One fault that is to happen.
struct Fault {
    std::string_view what;               ///< "drop_after", "stall", …; always of the table
    std::int64_t argument = 0;           ///< milliseconds, or an HTTP status; 0: it has none
    std::chrono::milliseconds after{0};  ///< of a stream's life
    int times = 0;                       ///< occasions left; 0: all
    double percent = 100;                ///< of the occasions

    bool is(std::string_view name) const { return what == name; }
    std::chrono::milliseconds time() const { return std::chrono::milliseconds(argument); }
};

/// Errors: bad_field, with what may be written.
Result<Fault> parse_fault(Switch where, std::string_view text);
/// In the form of the vocabulary, complete.
std::string to_string(const Fault& fault);

/// At most one fault for each switch.
class FaultSet {
public:
    /// "ok" ends the fault. Errors: those of parse_fault; then nothing has changed.
    Result<> set(Switch where, std::string_view text);
    /// Changes what `change` names and leaves the rest: {"create": "429*2", "pace": "ok"}. Errors:
    /// bad_field; then nothing has changed.
    Result<> apply(const boost::json::object& change);
    /// Every switch, "ok" where nothing is wrong.
    boost::json::object to_json() const;
    bool has(Switch where) const { return slot(where).has_value(); }
    bool empty() const;
    /// An occasion: what is to go wrong now, if anything. Counts `times` down.
    std::optional<Fault> take(Switch where, std::mt19937_64& random);

private:
    std::optional<Fault>& slot(Switch where) { return slots_[static_cast<std::size_t>(where)]; }
    const std::optional<Fault>& slot(Switch where) const {
        return slots_[static_cast<std::size_t>(where)];
    }
    std::array<std::optional<Fault>, kSwitches> slots_;
};

/// Whom an occasion is about.
struct FaultScope {
    std::string number;    ///< the phone's; empty: not known
    std::string call_sid;  ///< empty: not known
};

/// The faults of one emulator: everywhere, of one number, of one call. The narrowest decides.
/// Thread: the emulator's.
class FaultBook {
public:
    /// As --fault is written: "SWITCH=FAULT", "NUMBER:SWITCH=FAULT", "default:SWITCH=FAULT",
    /// "seed=7". Errors: bad_field.
    Result<> apply_flag(std::string_view text);
    /// Any of the switches, "seed", "numbers": {"+1202…": {switches}}, "calls": {"CA…":
    /// {switches}}; what is not named stays. Errors: bad_field; then nothing has changed.
    Result<> apply(const boost::json::object& change);
    /// All of it, in the form that `apply` takes.
    boost::json::object to_json() const;
    void clear();

    /// What a persona's description says replaces all that was said about its number.
    void set_number(const std::string& number, FaultSet faults);
    void set_call(const std::string& sid, FaultSet faults);
    bool knows_number(const std::string& number) const { return numbers_.contains(number); }
    void forget_call(const std::string& sid) { calls_.erase(sid); }

    std::optional<Fault> take(Switch where, const FaultScope& scope);
    std::mt19937_64& random() { return random_; }

private:
    /// Which switches may have a fault anywhere: asked for each frame of each stream.
    void note_possible();

    std::array<bool, kSwitches> possible_{};
    std::uint64_t seed_ = 0;
    std::mt19937_64 random_{0};
    FaultSet everywhere_;
    std::map<std::string, FaultSet> numbers_;  ///< E.164 or "default"
    std::map<std::string, FaultSet> calls_;
};

}  // namespace bridge::emulator
