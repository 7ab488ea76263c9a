#pragma once
// The running program as the command line sees it: servers, calls and sound behind a few functions.
// wiring.* implements it for `serve`, `call` and `demo`, remote_session.* for the calls of another
// program; tests of the command line have one of their own.
//
//   parse the command line ─▶ Config ─▶ SessionOptions ─▶ open_session() ─▶ start() … Ctrl-C:
//   request_stop() … done
//                                                               │
//   live line, plain lines, summary ◀── EventBus, snapshots() ──┘

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/config.hpp"
#include "app/exit_code.hpp"
#include "call/command.hpp"
#include "call/event.hpp"
#include "call/event_bus.hpp"
#include "call/orphans.hpp"

namespace bridge::app {

/// Why the program cannot go on, and what to tell the shell. `message`: at most five lines.
struct Failure {
    ExitCode exit = ExitCode::failure;
    std::string message;
};
template <class T = void>
using Outcome = tl::expected<T, Failure>;

struct SessionOptions {
    enum class Kind {
        serve,  ///< until stopped; with a target it ends with that call
        call,   ///< one outbound call, no inbound ones
        demo,   ///< emulator and bridge in one process, port 0 throughout, one call
        watch,  ///< the calls of another program, which a stop leaves as they are
    };
    Kind kind = Kind::serve;
    Config config;  ///< checked; for demo: the defaults, with port 0 meaning "any free port"
    std::string
        target;        ///< what to call; empty: nobody. Demo: empty means the number of the persona
    std::string from;  ///< empty: config.phone_number
    bool listen_only = false;  ///< <Start><Stream>
    bool play_locally = true;  ///< false: --no-audio, no sound device is opened
    bool mic = false;          ///< the microphone (config.microphone) goes to the phone
    /// As `config` was made, for whoever looks at the settings of a running program; null: nobody.
    std::shared_ptr<const LoadedConfig> loaded{};
    bool show_link = false;     ///< the page's link is shown with the token in it: somebody looks
    bool open_page = false;     ///< the page is opened in a browser
    bool force_number = false;  ///< serve: config.use_number is taken even from somebody else
    // demo only
    std::string persona;   ///< description for the called phone, empty: the default greeting
    std::string wav_file;  ///< what was heard goes to this file instead of the speakers; empty:
                           ///< demo.wav, and only without a sound card
};

/// How urgent a stop is.
enum class Stop {
    graceful,  ///< hang up, wait for the carrier's word, let the sound play out, close
    forced,    ///< within a second: try to hang up once, close everything
};

/// Thread: main, for every member; handlers run on the executor given to open_session, which
/// belongs to main's loop.
class Session {
public:
    virtual ~Session() = default;

    /// Opens the sound device and the servers, then, with a target, asks for the call. Returns when
    /// the servers listen: lines to show the user ("listening on 127.0.0.1:8000", "the call is
    /// heard on …").
    virtual Outcome<std::vector<std::string>> start() = 0;

    /// Events of every call. Subscribe before `start`, so that nothing is missed.
    virtual call::EventBus& events() = 0;
    /// The calls of this moment; `take` is posted to the executor, soon.
    virtual void snapshots(std::function<void(std::vector<call::CallSnapshot>)> take) = 0;

    /// Carries a command out: for `call`, or, without one, for the call that has the focus (accept
    /// and reject: for the one that rings). `told` is posted to the executor with the call as it is
    /// then. Errors: not_found, refused, bad_field.
    virtual void command(std::optional<CallId> call, call::Command command,
                         std::function<void(Result<call::CallSnapshot>)> told) = 0;
    /// The next call gets the focus.
    virtual void focus_next() = 0;
    /// With push-to-talk: the microphone is open while this is on.
    virtual void talk(bool on) = 0;

    /// May be called again, and with more urgency. Only asks.
    virtual void request_stop(Stop how) = 0;

    /// `done` is posted to the executor once: when nothing runs any more. That is after a stop, and
    /// by itself when the call of `target` is over. What the calls themselves came to is read from
    /// their Ended events; `failure` is set only when something else went wrong (a server died).
    struct End {
        bool failed = false;
        Failure failure;
        std::vector<std::string> lines;  ///< to show at the end ("the sound is in demo.wav")
    };
    virtual void when_done(std::function<void(End)> done) = 0;
};

using OpenSession = std::function<Outcome<std::unique_ptr<Session>>(
    SessionOptions options, boost::asio::any_io_executor executor)>;

/// `agentbridge emulator serve`: the built-in Twilio as a server.
struct EmulatorOptions {
    std::string host = "127.0.0.1";
    std::uint16_t port = 8010;
    std::string account_sid;  ///< empty: one is made and printed
    Secret auth_token;
    std::vector<std::pair<std::string, std::string>>
        personas;             ///< number (E.164 or "default") → description
    std::string ledger_file;  ///< JSON lines, appended; empty: none
    std::string ca_file;      ///< PEM file to trust on https and wss
    std::string number;       ///< owned besides the test number; empty: none
    std::string voice_url;    ///< where inbound calls to any number of the account are announced
    std::vector<std::string> faults;  ///< as --fault is written: "create=429*2"
};

/// A running emulator. Thread and executor as Session's.
class EmulatorService {
public:
    virtual ~EmulatorService() = default;
    /// Listens; then lines to show (address, account, token, numbers).
    virtual Outcome<std::vector<std::string>> start() = 0;
    virtual void request_stop(Stop how) = 0;
    virtual void when_done(std::function<void()> done) = 0;
};

using OpenEmulator = std::function<Outcome<std::unique_ptr<EmulatorService>>(
    EmulatorOptions options, boost::asio::any_io_executor executor)>;

/// `agentbridge reap`.
struct ReapReport {
    std::vector<call::OrphanOutcome> outcomes;
    std::vector<call::JournalEntry> found;  ///< not ended, because it was only to look
    std::vector<call::JournalEntry> held;   ///< by another program that runs: left alone
};
using ReapCalls = std::function<Outcome<ReapReport>(const Config& config, bool look_only)>;

/// Opens the journal and ends the calls that nobody holds. Thread: main, which it blocks.
/// In reap.cpp.
Outcome<ReapReport> reap_calls(const Config& config, bool look_only);

/// Implemented in wiring.cpp and emulator_wiring.cpp, and used by main.cpp alone.
Outcome<std::unique_ptr<Session>> open_session(SessionOptions options,
                                               boost::asio::any_io_executor executor);
Outcome<std::unique_ptr<EmulatorService>> open_emulator(EmulatorOptions options,
                                                        boost::asio::any_io_executor executor);

}  // namespace bridge::app
