#pragma once
// The user's own tools: a JSON file that says what an agent may ask of which web service.
//
//   [{"name": "order_status", "description": "Looks up an order by its number.",
//     "parameters": {"type": "object", "properties": {"order": {"type": "string"}},
//                    "required": ["order"]},
//     "url": "https://shop.example.com/tools/order-status",
//     "headers": {"Authorization": "Bearer ${SHOP_TOKEN}"}, "timeout_s": 3}]

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agents/tools/json_schema.hpp"
#include "agents/tools/tool_hosts.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"
#include "call/agent_tools.hpp"

namespace bridge::agents {

/// A tool that is a request to a web service.
struct HttpTool {
    call::ToolSpec spec;
    JsonSchema schema;
    std::string method;  ///< POST, PUT, PATCH; GET for one without arguments
    std::string url;     ///< fixed: nothing an agent says becomes a part of it
    std::vector<std::pair<std::string, Secret>> headers;
    std::chrono::milliseconds timeout{5000};
    std::size_t response_bytes = 16 * 1024;
};

/// The value of an environment variable that a header names, if it is set.
using Variable = std::function<std::optional<Secret>(std::string_view name)>;

/// Errors: bad_config; names the tool and the field. A field that is not known is one.
Result<std::vector<HttpTool>> parse_tools(std::string_view text, const ToolHosts& hosts,
                                          const Variable& variable);

/// Errors: bad_config (it cannot be read, or is over 256 KiB).
Result<std::string> read_tool_file(const std::filesystem::path& path);

}  // namespace bridge::agents
