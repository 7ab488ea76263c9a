#pragma once
// The answering side of a probe that came as a webhook.

#include <optional>
#include <string>
#include <vector>

#include "base/secret.hpp"
#include "net/http_message.hpp"
#include "twilio/public_url.hpp"

namespace bridge::twilio {

struct ProbeResponder {
    std::string instance;
    SharedUrl url;
    std::vector<Secret> auth_tokens;

    /// Nothing unless `request` asks /twilio/status with a probe that one of the tokens sealed: it
    /// is then an ordinary request. Thread: any.
    std::optional<net::HttpResponse> answer(const net::HttpRequest& request) const;
};

}  // namespace bridge::twilio
