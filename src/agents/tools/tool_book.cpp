#include "agents/tools/tool_book.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace bridge::agents {
namespace {

tl::unexpected<Error> wrong(std::string_view setting, std::string_view what) {
    return fail(Errc::bad_config, fmt::format("{}: {}", setting, what));
}

}  // namespace

Result<std::shared_ptr<const ToolBook>> ToolBook::make(const ToolBookOptions& options) {
    auto targets = parse_transfer_targets(options.targets, options.check_target);
    if (!targets) return wrong("AGENTBRIDGE_TRANSFER_TARGETS", targets.error().message);
    auto builtin = BuiltinTools::make(options.builtin, std::move(*targets), options.check_target);
    if (!builtin) return wrong("AGENTBRIDGE_AGENT_TOOLS", builtin.error().message);
    const auto hosts = ToolHosts::parse(options.hosts);
    if (!hosts) return wrong("AGENTBRIDGE_TOOL_HOSTS", hosts.error().message);

    std::vector<HttpTool> http;
    if (!options.file.empty()) {
        const auto text = read_tool_file(options.file);
        if (!text) return wrong("AGENTBRIDGE_TOOLS", text.error().message);
        auto tools = parse_tools(*text, *hosts, options.variable);
        if (!tools)
            return wrong("AGENTBRIDGE_TOOLS",
                         fmt::format("{}: {}", options.file.string(), tools.error().message));
        http = std::move(*tools);
    }
    return std::shared_ptr<const ToolBook>(new ToolBook(std::move(*builtin), std::move(http)));
}

ToolBook::ToolBook(BuiltinTools builtin, std::vector<HttpTool> http)
    : builtin_(std::move(builtin)), http_(std::move(http)), specs_(builtin_.specs()) {
    for (const auto& one : http_) specs_.push_back(one.spec);
}

const HttpTool* ToolBook::http(std::string_view name) const {
    const auto found = std::find_if(http_.begin(), http_.end(),
                                    [&](const HttpTool& one) { return one.spec.name == name; });
    return found == http_.end() ? nullptr : &*found;
}

}  // namespace bridge::agents
