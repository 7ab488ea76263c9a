#pragma once
// What the program tells the shell when it ends. The numbers are a contract with scripts;
// `agentbridge help exit-codes` prints them.

#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "call/event.hpp"

namespace bridge::app {

enum class ExitCode : int {
    ok = 0,  ///< Ctrl-C included, when every call was confirmed ended
    failure = 1,
    usage = 2,
    configuration = 3,
    authentication = 4,  ///< Twilio refused the credentials (20003)
    refused = 5,         ///< by our policy or by Twilio; busy, rejected, failed
    no_answer = 6,
    public_url_unreachable = 7,
    no_device = 8,      ///< an audio device named by flag or setting is missing
    not_confirmed = 9,  ///< a live call could not be confirmed ended
    interrupted = 130,  ///< before any call was created
};

constexpr int to_int(ExitCode code) {
    return static_cast<int>(code);
}
/// One line of meaning, without the number.
std::string_view meaning_of(ExitCode code);
/// All of them, in order.
const std::vector<ExitCode>& all_exit_codes();

/// The code for an error that stopped the program before or outside a call.
ExitCode exit_code_for(const Error& error);
/// The same when a server could not be started: a port that is taken is a matter of settings.
ExitCode exit_code_for_start(const Error& error);

/// The code for the call the program was asked to place, at its end. `stopped_by_user`: Ctrl-C, or
/// a terminating signal, was what ended it.
ExitCode exit_code_for(const call::CallSnapshot& snapshot, bool stopped_by_user);

/// True when the carrier may still be carrying this call: it was created, or may have been, and
/// nobody confirmed its end.
bool may_still_be_live(const call::CallSnapshot& snapshot);

}  // namespace bridge::app
