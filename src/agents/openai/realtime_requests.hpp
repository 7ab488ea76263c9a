#pragma once
// What we say to the Realtime service: value in, JSON text out (platform.openai.com/docs,
// "Realtime client events").

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agents/openai/openai_options.hpp"
#include "call/agent_tools.hpp"

namespace bridge::agents {

/// The first message of a session: mu-law both ways, and all that the options say.
std::string format_session_update(const OpenAiOptions& options,
                                  const std::vector<call::ToolSpec>& tools,
                                  std::string_view event_id);

/// The caller's sound, mu-law. Written to `out`, whose memory is used again: 50 a second.
void format_append(std::span<const std::uint8_t> mulaw, std::string& out);
/// All that was appended becomes what the caller said, where the service does not decide that.
std::string format_commit();

/// `instructions`: for this response only; empty: the session's own.
std::string format_response_create(std::string_view event_id, std::string_view instructions = {});
std::string format_response_cancel(std::string_view response, std::string_view event_id);
/// Of the item no more than `heard` was heard.
std::string format_truncate(std::string_view item, std::uint64_t content_index,
                            std::chrono::milliseconds heard, std::string_view event_id);

enum class Role { system, user, assistant };
/// `beta`: the older shape names an assistant's words otherwise.
std::string format_message(Role role, std::string_view text, bool beta);
std::string format_function_call(std::string_view call_id, std::string_view name,
                                 std::string_view arguments);
std::string format_function_output(std::string_view call_id, std::string_view output);

}  // namespace bridge::agents
