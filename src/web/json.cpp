#include "web/json.hpp"

#include <algorithm>
#include <boost/json/array.hpp>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <string_view>

#include "web/answers.hpp"

namespace bridge::web {
namespace {

namespace json = boost::json;

constexpr double kSamplesPerMs = 8.0;

json::string json_string(std::string_view view) {
    return json::string(view.data(), view.size());
}

double rounded(double value) {
    return std::round(value * 10.0) / 10.0;
}

double ms_of(std::uint64_t samples) {
    return rounded(static_cast<double>(samples) / kSamplesPerMs);
}

double level(float dbfs) {
    return rounded(static_cast<double>(std::max(dbfs, -96.0F)));
}

json::object playout_json(const audio::PlayoutStats& playout) {
    return {{"buffer_ms", rounded(playout.depth_ms)},
            {"target_ms", rounded(playout.target_ms)},
            {"jitter_ms", rounded(playout.jitter_ms)},
            {"latency_p50_ms", rounded(playout.latency_p50_ms)},
            {"latency_max_ms", rounded(playout.latency_max_ms)},
            {"steering_ppm", rounded(playout.steering_ppm)},
            {"underruns", playout.underruns},
            {"concealed_ms", ms_of(playout.concealed_samples)},
            {"trimmed_ms", ms_of(playout.trimmed_samples)},
            {"dropped_ms", ms_of(playout.dropped_samples)},
            {"level_dbfs", level(playout.level_dbfs)}};
}

json::object device_json(const audio::DeviceStats& device) {
    return {{"sample_rate", device.sample_rate},
            {"block_samples", device.block_samples},
            {"reported_latency_ms", rounded(device.reported_latency_ms)},
            {"callbacks", device.callbacks},
            {"underflows", device.underflows},
            {"longest_gap_ms", rounded(device.longest_gap_ms)},
            {"losses", device.losses},
            {"unheard_ms", rounded(device.unheard_ms)}};
}

json::object outbound_json(const call::OutboundStats& sent) {
    return {{"frames", sent.frames},
            {"messages", sent.messages},
            {"marks_played", sent.marks_played},
            {"marks_cleared", sent.marks_cleared},
            {"marks_lost", sent.marks_lost},
            {"clears", sent.clears},
            {"pauses", sent.pauses},
            {"resumes", sent.resumes},
            {"refused_frames", sent.refused_frames},
            {"dropped_live_ms", ms_of(sent.dropped_live_samples)},
            {"dropped_ahead_ms", ms_of(sent.dropped_ahead_samples)},
            {"starved", sent.starved},
            {"lead_ms", rounded(sent.lead_ms)},
            {"round_trip_ms", rounded(sent.round_trip_ms)},
            {"level_dbfs", level(sent.level_dbfs)},
            {"peak_dbfs", level(sent.peak_dbfs)},
            {"clipped_samples", sent.clipped_samples},
            {"mouth_to_wire_ms", rounded(sent.mouth_to_wire_ms)},
            {"mouth_to_wire_max_ms", rounded(sent.mouth_to_wire_max_ms)}};
}

json::object microphone_json(const audio::MicStats& mic) {
    return {{"running", mic.running},
            {"device", mic.device},
            {"sample_rate", mic.sample_rate},
            {"reported_latency_ms", rounded(mic.reported_latency_ms)},
            {"level_dbfs", level(mic.level_dbfs)},
            {"raw_level_dbfs", level(mic.raw_level_dbfs)},
            {"clipped_samples", mic.clipped_samples},
            {"gaps", mic.gaps},
            {"gap_ms", rounded(mic.gap_ms)},
            {"dropped_ms", ms_of(mic.dropped_samples)},
            {"steering_ppm", rounded(mic.steering_ppm)},
            {"echo_delay_ms", rounded(mic.echo_delay_ms)},
            {"erle_db", rounded(mic.erle_db)}};
}

json::object turns_json(const call::TurnStats& turns) {
    json::object legs;
    for (const auto leg : {call::TurnLeg::detect, call::TurnLeg::agent, call::TurnLeg::socket,
                           call::TurnLeg::heard, call::TurnLeg::total}) {
        const auto& of = turns[leg];
        legs[call::to_string(leg)] = json::object{{"count", of.count},
                                                  {"p50_ms", rounded(of.p50_ms)},
                                                  {"p95_ms", rounded(of.p95_ms)},
                                                  {"p99_ms", rounded(of.p99_ms)},
                                                  {"max_ms", rounded(of.max_ms)}};
    }
    json::object out{{"count", turns.turns},
                     {"unanswered", turns.unanswered},
                     {"interruptions", turns.interruptions},
                     {"coughs", turns.resumes},
                     {"legs", std::move(legs)}};
    if (turns.greeting) out["greeting_ms"] = latency_json(*turns.greeting);
    if (turns.last) out["last_ms"] = latency_json(*turns.last);
    return out;
}

}  // namespace

json::object local_json(const call::LocalPart& local) {
    return {{"ringing", local.ringing},
            {"focus", local.focus},
            {"microphone", local.microphone},
            {"muted", local.muted},
            {"held", local.held},
            {"gain", std::round(local.gain * 1000.0) / 1000.0},
            {"pan", rounded(static_cast<double>(local.pan))}};
}

json::object transfer_json(const call::TransferState& transfer) {
    const bool warm = !transfer.call.empty();
    json::object out{
        {"to", transfer.to}, {"status", transfer.status}, {"mode", warm ? "warm" : "cold"}};
    if (warm) out["call"] = transfer.call.str();
    return out;
}

json::object latency_json(const call::TurnLatency& turn) {
    json::object out;
    for (const auto leg : {call::TurnLeg::detect, call::TurnLeg::agent, call::TurnLeg::socket,
                           call::TurnLeg::heard, call::TurnLeg::total}) {
        if (const auto& took = turn[leg])
            out[call::to_string(leg)] =
                rounded(std::chrono::duration<double, std::milli>(*took).count());
    }
    return out;
}

json::object agent_json(const call::AgentState& agent) {
    json::object out{{"name", agent.name},
                     {"status", json_string(call::to_string(agent.status))},
                     {"mode", json_string(call::to_string(agent.mode))},
                     {"sessions", agent.sessions}};
    if (!agent.reason.empty()) out["reason"] = agent.reason;
    return out;
}

json::object recording_json(const call::RecordingState& recording) {
    json::object out{{"status", json_string(call::to_string(recording.status))},
                     {"file", recording.file}};
    if (!recording.problem.empty()) out["problem"] = recording.problem;
    return out;
}

json::object transcription_json(const call::TranscriptionState& state) {
    json::object out{{"engine", state.engine},
                     {"status", json_string(call::to_string(state.status))}};
    if (!state.reason.empty()) out["reason"] = state.reason;
    return out;
}

namespace {

/// A hundredth is enough.
json::value confidence(const std::optional<float>& value) {
    if (!value) return nullptr;
    return std::round(static_cast<double>(*value) * 100) / 100;
}

}  // namespace

json::object piece_json(const call::TranscriptPiece& piece) {
    json::array words;
    for (const auto& word : piece.words) {
        words.push_back(json::object{{"text", word.text},
                                     {"begin_ms", word.begin.count()},
                                     {"end_ms", word.end.count()},
                                     {"confidence", confidence(word.confidence)}});
    }
    return {{"speaker", json_string(call::to_string(piece.speaker))},
            {"number", piece.number},
            {"final", piece.final},
            {"begin_ms", piece.begin.count()},
            {"end_ms", piece.end.count()},
            {"text", piece.text},
            {"confidence", confidence(piece.confidence)},
            {"words", std::move(words)}};
}

json::object call_json(const call::CallSnapshot& call) {
    json::object out{
        {"call", call.id.str()},
        {"call_sid", call.sid.str()},
        {"stream_sid", call.stream_sid.str()},
        {"direction", json_string(call::to_string(call.direction))},
        {"to", call.to},
        {"from", call.from},
        {"state", json_string(call::to_string(call.state))},
        {"streaming", call.streaming},
        {"reason", call.end_reason},
        {"answered_by", call.answered_by},
        {"carrier_code", call.carrier_code},
        {"sip_code", call.sip_code},
        {"end_confirmed", call.end_confirmed},
        {"outcome_unknown", call.outcome_unknown},
        {"created", format_time(call.created)},
        {"duration_ms", call.age.count()},
        {"streamed_ms", call.streamed.count()},
        {"frames", call.media.frames},
        {"lost_ms", call.media.lost_ms},
        {"late", call.media.late},
        {"duplicates", call.media.duplicates},
        {"stalls", call.media.stalls},
        {"malformed", call.media.malformed},
        {"local", local_json(call.local)},
        {"listeners", call.listeners},
        {"talkers", call.talkers},
    };
    // What is seldom so, and then matters.
    if (call.handed_over) out["handed_over"] = true;
    if (call.never_heard) out["never_heard"] = true;
    if (call.unheard) out["unheard"] = true;
    if (call.lost_create) out["lost_create"] = true;
    if (call.media.gap_ms > 0) out["gap_ms"] = call.media.gap_ms;
    if (call.answered) out["answered_at"] = format_time(*call.answered);
    if (call.ended) out["ended"] = format_time(*call.ended);
    if (call.billed_duration) out["billed_s"] = call.billed_duration->count();
    if (call.stream_setup) out["stream_setup_ms"] = call.stream_setup->count();
    if (!call.parent.empty()) out["parent"] = call.parent.str();
    if (!call.transfer.to.empty() || !call.transfer.status.empty())
        out["transfer"] = transfer_json(call.transfer);
    if (call.agent.status != call::AgentState::Status::none) out["agent"] = agent_json(call.agent);
    if (call.recording.status != call::RecordingStatus::none)
        out["recording"] = recording_json(call.recording);
    if (call.transcription.status != call::TranscriptionStatus::none)
        out["transcription"] = transcription_json(call.transcription);
    if (call.turns) out["turns"] = turns_json(*call.turns);
    out["outbound"] = outbound_json(call.outbound);
    if (call.microphone) out["microphone"] = microphone_json(*call.microphone);
    if (call.playout) out["playout"] = playout_json(*call.playout);
    if (call.device) out["device"] = device_json(*call.device);
    return out;
}

json::object call_json(const call::CallSnapshot& call, const call::Desk::Place& place) {
    auto out = call_json(call);
    auto& local = out["local"].as_object();
    local["volume"] = place.volume;
    local["solo"] = place.solo;
    return out;
}

}  // namespace bridge::web
