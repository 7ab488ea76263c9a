#include "app/call_text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <cmath>

#include "app/columns.hpp"
#include "base/secret.hpp"
#include "web/json.hpp"

namespace bridge::app {
namespace {

using call::CallSnapshot;
using call::CallState;
using std::chrono::milliseconds;

constexpr int kMeterCells = 10;
constexpr std::size_t kMostLines = 8;
/// Speech is 10 dB and more below its peaks: at this level of 100 ms they were cut.
constexpr float kTooLoudDbfs = -4.0F;
/// The largest sample sent: nothing louder fits.
constexpr float kClippedDbfs = -0.1F;
constexpr std::string_view kGreen = "\x1b[32m", kYellow = "\x1b[33m", kRed = "\x1b[31m";
constexpr double kSamplesPerMs = 8.0;

std::string_view color_of(CallState state) {
    if (state == CallState::in_progress) return kGreen;
    if (state == CallState::completed || !call::is_final(state)) return kYellow;
    return kRed;
}

double ms_of(std::uint64_t samples) {
    return static_cast<double>(samples) / kSamplesPerMs;
}

}  // namespace

const std::string& other_end(const CallSnapshot& call) {
    return call.direction == call::Direction::outbound ? call.to : call.from;
}

std::string format_elapsed(milliseconds time) {
    const auto seconds = std::max<std::int64_t>(0, time.count() / 1000);
    if (seconds < 3600) return fmt::format("{:02}:{:02}", seconds / 60, seconds % 60);
    return fmt::format("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
}

std::string format_meter(float level_dbfs, int cells, bool unicode) {
    constexpr float kFloor = -60.0F;
    const auto part = std::clamp((level_dbfs - kFloor) / -kFloor, 0.0F, 1.0F);
    const auto full = static_cast<int>(std::lround(part * static_cast<float>(cells)));
    std::string out = "[";
    for (int cell = 0; cell < cells; ++cell)
        out += cell < full ? (unicode ? "█" : "#") : (unicode ? "·" : "-");
    return out + "]";
}

namespace {

/// A part of the live line; columns are counted, bytes are not what the eye sees.
struct LiveField {
    std::string text;
    std::size_t columns = 0;
    std::string_view color{};
};

LiveField plain(std::string text, std::string_view color = {}) {
    const auto columns = columns_of(text);
    return {std::move(text), columns, color};
}

/// "[####------] -24 dBFS", "mic [###-------]!": the mark is for what was clipped.
LiveField meter(std::string_view name, float level_dbfs, bool clipped, bool number,
                const LiveStyle& style) {
    LiveField field;
    field.text = fmt::format("{}{}{}", name, format_meter(level_dbfs, kMeterCells, style.unicode),
                             clipped ? "!" : "");
    field.columns = name.size() + kMeterCells + 2 + (clipped ? 1 : 0);
    if (number) {
        const auto shown = fmt::format(" {:>3.0f} dBFS", std::max(level_dbfs, -96.0F));
        field.text += shown;
        field.columns += shown.size();
    }
    if (clipped) field.color = kRed;
    return field;
}

LiveField state_field(const CallSnapshot& call) {
    if (call.local.ringing && !call::is_final(call.state)) return plain("rings here", kYellow);
    if (call.local.held && !call::is_final(call.state)) return plain("on hold", kYellow);
    return plain(std::string(call::to_string(call.state)), color_of(call.state));
}

std::vector<LiveField> live_fields(const CallSnapshot& call, bool several, const LiveStyle& style) {
    std::vector<LiveField> fields;
    if (several) {
        auto sign = plain(call.local.focus ? ">" : call.local.ringing ? "!" : " ");
        if (style.unicode && call.local.focus) sign = {"▶", 1};
        fields.push_back(std::move(sign));
    }
    fields.push_back(state_field(call));
    fields.push_back(plain(format_elapsed(call.streaming ? call.streamed : call.age)));
    if (!other_end(call).empty())
        fields.push_back(
            plain(visible(style.whole_numbers ? other_end(call) : masked_number(other_end(call)),
                          style.unicode)));
    if (call.streaming && call.playout)
        fields.push_back(meter("", call.playout->level_dbfs,
                               call.playout->level_dbfs >= kTooLoudDbfs, true, style));
    if (call.local.muted && !call::is_final(call.state)) {
        fields.push_back(plain("muted", kYellow));
    } else if (call.microphone) {
        fields.push_back(meter("mic ", call.microphone->level_dbfs,
                               call.outbound.peak_dbfs >= kClippedDbfs, false, style));
    }
    if (call.recording.status == call::RecordingStatus::recording)
        fields.push_back(plain("rec", kRed));
    if (call.recording.status == call::RecordingStatus::paused)
        fields.push_back(plain("rec paused", kYellow));
    if (!call.transfer.status.empty())
        fields.push_back(
            plain(visible(fmt::format("transfer {}", call.transfer.status), style.unicode)));
    if (!call.local.focus && several && call.streaming && !call.local.held && call.local.gain < 1)
        fields.push_back(plain(fmt::format("{:.0f} %", call.local.gain * 100)));
    if (call.media.messages > 0) {
        fields.push_back(plain(fmt::format("lost {} ms", call.media.lost_ms)));
        fields.push_back(plain(fmt::format("late {}", call.media.late)));
    }
    if (call.streaming && call.playout) {
        fields.push_back(plain(fmt::format("buffer {:.0f} ms", call.playout->depth_ms)));
        fields.push_back(plain(fmt::format("latency {:.0f} ms", call.playout->latency_ms)));
    }
    return fields;
}

std::string fit(const std::vector<LiveField>& fields, const LiveStyle& style) {
    // The last column stays free: some terminals wrap as soon as it is written.
    const auto room = static_cast<std::size_t>(std::max(style.width - 1, 0));
    std::string line;
    std::size_t columns = 0;
    for (std::size_t at = 0; at < fields.size(); ++at) {
        const auto& field = fields[at];
        const bool after_sign = at == 1 && fields[0].columns == 1;
        const std::size_t gap = at == 0 ? 0 : after_sign ? 1 : 2;
        if (columns + gap + field.columns > room) break;
        columns += gap + field.columns;
        line += std::string(gap, ' ');
        line += style.color && !field.color.empty()
                    ? fmt::format("{}{}\x1b[0m", field.color, field.text)
                    : field.text;
    }
    return line;
}

/// The ones worth a line each, in the order they came.
std::vector<const CallSnapshot*> worth_a_line(const std::vector<CallSnapshot>& calls) {
    std::vector<const CallSnapshot*> oldest_first;
    for (const auto& call : calls) oldest_first.push_back(&call);
    std::stable_sort(oldest_first.begin(), oldest_first.end(),
                     [](const auto* a, const auto* b) { return a->age > b->age; });
    auto best = oldest_first;
    std::stable_sort(best.begin(), best.end(), [](const auto* a, const auto* b) {
        const auto rank = [](const CallSnapshot& call) {
            return call.local.focus ? 0 : call.local.ringing ? 1 : 2;
        };
        return rank(*a) != rank(*b) ? rank(*a) < rank(*b) : a->age < b->age;
    });
    best.resize(std::min(best.size(), kMostLines));
    std::erase_if(oldest_first, [&](const auto* call) {
        return std::find(best.begin(), best.end(), call) == best.end();
    });
    return oldest_first;
}

}  // namespace

std::vector<std::string> format_live_lines(const std::vector<CallSnapshot>& calls,
                                           const LiveStyle& style) {
    std::vector<std::string> lines;
    const bool several = calls.size() > 1;
    for (const auto* call : worth_a_line(calls))
        lines.push_back(fit(live_fields(*call, several, style), style));
    if (calls.size() > lines.size())
        lines.push_back(
            fit({plain(fmt::format("  and {} more", calls.size() - lines.size()))}, style));
    return lines;
}

std::string format_watch_foot(std::size_t calls, bool keys, int width) {
    const auto count = calls == 0   ? std::string("no calls")
                       : calls == 1 ? std::string("1 call")
                                    : fmt::format("{} calls", calls);
    if (!keys)
        return fit({plain(count), plain("Ctrl-C leaves"),
                    plain("`agentbridge calls` in another terminal steers them")},
                   {width});
    return fit({plain(count), plain("q leaves"), plain("? keys"), plain("n next"), plain("m mute"),
                plain("h hold"), plain("t transfer"), plain("a accept"), plain("x hang up")},
               {width});
}

std::string format_signs(const CallSnapshot& call) {
    std::vector<std::string> signs;
    if (call::is_final(call.state)) return "";
    const auto& local = call.local;
    if (local.ringing) signs.emplace_back("rings here");
    if (local.focus) signs.emplace_back("focus");
    if (local.microphone) signs.emplace_back("microphone");
    if (local.muted) signs.emplace_back("muted");
    if (local.held) signs.emplace_back("on hold");
    if (!local.held && !local.ringing && local.gain < 1)
        signs.push_back(local.gain <= 0 ? std::string("not heard")
                                        : fmt::format("heard at {:.0f} %", local.gain * 100));
    if (call.agent.status != call::AgentState::Status::none) {
        auto agent = fmt::format("agent {}", call.agent.name);
        if (call.agent.status != call::AgentState::Status::ready)
            agent += fmt::format(" {}", to_string(call.agent.status));
        if (call.agent.mode != call::AgentMode::speaks)
            agent += fmt::format(", {}", to_string(call.agent.mode));
        signs.push_back(std::move(agent));
    }
    if (!call.transfer.status.empty())
        signs.push_back(fmt::format("transfer to {}: {}", call.transfer.to, call.transfer.status));
    return fmt::format("{}", fmt::join(signs, ", "));
}

std::string format_call_line(const CallSnapshot& call, bool with_time) {
    auto line = fmt::format("{}  {} {}  {}", call.id,
                            call.direction == call::Direction::outbound ? "to" : "from",
                            other_end(call), call::to_string(call.state));
    if (with_time) line += "  " + format_elapsed(call.streaming ? call.streamed : call.age);
    if (const auto signs = format_signs(call); !signs.empty()) line += "  " + signs;
    return visible(line);
}

std::string format_call_table(const std::vector<CallSnapshot>& calls) {
    if (calls.empty()) return "no calls\n";
    std::size_t id = 4, who = 3;
    const auto whom = [](const CallSnapshot& call) {
        return visible((call.direction == call::Direction::outbound ? "to " : "from ") +
                       other_end(call));
    };
    const auto padded = [](std::string text, std::size_t columns) {
        text.append(columns - std::min(columns, columns_of(text)), ' ');
        return text;
    };
    for (const auto& call : calls) {
        id = std::max(id, call.id.str().size());
        who = std::max(who, columns_of(whom(call)));
    }
    auto out = fmt::format("{:<{}}  {:<{}}  {:<11}  {:>7}  {}\n", "call", id, "who", who, "state",
                           "time", "here");
    for (const auto& call : calls) {
        auto line = fmt::format("{:<{}}  {}  {:<11}  {:>7}  {}", call.id.str(), id,
                                padded(whom(call), who), call::to_string(call.state),
                                format_elapsed(call.streaming ? call.streamed : call.age),
                                visible(format_signs(call)));
        line.erase(line.find_last_not_of(' ') + 1);
        out += line + "\n";
    }
    return out;
}

namespace {

/// How long callers waited for the agent's answers, and for the newest where the time went.
std::string turns_in_words(const call::TurnStats& turns) {
    using call::TurnLeg;
    const auto& total = turns[TurnLeg::total];
    if (total.count == 0) return "";
    auto out = fmt::format("{} answered, {:.0f} ms median, {:.0f} ms p95, {:.0f} ms at most",
                           turns.turns, total.p50_ms, total.p95_ms, total.max_ms);
    if (!turns.last) return out;
    for (const auto& [leg, name] :
         {std::pair{TurnLeg::total, "; the last"}, std::pair{TurnLeg::detect, ": noticed"},
          std::pair{TurnLeg::agent, ", agent"}, std::pair{TurnLeg::socket, ", sent"},
          std::pair{TurnLeg::heard, ", on the phone"}}) {
        if (const auto took = (*turns.last)[leg])
            out += fmt::format("{} {:.0f}", name,
                               std::chrono::duration<double, std::milli>(*took).count());
    }
    return out;
}

}  // namespace

std::string format_call_details(const CallSnapshot& call) {
    auto out = format_call_line(call) + "\n";
    const auto row = [&](std::string_view name, const std::string& value) {
        if (!value.empty()) out += fmt::format("  {:<10}{}\n", name, visible(value));
    };
    row("CallSid", call.sid.str());
    row("from", call.from);
    row("to", call.to);
    if (!call.parent.empty()) row("made for", call.parent.str());
    if (!call.transfer.call.empty()) row("transfer", "with call " + call.transfer.call.str());
    row("age", format_elapsed(call.age));
    if (call.streamed.count() > 0) row("sound", format_elapsed(call.streamed));
    if (call.playout && call.streaming)
        row("phone", fmt::format("{:.0f} dBFS, {:.0f} ms buffered", call.playout->level_dbfs,
                                 call.playout->depth_ms));
    if (call.microphone) row("microphone", fmt::format("{:.0f} dBFS", call.microphone->level_dbfs));
    if (call.media.frames > 0)
        row("frames", fmt::format("{} received, {} ms lost, {} late", call.media.frames,
                                  call.media.lost_ms, call.media.late));
    if (call.turns) row("answers", turns_in_words(*call.turns));
    row("reason", call.end_reason);
    return out;
}

std::optional<std::string> format_event(const call::CallEvent& event, milliseconds elapsed) {
    const auto line = [&](const std::string& text) {
        // Words, names and reasons are other people's.
        return fmt::format("{}  {}  {}", format_elapsed(elapsed), event.call, visible(text));
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
        std::optional<std::string> operator()(const call::event::AgentChanged& changed) const {
            const auto& agent = changed.agent;
            if (agent.status == call::AgentState::Status::none)
                return say("no agent is on the call");
            auto said = fmt::format("agent {}: {}", agent.name, to_string(agent.status));
            if (agent.mode != call::AgentMode::speaks)
                said += fmt::format(", {}", to_string(agent.mode));
            if (!agent.reason.empty()) said += fmt::format(" ({})", agent.reason);
            return say(said);
        }
        std::optional<std::string> operator()(const call::event::ListenersChanged& who) const {
            return say(
                fmt::format("listening from outside: {}, talking: {}", who.count, who.talkers));
        }
        std::optional<std::string> operator()(const call::event::Said& said) const {
            if (!said.final) return std::nullopt;
            return say(fmt::format("{}: {}", said.by_agent ? "agent" : "caller", said.text));
        }
        std::optional<std::string> operator()(const call::event::RecordingChanged& changed) const {
            const auto& recording = changed.recording;
            auto said = fmt::format("recording: {}", to_string(recording.status));
            if (!recording.problem.empty()) return say(said + ", " + recording.problem);
            if (recording.status != call::RecordingStatus::paused && !recording.file.empty())
                said += ", " + recording.file;
            return say(said);
        }
        std::optional<std::string> operator()(
            const call::event::TranscriptionChanged& changed) const {
            const auto& state = changed.transcription;
            auto said = fmt::format("transcript by {}: {}", state.engine, to_string(state.status));
            if (!state.reason.empty()) said += fmt::format(" ({})", state.reason);
            return say(said);
        }
        std::optional<std::string> operator()(const call::event::Transcribed& heard) const {
            if (!heard.piece.final || heard.piece.text.empty()) return std::nullopt;
            return say(fmt::format("{}: {}",
                                   heard.piece.speaker == call::LineEnd::far ? "they" : "we",
                                   heard.piece.text));
        }
        std::optional<std::string> operator()(const call::event::ToolUsed& used) const {
            if (used.problem.empty())
                return say(fmt::format("agent used {} ({} ms)", used.name, used.took.count()));
            return say(fmt::format("agent used {} ({} ms): {}", used.name, used.took.count(),
                                   used.problem));
        }
        std::optional<std::string> operator()(const call::event::MessageTaken& taken) const {
            return say("agent took a message: " + taken.file);
        }
        std::optional<std::string> operator()(const call::event::TurnMeasured& turn) const {
            const auto total = turn.latency[call::TurnLeg::total];
            if (turn.latency.greeting || !total) return std::nullopt;
            return say(fmt::format("turn answered after {:.0f} ms",
                                   std::chrono::duration<double, std::milli>(*total).count()));
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

namespace {

/// How long the caller waited for an answer, and where the time went.
std::string format_turns(const call::TurnStats& turns) {
    using call::TurnLeg;
    const auto& total = turns[TurnLeg::total];
    if (total.count == 0) return "";
    auto out =
        fmt::format("  answers   {:.0f} ms median, {:.0f} ms p95, {:.0f} ms at most:", total.p50_ms,
                    total.p95_ms, total.max_ms);
    for (const auto& [leg, name] :
         {std::pair{TurnLeg::detect, "heard that the caller is done"},
          std::pair{TurnLeg::agent, "agent"}, std::pair{TurnLeg::socket, "sent"},
          std::pair{TurnLeg::heard, "on the phone"}}) {
        out +=
            fmt::format("{} {} {:.0f}", leg == TurnLeg::detect ? "" : ",", name, turns[leg].p50_ms);
    }
    return out + "\n";
}

}  // namespace

std::string format_summary(const CallSnapshot& call) {
    auto out = fmt::format("call {}{} {} {}: {}", call.id,
                           call.sid.empty() ? "" : " " + shortened(call.sid.str()),
                           call.direction == call::Direction::outbound ? "to" : "from",
                           visible(masked_number(other_end(call))), call::to_string(call.state));
    if (!call.end_reason.empty()) out += fmt::format(" ({})", visible(call.end_reason));
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
    if (!call.agent.name.empty()) {
        out += fmt::format("  agent     {}, {} session{}", call.agent.name, call.agent.sessions,
                           call.agent.sessions == 1 ? "" : "s");
        if (call.turns) {
            out += fmt::format(", {} turns, {} interruptions, {} coughs", call.turns->turns,
                               call.turns->interruptions, call.turns->resumes);
        }
        out += "\n";
    }
    if (call.turns) out += format_turns(*call.turns);
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
