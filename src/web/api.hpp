#pragma once
// The control API: what `agentbridge calls`, scripts and the page ask of a running program.
// docs/control-plane.md has it in words, openapi.json for programs.
//
//   request ─▶ routes (routes.hpp) ─▶ call_routes.cpp       calls, and what is done with them
//                                     history_routes.cpp    lists, and calls of the past
//                                     bridge_routes.cpp     session, events, agents, numbers, …
//                                     sound_routes.cpp      say, play, timeline, audio
//                                     transcript_routes.cpp what was said
//                                     capture_routes.cpp    what was captured
//                                     recording_routes.cpp  recordings
//                                     emulator_routes.cpp   the emulator, where it is the carrier
//
// Who may ask is the control plane's business (door.hpp), not this one's.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.hpp"
#include "call/call_registry.hpp"
#include "call/desk.hpp"
#include "call/history.hpp"
#include "net/body_stream.hpp"
#include "net/http_client.hpp"
#include "net/http_message.hpp"
#include "web/door.hpp"
#include "web/live_events.hpp"
#include "web/placed_calls.hpp"
#include "web/recordings.hpp"
#include "web/routes.hpp"
#include "web/sayings.hpp"
#include "web/transcript_book.hpp"

namespace bridge::web {

/// A call that somebody wants placed.
struct CallOrder {
    std::string to, from;  ///< as written; empty `from`: the configured number
    std::optional<std::chrono::seconds> time_limit;
    bool focus = true;                   ///< the person here speaks to it
    std::optional<bool> mic{};           ///< false: it begins muted; nothing: as it comes
    std::optional<bool> record{};        ///< nothing: as configured
    CallId parent{};                     ///< the call this one is made for, if any
    std::optional<std::string> agent{};  ///< who speaks; nothing: as configured
    std::optional<bool> transcribe{};    ///< it is taken down; nothing: as configured
};

/// What a program shows of itself, as JSON text. Awaited on the API's executor; each may be empty:
/// this program has none of it.
struct Lookups {
    using Answered = boost::asio::awaitable<Result<std::string>>;
    std::function<Answered()> agents{}, devices{}, numbers{}, doctor{}, config{};
};

/// A recording of a call that is over.
struct RecordedSound {
    std::string file;
    std::chrono::milliseconds offset{0};  ///< where on the call's timeline it begins
};

/// What makes transcripts. Each may be empty: there is no such thing.
struct TranscriptSources {
    /// Whether a call can be taken down. Errors: bad_config, a sentence how to get there.
    std::function<Result<>()> ready{};
    /// Begins to take down what was recorded of a call; `told` runs on the API's executor. Errors:
    /// bad_config, exists (it is under way).
    std::function<Result<>(const CallId& call, RecordedSound sound,
                           std::function<void(Result<call::TranscriptDocument>)> told)>
        make{};
    /// Whether the call's recording is being taken down.
    std::function<bool(const CallId&)> making{};
};

/// The carrier, if it is our own emulator on this machine.
struct EmulatorAccess {
    std::string url;  ///< no slash at the end; empty: it is not
    std::shared_ptr<net::HttpClient> http;
};

/// What was captured of a call so far.
struct CaptureFile {
    std::string name;  ///< for whoever keeps it
    std::uintmax_t bytes = 0;
    std::shared_ptr<net::BodyStream> body;
};
/// Awaited on `executor`, the API's. Errors: not_found.
using FindCapture = std::function<boost::asio::awaitable<Result<CaptureFile>>(
    boost::asio::any_io_executor executor, CallId call)>;

/// JSON text: where the sound of a captured call had gaps, and which hop made them. Awaited on
/// `executor`, the API's. Errors: not_found, refused (too many are asked for), bad_field (the file
/// is no capture of this program).
using ReportCapture = std::function<boost::asio::awaitable<Result<std::string>>(
    boost::asio::any_io_executor executor, CallId call)>;

struct ApiParts {
    call::CallRegistry* calls = nullptr;  ///< outlives the API
    std::shared_ptr<call::Desk> desk;
    /// Checks an order as the command line does. Errors: bad_field ("to: …"), cancelled (no new
    /// calls are taken), unreachable (the public address is not known yet), refused (the dial
    /// policy forbids it).
    std::function<Result<call::CallSpec>(const CallOrder&)> order;
    /// Checks whom a call is to be transferred to. Errors: bad_field, without the field's name;
    /// refused (the dial policy forbids it).
    std::function<Result<std::string>(std::string_view)> target;
    /// Checks the name of an agent. Errors: bad_field, without the field's name.
    std::function<Result<std::string>(std::string_view)> agent{};
    /// Points a number here and answers with JSON text; empty: this program takes no inbound calls.
    /// Awaited on the executor. Errors: bad_field, not_found (no such number), refused (it is
    /// somebody else's), bad_config (it cannot be used), cancelled, and those of REST.
    std::function<boost::asio::awaitable<Result<std::string>>(std::string number, bool force)>
        use_number{};
    /// Gives back what programs that have ended left pointed here, one number or (empty) all; one
    /// that is named also if it is this program's. Answers with JSON text. Errors: as `use_number`.
    std::function<boost::asio::awaitable<Result<std::string>>(std::string number)> restore_number{};
    Lookups lookups{};
    EmulatorAccess emulator{};
    About about{};
    std::shared_ptr<Door> door{};          ///< null: no session can begin
    std::shared_ptr<LiveEvents> events{};  ///< null: no events
    std::shared_ptr<Sayings> sayings{};    ///< null: nothing is said, and no timeline shown
    std::shared_ptr<TranscriptBook> transcripts{};  ///< null: nothing is taken down
    TranscriptSources transcript_sources{};
    std::shared_ptr<call::History> history{};  ///< null: nothing is known of calls that are over
    FindCapture capture{};                     ///< empty: nothing is captured
    ReportCapture capture_report{};            ///< with `capture`
    std::shared_ptr<RecordingLibrary> recordings{};  ///< null: none are kept
    bool microphone = false;                         ///< this program has one
};

/// Thread: the executor's, which is the desk's too.
class Api : public std::enable_shared_from_this<Api> {
public:
    Api(boost::asio::any_io_executor executor, ApiParts parts)
        : executor_(std::move(executor)), parts_(std::move(parts)) {}

    /// Whether a path belongs to the API, known or not.
    static bool is_api(std::string_view path);
    /// Whether the request needs no token.
    static bool is_open(const net::HttpRequest& request);
    static Answer answer(std::shared_ptr<Api> self, net::HttpRequest request);
    /// All there are.
    static std::vector<Route> routes();

    // For the routes.
    const boost::asio::any_io_executor& executor() const { return executor_; }
    const ApiParts& parts() const { return parts_; }
    PlacedCalls& placed() { return placed_; }

private:
    const boost::asio::any_io_executor executor_;
    const ApiParts parts_;
    PlacedCalls placed_;
};

}  // namespace bridge::web
