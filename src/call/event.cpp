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
