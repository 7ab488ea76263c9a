#pragma once
// The records of a capture: what reached a call, one turn after the other, and what came of it.
//
//   turn   its first record says what began it: an input, a timer, a tool. Those after it, up to
//          the next turn, are marked as nested: what the call was told meanwhile, what it did.
//
// docs/capture-format.md describes the bytes.

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "audio/frame.hpp"
#include "audio/speaker_line.hpp"
#include "base/clock.hpp"
#include "base/result.hpp"
#include "call/call.hpp"
#include "capture/wire.hpp"

namespace bridge::capture {

namespace input = call::input;

/// Since the call began. A capture's clock goes in whole microseconds.
using Micros = std::chrono::microseconds;

/// What the call asked of its services during a turn, in the order of these.
enum class Service : std::uint8_t {
    speaker,     ///< a place at the sound card
    recording,   ///< where it is recorded to
    transcript,  ///< a transcriber
    voicemail,   ///< where a message is kept
    transfer,    ///< whether it may be handed on
};

/// Sound that was there before the call and that it may use.
enum class Stock : std::uint8_t { hold_music, greeting, recording_notice };

namespace note {

/// The call was made: the first turn.
struct Made {};
/// One of its timers, numbered in the order they were set.
struct Fired {
    std::uint64_t timer = 0;
    Micros late{0};  ///< after it was due
};
struct StreamOpened {};
/// A tool of an agent acts on the call, or is done. Its runs are counted.
struct ToolActed {
    std::uint64_t run = 0;
    call::ToolAction action;
};
struct ToolDone {
    std::uint64_t run = 0;
    call::ToolResult result;
};
struct MessageKept {
    std::uint64_t number = 0;
    Result<std::string> where;
};

/// What a service answered: a file's name, or nothing, or why not.
struct Answered {
    Service service{};
    Result<std::string> answer;
};
struct AgentMade {
    Result<> made;
    bool decides_interruptions = false;
    std::string kind;
    bool tools = false;
};
/// What a source of sound that an agent plays gave when it was asked for 20 ms.
struct SourceRead {
    std::uint64_t source = 0;
    std::vector<std::int16_t> samples;
};
/// What the sound card took from the call's line since the last time.
struct Pulled {
    std::vector<audio::Pull> pulls;
    std::uint64_t dropped = 0;  ///< that could not be noted, since the call began
};
struct Stocked {
    Stock what{};
    audio::Samples samples;
    std::chrono::seconds limit{0};  ///< of a voicemail message
};

// --- what left the call

/// One message of speech; `hash`: sound_hash of its frames.
struct Sent {
    std::uint64_t frames = 0;
    std::uint32_t hash = 0;
    bool taken = false;  ///< by the connection
};
struct Marked {
    std::string name;
    bool taken = false;
};
struct Cleared {
    bool taken = false;
};
struct Closed {};
/// The carrier was asked for it.
struct Asked {
    std::string what, detail;
};
/// An agent's member was called; not for the sound it hears.
struct AgentCalled {
    std::string what, detail;
};

/// The capture ends here although the call did not.
struct Stopped {
    std::string why;
};

}  // namespace note

/// An input, with what it points to.
struct HeldInput {
    call::CallInput input;
    std::vector<std::uint8_t> bytes;
    std::vector<std::int16_t> samples;
    StreamSid stream_sid;      ///< of StreamStarted
    bool can_send = false;     ///< of StreamStarted
    std::uint64_t source = 0;  ///< of AgentSpeech that plays one
    bool tap = false;          ///< of MeasureLevels
};

using What =
    std::variant<HeldInput, note::Made, note::Fired, note::StreamOpened, note::ToolActed,
                 note::ToolDone, note::MessageKept, note::Answered, note::AgentMade,
                 note::SourceRead, note::Pulled, note::Stocked, note::Sent, note::Marked,
                 note::Cleared, note::Closed, note::Asked, note::AgentCalled, note::Stopped>;

struct Record {
    bool nested = false;
    Micros at{0};                ///< of its turn
    std::uint64_t occasion = 0;  ///< of a nested input: during which call out of the call it came
    What what;
};

/// As AgentCalled has it: "3 cleared heard 120 ms of 400".
std::string describe_heard(call::UtteranceId utterance, const call::Heard& heard);

/// The name of a kind of input, for people: "media".
std::string_view name_of(const call::CallInput& input);

/// Writes records behind each other into a buffer; each buffer can be read alone. No allocation
/// once the buffer is large enough.
class Encoder {
public:
    /// `scrub`: what no text may hold, see Scrub; null: anything may be written.
    explicit Encoder(Bytes& bytes, const Scrub* scrub = nullptr) : bytes_(bytes), scrub_(scrub) {}
    /// What follows will be read without what came before.
    void begin_block() {
        at_ = Micros(0);
        sequence_ = timer_ = 0;
        timestamp_ = 0;
        pull_ = {};
    }

    /// `nested`: `occasion` is kept, `at` is not.
    void input(const call::CallInput& input, bool nested, Micros at, std::uint64_t occasion,
               std::uint64_t source);
    template <class Note>
    void note(const Note& what, bool nested, Micros at, std::uint64_t occasion = 0);
    /// Sent, without putting one together.
    void sent(std::span<const audio::AudioFrame> frames, bool taken, bool nested, Micros at);
    /// An input of a capture, written again.
    void again(const Record& record);

private:
    void start(Out& out, std::uint8_t kind, bool nested, Micros at);
    void put(const Out& out);
    Bytes& bytes_;
    const Scrub* const scrub_;
    Micros at_{0};
    std::uint64_t sequence_ = 0, timer_ = 0;
    std::int64_t timestamp_ = 0;
    audio::Pull pull_;
};

/// Reads what an Encoder wrote between two begin_block().
class Decoder {
public:
    explicit Decoder(std::span<const std::uint8_t> block) : block_(block), in_(block) {}
    /// False: there is none any more, or what follows is damaged.
    bool next(Record& record);
    bool damaged() const { return !block_.ok(); }

private:
    bool what(std::uint8_t kind, Record& record);
    In block_;
    In in_;  ///< the record in hand
    Micros at_{0};
    std::uint64_t sequence_ = 0, timer_ = 0;
    std::int64_t timestamp_ = 0;
    audio::Pull pull_;
};

/// Everything the call was given when it was made.
struct Opening {
    std::string program;        ///< its version
    std::int64_t clock_us = 0;  ///< of the steady clock, when the call began
    std::int64_t wall_us = 0;   ///< since 1970, the same moment
    call::CallSpec spec;
    std::uint64_t seed = 0;
    std::chrono::milliseconds playout_ceiling{0};
    call::OutboundOptions outbound;
    call::AgentCare care;
    bool carrier = false, speaker = false, microphone = false, voicemail = false, agents = false,
         messages = false, recordings = false, transcribers = false, policy = false;
};

void encode(const Opening& opening, const Scrub* scrub, Bytes& out);
/// Errors: bad_field.
Result<Opening> decode_opening(std::span<const std::uint8_t> bytes);

}  // namespace bridge::capture
