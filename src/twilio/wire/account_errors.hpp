#pragma once
// What Twilio's error codes mean, each as one sentence that says what to do.

#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace bridge::twilio {

/// The body of a refused REST request, as far as it could be read.
struct RestRefusal {
    int http_status = 0;
    int code = 0;         ///< Twilio's, 0 if there is none
    std::string message;  ///< Twilio's words; the start of the body if that is not JSON
};

/// Reads an error body; a body that is not Twilio's JSON becomes the message. Never throws.
RestRefusal parse_refusal(int http_status, std::string_view body);

/// One sentence (two where a fix needs it): what happened with Twilio's code, and what to do.
std::string explain(const RestRefusal& refusal);

/// The same as an Error: unauthorized, not_found, refused, or unreachable for 5xx and 429.
Error to_error(const RestRefusal& refusal);

/// True for the 400 with which a trial account refuses all parameters but To, From and Url.
bool is_trial_limit(const RestRefusal& refusal);

/// What to tell someone whose account is of type Trial before a call is placed.
std::string_view trial_warning();

/// What a code of the Media Streams family (31900…) or a debugger code of TwiML and webhooks means
/// for this program; empty if the code is not known.
std::string_view explain_stream_error(int code);
/// The first 5-digit code in a text such as StreamError.
std::optional<int> find_error_code(std::string_view text);

}  // namespace bridge::twilio
