#pragma once
// What `agentbridge doctor` learns about the way from Twilio to here, and what it makes of it.
// Facts are gathered by `examine`; `judge` is pure, so that every fault can be tested as a table.

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "app/config.hpp"
#include "app/exit_code.hpp"
#include "app/reach/ngrok_tunnels.hpp"
#include "app/reach/probe_client.hpp"
#include "base/result.hpp"
#include "call/journal.hpp"
#include "twilio/rest_client.hpp"

namespace bridge::app {

/// One line of the result.
struct Finding {
    enum class Status { ok, warn, fail, skip } status = Status::ok;
    std::string check;  ///< "account", "public-url", …
    std::string what;
    std::string fix;  ///< the one thing to do; empty when all is well
    std::chrono::milliseconds took{0};
    ExitCode exit = ExitCode::failure;  ///< with `fail`: what the program ends with
};

/// Who has a port that we want.
struct PortState {
    enum class Holder {
        free,      ///< nobody (doctor listens itself, meanwhile)
        us,        ///< a running instance of this account
        other,     ///< another program, or one of another account
        bad_host,  ///< the address is none of this machine
        bad_tls,   ///< the certificate cannot be used
    } holder = Holder::free;
    std::string name;  ///< of the other program, if the system tells: "nginx (pid 812)"
    std::string error;
    twilio::ProbeReport report;  ///< of the running instance
};

struct Facts {
    LoadedConfig loaded;
    bool tunnel_installed = true;

    // Nothing: not asked, or no answer in time.
    std::optional<Result<twilio::AccountState>> account;
    std::chrono::milliseconds account_took{0};
    std::optional<Result<std::vector<twilio::PhoneNumber>>> numbers;
    std::chrono::milliseconds numbers_took{0};
    std::optional<std::chrono::seconds> clock_behind;  ///< Twilio's clock less ours

    PortState server_port, websocket_port;
    bool agent_answers = false;
    TunnelChoice agent;    ///< with agent_answers
    std::string url;       ///< that Twilio would be told; empty: none
    std::string instance;  ///< who should answer there
    std::optional<ProbeResult> webhook, upgrade;
    std::chrono::milliseconds webhook_took{0}, upgrade_took{0};

    struct Sound {
        bool done = false;      ///< false: the sound system did not answer
        std::string device;     ///< that opened
        std::string fell_back;  ///< why there is none
        std::optional<Error> error;
        std::string microphone;       ///< that opened; empty: none
        std::string microphone_note;  ///< why there is no default one
        std::optional<Error> microphone_error;
    } sound;
    std::string state_dir_problem;
    std::vector<call::BorrowedNumber> left_numbers;  ///< by programs that have ended
};

/// In the order they are shown.
std::vector<Finding> judge(const Facts& facts);

/// The most serious of the failures; ok when there is none. Configuration comes before
/// authentication, then the public URL, then the audio device, then everything else.
ExitCode exit_of(const std::vector<Finding>& findings);

std::string format_findings(const std::vector<Finding>& findings, bool color);
/// [{"check","status","what","fix","took_ms"}], with a line feed.
std::string format_findings_json(const std::vector<Finding>& findings);

}  // namespace bridge::app
