#pragma once
// Asks a public address whether it leads to this program, the way Twilio will: a signed webhook,
// and the upgrade of a media socket.

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <memory>
#include <string>

#include "base/secret.hpp"
#include "net/http_client.hpp"
#include "twilio/public_url.hpp"
#include "twilio/wire/probe.hpp"

namespace bridge::app {

/// "http://127.0.0.1:8000": how this machine reaches a server of its own that listens on `host`.
std::string local_base(const std::string& host, std::uint16_t port, bool tls);

struct ProbeRequest {
    twilio::PublicUrl url;  ///< what is asked, and what the signature is made for
    std::string through;    ///< another base to connect to (a port of this machine); empty: `url`
    Secret token;
    std::uint16_t port = 0;  ///< ours, for the fixes
    std::chrono::milliseconds deadline{4000};
};

struct ProbeResult {
    enum class Kind {
        answered,     ///< by a program of ours that knows the Auth Token
        other,        ///< by something else
        no_upgrade,   ///< (upgrade only) it was reached, but not as a WebSocket
        unreachable,  ///< nothing came back
    } kind = Kind::unreachable;
    twilio::ProbeReport report;  ///< with `answered`
    std::string what;            ///< else: what came instead, in one sentence
    std::string fix;             ///< and the one thing to do
    bool answered() const { return kind == Kind::answered; }
};

/// Thread: any; runs where `http` does. Never waits longer than the deadline.
boost::asio::awaitable<ProbeResult> probe_webhook(std::shared_ptr<net::HttpClient> http,
                                                  ProbeRequest request);
boost::asio::awaitable<ProbeResult> probe_upgrade(std::shared_ptr<net::HttpClient> http,
                                                  ProbeRequest request);

}  // namespace bridge::app
