#include "capture/records.hpp"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <type_traits>
#include <utility>

#include "capture/fields.hpp"
#include "capture/sound_code.hpp"

namespace bridge::capture {

template <>
struct LastOf<Service> {
    static constexpr auto value = Service::transfer;
};
template <>
struct LastOf<Stock> {
    static constexpr auto value = Stock::recording_notice;
};

// --- fields of what is written down here alone (found by the name's arguments: not unnamed)

inline std::int64_t hundredths(double value) {
    return std::isfinite(value) && std::abs(value) < 1e12 ? std::llround(value * 100) : 0;
}

/// As a figure for people, and to compare a replay with: no more than a hundredth.
template <class A>
void rounded(A& a, auto& value) {
    auto whole = hundredths(static_cast<double>(value));
    a(whole);
    if constexpr (A::kReads)
        value = static_cast<std::remove_reference_t<decltype(value)>>(static_cast<double>(whole) /
                                                                      100.0);
}

template <class A>
void fields(A& a, Same<audio::PlayoutStats> auto& x) {
    rounded(a, x.depth_ms);
    rounded(a, x.target_ms);
    rounded(a, x.jitter_ms);
    rounded(a, x.latency_ms);
    rounded(a, x.latency_max_ms);
    rounded(a, x.latency_p50_ms);
    rounded(a, x.steering_ppm);
    a(x.frames, x.underruns, x.concealed_samples, x.trimmed_samples, x.dropped_samples,
      x.rendered_samples);
    rounded(a, x.level_dbfs);
}
template <class A>
void fields(A& a, Same<input::SpeakerReport> auto& x) {
    a(x.playout, x.device, x.drained);
}

template <class A>
void fields(A&, Same<note::Made> auto&) {}
template <class A>
void fields(A&, Same<note::StreamOpened> auto&) {}
template <class A>
void fields(A& a, Same<note::ToolActed> auto& x) {
    a(x.run);
    choice(a, x.action);
}
template <class A>
void fields(A& a, Same<note::ToolDone> auto& x) {
    a(x.run, x.result);
}
template <class A>
void fields(A& a, Same<note::MessageKept> auto& x) {
    a(x.number);
    outcome(a, x.where);
}
template <class A>
void fields(A& a, Same<note::Answered> auto& x) {
    a(x.service);
    outcome(a, x.answer);
}
template <class A>
void fields(A& a, Same<note::AgentMade> auto& x) {
    outcome(a, x.made);
    a(x.decides_interruptions, x.kind, x.tools);
}
template <class A>
void fields(A& a, Same<note::SourceRead> auto& x) {
    a(x.source);
    if constexpr (A::kReads) {
        x.samples = a.sound();
    } else {
        a.sound(x.samples);
    }
}
template <class A>
void fields(A& a, Same<note::Stocked> auto& x) {
    a(x.what, x.samples, x.limit);
}
template <class A>
void fields(A& a, Same<note::Sent> auto& x) {
    a(x.frames, x.hash, x.taken);
}
template <class A>
void fields(A& a, Same<note::Marked> auto& x) {
    a(x.name, x.taken);
}
template <class A>
void fields(A& a, Same<note::Cleared> auto& x) {
    a(x.taken);
}
template <class A>
void fields(A&, Same<note::Closed> auto&) {}
template <class A>
void fields(A& a, Same<note::Asked> auto& x) {
    a(x.what, x.detail);
}
template <class A>
void fields(A& a, Same<note::AgentCalled> auto& x) {
    a(x.what, x.detail);
}
template <class A>
void fields(A& a, Same<note::Stopped> auto& x) {
    a(x.why);
}

template <class A>
void fields(A& a, Same<Opening> auto& x) {
    a(x.program, x.clock_us, x.wall_us, x.spec, x.seed, x.playout_ceiling, x.outbound, x.care,
      x.carrier, x.speaker, x.microphone, x.voicemail, x.agents, x.messages, x.recordings,
      x.transcribers, x.policy);
}

namespace {

// --- numbers of the kinds: the place in these lists, which only ever grow at their ends

template <class... T>
struct Kinds {
    template <class One>
    static constexpr std::uint8_t of() {
        std::uint8_t at = 0, found = sizeof...(T);
        ((std::is_same_v<One, T> ? void(found = at) : void(), ++at), ...);
        return found;
    }
    static constexpr std::uint8_t size = sizeof...(T);
};

using InputKinds = Kinds<
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

using NoteKinds = Kinds<note::Made, note::Fired, note::StreamOpened, note::ToolActed,
                        note::ToolDone, note::MessageKept, note::Answered, note::AgentMade,
                        note::SourceRead, note::Pulled, note::Stocked, note::Sent, note::Marked,
                        note::Cleared, note::Closed, note::Asked, note::AgentCalled, note::Stopped>;

constexpr std::uint8_t kFirstInput = 1, kFirstNote = 80, kNested = 0x80;
static_assert(kFirstInput + InputKinds::size <= kFirstNote);
static_assert(kFirstNote + NoteKinds::size <= kNested);
constexpr std::size_t kMostPulls = 4096;

template <class One>
constexpr std::uint8_t input_kind() {
    static_assert(InputKinds::of<One>() < InputKinds::size,
                  "a new kind of input: put it at the end of InputKinds, describe its fields in "
                  "fields.hpp, raise kFormatVersion, and tell docs/capture-format.md");
    return static_cast<std::uint8_t>(kFirstInput + InputKinds::of<One>());
}

/// Nested, they came while the call was outside itself, as inputs do.
template <class One>
constexpr bool kComesIn =
    std::is_same_v<One, note::ToolActed> || std::is_same_v<One, note::ToolDone> ||
    std::is_same_v<One, note::MessageKept> || std::is_same_v<One, note::StreamOpened>;

template <class One>
constexpr std::uint8_t note_kind() {
    static_assert(NoteKinds::of<One>() < NoteKinds::size);
    return static_cast<std::uint8_t>(kFirstNote + NoteKinds::of<One>());
}

// --- inputs that hold more than data

void write_input(Out& out, const input::StreamStarted& x) {
    out(x.stream, x.line->stream_sid(), x.line->can_send());
}
void write_input(Out& out, const input::Say& x) {
    out(x.samples, x.interrupt);
}
void write_input(Out& out, const input::GuestJoins& x) {
    out(x.id, x.side, x.may_talk);
}
void write_input(Out& out, const input::GuestSpeech& x) {
    out(x.id);
    out.sound(x.samples);
}
void write_input(Out& out, const input::MeasureLevels& x) {
    out(x.tap != nullptr);
}
void write_input(Out& out, const input::MicrophoneBlock& x) {
    out(std::chrono::duration_cast<Micros>(x.age));
    out.sound(x.pcm);
}
template <class One>
requires requires(Out& out, const One& x) {
    fields(out, x);
}
void write_input(Out& out, const One& x) {
    fields(out, x);
}

void read_input(In& in, HeldInput& held, input::StreamStarted& x) {
    in(x.stream, held.stream_sid, held.can_send);
}
void read_input(In& in, HeldInput&, input::Say& x) {
    in(x.samples, x.interrupt);
    if (!x.samples) x.samples = std::make_shared<const std::vector<std::int16_t>>();
    x.told = [](const Result<std::uint64_t>&) {};
}
void read_input(In& in, HeldInput&, input::GuestJoins& x) {
    in(x.id, x.side, x.may_talk);
}
void read_input(In& in, HeldInput& held, input::GuestSpeech& x) {
    in(x.id);
    held.samples = in.sound();
    x.samples = held.samples;
}
void read_input(In& in, HeldInput& held, input::MeasureLevels&) {
    in(held.tap);
}
void read_input(In& in, HeldInput& held, input::MicrophoneBlock& x) {
    Micros age{0};
    in(age);
    x.age = age;
    held.samples = in.sound();
    x.pcm = held.samples;
}
template <class One>
requires requires(In& in, One& x) {
    fields(in, x);
}
void read_input(In& in, HeldInput&, One& x) {
    fields(in, x);
}

template <class Visit, class... T>
bool with_kind(std::uint8_t index, Kinds<T...>, Visit visit) {
    std::uint8_t at = 0;
    bool found = false;
    const auto look = [&]<class One>(std::type_identity<One> one) {
        if (at++ != index) return;
        found = true;
        visit(one);
    };
    (look(std::type_identity<T>{}), ...);
    return found;
}

constexpr std::array<std::string_view, InputKinds::size> kNames{"stream-started",
                                                                "media",
                                                                "mark-echoed",
                                                                "dtmf-received",
                                                                "bad-message",
                                                                "stream-stopped",
                                                                "stream-closed",
                                                                "create-finished",
                                                                "hang-up-finished",
                                                                "fetch-finished",
                                                                "lost-create",
                                                                "voice-requested",
                                                                "status-reported",
                                                                "stream-reported",
                                                                "instructions-failed",
                                                                "machine-detected",
                                                                "instructions-given",
                                                                "dial-reported",
                                                                "conference-reported",
                                                                "dial",
                                                                "adopt",
                                                                "hang-up",
                                                                "accept",
                                                                "reject",
                                                                "send-digits",
                                                                "mute",
                                                                "hold",
                                                                "local",
                                                                "transfer",
                                                                "join-conference",
                                                                "take-back",
                                                                "transfer-told",
                                                                "play",
                                                                "say",
                                                                "clear",
                                                                "agent",
                                                                "agent-mode",
                                                                "guest-joins",
                                                                "guest-leaves",
                                                                "guest-talks",
                                                                "guest-speech",
                                                                "agent-told",
                                                                "agent-speech",
                                                                "tool-finished",
                                                                "let-go",
                                                                "recording",
                                                                "transcription",
                                                                "recording-broke",
                                                                "transcript-told",
                                                                "levels",
                                                                "microphone",
                                                                "speaker",
                                                                "timer"};

}  // namespace

std::string describe_heard(call::UtteranceId utterance, const call::Heard& heard) {
    constexpr std::array<std::string_view, 4> kOutcomes{"pending", "played", "cleared", "lost"};
    return fmt::format("{} {}: heard {} ms of {}", utterance,
                       kOutcomes.at(static_cast<std::size_t>(heard.outcome)), heard.heard.count(),
                       heard.sent.count());
}

std::string_view name_of(const call::CallInput& input) {
    return std::visit([]<class One>(const One&) { return kNames[input_kind<One>() - kFirstInput]; },
                      input);
}

// --- writing

void Encoder::start(Out& out, std::uint8_t kind, bool nested, Micros at) {
    out.byte(static_cast<std::uint8_t>(kind | (nested ? kNested : 0U)));
    if (nested) return;
    out.number(static_cast<std::uint64_t>((at - at_).count()));
    at_ = at;
}

/// Its length in front: whoever does not know its kind goes on behind it.
void Encoder::put(const Out& out) {
    const auto record = out.written();
    std::array<std::uint8_t, kLongestNumber> length;
    bytes_.insert(bytes_.end(), length.data(), put_number(record.size(), length.data()));
    bytes_.insert(bytes_.end(), record.begin(), record.end());
}

void Encoder::input(const call::CallInput& input, bool nested, Micros at, std::uint64_t occasion,
                    std::uint64_t source) {
    std::visit(
        [&]<class One>(const One& x) {
            Out out(scrub_);
            start(out, input_kind<One>(), nested, at);
            if (nested) out.number(occasion);
            if constexpr (std::is_same_v<One, input::Media>) {
                // Mostly one after the other, 20 ms apart.
                out(x.stream);
                out.signed_number(static_cast<std::int64_t>(x.sequence - sequence_) - 1);
                out.signed_number(x.timestamp.count() - timestamp_ - 20);
                sequence_ = x.sequence;
                timestamp_ = x.timestamp.count();
                out(x.track);
                out.number(x.mulaw.size());
                out.raw(x.mulaw);
            } else if constexpr (std::is_same_v<One, input::AgentSpeech>) {
                out(x.session, x.kind, source);
                out.sound(x.samples);
            } else {
                write_input(out, x);
            }
            put(out);
        },
        input);
}

template <class Note>
void Encoder::note(const Note& what, bool nested, Micros at, std::uint64_t occasion) {
    Out out(scrub_);
    start(out, note_kind<Note>(), nested, at);
    if (nested && kComesIn<Note>) out.number(occasion);
    if constexpr (std::is_same_v<Note, note::Fired>) {
        out.signed_number(static_cast<std::int64_t>(what.timer - timer_));
        out.signed_number(what.late.count());
        timer_ = what.timer;
    } else if constexpr (std::is_same_v<Note, note::Pulled>) {
        out.number(what.pulls.size());
        for (const auto& pull : what.pulls) {
            out(pull.now.time_since_epoch() - pull_.now.time_since_epoch());
            out.signed_number(static_cast<std::int64_t>(pull.written - pull_.written));
            const bool same = pull.frames == pull_.frames &&
                              pull.sample_rate == pull_.sample_rate && pull.stereo == pull_.stereo;
            out(same);
            if (!same) out(pull.frames, pull.sample_rate, pull.stereo);
            pull_ = pull;
        }
        out(what.dropped);
    } else {
        fields(out, what);
    }
    put(out);
}

template void Encoder::note(const note::Made&, bool, Micros, std::uint64_t);
template void Encoder::note(const note::Fired&, bool, Micros, std::uint64_t);
template void Encoder::note(const note::StreamOpened&, bool, Micros, std::uint64_t);
template void Encoder::note(const note::ToolActed&, bool, Micros, std::uint64_t);
template void Encoder::note(const note::ToolDone&, bool, Micros, std::uint64_t);
template void Encoder::note(const note::MessageKept&, bool, Micros, std::uint64_t);
template void Encoder::note(const note::Answered&, bool, Micros, std::uint64_t);
template void Encoder::note(const note::AgentMade&, bool, Micros, std::uint64_t);
template void Encoder::note(const note::SourceRead&, bool, Micros, std::uint64_t);
template void Encoder::note(const note::Pulled&, bool, Micros, std::uint64_t);
template void Encoder::note(const note::Stocked&, bool, Micros, std::uint64_t);
template void Encoder::note(const note::Sent&, bool, Micros, std::uint64_t);
template void Encoder::note(const note::Marked&, bool, Micros, std::uint64_t);
template void Encoder::note(const note::Cleared&, bool, Micros, std::uint64_t);
template void Encoder::note(const note::Closed&, bool, Micros, std::uint64_t);
template void Encoder::note(const note::Asked&, bool, Micros, std::uint64_t);
template void Encoder::note(const note::AgentCalled&, bool, Micros, std::uint64_t);
template void Encoder::note(const note::Stopped&, bool, Micros, std::uint64_t);

void Encoder::sent(std::span<const audio::AudioFrame> frames, bool taken, bool nested, Micros at) {
    std::uint32_t hash = 0;
    for (const auto& frame : frames) hash = sound_hash(frame.pcm, hash);
    note(note::Sent{frames.size(), hash, taken}, nested, at);
}

void Encoder::again(const Record& record) {
    std::visit(
        [&]<class One>(const One& one) {
            if constexpr (std::is_same_v<One, HeldInput>) {
                input(one.input, record.nested, record.at, record.occasion, one.source);
            } else {
                note(one, record.nested, record.at, record.occasion);
            }
        },
        record.what);
}

// --- reading

bool Decoder::next(Record& record) {
    if (block_.at_end()) return false;
    in_ = In(block_.raw(block_.number()));
    const auto kind = in_.byte();
    record.nested = (kind & kNested) != 0;
    if (!record.nested) {
        const auto later = in_.number();
        if (later > std::uint64_t{1} << 50U) in_.damaged();
        at_ += Micros(static_cast<std::int64_t>(later));
        if (at_.count() > std::int64_t{1} << 51) in_.damaged();
    }
    record.at = at_;
    record.occasion = 0;
    const auto number = static_cast<std::uint8_t>(kind & ~kNested);
    const bool known = number >= kFirstInput && what(number, record);
    if (!known || !in_.ok() || !in_.at_end()) block_.damaged();
    return block_.ok();
}

bool Decoder::what(std::uint8_t kind, Record& record) {
    const auto read_one = [&]<class One>(std::type_identity<One>) {
        if constexpr (NoteKinds::of<One>() < NoteKinds::size) {
            auto& x = record.what.emplace<One>();
            if (record.nested && kComesIn<One>) record.occasion = in_.number();
            if constexpr (std::is_same_v<One, note::Fired>) {
                x.timer = timer_ += static_cast<std::uint64_t>(in_.signed_number());
                x.late = Micros(in_.signed_number());
            } else if constexpr (std::is_same_v<One, note::Pulled>) {
                const auto count = in_.number();
                if (count > kMostPulls) in_.damaged();
                for (std::uint64_t i = 0; i < count && in_.ok(); ++i) {
                    pull_.now += Clock::Duration(in_.signed_number());
                    pull_.written += static_cast<std::uint64_t>(in_.signed_number());
                    if (in_.byte() == 0) in_(pull_.frames, pull_.sample_rate, pull_.stereo);
                    x.pulls.push_back(pull_);
                }
                in_(x.dropped);
            } else {
                fields(in_, x);
            }
        } else {
            auto& held = record.what.emplace<HeldInput>();
            auto& x = held.input.emplace<One>();
            if (record.nested) record.occasion = in_.number();
            if constexpr (std::is_same_v<One, input::Media>) {
                in_(x.stream);
                sequence_ += static_cast<std::uint64_t>(in_.signed_number() + 1);
                timestamp_ = static_cast<std::int64_t>(
                    static_cast<std::uint64_t>(timestamp_) +
                    static_cast<std::uint64_t>(in_.signed_number()) + 20U);
                x.sequence = sequence_;
                x.timestamp = std::chrono::milliseconds(timestamp_);
                in_(x.track);
                const auto bytes = in_.raw(in_.number());
                held.bytes.assign(bytes.begin(), bytes.end());
                x.mulaw = held.bytes;
            } else if constexpr (std::is_same_v<One, input::AgentSpeech>) {
                in_(x.session, x.kind, held.source);
                held.samples = in_.sound();
                x.samples = held.samples;
            } else {
                read_input(in_, held, x);
            }
        }
    };
    if (kind >= kFirstNote)
        return with_kind(static_cast<std::uint8_t>(kind - kFirstNote), NoteKinds{}, read_one);
    return with_kind(static_cast<std::uint8_t>(kind - kFirstInput), InputKinds{}, read_one);
}

void encode(const Opening& opening, const Scrub* scrub, Bytes& out) {
    Out writer(scrub);
    writer(opening);
    const auto bytes = writer.written();
    out.insert(out.end(), bytes.begin(), bytes.end());
}

Result<Opening> decode_opening(std::span<const std::uint8_t> bytes) {
    Opening opening;
    In in(bytes);
    in(opening);
    if (!in.ok()) return fail(Errc::bad_field, "the capture's opening is damaged");
    return opening;
}

}  // namespace bridge::capture
