#include "call/timeline.hpp"

#include <algorithm>
#include <optional>

namespace bridge::call {
namespace {

using std::chrono::milliseconds;
using Lane = Timeline::Lane;

constexpr std::size_t kLongestText = 500;
/// Half a minute: most calls need no more, and none makes room while it is young.
constexpr std::size_t kFirstSamples = 32;

double in_ms(std::chrono::nanoseconds time) {
    return std::chrono::duration<double, std::milli>(time).count();
}

std::string local_text(const LocalPart& local) {
    std::string out = local.focus ? "focus" : "no focus";
    for (const auto& [on, word] :
         {std::pair(local.ringing, ", rings"), std::pair(local.voicemail, ", voicemail"),
          std::pair(local.microphone, ", microphone"), std::pair(local.muted, ", muted"),
          std::pair(local.held, ", held")}) {
        if (on) out += word;
    }
    return out;
}

struct Notes {
    Timeline& timeline;
    milliseconds at;

    void operator()(const event::StateChanged& changed) const {
        timeline.note(at, Lane::state, to_string(changed.state), changed.reason);
    }
    void operator()(const event::StreamUp& up) const {
        timeline.note(at, Lane::stream, "up", up.stream_sid.str());
    }
    void operator()(const event::FirstAudio&) const {
        timeline.note(at, Lane::stream, "first-audio", {});
    }
    void operator()(const event::StreamDown& down) const {
        timeline.note(at, Lane::stream, down.clean ? "down" : "lost", down.reason);
    }
    void operator()(const event::Digit& digit) const {
        timeline.note(at, Lane::dtmf, "received", std::string(1, digit.digit));
    }
    void operator()(const event::DigitsSent& sent) const {
        timeline.note(at, Lane::dtmf, sent.problem.empty() ? "sent" : "not-sent",
                      sent.problem.empty() ? sent.digits : sent.digits + ": " + sent.problem);
    }
    void operator()(const event::MachineDetected& machine) const {
        timeline.note(at, Lane::state, "answered-by", machine.answered_by);
    }
    void operator()(const event::Ringing&) const { timeline.note(at, Lane::local, "rings", {}); }
    void operator()(const event::RingEnded& ended) const {
        timeline.note(at, Lane::local, ended.accepted ? "taken" : "not-taken", ended.reason);
    }
    void operator()(const event::VoicemailLeft& left) const {
        timeline.note(at, Lane::local, "voicemail", {},
                      {{"length_ms", static_cast<double>(left.length.count())}});
    }
    void operator()(const event::LocalChanged& changed) const {
        timeline.note(at, Lane::local, "changed", local_text(changed.local));
    }
    void operator()(const event::ListenersChanged& who) const {
        timeline.note(at, Lane::local, "listeners", {},
                      {{"count", static_cast<double>(who.count)},
                       {"talkers", static_cast<double>(who.talkers)}});
    }
    void operator()(const event::TransferChanged& changed) const {
        timeline.note(at, Lane::transfer, "changed",
                      changed.transfer.to + ": " + changed.transfer.status);
    }
    void operator()(const event::AgentChanged& changed) const {
        auto text = changed.agent.name;
        if (!changed.agent.reason.empty()) text += ": " + changed.agent.reason;
        timeline.note(at, Lane::agent, to_string(changed.agent.status), std::move(text));
    }
    void operator()(const event::ToolUsed& used) const {
        timeline.note(at, Lane::agent, used.problem.empty() ? "tool" : "tool-failed",
                      used.problem.empty() ? used.name : used.name + ": " + used.problem,
                      {{"took_ms", static_cast<double>(used.took.count())}});
    }
    void operator()(const event::MessageTaken&) const {
        timeline.note(at, Lane::agent, "message", {});
    }
    void operator()(const event::TurnMeasured& turn) const {
        const auto total = turn.latency[TurnLeg::total];
        if (total)
            timeline.note(at, Lane::agent, turn.latency.greeting ? "greeting" : "turn", {},
                          {{"total_ms", in_ms(*total)}});
    }
    void operator()(const event::RecordingChanged& changed) const {
        timeline.note(at, Lane::recording, to_string(changed.recording.status),
                      changed.recording.problem);
    }
    void operator()(const event::TranscriptionChanged& changed) const {
        auto text = changed.transcription.engine;
        if (!changed.transcription.reason.empty()) text += ": " + changed.transcription.reason;
        timeline.note(at, Lane::recording, "transcription",
                      fmt::format("{}: {}", to_string(changed.transcription.status), text));
    }
    void operator()(const event::Transcribed&) const {}  // the transcript has it
    void operator()(const event::Said& said) const {
        if (said.final)
            timeline.note(at, Lane::words, said.by_agent ? "agent" : "caller", said.text);
    }
    void operator()(const event::Warning& warning) const {
        timeline.note(at, Lane::warning, "warning", warning.text);
    }
    void operator()(const event::Statistics&) const {}
    void operator()(const event::Ended&) const {}
};

/// At most so many bytes, and no character cut in two.
std::string shortened(std::string text) {
    if (text.size() <= kLongestText) return text;
    auto end = kLongestText;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
    text.resize(end);
    return text + "…";
}

}  // namespace

void Timeline::note(milliseconds at, Lane lane, std::string_view kind, std::string text,
                    std::vector<std::pair<std::string_view, double>> figures) {
    events_.push_back({at, lane, kind, shortened(std::move(text)), std::move(figures)});
    text_bytes_ += events_.back().text.size();
    while (events_.size() > kMostEvents || text_bytes_ > kMostText) {
        text_bytes_ -= events_.front().text.size();
        events_.pop_front();
        ++dropped_;
    }
}

void Timeline::take(milliseconds at, const decltype(CallEvent::what)& what) {
    std::visit(Notes{*this, at}, what);
}

void Timeline::spoken(milliseconds at, UtteranceId utterance, const Heard& heard) {
    if (heard.received == milliseconds::zero()) return;  // nothing was said
    const bool cleared = heard.outcome == SpeechOutcome::cleared;
    note(at, cleared ? Lane::clear : Lane::mark,
         cleared                                  ? "cleared"
         : heard.outcome == SpeechOutcome::played ? "played"
                                                  : "lost",
         {},
         {{"utterance", static_cast<double>(utterance)},
          {"heard_ms", static_cast<double>(heard.heard.count())},
          {"sent_ms", static_cast<double>(heard.sent.count())}});
}

void Timeline::sample(Sample now) {
    if (sampled_++ % every_ != 0) return;
    if (samples_.empty()) samples_.reserve(kFirstSamples);
    samples_.push_back(now);
    if (samples_.size() <= kMostSamples) return;
    std::size_t kept = 0;
    for (std::size_t i = 0; i < samples_.size(); i += 2) samples_[kept++] = samples_[i];
    samples_.resize(kept);
    every_ *= 2;
}

std::string_view to_string(Timeline::Lane lane) {
    constexpr std::array<std::string_view, 12> kWords{"webhook",  "stream", "state",     "mark",
                                                      "clear",    "dtmf",   "agent",     "words",
                                                      "transfer", "local",  "recording", "warning"};
    return kWords[static_cast<std::size_t>(lane)];
}

std::string_view to_string(Timeline::Figure figure) {
    constexpr std::array<std::string_view, Timeline::kFigures> kWords{
        "playout_depth_ms", "jitter_ms",     "outbound_ahead_ms", "lost_ms",
        "far_level_db",     "near_level_db", "concealed_ms"};
    return kWords[static_cast<std::size_t>(figure)];
}

void TimelineShelf::keep(Kept ended) {
    const std::scoped_lock lock(mutex_);
    kept_.push_back(std::move(ended));
    if (kept_.size() > kMost) kept_[kept_.size() - kMost - 1].timeline.reset();
    if (kept_.size() > kMostCalls) kept_.pop_front();
}

TimelineShelf::Kept TimelineShelf::find(std::string_view id_or_sid) const {
    const std::scoped_lock lock(mutex_);
    const auto found = std::find_if(kept_.rbegin(), kept_.rend(), [&](const Kept& one) {
        return one.call.str() == id_or_sid || (!one.sid.empty() && one.sid.str() == id_or_sid);
    });
    return found == kept_.rend() ? Kept{} : *found;
}

std::vector<TimelineShelf::Kept> TimelineShelf::all() const {
    const std::scoped_lock lock(mutex_);
    return {kept_.begin(), kept_.end()};
}

void TimelineShelf::forget(const CallId& call) {
    const std::scoped_lock lock(mutex_);
    std::erase_if(kept_, [&](const Kept& one) { return one.call == call; });
}

}  // namespace bridge::call
