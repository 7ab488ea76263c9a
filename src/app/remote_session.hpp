#pragma once
// The calls of a program that runs already, as a Session: `agentbridge calls watch` shows and
// steers all of them, `call` beside a running `serve` the one it had placed there.
//
//   Session ──▶ RemoteSession ──▶ control API of the other program

#include <boost/asio/any_io_executor.hpp>
#include <memory>
#include <string>

#include "app/control_client.hpp"
#include "app/session.hpp"

namespace bridge::app {

struct RemoteOptions {
    ControlAddress address;
    /// The body of POST /calls: this call is placed, the session is it alone, and a stop hangs it
    /// up. Empty: all calls, which a stop leaves as they are.
    std::string order;
};

/// As Session has it. Nothing here has a microphone or a speaker: `talk` does nothing.
std::unique_ptr<Session> open_remote_session(RemoteOptions options,
                                             boost::asio::any_io_executor executor);

}  // namespace bridge::app
