#pragma once
// The answering side of probes: see wire/probe.hpp.

#include <optional>
#include <string>
#include <vector>

#include "base/secret.hpp"
#include "net/http_server.hpp"
#include "twilio/public_url.hpp"

namespace bridge::twilio {

struct ProbeResponder {
    std::string instance;
    SharedUrl url;
    std::vector<Secret> auth_tokens;

    /// Nothing unless `request` asks /twilio/status with a probe that one of the tokens sealed: it
    /// is then an ordinary request. Thread: any.
    std::optional<net::HttpResponse> answer(const net::HttpRequest& request) const;
    /// True when `upgrade` was a probe: it has had its answer, the whole way that a media socket
    /// goes (101, one message, a clean close). Thread: the socket's.
    bool answer_upgrade(net::Upgrade& upgrade) const;
};

}  // namespace bridge::twilio
