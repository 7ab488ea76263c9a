#pragma once
// The other side of the control API: `agentbridge calls` asks a running program.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/json/value.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "app/config.hpp"
#include "app/instance.hpp"
#include "app/session.hpp"
#include "base/secret.hpp"
#include "call/event.hpp"
#include "net/http_client.hpp"

namespace bridge::app {

struct ControlAddress {
    std::string url;  ///< no slash at the end
    Secret token;
    /// It stands in the file of a program that runs here, which only its owner can write: whatever
    /// its certificate is for, it is that program's.
    bool own = false;
};

/// Which of the programs that run is meant. `wanted`: a PID or a control URL; empty:
/// AGENTBRIDGE_CONTROL_URL, else the only one. Failures: usage (several, with the list; none of
/// that name), configuration (no token), failure (none runs).
Outcome<ControlAddress> choose_instance(const std::vector<RunningInstance>& running,
                                        const Config& config, const std::string& wanted);

/// Of which calls one is meant when none is named. `transferred`: those whose transfer is under
/// way.
enum class MeantCalls { all, ringing, transferred };

/// The call that `name` means: CallId, CallSid, the beginning of one, or, when it is empty, the
/// only one of those that can be meant. Failures: usage (several, with the list), failure (none).
Outcome<CallId> choose_call(const std::vector<call::CallSnapshot>& calls, const std::string& name,
                            MeantCalls meant = MeantCalls::all);

/// Thread: the executor's.
class ControlClient : public std::enable_shared_from_this<ControlClient> {
public:
    ControlClient(boost::asio::any_io_executor executor, ControlAddress address);

    /// One request, `path` after /api/v1, `type` of the body, of static
    /// storage. Failures: the API's own, in one line;
    /// `failure` when nobody answers.
    static boost::asio::awaitable<Outcome<boost::json::value>> ask(
        std::shared_ptr<ControlClient> self, std::string method, std::string path, std::string body,
        std::string_view type = "application/json");
    /// The list of the calls in `state`, as the API has it; of calls that live, which is what an
    /// empty one means too, all of them, however many requests that takes. Failures: as `ask`.
    static boost::asio::awaitable<Outcome<boost::json::value>> list_calls(
        std::shared_ptr<ControlClient> self, std::string state);
    /// GET `path`, whose answer comes piece by piece and has no end: `piece` takes each, and false
    /// ends it. It makes no request. Returns when there is no more, with the failure that ended it.
    static boost::asio::awaitable<Failure> stream(std::shared_ptr<ControlClient> self,
                                                  std::string path,
                                                  std::function<bool(std::string_view)> piece);
    /// The last request failed because nobody listens there any more.
    bool gone() const { return gone_; }

private:
    const ControlAddress address_;
    std::shared_ptr<net::HttpClient> http_;
    bool gone_ = false;
};

}  // namespace bridge::app
