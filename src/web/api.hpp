#pragma once
// The control API's routes: what `agentbridge calls`, scripts and pages ask of a running program.
// docs/control-plane.md has each with an example.
//
//   /api/v1/calls                      GET list · POST place
//   /api/v1/calls/{id}                 GET show · DELETE hang up        id: CallId or CallSid
//   /api/v1/calls/{id}/{command}       POST mute, unmute, hold, resume, dtmf, transfer, …
//   /api/v1/calls/{id}/say, play       POST (sayings.hpp)
//   /api/v1/calls/{id}/timeline        GET
//   /api/v1/calls/{id}/audio           WebSocket (audio_door.hpp)
//   /api/v1/calls/{id}/agent           PUT attach, take over, hand back · DELETE take it off
//   /api/v1/numbers/use                POST calls of a number come here
//
// Who may ask (token, Host, Origin) is the control plane's business, not this one's.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/result.hpp"
#include "call/call_registry.hpp"
#include "call/desk.hpp"
#include "net/http_message.hpp"
#include "web/sayings.hpp"

namespace bridge::web {

/// A call that somebody wants placed.
struct CallOrder {
    std::string to, from;  ///< as written; empty `from`: the configured number
    std::optional<std::chrono::seconds> time_limit;
    bool focus = true;                   ///< the person here speaks to it
    CallId parent{};                     ///< the call this one is made for, if any
    std::optional<std::string> agent{};  ///< who speaks; nothing: as configured
};

struct ApiParts {
    call::CallRegistry* calls = nullptr;  ///< outlives the API
    std::shared_ptr<call::Desk> desk;
    /// Checks an order as the command line does. Errors: bad_field ("to: …"), cancelled (no new
    /// calls are taken), unreachable (the public address is not known yet).
    std::function<Result<call::CallSpec>(const CallOrder&)> order;
    /// Checks whom a call is to be transferred to. Errors: bad_field, without the field's name.
    std::function<Result<std::string>(std::string_view)> target;
    /// Checks the name of an agent. Errors: bad_field, without the field's name.
    std::function<Result<std::string>(std::string_view)> agent{};
    /// Points a number here and answers with JSON text; empty: this program takes no inbound calls.
    /// Awaited on the executor. Errors: bad_field, not_found (no such number), refused (it is
    /// somebody else's), bad_config (it cannot be used), cancelled, and those of REST.
    std::function<boost::asio::awaitable<Result<std::string>>(std::string number, bool force)>
        use_number{};
    std::shared_ptr<Sayings> sayings{};  ///< null: nothing is said, and no timeline shown
};

/// Thread: the executor's, which is the desk's too.
class Api : public std::enable_shared_from_this<Api> {
public:
    Api(boost::asio::any_io_executor executor, ApiParts parts)
        : executor_(std::move(executor)), parts_(std::move(parts)) {}

    /// Whether a path belongs to the API, known or not.
    static bool is_api(std::string_view path);
    static boost::asio::awaitable<net::HttpResponse> answer(std::shared_ptr<Api> self,
                                                            net::HttpRequest request);

private:
    using Answer = boost::asio::awaitable<net::HttpResponse>;
    static Answer list(std::shared_ptr<Api> self, std::string state);
    static Answer show(std::shared_ptr<Api> self, CallId id, int status);
    static Answer place(std::shared_ptr<Api> self, net::HttpRequest request);
    static Answer use_number(std::shared_ptr<Api> self, net::HttpRequest request);
    static Answer saying(std::shared_ptr<Api> self, std::string name, std::string verb,
                         net::HttpRequest request);
    static Answer agent(std::shared_ptr<Api> self, CallId id, net::HttpRequest request);
    static Answer obey(std::shared_ptr<Api> self, CallId id, call::Command command, int status);
    Result<std::string> known_agent(std::string_view name) const;
    Result<call::Command> read_command(std::string_view verb, class Fields& fields) const;
    net::HttpResponse call_answer(int status, const call::CallSnapshot& call) const;

    /// A call placed under an Idempotency-Key: asked for again, it is the same one.
    struct Placed {
        CallId id;
        std::string body;
    };
    void remember(const std::string& key, Placed placed);

    const boost::asio::any_io_executor executor_;
    const ApiParts parts_;
    std::unordered_map<std::string, Placed> placed_;
    std::deque<std::string> placed_order_;
};

}  // namespace bridge::web
