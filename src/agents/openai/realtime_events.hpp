#pragma once
// What the Realtime service says, read from its JSON: text in, value out. Both shapes of the
// protocol are understood at any time, since they differ in names only (platform.openai.com/docs,
// "Realtime server events").

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.hpp"

namespace bridge::agents {

namespace realtime {

struct SessionCreated {};
struct SessionUpdated {};

/// Times count all audio appended in this session.
struct SpeechStarted {
    std::uint64_t audio_start_ms = 0;
    std::string_view item;
};
struct SpeechStopped {
    std::uint64_t audio_end_ms = 0;
    std::string_view item;
};
/// What the caller said has become an item of the conversation.
struct Committed {
    std::string_view item;
};

/// What was understood of the caller.
struct CallerText {
    enum class Kind { delta, completed, failed } kind = Kind::delta;
    std::string_view item;
    std::string_view text;  ///< of `failed`: why
};

struct ResponseCreated {
    std::string_view response;
};
/// mu-law, 8 kHz.
struct AudioDelta {
    std::string_view response, item;
    std::uint64_t content_index = 0;
    std::span<const std::uint8_t> audio;
};
struct AudioDone {
    std::string_view response, item;
};
struct AgentText {
    bool done = false;  ///< then `text` is all of it
    std::string_view response, item;
    std::string_view text;
};
struct FunctionCall {
    std::string_view id, name, arguments;
};
/// An item of a response is complete; only function calls matter.
struct CallMade {
    std::string_view response;
    FunctionCall call;
};
struct ResponseDone {
    enum class Status { completed, cancelled, failed, incomplete } status = Status::completed;
    std::string_view response;
    std::string_view reason;               ///< "turn_detected", "max_output_tokens", …
    std::string_view error_code, message;  ///< of a failed one
    std::span<const FunctionCall> calls;
};

/// `event`: the id of ours that it is about, if it names one.
struct Failure {
    std::string_view type, code, message, param, event;
};

/// Anything else, new events included.
struct Other {
    std::string_view type;
};

}  // namespace realtime

using RealtimeEvent =
    std::variant<realtime::SessionCreated, realtime::SessionUpdated, realtime::SpeechStarted,
                 realtime::SpeechStopped, realtime::Committed, realtime::CallerText,
                 realtime::ResponseCreated, realtime::AudioDelta, realtime::AudioDone,
                 realtime::AgentText, realtime::CallMade, realtime::ResponseDone, realtime::Failure,
                 realtime::Other>;

/// Thread: one at a time.
class RealtimeEventParser {
public:
    RealtimeEventParser();
    ~RealtimeEventParser();
    RealtimeEventParser(const RealtimeEventParser&) = delete;
    RealtimeEventParser& operator=(const RealtimeEventParser&) = delete;

    /// What it returns points into the parser until the next call. Errors: not_json, bad_field
    /// (names the field). Fields and events that are not known are passed over.
    Result<RealtimeEvent> parse(std::string_view text);

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace bridge::agents
