#pragma once
// What a language model's server answers while it thinks: server-sent events of OpenAI's chat
// completions ("stream": true), as Ollama, llama.cpp, vLLM and others send them too.

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "call/agent_tools.hpp"

namespace bridge::agents::local {

/// One answer. Bytes in, words out, as they come; whatever is of the wrong type is ignored.
class ChatStream {
public:
    /// Takes the next bytes and returns the text that is new. Errors: refused (the server says in
    /// words what is wrong), not_json, too_large (a line over 256 KiB, over 16 tools).
    Result<std::string> take(std::string_view bytes);
    /// The bytes are over. Errors: protocol (it ended in the middle). Returns the text of a server
    /// that does not stream and sent it all at once; empty otherwise.
    Result<std::string> finish();

    /// The functions it wants called; complete once the answer is. Arguments as the model wrote
    /// them. A call without an id has been given one.
    std::vector<call::ToolCall> tools() const;
    bool complete() const { return complete_; }

private:
    Result<std::string> line(std::string_view text);
    Result<std::string> data(std::string_view json);

    std::string rest_;  ///< of a line, or all of an answer that is not events
    bool events_ = false, complete_ = false;
    std::map<std::int64_t, call::ToolCall> tools_;
};

}  // namespace bridge::agents::local
