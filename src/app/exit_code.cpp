#include "app/exit_code.hpp"

namespace bridge::app {

std::string_view meaning_of(ExitCode code) {
    switch (code) {
        case ExitCode::ok:
            return "all went well; Ctrl-C included, when every call was confirmed ended";
        case ExitCode::failure:
            return "something failed; the last line on stderr says what";
        case ExitCode::usage:
            return "the command line was wrong";
        case ExitCode::configuration:
            return "a setting is missing or wrong; `agentbridge config check`";
        case ExitCode::authentication:
            return "Twilio refused the credentials (error 20003)";
        case ExitCode::refused:
            return "the call was refused: busy, rejected, failed, or not permitted";
        case ExitCode::no_answer:
            return "nobody answered in the ring time";
        case ExitCode::public_url_unreachable:
            return "PUBLIC_URL does not lead here";
        case ExitCode::no_device:
            return "an audio device named by flag or setting is missing";
        case ExitCode::not_confirmed:
            return "a call may still be live: its end was not confirmed";
        case ExitCode::interrupted:
            return "interrupted before any call was created";
    }
    return "";
}

const std::vector<ExitCode>& all_exit_codes() {
    static const std::vector<ExitCode> codes{ExitCode::ok,
                                             ExitCode::failure,
                                             ExitCode::usage,
                                             ExitCode::configuration,
                                             ExitCode::authentication,
                                             ExitCode::refused,
                                             ExitCode::no_answer,
                                             ExitCode::public_url_unreachable,
                                             ExitCode::no_device,
                                             ExitCode::not_confirmed,
                                             ExitCode::interrupted};
    return codes;
}

ExitCode exit_code_for(const Error& error) {
    if (error.code == Errc::bad_config) return ExitCode::configuration;
    if (error.code == Errc::unauthorized) return ExitCode::authentication;
    if (error.code == Errc::refused) return ExitCode::refused;
    if (error.code == Errc::no_device) return ExitCode::no_device;
    return ExitCode::failure;
}

bool may_still_be_live(const call::CallSnapshot& snapshot) {
    if (snapshot.end_confirmed || snapshot.handed_over) return false;
    return snapshot.outcome_unknown || !snapshot.sid.empty();
}

ExitCode exit_code_for_start(const Error& error) {
    return error.code == Errc::exists || error.code == Errc::bad_config ? ExitCode::configuration
                                                                        : exit_code_for(error);
}

ExitCode exit_code_for(const call::CallSnapshot& snapshot, bool stopped_by_user) {
    if (may_still_be_live(snapshot)) return ExitCode::not_confirmed;
    if (snapshot.lost_create) return ExitCode::failure;
    if (snapshot.carrier_code == 20003) return ExitCode::authentication;
    switch (snapshot.state) {
        case call::CallState::completed:
            if (stopped_by_user) return ExitCode::ok;
            if (snapshot.unheard) return ExitCode::public_url_unreachable;
            return snapshot.never_heard ? ExitCode::failure : ExitCode::ok;
        case call::CallState::no_answer:
            return stopped_by_user ? ExitCode::ok : ExitCode::no_answer;
        case call::CallState::busy:
            return ExitCode::refused;
        case call::CallState::canceled:
            if (!stopped_by_user) return ExitCode::refused;
            return snapshot.sid.empty() ? ExitCode::interrupted : ExitCode::ok;
        case call::CallState::failed:
            if (!snapshot.sid.empty() || snapshot.carrier_code != 0 || snapshot.sip_code != 0)
                return ExitCode::refused;
            return stopped_by_user ? ExitCode::interrupted : ExitCode::failure;
        case call::CallState::created:
        case call::CallState::queued:
        case call::CallState::ringing:
        case call::CallState::in_progress:
            return snapshot.sid.empty() && stopped_by_user ? ExitCode::interrupted
                                                           : ExitCode::failure;
    }
    return ExitCode::failure;
}

}  // namespace bridge::app
