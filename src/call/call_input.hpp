#pragma once
// The one door of a call. Whatever reaches a call (a media message, a webhook, a command, a reply
// of the carrier, a block the sound card took, a timer) is one of these values, handed to
// Call::accept on the call's io thread. A test, or a replay, is a list of them.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "audio/device.hpp"
#include "audio/speaker_line.hpp"
#include "base/ids.hpp"
#include "base/result.hpp"
#include "call/agent.hpp"
#include "call/carrier.hpp"
#include "call/guest.hpp"
#include "call/journal.hpp"
#include "call/level_tap.hpp"
#include "call/phone_line.hpp"
#include "call/recordings.hpp"
#include "call/transcript.hpp"

namespace bridge::call {

enum class Track { inbound, outbound };

/// What a far end on hold hears.
enum class HoldSound { music, silence };

/// New instructions for a live call that the carrier was asked to carry out.
enum class Instruction { digits, transfer, conference, stream };

namespace input {

// --- from the media stream. `stream` numbers the streams of a call (a redirect ends one and starts
// another); what comes from a stream that is no longer the current one is ignored.

/// The stream is up and belongs to this call.
struct StreamStarted {
    std::uint64_t stream;
    std::shared_ptr<PhoneLine> line;
};
/// One media message: mu-law, 8 kHz, any length. `mulaw` is only valid during accept().
struct Media {
    std::uint64_t stream;
    std::uint64_t sequence;               ///< counts all messages of the stream; start is 1
    std::chrono::milliseconds timestamp;  ///< media time since the stream started
    Track track = Track::inbound;
    std::span<const std::uint8_t> mulaw;
};
struct MarkEchoed {
    std::uint64_t stream;
    std::uint64_t sequence;
    std::string name;
};
struct DtmfReceived {
    std::uint64_t stream;
    std::uint64_t sequence;
    char digit;
};
/// A message of the stream we could not use; it still counts in the sequence where it has a number.
struct BadMessage {
    std::uint64_t stream;
    std::string reason;
};
/// The carrier says the stream is over ("stop").
struct StreamStopped {
    std::uint64_t stream;
};
/// The connection is gone. `clean`: with a close frame, or after a stop.
struct StreamClosed {
    std::uint64_t stream;
    bool clean;
    std::string reason;
};

// --- from the carrier

struct CreateFinished {
    tl::expected<PlacedCall, PlaceFailure> outcome;
};
struct HangUpFinished {
    Result<> outcome;
};
struct FetchFinished {
    Result<CarrierCall> outcome;
};
/// The carrier's calls that may be the one whose creation is uncertain (find_lost_create).
struct LostCreateLookedFor {
    Result<std::vector<CarrierCall>> candidates;
};
/// The carrier has answered a request for new instructions (digits, transfer, conference, stream).
struct InstructionsGiven {
    Instruction what;
    Result<> outcome;
};
/// A leg that a transfer dials, or the end of the dial.
struct DialReported {
    CallSid leg;         ///< empty: not known
    std::string status;  ///< initiated ringing in-progress completed busy no-answer failed canceled
    bool over = false;   ///< the dial itself is over, and the carrier asks what to do next
};
/// What a conference of the carrier did with this call.
struct ConferenceReported {
    std::string conference;  ///< its SID (CF…)
    std::string event;       ///< participant-join, participant-leave, conference-end, …
};
/// The voice webhook was asked for instructions for this call.
struct VoiceRequested {
    CallSid sid;
    std::string from, to;
    std::string status;       ///< CallStatus
    std::string answered_by;  ///< with synchronous machine detection
    bool rejected = false;    ///< we answered <Reject>
};
/// A status callback.
struct StatusReported {
    CallSid sid;
    std::string status;                     ///< CallStatus
    std::optional<std::uint64_t> sequence;  ///< SequenceNumber
    std::optional<std::chrono::seconds> duration;
    std::optional<int> sip_code;
    std::string answered_by;
    std::string error_code, error_message;
};
/// A stream status callback: the only place where Twilio explains a failed stream.
struct StreamReported {
    StreamSid stream_sid;
    std::string event;  ///< stream-started stream-stopped stream-error
    std::string error;
};
/// The carrier could not use our instructions and asked the fallback.
struct InstructionsFailed {
    std::string why;
};
struct MachineDetected {
    std::string answered_by;
    std::chrono::milliseconds took;
};

// --- from people and programs on this side

struct Dial {};  ///< place the call now
/// The call was made by a former run of this program, which has died, and is to be looked after.
struct Adopt {
    CallState state;  ///< as the journal last knew it
    Hold hold;
};
struct HangUp {
    std::string reason;
    /// What is being said is heard to its end first (its last mark, within 10 s).
    bool after_speech = false;
};
/// A ringing inbound call is taken: from now on it is an ordinary call.
struct Accept {};
/// A ringing inbound call is not taken: it is hung up.
struct Reject {};
/// Keys for the far end: 0-9 * # A-D, w waits half a second.
struct SendDigits {
    std::string digits;
    bool in_band = false;  ///< as tones in our own sound; else the carrier plays them, and the
                           ///< stream pauses meanwhile
};
/// Whether our microphone is kept from the phone, whatever the desk says.
struct SetMuted {
    bool on;
};
/// On hold the far end hears music or nothing, and nobody here hears it.
struct SetHeld {
    bool on;
    HoldSound sound = HoldSound::music;
};
/// This call's place at the desk (desk.hpp): who has the microphone, how loud and where it sounds.
struct SetLocal {
    bool focus = true;  ///< the microphone is this call's
    float gain = 1.0F;  ///< of what is heard here, 0 to 1
    float pan = 0.0F;   ///< −1 left, 1 right
};
/// The far end is dialled through to somebody else (E.164, sip: or client:); if nobody answers
/// there, it comes back to us.
struct Transfer {
    std::string to;
};
/// The far end is put into a conference of the carrier and we leave: the second half of a warm
/// transfer. Whoever shares the room talks to it.
struct JoinConference {
    std::string room;
};
/// Sound for the phone: 8 kHz samples. Once: after what is being said already (a loop ends there).
/// As a loop: until something else is said, or `Clear`.
struct Play {
    std::shared_ptr<const std::vector<std::int16_t>> samples;
    bool loop = false;
};
/// Back from a conference, or from a dial that nobody has answered, into a stream of ours.
struct TakeBack {};
/// What a warm transfer of this call has come to (warm_transfer.hpp), for its snapshot and events.
struct TransferTold {
    TransferState transfer;
};
/// Somebody has something said, or played: once, after what was asked for before. Whoever asks is
/// told during accept(), with a number that counts these, or why not: refused (the call cannot
/// now), too_large (too many wait).
struct Say {
    std::shared_ptr<const std::vector<std::int16_t>> samples;
    bool interrupt = false;  ///< what is being said, and what waits, is cut off first
    std::function<void(Result<std::uint64_t>)> told;
};
/// What is being said to the phone is cut off.
struct Clear {};
/// This agent is put on the call, in place of the one there is; empty: none.
struct SetAgent {
    std::string name;
};
/// Without `mode`: the person here takes over, or hands back.
struct SetAgentMode {
    std::optional<AgentMode> mode;
};
/// It is recorded from now on, in a file of its own; or the recording pauses, goes on, or ends.
struct SetRecording {
    RecordingStatus status;                   ///< recording, paused or stopped
    std::optional<RecordingNotice> notice{};  ///< when it begins; nothing: as is set up
};
/// Somebody takes down what is said from now on; or not any more.
struct SetTranscription {
    bool on;
};
/// Both sides' levels are measured into this tap from now on; null: not any more.
struct MeasureLevels {
    std::shared_ptr<LevelTap> tap;
};
/// Whatever the call is handed to goes on without us: it is let go, not hung up.
struct LetGo {};
/// 20 ms of the microphone, taken in the call's own slot. Valid only during accept().
struct MicrophoneBlock {
    std::span<const std::int16_t> pcm;
    std::chrono::nanoseconds age;  ///< since the device's callback brought the last of it
};
/// What the sound card has done so far with this call's line, polled by the call's own timer.
struct SpeakerReport {
    audio::PlayoutStats playout;
    audio::DeviceStats device;
    bool drained;  ///< the line has ended and all of it was taken
};

// --- from outside: who listens, and speaks (guest.hpp)

/// It hears the call from now on; if it cannot be let in, it is told that it is over.
struct GuestJoins {
    GuestId id;
    std::shared_ptr<Guest> guest;
    Side side = Side::both;
    bool may_talk = false;
};
/// It has gone, or is to go; harmless if it has.
struct GuestLeaves {
    GuestId id;
};
/// It opens its mouth, or closes it.
struct GuestTalks {
    GuestId id;
    bool on;
};
/// What it says while its mouth is open: 8 kHz, any length up to 400 ms. `samples` are only valid
/// during accept().
struct GuestSpeech {
    GuestId id;
    std::span<const std::int16_t> samples;
};

// --- from what takes the call down

/// The recording `number` of this call cannot go on.
struct RecordingBroke {
    std::uint64_t number;
    std::string problem;
};
/// What the transcription `number` of this call has to tell.
struct TranscriptTold {
    std::uint64_t number;
    TranscriptNews news;
};

// --- from an agent. `session` counts how often one was started; what comes from an earlier one is
// ignored.

namespace told {
struct Ready {};
struct Ended {
    AgentEnd how;
    std::string reason;
};
struct CallerSpeaks {
    bool speaking;
};
struct GiveWay {};
struct Warning {
    std::string text;
};
}  // namespace told
struct AgentTold {
    std::uint64_t session;
    std::variant<told::Ready, told::Ended, told::CallerSpeaks, told::GiveWay, AgentText, ToolCall,
                 told::Warning>
        what;
};
/// What it says; `samples` and `source` are only valid during accept().
struct AgentSpeech {
    enum class Kind { begin, samples, end, source, cancel };
    std::uint64_t session;
    Kind kind;
    std::span<const std::int16_t> samples{};
    std::unique_ptr<audio::SampleSource>* source = nullptr;
};
/// A tool that an agent asked for has done its work.
struct ToolFinished {
    std::uint64_t session;
    ToolResult result;
};

// --- time

enum class TimerKind {
    statistics,         ///< once a second while the call lives
    answer_deadline,    ///< nobody told us how dialling ended
    stream_deadline,    ///< instructions were fetched and no stream came, or a stream outlived its
                        ///< call
    lost_create,        ///< look for a call whose creation is uncertain
    confirm_deadline,   ///< the end of the call was not reported: ask the carrier
    drain_deadline,     ///< the last sound should have been played by now
    digits_pause,       ///< no further key was typed: those there are go out together
    transfer_deadline,  ///< the dial should be over, or the conference joined, by now
    ring_deadline,      ///< nobody here has taken the call
    message_limit,      ///< a voicemail message is as long as it may be
    closing_words,      ///< look whether what is being said is over, to hang up
    agent_deadline,     ///< an agent's session is not ready yet
    agent_redial,       ///< try the agent again
    agent_steady,       ///< its session has lasted
    agent_notice,       ///< the caller has heard nothing of a lost agent for too long
    agent_fallback,     ///< the agent is lost for good
    agent_goodbye,      ///< the agent wants to end the call; its last words are there by now
    machine_message,    ///< what an answering machine was told should have been heard by now
};
inline constexpr std::size_t kTimerKinds = 18;
struct TimerFired {
    TimerKind kind;
};

}  // namespace input

using CallInput = std::variant<
    input::StreamStarted, input::Media, input::MarkEchoed, input::DtmfReceived, input::BadMessage,
    input::StreamStopped, input::StreamClosed, input::CreateFinished, input::HangUpFinished,
    input::FetchFinished, input::LostCreateLookedFor, input::VoiceRequested, input::StatusReported,
    input::StreamReported, input::InstructionsFailed, input::MachineDetected,
    input::InstructionsGiven, input::DialReported, input::ConferenceReported, input::Dial,
    input::Adopt, input::HangUp, input::Accept, input::Reject, input::SendDigits, input::SetMuted,
    input::SetHeld, input::SetLocal, input::Transfer, input::JoinConference, input::TakeBack,
    input::TransferTold, input::Play, input::Say, input::Clear, input::SetAgent,
    input::SetAgentMode, input::GuestJoins, input::GuestLeaves, input::GuestTalks,
    input::GuestSpeech, input::AgentTold, input::AgentSpeech, input::ToolFinished, input::LetGo,
    input::SetRecording, input::SetTranscription, input::RecordingBroke, input::TranscriptTold,
    input::MeasureLevels, input::MicrophoneBlock, input::SpeakerReport, input::TimerFired>;

}  // namespace bridge::call
