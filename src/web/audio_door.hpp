#pragma once
// The door for those who listen to a call: WebSocket GET /api/v1/calls/{id}/audio. Who may come in
// is the control plane's business; what is asked for is checked here, and then the connection goes
// to the call's own io thread, once, which answers 101 and serves it from then on.

#include <atomic>
#include <memory>
#include <string_view>

#include "base/metrics.hpp"
#include "base/result.hpp"
#include "call/call_registry.hpp"
#include "net/http_server.hpp"
#include "web/listen_socket.hpp"

namespace bridge::web {

/// `calls` outlives it.
class AudioDoor : public std::enable_shared_from_this<AudioDoor> {
public:
    AudioDoor(call::CallRegistry& calls, std::shared_ptr<metrics::Registry> metrics);

    /// Answers before the 101: 400 and 426 a bad handshake, 404 no such call or route, 409 it is
    /// over or has too many listeners, 422 a value that is none. Thread: the control plane's.
    void serve(net::Upgrade upgrade);

private:
    void serve_at_home(net::Upgrade upgrade, const CallId& id, ListenOptions options);

    call::CallRegistry& calls_;
    const std::shared_ptr<metrics::Registry> registry_;
    const std::shared_ptr<ListenMetrics> metrics_;
    std::atomic<call::GuestId> last_guest_{0};
};

/// What an address asks for. Errors: bad_field ("side: …").
Result<ListenOptions> read_listen_options(std::string_view query);

}  // namespace bridge::web
