#pragma once
// The messages of an ElevenLabs conversation (elevenlabs.io/docs, Agents WebSocket; the AsyncAPI
// description in elevenlabs/elevenlabs-docs): JSON text to values and back. No coroutine in here,
// so that fuzz targets can link it.

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.hpp"

namespace bridge::agents::elevenlabs {

/// What the service sends.
namespace event {

/// First: the conversation stands, and these are its formats, as the agent's settings say.
struct Metadata {
    std::string conversation_id;
    std::string output_format;  ///< "ulaw_8000", "pcm_16000", …
    std::string input_format;
};
struct Audio {
    std::int64_t id;  ///< counts up within the conversation
    std::vector<std::uint8_t> bytes;
};
/// The caller has interrupted: sound with this number or a lower one is not to be heard any more.
struct Interruption {
    std::int64_t id;
};
struct Ping {
    std::int64_t id;
};
/// All of what the agent is about to say, or is saying.
struct AgentResponse {
    std::string text;
};
/// What is left of its last response after an interruption.
struct AgentCorrection {
    std::string text;
};
struct UserTranscript {
    std::string text;
};
struct ToolCall {
    std::string id, name;
    std::string arguments;  ///< JSON text of an object
};
/// One that asks nothing of us, or one that is not known.
struct Other {
    std::string type;
};

}  // namespace event

using Event = std::variant<event::Metadata, event::Audio, event::Interruption, event::Ping,
                           event::AgentResponse, event::AgentCorrection, event::UserTranscript,
                           event::ToolCall, event::Other>;

/// Unknown events and fields are passed over. Errors: not_json, bad_field (names the field). Never
/// throws.
Result<Event> parse_event(std::string_view text);

/// What a conversation begins with. An agent refuses overrides that its settings do not allow, so
/// what is empty is not sent; `first_message` may also be there and empty (the agent then waits).
struct Initiation {
    std::string prompt, language, voice_id;
    std::optional<std::string> first_message;
    std::map<std::string, std::string> variables;
};
std::string format_initiation(const Initiation& initiation);
/// `out` is replaced; a string that is used again does not allocate.
void format_audio(std::span<const std::uint8_t> bytes, std::string& out);
std::string format_pong(std::int64_t id);
std::string format_tool_result(std::string_view id, std::string_view result, bool failed);
/// Something the agent should know and not answer.
std::string format_context(std::string_view text);
/// Something it takes for words of the caller, and answers.
std::string format_user_message(std::string_view text);
/// The caller is there although nobody speaks.
std::string format_user_activity();

}  // namespace bridge::agents::elevenlabs
