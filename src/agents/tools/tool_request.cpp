#include "agents/tools/tool_request.hpp"

#include <fmt/format.h>

#include <boost/json/serialize.hpp>

#include "agents/tools/words.hpp"

namespace bridge::agents {
namespace {

namespace json = boost::json;

constexpr std::size_t kShownOfFailure = 200;  // characters of an answer that is no success

std::string sentence(const HttpTool& tool, const net::HttpFailure& failure) {
    const auto code = failure.error.code;
    if (code == Errc::timed_out)
        return fmt::format("no answer within {:.1f} s; it is not known whether it was done",
                           static_cast<double>(tool.timeout.count()) / 1000);
    if (code == Errc::too_large)
        return fmt::format("the answer is over {} bytes", tool.response_bytes);
    if (code == Errc::connection_lost)
        return "the connection was lost before the answer came; it is not known whether it was "
               "done";
    if (code == Errc::unreachable) return "the service cannot be reached; nothing was done";
    return "the service gave an answer that cannot be used";
}

}  // namespace

net::HttpCall tool_request(const HttpTool& tool, const json::object& arguments,
                           const call::ToolContext& context) {
    net::HttpCall out;
    out.method = tool.method;
    out.url = tool.url;
    for (const auto& [name, value] : tool.headers) out.headers.add(name, value.reveal());
    if (tool.method != "GET") {
        out.headers.set("Content-Type", "application/json");
        out.body = json::serialize(json::object{{"tool", tool.spec.name},
                                                {"arguments", arguments},
                                                {"call",
                                                 {{"id", context.call.str()},
                                                  {"sid", context.sid.str()},
                                                  {"from", context.from},
                                                  {"to", context.to}}}});
    }
    out.connect_timeout = tool.timeout;
    out.total_timeout = tool.timeout;
    out.response_bytes = tool.response_bytes;
    return out;
}

call::ToolResult read_answer(const HttpTool& tool,
                             const tl::expected<net::HttpResponse, net::HttpFailure>& answer) {
    if (!answer) return {{}, sentence(tool, answer.error()), true};
    const auto& body = answer->body;
    if (answer->status >= 200 && answer->status < 300)
        return {{}, body.empty() ? "done" : readable(body, tool.response_bytes), false};
    auto text = fmt::format("the service answered with status {}", answer->status);
    if (answer->status >= 300 && answer->status < 400) text += " (redirects are not followed)";
    if (!body.empty()) text += fmt::format(": {}", readable(body, kShownOfFailure));
    return {{}, std::move(text), true};
}

}  // namespace bridge::agents
