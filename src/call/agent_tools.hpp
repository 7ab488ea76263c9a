#pragma once
// Seam: what an agent may have done for it while it speaks: end the call, transfer it, press keys,
// hold, take a message, and what the user added. The call carries the first ones out itself.

#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "call/recordings.hpp"

namespace bridge::call {

/// A function as it is offered to an agent.
struct ToolSpec {
    std::string name;         ///< a-z, 0-9, _ and -
    std::string description;  ///< for the agent
    std::string parameters;   ///< JSON Schema of an object, as JSON text
};

struct ToolCall {
    std::string id;  ///< the agent's own, unique in its session
    std::string name;
    std::string arguments;  ///< JSON text of an object; may be anything an agent makes up
};

struct ToolResult {
    std::string id;
    std::string output;  ///< for the agent: JSON text or a sentence
    bool failed = false;
};

/// What a tool asks of the call it is used on.
namespace tool {
/// After what is being said was heard.
struct EndCall {
    std::string reason;
};
struct TransferCall {
    std::string to;  ///< checked: E.164, sip: or client:
};
struct SendDigits {
    std::string keys;  ///< checked
};
struct Hold {
    bool on = true;
};
struct TakeMessage {
    std::string name, number, text;
};
/// The call is recorded from now on; or the recording pauses, goes on, or ends.
struct Record {
    RecordingStatus status = RecordingStatus::recording;  ///< recording, paused or stopped
};
}  // namespace tool

using ToolAction = std::variant<tool::EndCall, tool::TransferCall, tool::SendDigits, tool::Hold,
                                tool::TakeMessage, tool::Record>;

/// The call, as a tool sees it. Thread: the call's io thread.
struct ToolContext {
    CallId call;
    CallSid sid;
    std::string from, to;
    /// Has the call carry `action` out. `done` is called once, with a sentence for the agent (or an
    /// error with one), when it is known what became of it.
    std::function<void(ToolAction action, std::function<void(Result<std::string>)> done)> act;
};

/// The tools of one call. Thread: the call's io thread, for every member.
class AgentTools {
public:
    virtual ~AgentTools() = default;
    virtual const std::vector<ToolSpec>& specs() const = 0;
    /// `done` is called exactly once, within the tool's time limit, unless the tools go first (the
    /// call is over). Never throws: a tool that does not exist, or arguments that are wrong, are a
    /// failed result that says why.
    virtual void run(const ToolCall& call, ToolContext context,
                     std::function<void(ToolResult)> done) = 0;
};

}  // namespace bridge::call
