#pragma once
// What happened in a call, told to whoever listens: the terminal, the log, tests, later the
// journal, the history and the web page.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "audio/device.hpp"
#include "audio/microphone.hpp"
#include "audio/speaker_line.hpp"
#include "base/ids.hpp"
#include "call/outbound_stats.hpp"
#include "call/recordings.hpp"
#include "call/transcript.hpp"
#include "call/turn_latency.hpp"

namespace bridge::call {

enum class Direction { inbound, outbound };

/// `created` is ours alone: the carrier has not been asked yet. The last five are final.
enum class CallState {
    created,
    queued,
    ringing,
    in_progress,
    completed,
    busy,
    failed,
    no_answer,
    canceled
};

constexpr bool is_final(CallState state) {
    return state >= CallState::completed;
}
/// Twilio's spelling: "in-progress", "no-answer"; "created" for ours.
std::string_view to_string(CallState state);
std::string_view to_string(Direction direction);
/// The state a CallStatus names ("initiated" is queued); nothing for a word we do not know.
std::optional<CallState> parse_call_state(std::string_view status);

/// What the media stream brought, counted. Frames are 20 ms.
struct MediaStats {
    std::uint64_t messages = 0;         ///< media messages
    std::uint64_t bytes = 0;            ///< mu-law bytes in them
    std::uint64_t frames = 0;           ///< 20 ms frames passed on
    std::uint64_t lost_ms = 0;          ///< audio missing by the carrier's timestamps
    std::uint64_t gaps = 0;             ///< times the timestamp jumped ahead
    std::uint64_t missed_messages = 0;  ///< sequence numbers never seen
    std::uint64_t duplicates = 0;       ///< sequence numbers seen before, dropped
    std::uint64_t late =
        0;  ///< arrived over 100 ms after the best arrival of the stream, by timestamp
    std::uint64_t stalls = 0;  ///< nothing arrived for over 200 ms while the stream was up
    double longest_stall_ms = 0;
    std::uint64_t malformed = 0;  ///< messages we could not use
    /// Without a stream between two of them, while the carrier played keys or dialled for us.
    std::uint64_t gap_ms = 0;
};

/// What this side does with a call.
struct LocalPart {
    bool ringing = false;     ///< an inbound call that nobody here has taken yet
    bool voicemail = false;   ///< nobody took it: it hears the greeting, or leaves a message
    bool focus = false;       ///< the microphone is this call's
    bool microphone = false;  ///< … and goes to the phone: not muted, not held
    bool muted = false;
    bool held = false;
    float gain = 1.0F;  ///< of what is heard here
    float pan = 0.0F;
    bool operator==(const LocalPart&) const = default;
};

/// Where a call was sent.
struct TransferState {
    std::string to;      ///< number or address, "conference NAME"; empty: nowhere
    std::string status;  ///< dialling, ringing, connected, failed: REASON, over; of a warm one also
                         ///< briefing, joining
    CallId call{};       ///< of a warm one: the target's call
};

/// Who speaks to the phone when there is an agent, and what the agent hears of the person here.
enum class AgentMode {
    speaks,      ///< the agent does; the person here listens
    whisper,     ///< … and the agent alone hears the person here
    together,    ///< both speak, and both hear each other
    taken_over,  ///< the person here does; the agent is silent and deaf
};
/// "speaks", "whisper", "together", "taken-over".
std::string_view to_string(AgentMode mode);
std::optional<AgentMode> parse_agent_mode(std::string_view text);

/// The agent on a call.
struct AgentState {
    enum class Status {
        none,        ///< there is none
        connecting,  ///< its session is being set up
        ready,
        lost,  ///< its session broke, and is set up again soon
        gone,  ///< for good: refused, or lost too long
    };
    std::string name;  ///< as it was asked for: "openai", "ws://…"
    Status status = Status::none;
    AgentMode mode = AgentMode::speaks;
    std::string reason;          ///< why it is lost or gone
    std::uint64_t sessions = 0;  ///< begun, the first one included
    bool operator==(const AgentState&) const = default;
};
std::string_view to_string(AgentState::Status status);
std::optional<AgentState::Status> parse_agent_status(std::string_view text);

struct CallSnapshot {
    CallId id;
    CallSid sid;
    StreamSid stream_sid;
    Direction direction = Direction::outbound;
    CallState state = CallState::created;
    bool streaming = false;
    std::string to, from;
    CallId parent;  ///< the call this one was made for, if any
    std::string answered_by;
    std::vector<CallSid> candidates;  ///< calls of the carrier of which one may be this one, when
                                      ///< `outcome_unknown`; none of them was touched
    std::string end_reason;           ///< one sentence, empty until the end
    int carrier_code = 0;             ///< Twilio's error code if that is why it ended
    int sip_code = 0;
    bool never_heard = false;          ///< answered, and for a known reason no audio ever came
    bool unheard = false;              ///< the carrier took it, and none of its webhooks reached us
    bool outcome_unknown = false;      ///< the create may have been carried out; nobody confirmed
    bool lost_create = false;          ///< its create got no answer; it was found and ended
    bool end_confirmed = false;        ///< the carrier said the call is over
    bool handed_over = false;          ///< it goes on without us, with `transfer.to`
    std::chrono::milliseconds age{0};  ///< since it was created
    std::chrono::system_clock::time_point created{};
    std::optional<std::chrono::system_clock::time_point> answered, ended;
    std::chrono::milliseconds streamed{0};  ///< time with a stream up
    std::optional<std::chrono::seconds> billed_duration;
    std::optional<std::chrono::milliseconds>
        stream_setup;  ///< create/voice webhook → first media frame
    MediaStats media;
    LocalPart local;
    TransferState transfer;
    AgentState agent;
    RecordingState recording;
    TranscriptionState transcription;
    std::size_t listeners = 0, talkers = 0;  ///< from outside, and those with their mouth open
    std::optional<TurnStats> turns;          ///< while there is, or was, an agent
    OutboundStats outbound;
    std::optional<audio::MicStats> microphone;   ///< while it is this call's
    std::optional<audio::PlayoutStats> playout;  ///< of the local speaker
    std::optional<audio::DeviceStats> device;    ///< of the sound card it is on
};

namespace event {

struct StateChanged {
    CallState state;
    std::string reason;
};
struct StreamUp {
    StreamSid stream_sid;
};
struct FirstAudio {};
struct StreamDown {
    StreamSid stream_sid;
    bool clean;
    std::string reason;
};
struct Digit {
    char digit;
};
struct MachineDetected {
    std::string answered_by;
};
/// An inbound call rings here until somebody takes it.
struct Ringing {
    std::string from;
};
/// Somebody here took it, refused it, or nobody came in time.
struct RingEnded {
    bool accepted;
    std::string reason;
};
/// Keys were sent, or could not be.
struct DigitsSent {
    std::string digits;
    bool in_band;
    std::string problem;  ///< empty: sent
};
/// A caller whom nobody took has left a message.
struct VoicemailLeft {
    std::string file;  ///< path of the WAV file
    std::chrono::milliseconds length;
};
/// What this side does with the call has changed: mute, hold, focus, loudness.
struct LocalChanged {
    LocalPart local;
};
struct TransferChanged {
    TransferState transfer;
};
struct AgentChanged {
    AgentState agent;
};
/// Who listens from outside, and how many of them have their mouth open.
struct ListenersChanged {
    std::size_t count, talkers;
};
/// Words, as an agent's service understood or meant to say them.
struct Said {
    bool by_agent;
    std::string text;
    bool final;  ///< false: a piece that is still growing
};
/// It is recorded, or not any more.
struct RecordingChanged {
    RecordingState recording;
};
/// Somebody takes down what is said, or not any more.
struct TranscriptionChanged {
    TranscriptionState transcription;
};
/// What a recognizer understood.
struct Transcribed {
    TranscriptPiece piece;
};
/// An agent had something done for it.
struct ToolUsed {
    std::string name;
    std::chrono::milliseconds took;
    std::string problem;  ///< empty: done
};
/// An agent took a message down.
struct MessageTaken {
    std::string file;
};
/// A caller's turn was answered, or the greeting heard.
struct TurnMeasured {
    TurnLatency latency;
};
struct Statistics {
    CallSnapshot snapshot;
};
/// The last event of a call: it is over and everything it held is let go.
struct Ended {
    CallSnapshot snapshot;
};
struct Warning {
    std::string text;
};

}  // namespace event

struct CallEvent {
    CallId call;
    CallSid sid;
    std::uint64_t number = 0;  ///< counts the events of this call
    std::chrono::system_clock::time_point time;
    std::variant<event::StateChanged, event::StreamUp, event::FirstAudio, event::StreamDown,
                 event::Digit, event::MachineDetected, event::Ringing, event::RingEnded,
                 event::DigitsSent, event::VoicemailLeft, event::LocalChanged,
                 event::TransferChanged, event::ListenersChanged, event::AgentChanged, event::Said,
                 event::RecordingChanged, event::TranscriptionChanged, event::Transcribed,
                 event::ToolUsed, event::MessageTaken, event::TurnMeasured, event::Statistics,
                 event::Ended, event::Warning>
        what;
};

}  // namespace bridge::call
