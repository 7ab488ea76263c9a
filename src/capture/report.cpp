#include "capture/report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cmath>

namespace bridge::capture {

using namespace std::chrono_literals;

namespace {

namespace json = boost::json;

/// A wait that the playout buffer cannot hide, over the 20 ms between two messages.
constexpr double kLongWait = 40;
constexpr double kLateTimer = 15;
/// The far end was silent on purpose if it was for longer.
constexpr auto kPause = 1500ms;
constexpr double kShownGap = 5;
/// The cause of a gap lies at most so far before it shows.
constexpr auto kRecent = 600ms;

double ms(Micros time) {
    return std::chrono::duration<double, std::milli>(time).count();
}

std::string event_text(const call::CallEvent& event) {
    using namespace call::event;
    return std::visit(
        []<class One>(const One& one) -> std::string {
            if constexpr (std::is_same_v<One, StateChanged>) {
                return fmt::format("{}{}{}", call::to_string(one.state),
                                   one.reason.empty() ? "" : ": ", one.reason);
            } else if constexpr (std::is_same_v<One, StreamUp>) {
                return "stream up";
            } else if constexpr (std::is_same_v<One, FirstAudio>) {
                return "first audio";
            } else if constexpr (std::is_same_v<One, StreamDown>) {
                return fmt::format("stream down{}{}", one.reason.empty() ? "" : ": ", one.reason);
            } else if constexpr (std::is_same_v<One, Digit>) {
                return fmt::format("key {}", one.digit);
            } else if constexpr (std::is_same_v<One, AgentChanged>) {
                return fmt::format("agent {}{}{}", call::to_string(one.agent.status),
                                   one.agent.reason.empty() ? "" : ": ", one.agent.reason);
            } else if constexpr (std::is_same_v<One, Said>) {
                return one.final ? (one.by_agent ? "agent: " : "caller: ") + one.text : "";
            } else if constexpr (std::is_same_v<One, Warning>) {
                return "warning: " + one.text;
            } else if constexpr (std::is_same_v<One, LocalChanged>) {
                return fmt::format("here: microphone={} muted={} held={}", one.local.microphone,
                                   one.local.muted, one.local.held);
            } else if constexpr (std::is_same_v<One, TransferChanged>) {
                return fmt::format("transfer to {}: {}", one.transfer.to, one.transfer.status);
            } else if constexpr (std::is_same_v<One, DigitsSent>) {
                return fmt::format("keys {} {}", one.digits,
                                   one.problem.empty() ? "sent" : one.problem);
            } else if constexpr (std::is_same_v<One, ToolUsed>) {
                return fmt::format("tool {} in {} ms{}{}", one.name, one.took.count(),
                                   one.problem.empty() ? "" : ": ", one.problem);
            } else if constexpr (std::is_same_v<One, Ended>) {
                return "the call is over";
            } else {
                return {};
            }
        },
        event.what);
}

}  // namespace

std::string_view to_string(Hop hop) {
    constexpr std::array<std::string_view, 7> kWords{"network", "machine", "buffer", "device",
                                                     "pacer",   "queue",   "source"};
    return kWords.at(static_cast<std::size_t>(hop));
}

std::string format_moment(Micros at) {
    const auto whole = std::chrono::duration_cast<std::chrono::milliseconds>(at).count();
    return fmt::format("{}:{:02}.{:03}", whole / 60000, whole / 1000 % 60, whole % 1000);
}

void Report::note(Micros at, std::string_view lane, std::string text) {
    if (moments_.size() < kMostMoments && !text.empty())
        moments_.push_back({at, lane, std::move(text)});
}

void Report::gap(Gap gap) {
    note(
        gap.at, "gap",
        fmt::format("{} ms at {}: {} ({})", gap.length.count(),
                    gap.heard_by_phone ? "the phone" : "the speaker", to_string(gap.hop), gap.why));
    gaps_.push_back(std::move(gap));
}

void Report::take(const Record& record) {
    if (!record.nested) {
        ++totals_.turns;
        late_now_ms_ = 0;
    }
    if (const auto* held = std::get_if<HeldInput>(&record.what)) {
        take_input(record.at, *held);
    } else if (const auto* fired = std::get_if<note::Fired>(&record.what)) {
        late_now_ms_ = ms(fired->late);
        totals_.latest_timer_ms = std::max(totals_.latest_timer_ms, late_now_ms_);
        if (late_now_ms_ > timer_.ms) timer_ = {late_now_ms_, record.at};
        if (everything_ || late_now_ms_ > kLateTimer)
            note(record.at, "timer",
                 fmt::format("timer {} fired, {:.1f} ms late", fired->timer, late_now_ms_));
    } else if (const auto* pulled = std::get_if<note::Pulled>(&record.what)) {
        take_pulls(pulled->pulls);
    }
}

void Report::take_input(Micros at, const HeldInput& held) {
    if (const auto* media = std::get_if<input::Media>(&held.input)) {
        ++totals_.media;
        const Micros timestamp = media->timestamp;
        if (media->stream != stream_ || last_media_.count() < 0) {
            stream_ = media->stream;
        } else {
            const auto waited = ms(at - last_media_);
            const auto lost = ms(timestamp - last_timestamp_) - 20;
            totals_.longest_wait_ms = std::max(totals_.longest_wait_ms, waited);
            if (waited > wait_.ms) wait_ = {waited, at};
            if (lost > lost_.ms) lost_ = {lost, at};
            if (waited > kLongWait)
                note(at, "in", fmt::format("media after {:.0f} ms of nothing", waited));
        }
        last_media_ = at;
        last_timestamp_ = timestamp;
        if (everything_)
            note(at, "in",
                 fmt::format("media {} at {} ms", media->sequence, media->timestamp.count()));
        return;
    }
    if (const auto* report = std::get_if<input::SpeakerReport>(&held.input))
        return take_speaker(at, *report);
    if (std::holds_alternative<input::MarkEchoed>(held.input)) ++totals_.echoes;
    const bool sound = std::holds_alternative<input::AgentSpeech>(held.input) ||
                       std::holds_alternative<input::MicrophoneBlock>(held.input) ||
                       std::holds_alternative<input::TimerFired>(held.input) ||
                       std::holds_alternative<input::GuestSpeech>(held.input);
    if (!sound || everything_) note(at, "in", std::string(name_of(held.input)));
}

void Report::take_pulls(const std::vector<audio::Pull>& pulls) {
    for (const auto& pull : pulls) {
        if (last_pull_ != Clock::Time{}) {
            const auto between =
                std::chrono::duration<double, std::milli>(pull.now - last_pull_).count();
            totals_.longest_pull_ms = std::max(totals_.longest_pull_ms, between);
            const auto block = 1000.0 * pull.frames / std::max(pull.sample_rate, 1);
            if (between - block > pull_.ms) pull_ = {between - block, Micros(0)};
        }
        last_pull_ = pull.now;
    }
}

/// What was made up since the last look has a cause; the nearest hop to the phone that shows one
/// had it.
void Report::take_speaker(Micros at, const input::SpeakerReport& report) {
    const auto& now = report.playout;
    const bool anew = now.rendered_samples < playout_.rendered_samples;
    const auto concealed = anew ? 0 : now.concealed_samples - playout_.concealed_samples;
    const auto underflows =
        report.device.underflows - std::min(device_underflows_, report.device.underflows);
    totals_.underruns += anew ? 0 : now.underruns - playout_.underruns;
    totals_.concealed_ms += concealed / audio::kSamplesPerMs;
    totals_.trimmed_ms +=
        anew ? 0 : (now.trimmed_samples - playout_.trimmed_samples) / audio::kSamplesPerMs;
    playout_ = now;
    device_underflows_ = report.device.underflows;
    if (everything_)
        note(at, "speaker",
             fmt::format("depth {:.1f} ms of {:.1f}, jitter {:.1f} ms", now.depth_ms, now.target_ms,
                         now.jitter_ms));
    const auto length = std::chrono::milliseconds(concealed / audio::kSamplesPerMs);
    const auto recent = [&](const Worst& worst) { return at - worst.at <= kRecent; };
    Gap found{at, length, false, Hop::buffer, {}};
    if (underflows > 0 || pull_.ms > kLongWait) {
        found.hop = Hop::device;
        found.why =
            fmt::format("it took nothing for {:.0f} ms, {} underflows told", pull_.ms, underflows);
        if (length == 0ms) found.length = std::chrono::milliseconds(std::llround(pull_.ms));
    } else if (timer_.ms > kLateTimer && recent(timer_)) {
        found.hop = Hop::machine;
        found.why = fmt::format("a timer was {:.0f} ms late", timer_.ms);
    } else if (lost_.ms > 10 && recent(lost_)) {
        found.hop = Hop::network;
        found.why = fmt::format("{:.0f} ms are missing by the carrier's timestamps", lost_.ms);
    } else if ((wait_.ms > kLongWait && recent(wait_)) || ms(at - last_media_) > kLongWait) {
        found.hop = Hop::network;
        found.why =
            fmt::format("nothing came for {:.0f} ms", std::max(wait_.ms, ms(at - last_media_)));
    } else {
        found.why = fmt::format("the longest wait was {:.0f} ms, the target {:.0f} ms", wait_.ms,
                                now.target_ms);
    }
    if (static_cast<double>(found.length.count()) >= kShownGap) gap(std::move(found));
    wait_ = lost_ = timer_ = pull_ = {};
}

void Report::take(const Output& output) {
    if (const auto* sent = std::get_if<note::Sent>(&output.what)) {
        ++totals_.messages_sent;
        totals_.frames_sent += sent->frames;
        const Micros length = std::chrono::milliseconds(20) * sent->frames;
        if (!sent->taken) {
            totals_.refused += sent->frames;
            refused_ = true;
        } else {
            if (dry_at_.count() >= 0 && output.at > dry_at_ && !sent_now_)
                gap_before_ = output.at - dry_at_;
            sent_now_ = true;
            dry_at_ = std::max(dry_at_, output.at) + length;
        }
        if (!everything_ && sent->taken) return;
    } else if (std::holds_alternative<note::Marked>(output.what)) {
        ++totals_.marks;
    } else if (std::holds_alternative<note::Cleared>(output.what)) {
        ++totals_.clears;
        dry_at_ = output.at;
    }
    note(output.at, std::holds_alternative<note::AgentCalled>(output.what) ? "agent" : "out",
         describe_output(output.what));
}

void Report::take(const call::CallEvent& event, Micros at) {
    note(at, "event", event_text(event));
}

void Report::look(const Replay& replay) {
    if (!std::exchange(sent_now_, false)) return;
    const auto gap_before = std::exchange(gap_before_, Micros(0));
    if (ms(gap_before) < kShownGap || gap_before > kPause || !replay.call()) return;
    // Speech of one utterance went on after its far end had run dry; else it was a pause.
    const auto starved = replay.call()->snapshot().outbound.starved;
    const bool in_speech = starved > std::exchange(starved_, starved);
    const bool refused = std::exchange(refused_, false);
    if (!in_speech && !refused && late_now_ms_ < kLateTimer) return;
    Gap found{replay.at(), std::chrono::milliseconds(std::llround(ms(gap_before))), true,
              Hop::source, "nothing was ready in time"};
    if (refused) {
        found.hop = Hop::queue;
        found.why = "the connection had not taken what was sent before";
    } else if (late_now_ms_ >= kLateTimer) {
        found.hop = Hop::pacer;
        found.why = fmt::format("the slot came {:.0f} ms late", late_now_ms_);
    }
    gap(std::move(found));
}

std::string report_text(const Replay& replay, const Report& report) {
    std::string out;
    for (const auto& moment : report.moments())
        out +=
            fmt::format("{:>10}  {:<7} {}\n", format_moment(moment.at), moment.lane, moment.text);
    const auto& totals = report.totals();
    out += fmt::format(
        "\nin      {} media messages, {} echoes of marks, longest wait {:.0f} ms\n"
        "out     {} frames in {} messages, {} marks, {} clears, {} frames refused\n"
        "speaker {} underruns, {} ms concealed, {} ms trimmed, longest wait of the device {:.0f} "
        "ms\n"
        "timers  at most {:.1f} ms late\n",
        totals.media, totals.echoes, totals.longest_wait_ms, totals.frames_sent,
        totals.messages_sent, totals.marks, totals.clears, totals.refused, totals.underruns,
        totals.concealed_ms, totals.trimmed_ms, totals.longest_pull_ms, totals.latest_timer_ms);
    if (report.gaps().empty()) {
        out += "gaps    none\n";
    } else {
        for (const auto& gap : report.gaps())
            out += fmt::format("gap     {} {} ms, heard by {}: {} ({})\n", format_moment(gap.at),
                               gap.length.count(), gap.heard_by_phone ? "the phone" : "us",
                               to_string(gap.hop), gap.why);
    }
    if (replay.lost_pulls() > 0)
        out += fmt::format(
            "note    {} blocks of the sound card are not in the capture: playout is "
            "not exact\n",
            replay.lost_pulls());
    return out;
}

namespace {

/// What a replay came to, without the timeline.
json::object summary(const Replay& replay, const Report& report) {
    json::array gaps;
    for (const auto& one : report.gaps())
        gaps.push_back(json::object{{"at_ms", ms(one.at)},
                                    {"length_ms", one.length.count()},
                                    {"heard_by", one.heard_by_phone ? "phone" : "speaker"},
                                    {"hop", json::string(to_string(one.hop))},
                                    {"why", one.why}});
    json::array differences;
    for (const auto& one : replay.differences())
        differences.push_back(json::object{
            {"at_ms", ms(one.at)}, {"captured", one.captured}, {"replayed", one.replayed}});
    const auto& totals = report.totals();
    return {{"call", replay.opening().spec.id.str()},
            {"program", replay.opening().program},
            {"hash", replay.hash()},
            {"same", replay.difference_count() == 0},
            {"difference_count", replay.difference_count()},
            {"differences", std::move(differences)},
            {"complete", replay.damage().empty()},
            {"damage", replay.damage()},
            {"length_ms", ms(replay.at())},
            {"totals", json::object{{"turns", totals.turns},
                                    {"media", totals.media},
                                    {"frames_sent", totals.frames_sent},
                                    {"messages_sent", totals.messages_sent},
                                    {"frames_refused", totals.refused},
                                    {"marks", totals.marks},
                                    {"marks_echoed", totals.echoes},
                                    {"clears", totals.clears},
                                    {"underruns", totals.underruns},
                                    {"concealed_ms", totals.concealed_ms},
                                    {"trimmed_ms", totals.trimmed_ms},
                                    {"longest_wait_ms", totals.longest_wait_ms},
                                    {"latest_timer_ms", totals.latest_timer_ms},
                                    {"longest_pull_ms", totals.longest_pull_ms},
                                    {"pulls_not_captured", replay.lost_pulls()}}},
            {"gaps", std::move(gaps)}};
}

}  // namespace

std::string summary_json(const Replay& replay, const Report& report) {
    return json::serialize(summary(replay, report));
}

std::string report_json(const Replay& replay, const Report& report, const std::string& timeline) {
    auto out = summary(replay, report);
    json::array moments;
    for (const auto& one : report.moments())
        moments.push_back(json::object{
            {"at_ms", ms(one.at)}, {"lane", json::string(one.lane)}, {"text", one.text}});
    out["moments"] = std::move(moments);
    out["timeline"] = timeline.empty() ? json::value(nullptr) : json::parse(timeline);
    return json::serialize(out);
}

}  // namespace bridge::capture
