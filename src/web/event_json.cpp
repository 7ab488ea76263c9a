#include <array>
#include <boost/json/object.hpp>
#include <string>
#include <variant>

#include "web/answers.hpp"
#include "web/json.hpp"

namespace bridge::web {
namespace {

namespace json = boost::json;
namespace event = call::event;

json::string text(std::string_view view) {
    return json::string(view.data(), view.size());
}

/// Each adds what its event has besides call, number and time, and returns its type.
struct Writer {
    json::object& out;

    std::string_view operator()(const event::StateChanged& changed) const {
        out["state"] = text(call::to_string(changed.state));
        out["reason"] = changed.reason;
        return "state";
    }
    std::string_view operator()(const event::StreamUp& up) const {
        out["stream_sid"] = up.stream_sid.str();
        return "stream_up";
    }
    std::string_view operator()(const event::FirstAudio&) const { return "first_audio"; }
    std::string_view operator()(const event::StreamDown& down) const {
        out["stream_sid"] = down.stream_sid.str();
        out["clean"] = down.clean;
        out["reason"] = down.reason;
        return "stream_down";
    }
    std::string_view operator()(const event::Digit& pressed) const {
        out["digit"] = std::string(1, pressed.digit);
        return "digit";
    }
    std::string_view operator()(const event::MachineDetected& machine) const {
        out["answered_by"] = machine.answered_by;
        return "machine";
    }
    std::string_view operator()(const event::Ringing& ringing) const {
        out["from"] = ringing.from;
        return "ringing";
    }
    std::string_view operator()(const event::RingEnded& ended) const {
        out["accepted"] = ended.accepted;
        out["reason"] = ended.reason;
        return "ring_ended";
    }
    std::string_view operator()(const event::DigitsSent& sent) const {
        out["digits"] = sent.digits;
        out["in_band"] = sent.in_band;
        out["problem"] = sent.problem;
        return "digits_sent";
    }
    std::string_view operator()(const event::VoicemailLeft& message) const {
        out["file"] = message.file;
        out["length_ms"] = message.length.count();
        return "voicemail";
    }
    std::string_view operator()(const event::LocalChanged& changed) const {
        out["local"] = local_json(changed.local);
        return "local";
    }
    std::string_view operator()(const event::TransferChanged& changed) const {
        out["transfer"] = transfer_json(changed.transfer);
        return "transfer";
    }
    std::string_view operator()(const event::ListenersChanged& changed) const {
        out["count"] = changed.count;
        out["talkers"] = changed.talkers;
        return "listener";
    }
    std::string_view operator()(const event::AgentChanged& changed) const {
        out["agent"] = agent_json(changed.agent);
        return "agent";
    }
    std::string_view operator()(const event::Said& said) const {
        out["by"] = said.by_agent ? "agent" : "caller";
        out["text"] = said.text;
        out["final"] = said.final;
        return "said";
    }
    std::string_view operator()(const event::RecordingChanged& changed) const {
        out["recording"] = recording_json(changed.recording);
        return "recording";
    }
    std::string_view operator()(const event::TranscriptionChanged& changed) const {
        out["transcription"] = transcription_json(changed.transcription);
        return "transcription";
    }
    std::string_view operator()(const event::Transcribed& heard) const {
        out["piece"] = piece_json(heard.piece);
        return "transcript";
    }
    std::string_view operator()(const event::ToolUsed& tool) const {
        out["name"] = tool.name;
        out["took_ms"] = tool.took.count();
        out["problem"] = tool.problem;
        return "tool";
    }
    std::string_view operator()(const event::MessageTaken& message) const {
        out["file"] = message.file;
        return "message";
    }
    std::string_view operator()(const event::TurnMeasured& turn) const {
        out["latency_ms"] = latency_json(turn.latency);
        return "turn";
    }
    std::string_view operator()(const event::Statistics& statistics) const {
        out["snapshot"] = call_json(statistics.snapshot);
        return "statistics";
    }
    std::string_view operator()(const event::Ended& ended) const {
        out["snapshot"] = call_json(ended.snapshot);
        return "ended";
    }
    std::string_view operator()(const event::Warning& warning) const {
        out["text"] = warning.text;
        return "warning";
    }
};

}  // namespace

json::object event_json(const call::CallEvent& event) {
    json::object out{{"type", nullptr},
                     {"call", event.call.str()},
                     {"call_sid", event.sid.str()},
                     {"number", event.number},
                     {"time", format_time(event.time)}};
    const auto type = std::visit(Writer{out}, event.what);
    out["type"] = text(type);
    return out;
}

}  // namespace bridge::web
