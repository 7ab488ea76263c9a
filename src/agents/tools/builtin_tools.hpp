#pragma once
// The tools that the call carries out itself: how they are offered to an agent, and how the words
// an agent makes up for them become a checked ToolAction.

#include <boost/json/object.hpp>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "agents/tools/json_schema.hpp"
#include "base/result.hpp"
#include "call/agent_tools.hpp"

namespace bridge::agents {

/// Somebody an agent may connect a caller with.
struct TransferTarget {
    std::string name;     ///< what the agent calls it
    std::string address;  ///< E.164, sip: or client:
};

/// Returns `text` as an address that can be dialled. Errors: bad_field, with the mistake.
using CheckTarget = std::function<Result<std::string>(std::string_view text)>;

/// "sales=+15551234567, support=sip:desk@example.com, +15557654321" (one without a name is its own
/// name). Errors: bad_field.
Result<std::vector<TransferTarget>> parse_transfer_targets(std::string_view list,
                                                           const CheckTarget& check);

class BuiltinTools {
public:
    /// `offered`: "all" (or empty), "none", or names: "end_call, hold". With "all", transfer_call
    /// is offered if there are targets: an agent can be talked into anything, and one that may dial
    /// any number is a way to make others pay. Errors: bad_field.
    static Result<BuiltinTools> make(std::string_view offered, std::vector<TransferTarget> targets,
                                     CheckTarget check);
    static bool is_name(std::string_view name);

    const std::vector<call::ToolSpec>& specs() const { return specs_; }
    bool offers(std::string_view name) const { return schemas_.contains(name); }
    /// Of a tool that is offered. Errors: bad_field, in words for the agent.
    Result<call::ToolAction> action(std::string_view name,
                                    const boost::json::object& arguments) const;

private:
    BuiltinTools() = default;
    Result<> offer(std::string_view name);

    Result<call::ToolAction> transfer(const boost::json::object& arguments) const;
    Result<call::ToolAction> message(const boost::json::object& arguments) const;

    std::vector<TransferTarget> targets_;
    CheckTarget check_;
    std::vector<call::ToolSpec> specs_;
    std::map<std::string, JsonSchema, std::less<>> schemas_;
};

}  // namespace bridge::agents
