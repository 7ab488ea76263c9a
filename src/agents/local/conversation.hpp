#pragma once
// What has been said on a call, as a language model is told it. It remembers of its own words only
// what the caller has heard of them.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "call/agent_tools.hpp"

namespace bridge::agents::local {

class Conversation {
public:
    explicit Conversation(std::string instructions) : instructions_(std::move(instructions)) {}

    /// What the caller said; follows what it said before without an answer in between.
    void caller(std::string_view text);
    /// Something the model should know that nobody said.
    void note(std::string_view text);
    /// The model's words grow; the first piece begins a reply. Returns the reply's number.
    std::uint64_t reply(std::string_view more);
    /// The reply is over, with the tools it asked for.
    void end_reply(std::vector<call::ToolCall> tools);
    /// Only so much of that reply was heard; nothing: it was never said.
    void cut_reply(std::uint64_t number, std::string_view heard);
    void tool_result(const call::ToolResult& result);

    bool empty() const { return messages_.empty(); }
    /// The caller (or a tool) has spoken last.
    bool owes_answer() const;

    /// Body of a request for a streamed answer.
    std::string request(const std::string& model, const std::vector<call::ToolSpec>& tools) const;

private:
    enum class Role { caller, note, reply, tool };
    struct Message {
        Role role;
        std::string text;
        std::vector<call::ToolCall> tools;  ///< of a reply
        std::string tool_id;                ///< of a tool's result
        std::uint64_t number;
    };
    Message& add(Role role, std::string_view text);
    std::deque<Message>::iterator find(std::uint64_t number);
    void forget_oldest();

    const std::string instructions_;
    std::deque<Message> messages_;
    bool reply_open_ = false;
    std::uint64_t last_ = 0, last_reply_ = 0;
};

/// `text` up to about `part` (0 … 1) of it, cut between words.
std::string first_part(const std::string& text, double part);

}  // namespace bridge::agents::local
