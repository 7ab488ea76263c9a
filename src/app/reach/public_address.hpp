#pragma once
// Finds out under which address the internet reaches us, and keeps knowing it: a tunnel of our own
// (--tunnel), PUBLIC_URL, or the running ngrok agent. What changes while the program runs is
// followed, and told in one line.

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "app/config.hpp"
#include "app/session.hpp"

namespace bridge::app {

struct AddressOptions {
    TunnelKind tunnel = TunnelKind::off;
    std::string configured;  ///< PUBLIC_URL; empty: not set
    std::string media_url;   ///< AGENTBRIDGE_MEDIA_URL
    std::string ngrok_api = "http://127.0.0.1:4040";
    std::string host = "127.0.0.1";  ///< what we listen on
    std::uint16_t port = 8000;
    bool check = true;     ///< ask the address whether it leads here
    Secret token;          ///< the account's, for probes
    std::string instance;  ///< the name by which we recognise ourselves
    std::string ca_file, user_agent;
    std::map<std::string, std::string> environment;  ///< the tunnel's program gets it, less secrets
    std::function<bool()> busy;  ///< calls are going on; may be empty. Thread: the executor's

    struct Times {
        std::chrono::milliseconds look{3000};          ///< between two looks at the ngrok agent
        std::chrono::milliseconds probe{4000};         ///< one probe may take
        std::chrono::milliseconds reach{20000};        ///< a new tunnel gets, until it leads here
        std::chrono::milliseconds busy_check{15000};   ///< between two probes, during a call
        std::chrono::milliseconds idle_check{300000};  ///< and without one: tunnels count requests
        std::chrono::milliseconds again{5000};         ///< and when the last one failed
        std::chrono::milliseconds restart{1000};  ///< before a tunnel that died is started again,
        std::chrono::milliseconds longest_restart{30000};  ///< doubled up to this
    } times;
};

/// Thread: the executor's, which is the main thread's; handlers run there.
class PublicAddress {
public:
    /// Called once, soon: the address, or why there is none. After a failure with
    /// ExitCode::public_url_unreachable it goes on looking, and `on_change` may follow.
    using OnFound = std::function<void(Outcome<std::string>)>;
    /// The address is another one from now on; or, after a failure, leads here by now.
    using OnChange = std::function<void(const std::string&)>;

    PublicAddress(boost::asio::any_io_executor executor, AddressOptions options, OnFound on_found,
                  OnChange on_change);
    /// As `stop`.
    ~PublicAddress();
    PublicAddress(const PublicAddress&) = delete;
    PublicAddress& operator=(const PublicAddress&) = delete;
    /// No handler is called any more; a tunnel of ours ends before this returns (half a second).
    void stop();

private:
    class Watch;
    std::shared_ptr<Watch> watch_;
};

}  // namespace bridge::app
