#pragma once
// What went wrong with the service, as the call and people need it: is another try worth it, and
// which setting mends it. No key ever comes out of here.

#include <optional>
#include <string>
#include <string_view>

#include "agents/openai/openai_options.hpp"
#include "agents/openai/realtime_events.hpp"
#include "call/agent.hpp"
#include "net/websocket_client.hpp"

namespace bridge::agents {

struct OpenAiEnd {
    call::AgentEnd how = call::AgentEnd::dropped;
    std::string reason;
};

/// The connection never stood.
OpenAiEnd judge(const net::ConnectFailure& failure, const OpenAiOptions& options);

/// An error that ends the session; nothing for those it survives. `configuring`: the session has
/// not taken its settings yet, so that what is wrong are these.
std::optional<OpenAiEnd> judge(const realtime::Failure& failure, bool configuring,
                               const OpenAiOptions& options);

/// The service's own words as one short line, without anything that looks like a key.
std::string plain_words(std::string_view text, const OpenAiOptions& options);

}  // namespace bridge::agents
