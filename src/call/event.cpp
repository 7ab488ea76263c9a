#include "call/event.hpp"

namespace bridge::call {

std::string_view to_string(CallState state) {
    switch (state) {
        case CallState::created:
            return "created";
        case CallState::queued:
            return "queued";
        case CallState::ringing:
            return "ringing";
        case CallState::in_progress:
            return "in-progress";
        case CallState::completed:
            return "completed";
        case CallState::busy:
            return "busy";
        case CallState::failed:
            return "failed";
        case CallState::no_answer:
            return "no-answer";
        case CallState::canceled:
            return "canceled";
    }
    return "created";
}

std::string_view to_string(AgentMode mode) {
    switch (mode) {
        case AgentMode::speaks:
            return "speaks";
        case AgentMode::whisper:
            return "whisper";
        case AgentMode::together:
            return "together";
        case AgentMode::taken_over:
            return "taken-over";
    }
    return "speaks";
}

std::optional<AgentMode> parse_agent_mode(std::string_view text) {
    for (const auto mode :
         {AgentMode::speaks, AgentMode::whisper, AgentMode::together, AgentMode::taken_over}) {
        if (text == to_string(mode)) return mode;
    }
    return std::nullopt;
}

std::string_view to_string(AgentState::Status status) {
    switch (status) {
        case AgentState::Status::none:
            return "none";
        case AgentState::Status::connecting:
            return "connecting";
        case AgentState::Status::ready:
            return "ready";
        case AgentState::Status::lost:
            return "lost";
        case AgentState::Status::gone:
            return "gone";
    }
    return "none";
}

std::optional<AgentState::Status> parse_agent_status(std::string_view text) {
    using Status = AgentState::Status;
    for (const auto status :
         {Status::none, Status::connecting, Status::ready, Status::lost, Status::gone}) {
        if (text == to_string(status)) return status;
    }
    return std::nullopt;
}

std::string_view to_string(Direction direction) {
    return direction == Direction::inbound ? "inbound" : "outbound";
}

std::optional<CallState> parse_call_state(std::string_view status) {
    if (status == "queued" || status == "initiated") return CallState::queued;
    if (status == "ringing") return CallState::ringing;
    if (status == "in-progress" || status == "answered") return CallState::in_progress;
    if (status == "completed") return CallState::completed;
    if (status == "busy") return CallState::busy;
    if (status == "failed") return CallState::failed;
    if (status == "no-answer") return CallState::no_answer;
    if (status == "canceled") return CallState::canceled;
    return std::nullopt;
}

}  // namespace bridge::call
