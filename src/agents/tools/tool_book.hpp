#pragma once
// All tools that agents are offered, read and checked once at start-up and shared by all calls.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agents/tools/builtin_tools.hpp"
#include "agents/tools/tool_file.hpp"
#include "base/result.hpp"

namespace bridge::agents {

struct ToolBookOptions {
    std::string builtin = "all";  ///< AGENTBRIDGE_AGENT_TOOLS: all, none, or names
    std::string targets;  ///< AGENTBRIDGE_TRANSFER_TARGETS; empty: transfer_call is not offered
    std::filesystem::path file;  ///< AGENTBRIDGE_TOOLS; empty: no tools of the user's own
    std::string hosts;           ///< AGENTBRIDGE_TOOL_HOSTS; empty: those the file names
    CheckTarget check_target;    ///< required
    Variable variable = [](std::string_view) { return std::optional<Secret>{}; };
};

/// Immutable. Thread: any.
class ToolBook {
public:
    /// Errors: bad_config; begins with the setting's name.
    static Result<std::shared_ptr<const ToolBook>> make(const ToolBookOptions& options);

    /// In the order in which they are offered: ours, then the file's.
    const std::vector<call::ToolSpec>& specs() const { return specs_; }
    const BuiltinTools& builtin() const { return builtin_; }
    /// Null: there is none of that name in the file.
    const HttpTool* http(std::string_view name) const;

private:
    ToolBook(BuiltinTools builtin, std::vector<HttpTool> http);

    BuiltinTools builtin_;
    std::vector<HttpTool> http_;
    std::vector<call::ToolSpec> specs_;
};

}  // namespace bridge::agents
