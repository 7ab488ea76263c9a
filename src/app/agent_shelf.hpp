#pragma once
// Which agent a name means, made with the settings it needs. A new agent is one more line in
// agent_shelf.cpp.

#include "app/bridge.hpp"
#include "app/session.hpp"

namespace bridge::app {

/// The agents, and what is done for a caller whose agent is gone, into `bridge`. Errors:
/// configuration (an agent that was asked for cannot be made), failure.
Outcome<> open_agents(const SessionOptions& options, BridgeOptions& bridge);

}  // namespace bridge::app
