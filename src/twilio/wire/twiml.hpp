#pragma once
// TwiML: the documents we answer voice webhooks with (twilio.com/docs/voice/twiml). Text that comes
// from outside is escaped, and characters XML has no place for are left out.

#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"

namespace bridge::twilio {

inline constexpr std::size_t kTwimlLimit =
    64 * 1024;  ///< bytes of a document Twilio fetches (11750)
inline constexpr std::size_t kInlineTwimlLimit =
    4000;  ///< characters of the REST parameter (32018)

struct StreamParameters {
    std::string url;              ///< wss://…, no query
    std::string status_callback;  ///< empty: none
    std::vector<std::pair<std::string, std::string>>
        custom;  ///< name + value under 500 characters each
};

/// <Connect><Stream/></Connect>, and nothing after it: when the stream ends, so does the call.
/// Errors: bad_field for a parameter of 500 characters or more, too_large over 64 kB.
Result<std::string> connect_stream(const StreamParameters& stream);

/// <Start><Stream/></Start>, an hour's pause and a redirect to `again` for the next one: the phone
/// is heard, nothing can be said. Errors as connect_stream.
Result<std::string> listen_only(const StreamParameters& stream, std::string_view again);
/// The next hour of a listen-only call, whose stream is already running.
std::string keep_listening(std::string_view again);

enum class RejectReason { rejected, busy };
/// <Reject>: the call is not answered and costs nothing.
std::string reject(RejectReason reason);
std::string hangup();
/// Speaks `text`, then hangs up. Errors: too_large.
Result<std::string> say_and_hangup(std::string_view text);

struct DialParameters {
    std::string to;         ///< E.164, sip:, sips: or client:
    std::string caller_id;  ///< empty: the caller's
    std::string action;     ///< asked for instructions when the dial ends; empty: none
    std::chrono::seconds timeout{30};
    std::chrono::seconds time_limit{14400};
    std::string status_callback{};  ///< told how the dialled leg fares; empty: nobody
};
/// <Dial> with <Number>, <Sip> or <Client>. Errors: bad_field for another kind of address,
/// too_large.
Result<std::string> dial(const DialParameters& parameters);

/// Plays keys (0-9 * # A-D, w waits half a second), then fetches `next`.
std::string digits_then(std::string_view digits, std::string_view next);
/// Into a conference that ends with the first who leaves; `status_callback` is told what happens.
std::string conference(std::string_view room, std::string_view status_callback);
std::string redirect_to(std::string_view url);

/// Text for an element or an attribute: & < > " escaped, characters XML 1.0 does not allow removed,
/// bytes that are not UTF-8 replaced by U+FFFD.
std::string xml_escape(std::string_view text);

}  // namespace bridge::twilio
