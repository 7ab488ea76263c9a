#include "app/call_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <cmath>

#include "base/secret.hpp"
#include "web/json.hpp"

namespace bridge::app {
namespace {

using call::CallSnapshot;
using call::CallState;
using std::chrono::milliseconds;

constexpr int kMeterCells = 10;
constexpr double kSamplesPerMs = 8.0;

const std::string& other_end(const CallSnapshot& call) {
    return call.direction == call::Direction::outbound ? call.to : call.from;
}

std::string_view color_of(CallState state) {
    if (state == CallState::in_progress) return "\x1b[32m";
    if (state == CallState::completed || !call::is_final(state)) return "\x1b[33m";
    return "\x1b[31m";
}

double ms_of(std::uint64_t samples) {
    return static_cast<double>(samples) / kSamplesPerMs;
}

}  // namespace

std::string format_elapsed(milliseconds time) {
    const auto seconds = std::max<std::int64_t>(0, time.count() / 1000);
    if (seconds < 3600) return fmt::format("{:02}:{:02}", seconds / 60, seconds % 60);
    return fmt::format("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
}

std::string format_meter(float level_dbfs, int cells) {
    constexpr float kFloor = -60.0F;
    const auto part = std::clamp((level_dbfs - kFloor) / -kFloor, 0.0F, 1.0F);
    const auto full = static_cast<std::size_t>(std::lround(part * static_cast<float>(cells)));
    return "[" + std::string(full, '#') + std::string(static_cast<std::size_t>(cells) - full, '-') +
           "]";
}

std::string format_live_line(const std::vector<CallSnapshot>& calls, int width, bool color) {
    if (calls.empty()) return "";
    const auto& newest = *std::min_element(
        calls.begin(), calls.end(), [](const auto& a, const auto& b) { return a.age < b.age; });
    const std::string state(call::to_string(newest.state));

    std::vector<std::string> fields;
    if (calls.size() > 1) fields.push_back(fmt::format("{} calls", calls.size()));
    const auto state_at = fields.size();
    fields.push_back(state);
    fields.push_back(format_elapsed(newest.streaming ? newest.streamed : newest.age));
    if (!other_end(newest).empty()) fields.push_back(masked_number(other_end(newest)));
    if (newest.streaming && newest.playout) {
        const auto& playout = *newest.playout;
        fields.push_back(fmt::format("{} {:>3.0f} dBFS",
                                     format_meter(playout.level_dbfs, kMeterCells),
                                     static_cast<double>(std::max(playout.level_dbfs, -96.0F))));
    }
    if (newest.media.messages > 0) {
        fields.push_back(fmt::format("lost {} ms", newest.media.lost_ms));
        fields.push_back(fmt::format("late {}", newest.media.late));
    }
    if (newest.streaming && newest.playout) {
        fields.push_back(fmt::format("buffer {:.0f} ms", newest.playout->depth_ms));
        fields.push_back(fmt::format("latency {:.0f} ms", newest.playout->latency_ms));
    }

    // The last column stays free: some terminals wrap as soon as it is written.
    const auto room = static_cast<std::size_t>(std::max(width - 1, 0));
    std::string line;
    std::size_t columns = 0;
    for (std::size_t at = 0; at < fields.size(); ++at) {
        const auto gap = at == 0 ? std::size_t{0} : std::size_t{2};
        if (columns + gap + fields[at].size() > room) break;
        columns += gap + fields[at].size();
        line += std::string(gap, ' ');
        line += color && at == state_at
                    ? fmt::format("{}{}\x1b[0m", color_of(newest.state), fields[at])
                    : fields[at];
    }
    return line;
}

std::optional<std::string> format_event(const call::CallEvent& event, milliseconds elapsed) {
    const auto line = [&](const std::string& text) {
        return fmt::format("{}  {}  {}", format_elapsed(elapsed), event.call, text);
    };
    struct Visitor {
        decltype(line)& say;
        std::optional<std::string> operator()(const call::event::StateChanged& changed) const {
            return say(changed.reason.empty()
                           ? std::string(call::to_string(changed.state))
                           : fmt::format("{}: {}", call::to_string(changed.state), changed.reason));
        }
        std::optional<std::string> operator()(const call::event::FirstAudio&) const {
            return say("audio");
        }
        std::optional<std::string> operator()(const call::event::StreamUp&) const {
            return std::nullopt;
        }
        std::optional<std::string> operator()(const call::event::StreamDown& down) const {
            if (down.clean) return std::nullopt;
            return say(fmt::format("the media stream broke: {}", down.reason));
        }
        std::optional<std::string> operator()(const call::event::Digit& digit) const {
            return say(fmt::format("key {}", digit.digit));
        }
        std::optional<std::string> operator()(const call::event::MachineDetected& who) const {
            return say(fmt::format("answered by {}", who.answered_by));
        }
        std::optional<std::string> operator()(const call::event::Ringing& ringing) const {
            return say("rings here, from " + masked_number(ringing.from));
        }
        std::optional<std::string> operator()(const call::event::RingEnded& ended) const {
            return say(ended.accepted ? std::string("taken") : "not taken: " + ended.reason);
        }
        std::optional<std::string> operator()(const call::event::DigitsSent& sent) const {
            if (!sent.problem.empty())
                return say(fmt::format("keys {} not sent: {}", sent.digits, sent.problem));
            return say(fmt::format("keys {} sent", sent.digits));
        }
        std::optional<std::string> operator()(const call::event::VoicemailLeft& left) const {
            return say(fmt::format("left a message of {:.0f} s: {}",
                                   static_cast<double>(left.length.count()) / 1000.0, left.file));
        }
        std::optional<std::string> operator()(const call::event::LocalChanged&) const {
            return std::nullopt;
        }
        std::optional<std::string> operator()(const call::event::TransferChanged& changed) const {
            return say(
                fmt::format("transfer to {}: {}", changed.transfer.to, changed.transfer.status));
        }
        std::optional<std::string> operator()(const call::event::Statistics&) const {
            return std::nullopt;
        }
        std::optional<std::string> operator()(const call::event::Ended&) const {
            return std::nullopt;
        }
        std::optional<std::string> operator()(const call::event::Warning& warning) const {
            return say("warning: " + warning.text);
        }
    };
    return std::visit(Visitor{line}, event.what);
}

std::string format_summary(const CallSnapshot& call) {
    auto out = fmt::format("call {}{} {} {}: {}", call.id,
                           call.sid.empty() ? "" : " " + shortened(call.sid.str()),
                           call.direction == call::Direction::outbound ? "to" : "from",
                           masked_number(other_end(call)), call::to_string(call.state));
    if (!call.end_reason.empty()) out += fmt::format(" ({})", call.end_reason);
    out += fmt::format("\n  duration  {}", format_elapsed(call.age));
    if (call.streamed.count() > 0)
        out += fmt::format(", {} with sound", format_elapsed(call.streamed));
    if (call.billed_duration)
        out += fmt::format(", {} s on the carrier's bill", call.billed_duration->count());
    out += "\n";
    if (!call.answered_by.empty()) out += fmt::format("  answered  by {}\n", call.answered_by);
    if (call.media.messages > 0) {
        out += fmt::format("  frames    {} received, {} ms lost, {} late, {} duplicates, {} stalls",
                           call.media.frames, call.media.lost_ms, call.media.late,
                           call.media.duplicates, call.media.stalls);
        if (call.playout)
            out += fmt::format(", {:.0f} ms concealed", ms_of(call.playout->concealed_samples));
        out += "\n";
    }
    if (call.media.gap_ms > 0) {
        out +=
            fmt::format("  gaps      {} ms without sound while the carrier sent keys or dialled\n",
                        call.media.gap_ms);
    }
    if (call.playout && call.playout->frames > 0) {
        const auto& playout = *call.playout;
        out += fmt::format(
            "  buffer    {:.0f} ms aimed at, {} underruns, {:.0f} ms trimmed, {:.0f} ms dropped\n",
            playout.target_ms, playout.underruns, ms_of(playout.trimmed_samples),
            ms_of(playout.dropped_samples));
        out += fmt::format(
            "  latency   {:.0f} ms median, {:.0f} ms at most, frame received to sound card\n",
            playout.latency_p50_ms, playout.latency_max_ms);
    }
    if (call.outbound.frames > 0) {
        const auto& said = call.outbound;
        out += fmt::format("  spoken    {} in {} messages, {} marks heard, {} cut off",
                           format_elapsed(milliseconds(said.frames * 20)), said.messages,
                           said.marks_played, said.marks_cleared);
        if (said.mouth_to_wire_max_ms > 0)
            out +=
                fmt::format(", microphone to socket {:.0f} ms at most", said.mouth_to_wire_max_ms);
        if (said.dropped_live_samples > 0)
            out += fmt::format(", {:.0f} ms of it dropped", ms_of(said.dropped_live_samples));
        out += "\n";
    }
    if (call.outcome_unknown) {
        out +=
            "  warning   nobody knows whether the carrier placed this call; look at its console\n";
    } else if (call.handed_over) {
        out += "  note      it goes on without this program, and costs until they hang up\n";
    } else if (!call.sid.empty() && !call.end_confirmed) {
        out += fmt::format("  warning   the end of {} was not confirmed; it may still be live\n",
                           call.sid);
    }
    return out;
}

std::string format_summary_json(const CallSnapshot& call) {
    return boost::json::serialize(web::call_json(call));
}

std::string format_call(const call::JournalEntry& entry) {
    const bool inbound = entry.direction == call::Direction::inbound;
    return fmt::format("{} {} {}", entry.sid.empty() ? entry.id.str() : entry.sid.str(),
                       inbound ? "from" : "to", inbound ? entry.from : entry.to);
}

std::string format_outcome(const call::OrphanOutcome& outcome) {
    auto text = fmt::format("{}: {}", format_call(outcome.entry), call::to_string(outcome.what));
    if (!outcome.detail.empty()) text += ": " + outcome.detail;
    if (!outcome.candidates.empty()) {
        text += ":";
        for (const auto& sid : outcome.candidates) text += " " + sid.str();
        text += "; none was ended";
    }
    return text;
}

}  // namespace bridge::app
