#pragma once
// A user's tool on the wire: the request that carries an agent's arguments, and what the answer
// means to the agent.

#include <boost/json/object.hpp>

#include "agents/tools/tool_file.hpp"
#include "call/agent_tools.hpp"
#include "net/http_client.hpp"

namespace bridge::agents {

/// {"tool": name, "arguments": {…}, "call": {"id", "sid", "from", "to"}} to the tool's own URL.
/// Redirects are not followed: they would lead to hosts that nobody listed.
net::HttpCall tool_request(const HttpTool& tool, const boost::json::object& arguments,
                           const call::ToolContext& context);

/// What the agent is told: the body of a 2xx answer; else what went wrong, as a failed result
/// without the tool's address.
call::ToolResult read_answer(const HttpTool& tool,
                             const tl::expected<net::HttpResponse, net::HttpFailure>& answer);

}  // namespace bridge::agents
