#include "app/api_reader.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "audio/frame.hpp"
#include "web/answers.hpp"

namespace bridge::app {
namespace {

namespace json = boost::json;
namespace event = call::event;
using std::chrono::milliseconds;

const json::value* at(const json::value& value, std::string_view name) {
    const auto* object = value.if_object();
    return object ? object->if_contains(json::string_view(name.data(), name.size())) : nullptr;
}

std::string text(const json::value& value, std::string_view name) {
    const auto* found = at(value, name);
    return found && found->is_string() ? std::string(found->get_string()) : std::string();
}

bool flag(const json::value& value, std::string_view name) {
    const auto* found = at(value, name);
    return found && found->is_bool() && found->get_bool();
}

double number(const json::value& value, std::string_view name, double otherwise = 0) {
    const auto* found = at(value, name);
    if (!found) return otherwise;
    if (found->is_double()) return found->get_double();
    if (found->is_int64()) return static_cast<double>(found->get_int64());
    return found->is_uint64() ? static_cast<double>(found->get_uint64()) : otherwise;
}

std::uint64_t count(const json::value& value, std::string_view name) {
    return static_cast<std::uint64_t>(std::max(number(value, name), 0.0));
}

int whole(const json::value& value, std::string_view name) {
    return static_cast<int>(number(value, name));
}

milliseconds time(const json::value& value, std::string_view name) {
    return milliseconds(static_cast<std::int64_t>(number(value, name)));
}

/// Milliseconds of the line's sound.
std::uint64_t samples(const json::value& value, std::string_view name) {
    return static_cast<std::uint64_t>(
        std::llround(std::max(number(value, name), 0.0) * audio::kSamplesPerMs));
}

float level(const json::value& value, std::string_view name) {
    return static_cast<float>(number(value, name, -96));
}

std::optional<std::chrono::system_clock::time_point> moment(const json::value& value,
                                                            std::string_view name) {
    return web::parse_time(text(value, name));
}

call::LocalPart read_local(const json::value& from) {
    call::LocalPart local;
    local.ringing = flag(from, "ringing");
    local.focus = flag(from, "focus");
    local.microphone = flag(from, "microphone");
    local.muted = flag(from, "muted");
    local.held = flag(from, "held");
    local.gain = static_cast<float>(number(from, "gain", 1));
    local.pan = static_cast<float>(number(from, "pan"));
    return local;
}

call::TransferState read_transfer(const json::value& from) {
    return {text(from, "to"), text(from, "status"), CallId{text(from, "call")}};
}

call::AgentState read_agent(const json::value& from) {
    call::AgentState agent;
    agent.name = text(from, "name");
    agent.status = call::parse_agent_status(text(from, "status")).value_or(agent.status);
    agent.mode = call::parse_agent_mode(text(from, "mode")).value_or(agent.mode);
    agent.reason = text(from, "reason");
    agent.sessions = count(from, "sessions");
    return agent;
}

call::RecordingState read_recording(const json::value& from) {
    return {
        call::parse_recording_status(text(from, "status")).value_or(call::RecordingStatus::none),
        text(from, "file"), text(from, "problem")};
}

call::TranscriptionState read_transcription(const json::value& from) {
    return {text(from, "engine"),
            call::parse_transcription_status(text(from, "status"))
                .value_or(call::TranscriptionStatus::none),
            text(from, "reason")};
}

call::TranscriptPiece read_piece(const json::value& from) {
    const auto sure = [](const json::value& of) -> std::optional<float> {
        const auto value = number(of, "confidence", -1);
        return value < 0 ? std::nullopt : std::optional(static_cast<float>(value));
    };
    call::TranscriptPiece piece;
    piece.speaker = call::parse_line_end(text(from, "speaker")).value_or(call::LineEnd::far);
    piece.number = count(from, "number");
    piece.final = flag(from, "final");
    piece.begin = time(from, "begin_ms");
    piece.end = time(from, "end_ms");
    piece.text = text(from, "text");
    piece.confidence = sure(from);
    const auto* words = at(from, "words");
    if (words && words->is_array()) {
        for (const auto& word : words->get_array())
            piece.words.push_back(
                {text(word, "text"), time(word, "begin_ms"), time(word, "end_ms"), sure(word)});
    }
    return piece;
}

constexpr std::array kLegs{call::TurnLeg::detect, call::TurnLeg::agent, call::TurnLeg::socket,
                           call::TurnLeg::heard, call::TurnLeg::total};

call::TurnLatency read_latency(const json::value& from) {
    call::TurnLatency turn;
    for (const auto leg : kLegs) {
        if (!at(from, call::to_string(leg))) continue;
        turn.legs[static_cast<std::size_t>(leg)] = std::chrono::duration_cast<Clock::Duration>(
            std::chrono::duration<double, std::milli>(number(from, call::to_string(leg))));
    }
    return turn;
}

call::TurnStats read_turns(const json::value& from) {
    call::TurnStats turns;
    turns.turns = count(from, "count");
    turns.unanswered = count(from, "unanswered");
    turns.interruptions = count(from, "interruptions");
    turns.resumes = count(from, "coughs");
    if (const auto* greeting = at(from, "greeting_ms")) turns.greeting = read_latency(*greeting);
    if (const auto* last = at(from, "last_ms")) turns.last = read_latency(*last);
    const auto* legs = at(from, "legs");
    for (const auto leg : kLegs) {
        const auto* of = legs ? at(*legs, call::to_string(leg)) : nullptr;
        if (!of) continue;
        turns.legs[static_cast<std::size_t>(leg)] = {count(*of, "count"), number(*of, "p50_ms"),
                                                     number(*of, "p95_ms"), number(*of, "p99_ms"),
                                                     number(*of, "max_ms")};
    }
    return turns;
}

call::OutboundStats read_outbound(const json::value& from) {
    call::OutboundStats sent;
    sent.frames = count(from, "frames");
    sent.messages = count(from, "messages");
    sent.marks_played = count(from, "marks_played");
    sent.marks_cleared = count(from, "marks_cleared");
    sent.marks_lost = count(from, "marks_lost");
    sent.clears = count(from, "clears");
    sent.pauses = count(from, "pauses");
    sent.resumes = count(from, "resumes");
    sent.refused_frames = count(from, "refused_frames");
    sent.dropped_live_samples = samples(from, "dropped_live_ms");
    sent.dropped_ahead_samples = samples(from, "dropped_ahead_ms");
    sent.starved = count(from, "starved");
    sent.lead_ms = number(from, "lead_ms");
    sent.round_trip_ms = number(from, "round_trip_ms");
    sent.level_dbfs = level(from, "level_dbfs");
    sent.peak_dbfs = level(from, "peak_dbfs");
    sent.clipped_samples = count(from, "clipped_samples");
    sent.mouth_to_wire_ms = number(from, "mouth_to_wire_ms");
    sent.mouth_to_wire_max_ms = number(from, "mouth_to_wire_max_ms");
    return sent;
}

audio::MicStats read_microphone(const json::value& from) {
    audio::MicStats mic;
    mic.running = flag(from, "running");
    mic.device = text(from, "device");
    mic.sample_rate = whole(from, "sample_rate");
    mic.reported_latency_ms = number(from, "reported_latency_ms");
    mic.level_dbfs = level(from, "level_dbfs");
    mic.raw_level_dbfs = level(from, "raw_level_dbfs");
    mic.clipped_samples = count(from, "clipped_samples");
    mic.gaps = count(from, "gaps");
    mic.gap_ms = number(from, "gap_ms");
    mic.dropped_samples = samples(from, "dropped_ms");
    mic.steering_ppm = number(from, "steering_ppm");
    mic.echo_delay_ms = number(from, "echo_delay_ms");
    mic.erle_db = number(from, "erle_db");
    return mic;
}

audio::PlayoutStats read_playout(const json::value& from) {
    audio::PlayoutStats playout;
    playout.depth_ms = number(from, "buffer_ms");
    playout.target_ms = number(from, "target_ms");
    playout.jitter_ms = number(from, "jitter_ms");
    playout.latency_ms = playout.latency_p50_ms = number(from, "latency_p50_ms");
    playout.latency_max_ms = number(from, "latency_max_ms");
    playout.steering_ppm = number(from, "steering_ppm");
    playout.underruns = count(from, "underruns");
    playout.concealed_samples = samples(from, "concealed_ms");
    playout.trimmed_samples = samples(from, "trimmed_ms");
    playout.dropped_samples = samples(from, "dropped_ms");
    playout.level_dbfs = level(from, "level_dbfs");
    return playout;
}

audio::DeviceStats read_device(const json::value& from) {
    audio::DeviceStats device;
    device.sample_rate = whole(from, "sample_rate");
    device.block_samples = whole(from, "block_samples");
    device.reported_latency_ms = number(from, "reported_latency_ms");
    device.callbacks = count(from, "callbacks");
    device.underflows = count(from, "underflows");
    device.longest_gap_ms = number(from, "longest_gap_ms");
    device.losses = count(from, "losses");
    device.unheard_ms = number(from, "unheard_ms");
    return device;
}

call::CallState read_state(const json::value& from) {
    return call::parse_call_state(text(from, "state")).value_or(call::CallState::created);
}

using What = decltype(call::CallEvent::what);
using ReadWhat = What (*)(const json::value&);

json::value part(const json::value& of, std::string_view name) {
    const auto* found = at(of, name);
    return found ? *found : json::value();
}

const std::map<std::string_view, ReadWhat>& readers() {
    using V = const json::value&;
    static const std::map<std::string_view, ReadWhat> all{
        {"state",
         [](V e) -> What {
             return event::StateChanged{read_state(e), text(e, "reason")};
         }},
        {"stream_up",
         [](V e) -> What { return event::StreamUp{StreamSid{text(e, "stream_sid")}}; }},
        {"first_audio", [](V) -> What { return event::FirstAudio{}; }},
        {"stream_down",
         [](V e) -> What {
             return event::StreamDown{StreamSid{text(e, "stream_sid")}, flag(e, "clean"),
                                      text(e, "reason")};
         }},
        {"digit",
         [](V e) -> What {
             const auto digit = text(e, "digit");
             return event::Digit{digit.empty() ? '?' : digit.front()};
         }},
        {"machine", [](V e) -> What { return event::MachineDetected{text(e, "answered_by")}; }},
        {"ringing", [](V e) -> What { return event::Ringing{text(e, "from")}; }},
        {"ring_ended",
         [](V e) -> What {
             return event::RingEnded{flag(e, "accepted"), text(e, "reason")};
         }},
        {"digits_sent",
         [](V e) -> What {
             return event::DigitsSent{text(e, "digits"), flag(e, "in_band"), text(e, "problem")};
         }},
        {"voicemail",
         [](V e) -> What {
             return event::VoicemailLeft{text(e, "file"), time(e, "length_ms")};
         }},
        {"local", [](V e) -> What { return event::LocalChanged{read_local(part(e, "local"))}; }},
        {"transfer",
         [](V e) -> What { return event::TransferChanged{read_transfer(part(e, "transfer"))}; }},
        {"listener",
         [](V e) -> What {
             return event::ListenersChanged{count(e, "count"), count(e, "talkers")};
         }},
        {"agent", [](V e) -> What { return event::AgentChanged{read_agent(part(e, "agent"))}; }},
        {"said",
         [](V e) -> What {
             return event::Said{text(e, "by") == "agent", text(e, "text"), flag(e, "final")};
         }},
        {"recording",
         [](V e) -> What { return event::RecordingChanged{read_recording(part(e, "recording"))}; }},
        {"transcription",
         [](V e) -> What {
             return event::TranscriptionChanged{read_transcription(part(e, "transcription"))};
         }},
        {"transcript",
         [](V e) -> What { return event::Transcribed{read_piece(part(e, "piece"))}; }},
        {"tool",
         [](V e) -> What {
             return event::ToolUsed{text(e, "name"), time(e, "took_ms"), text(e, "problem")};
         }},
        {"message", [](V e) -> What { return event::MessageTaken{text(e, "file")}; }},
        {"turn",
         [](V e) -> What { return event::TurnMeasured{read_latency(part(e, "latency_ms"))}; }},
        {"statistics",
         [](V e) -> What { return event::Statistics{read_call(part(e, "snapshot"))}; }},
        {"ended", [](V e) -> What { return event::Ended{read_call(part(e, "snapshot"))}; }},
        {"warning", [](V e) -> What { return event::Warning{text(e, "text")}; }},
    };
    return all;
}

}  // namespace

call::CallSnapshot read_call(const json::value& from) {
    call::CallSnapshot call;
    call.id = CallId{text(from, "call")};
    call.sid = CallSid{text(from, "call_sid")};
    call.stream_sid = StreamSid{text(from, "stream_sid")};
    call.direction =
        text(from, "direction") == "inbound" ? call::Direction::inbound : call::Direction::outbound;
    call.state = read_state(from);
    call.to = text(from, "to");
    call.from = text(from, "from");
    call.streaming = flag(from, "streaming");
    call.end_reason = text(from, "reason");
    call.answered_by = text(from, "answered_by");
    call.carrier_code = whole(from, "carrier_code");
    call.sip_code = whole(from, "sip_code");
    call.end_confirmed = flag(from, "end_confirmed");
    call.outcome_unknown = flag(from, "outcome_unknown");
    call.handed_over = flag(from, "handed_over");
    call.never_heard = flag(from, "never_heard");
    call.unheard = flag(from, "unheard");
    call.lost_create = flag(from, "lost_create");
    call.created = moment(from, "created").value_or(call.created);
    call.answered = moment(from, "answered_at");
    call.ended = moment(from, "ended");
    call.age = time(from, "duration_ms");
    call.streamed = time(from, "streamed_ms");
    if (at(from, "billed_s")) call.billed_duration = std::chrono::seconds(count(from, "billed_s"));
    if (at(from, "stream_setup_ms")) call.stream_setup = time(from, "stream_setup_ms");
    call.media.frames = call.media.messages = count(from, "frames");
    call.media.lost_ms = count(from, "lost_ms");
    call.media.late = count(from, "late");
    call.media.duplicates = count(from, "duplicates");
    call.media.stalls = count(from, "stalls");
    call.media.malformed = count(from, "malformed");
    call.media.gap_ms = count(from, "gap_ms");
    call.listeners = count(from, "listeners");
    call.talkers = count(from, "talkers");
    call.parent = CallId{text(from, "parent")};
    if (const auto* local = at(from, "local")) call.local = read_local(*local);
    if (const auto* transfer = at(from, "transfer")) call.transfer = read_transfer(*transfer);
    if (const auto* agent = at(from, "agent")) call.agent = read_agent(*agent);
    if (const auto* recording = at(from, "recording")) call.recording = read_recording(*recording);
    if (const auto* state = at(from, "transcription"))
        call.transcription = read_transcription(*state);
    if (const auto* turns = at(from, "turns")) call.turns = read_turns(*turns);
    if (const auto* sent = at(from, "outbound")) call.outbound = read_outbound(*sent);
    if (const auto* mic = at(from, "microphone")) call.microphone = read_microphone(*mic);
    if (const auto* playout = at(from, "playout")) {
        call.playout = read_playout(*playout);
        call.playout->frames = call.media.frames;
    }
    if (const auto* device = at(from, "device")) call.device = read_device(*device);
    return call;
}

std::vector<call::CallSnapshot> read_calls(const json::value& list) {
    std::vector<call::CallSnapshot> out;
    const auto* calls = at(list, "calls");
    if (!calls || !calls->is_array()) return out;
    for (const auto& call : calls->get_array()) out.push_back(read_call(call));
    return out;
}

std::optional<call::CallEvent> read_event(const json::value& from) {
    const auto type = text(from, "type");
    const auto reader = readers().find(type);
    if (reader == readers().end()) return std::nullopt;
    return call::CallEvent{
        CallId{text(from, "call")}, CallSid{text(from, "call_sid")}, count(from, "number"),
        moment(from, "time").value_or(decltype(call::CallEvent::time){}), reader->second(from)};
}

call::TranscriptDocument read_transcript(const json::value& transcript) {
    call::TranscriptDocument out;
    out.call = CallId{text(transcript, "call")};
    out.engine = text(transcript, "engine");
    out.complete = flag(transcript, "complete");
    out.dropped = count(transcript, "dropped");
    const auto* pieces = at(transcript, "pieces");
    if (!pieces || !pieces->is_array()) return out;
    for (const auto& piece : pieces->get_array()) {
        out.pieces.push_back(read_piece(piece));
        out.pieces.back().final = true;
    }
    return out;
}

}  // namespace bridge::app
