#pragma once
// The messages of Deepgram's Voice Agent (developers.deepgram.com/docs/voice-agent; the AsyncAPI
// description in deepgram/deepgram-api-specs): JSON text to values and back. Sound is not in here:
// it goes as binary messages. No coroutine either, so that fuzz targets can link it.

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.hpp"

namespace bridge::agents::deepgram {

/// What the service sends.
namespace event {

/// First; now it wants its settings.
struct Welcome {
    std::string request_id;  ///< for Deepgram's support
};
struct SettingsApplied {};
/// What is being said must stop, and what is queued is to be thrown away.
struct UserStartedSpeaking {};
struct ConversationText {
    bool by_user = false;
    std::string text;
};
/// All sound of what it is saying has been sent.
struct AgentAudioDone {};
struct FunctionCallRequest {
    struct Call {
        std::string id, name;
        std::string arguments;  ///< JSON text, made up by a model
        bool ours = true;       ///< else Deepgram calls it itself
    };
    std::vector<Call> calls;
};
/// Ends the session, by Deepgram's word.
struct Failure {
    std::string code, description;
};
struct Warning {
    std::string code, description;
};
/// Words that were put in were not wanted at that moment.
struct InjectionRefused {};
/// One that asks nothing of us, or one that is not known.
struct Other {
    std::string type;
};

}  // namespace event

using Event =
    std::variant<event::Welcome, event::SettingsApplied, event::UserStartedSpeaking,
                 event::ConversationText, event::AgentAudioDone, event::FunctionCallRequest,
                 event::Failure, event::Warning, event::InjectionRefused, event::Other>;

/// Unknown events and fields are passed over. Errors: not_json, bad_field (names the field). Never
/// throws.
Result<Event> parse_event(std::string_view text);

/// What an agent is like. Sound is mu-law at 8 kHz both ways, without a container.
struct Settings {
    std::string language;  ///< empty: as Deepgram likes (English)
    std::string greeting;
    std::string listen_model;
    std::string think_provider, think_model;
    std::optional<double> temperature;
    std::string prompt;
    std::string speak_model;
    struct Function {
        std::string name, description;
        std::string parameters;  ///< JSON Schema of an object, as JSON text
    };
    /// Without an endpoint each, which is what makes them ours to call. (A field "client_side" is
    /// not part of the settings and has them refused.)
    std::vector<Function> functions;
    struct Said {
        bool by_user = false;
        std::string text;
    };
    std::vector<Said> history;  ///< of the same conversation, before this session
};
std::string format_settings(const Settings& settings);
/// `failed` is told in words: the message has no field for it.
std::string format_function_response(std::string_view id, std::string_view name,
                                     std::string_view content, bool failed);
/// Words of the caller that were not spoken; the agent answers them.
std::string format_user_message(std::string_view text);
/// Replaces the prompt of the session.
std::string format_prompt(std::string_view prompt);
std::string format_keep_alive();

/// Whether a session that failed with `code` would fail the same way again. `applied`: it had
/// accepted its settings.
bool fails_again(std::string_view code, bool applied);

}  // namespace bridge::agents::deepgram
