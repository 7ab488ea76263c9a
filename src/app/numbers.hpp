#pragma once
// Where the inbound calls of the account's numbers go: what the `numbers` commands show and do, as
// plain values and their texts.

#include <boost/json/value.hpp>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/config.hpp"
#include "app/session.hpp"
#include "call/journal.hpp"

namespace bridge::app {

/// Paths of our webhooks that a number is given, below the public address.
inline constexpr std::string_view kVoicePath = "/twilio/voice";
inline constexpr std::string_view kFallbackPath = "/twilio/fallback";
inline constexpr std::string_view kStatusPath = "/twilio/status";

/// A number whose calls come here now.
struct UsedNumber {
    std::string number, sid;
    std::string voice_url;  ///< ours
    call::NumberRouting former;
    bool already = false;  ///< they came here before, and nothing had to be changed
};

/// What became of a number that was to be given back.
struct ReturnedNumber {
    enum class What {
        returned,  ///< it is as it was before
        already,   ///< it was so already
        changed,   ///< somebody else has pointed it elsewhere meanwhile: that was left alone
        gone,      ///< it is no number of the account any more
        held,      ///< a running program has it: left alone
        failed,    ///< it may still lead here; it stays in the journal
    };
    What what = What::failed;
    std::string number;
    call::NumberRouting former;
    std::string instance;  ///< that had it
    std::string detail;    ///< failed: why; changed: where its calls go now
    /// Nothing is left to do.
    bool done() const { return what != What::failed; }
};
std::string_view to_string(ReturnedNumber::What what);

/// One number of the account.
struct NumberRow {
    std::string sid, number;
    bool voice = true;
    call::NumberRouting routing;
    enum class Target {
        here,         ///< to this program: a running one, or PUBLIC_URL
        left,         ///< to where a program was that has ended without giving it back
        elsewhere,    ///< to somebody's webhook
        application,  ///< to a TwiML application; the number's own webhook is not asked
        trunk,        ///< to a SIP trunk; likewise
        nowhere,      ///< there is no webhook
    } target = Target::nowhere;
    std::optional<call::BorrowedNumber> borrowed;  ///< it is in the journal
};
std::string_view to_string(NumberRow::Target target);

/// `bases`: where this program is reached, or was. `left`: the number is in the journal, and who
/// borrowed it has ended.
NumberRow::Target target_of(const call::NumberRouting& routing,
                            const std::vector<std::string>& bases, bool left);

/// The same address, but for the case of scheme and host.
bool same_address(std::string a, std::string b);
/// Whether `url` is `path` below one of `bases`.
bool is_below(const std::vector<std::string>& bases, const std::string& url, std::string_view path);
/// Twilio's greeting for numbers that were just bought: nobody's webhook.
bool is_demo_url(const std::string& url);
/// For people and logs: without password and query, which may hold secrets, and without control
/// characters.
std::string shown_url(std::string_view url);
/// Where calls go: "to https://their.example/voice", "to the SIP trunk TK…", "to the TwiML
/// application AP…" or "nowhere".
std::string format_routing(const call::NumberRouting& routing);

/// The process number in the name of an instance.
std::string process_of(const std::string& instance);
/// One sentence without a full stop.
std::string format_used(const UsedNumber& used);
std::string format_returned(const ReturnedNumber& returned);
/// {"number","sid","voice_url","former_voice_url","former_application","former_trunk","already"}:
/// what the control API answers.
std::string format_used_json(const UsedNumber& used);

/// {"returned": [{"number", "what", "detail"}]}: likewise.
std::string format_returned_json(const std::vector<ReturnedNumber>& returned);

UsedNumber read_used(const boost::json::value& answer);
/// A header, and a line for each.
std::string format_number_table(const std::vector<NumberRow>& rows);

/// What a command ends with when a number could not be pointed here.
ExitCode exit_for_number(const Error& error);

/// What the `numbers` commands are made of, so that tests can put their own in. Thread: main,
/// which they block.
struct NumberParts {
    std::function<Outcome<std::vector<NumberRow>>(const Config& config)> list{};
    /// `number` empty: all.
    std::function<Outcome<std::vector<ReturnedNumber>>(const Config& config,
                                                       const std::string& number)>
        restore{};
};

/// In numbers_service.cpp.
Outcome<std::vector<NumberRow>> list_numbers(const Config& config);
Outcome<std::vector<ReturnedNumber>> restore_numbers(const Config& config,
                                                     const std::string& number);

}  // namespace bridge::app
