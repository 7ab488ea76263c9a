// What is said or played into a call by command, one after the other, and what of its life is
// remembered on its timeline.

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/log.hpp"
#include "call/live_call.hpp"

namespace bridge::call {

using std::chrono::duration_cast;

namespace {

/// Of one call, with the one that is being said.
constexpr std::size_t kMostSayings = 8;

/// A phone from which nothing has come for so long is silent.
constexpr std::chrono::milliseconds kFarSilent{500};

}  // namespace

Result<> LiveCall::can_say() const {
    if (is_final(state_) || hang_up_wanted_) return fail(Errc::refused, "the call is over");
    if (state_ != CallState::in_progress)
        return fail(Errc::refused,
                    fmt::format("the call is {}, not in-progress", to_string(state_)));
    if (spec_.listen_only) return fail(Errc::refused, "nothing can be said on a listen-only call");
    if (local_.ringing) return fail(Errc::refused, "the call rings here: accept it first");
    if (local_.voicemail || given_up_) return fail(Errc::refused, "the caller leaves a message");
    if (machine_) return fail(Errc::refused, "a machine is being told its message");
    if (closing_) return fail(Errc::refused, "the call ends once the last words are heard");
    return {};
}

void LiveCall::on(const input::Say& say) {
    auto can = can_say();
    if (can && say.interrupt) on(input::Clear{});
    if (can && sayings_.size() + (saying_ != 0 ? 1 : 0) >= kMostSayings)
        can =
            fail(Errc::too_large, fmt::format("{} sayings are waiting to be said already; wait, or "
                                              "interrupt them",
                                              kMostSayings));
    if (!can) {
        say.told(tl::unexpected(can.error()));
        return;
    }
    if (!said_) {
        said_monitor_ = mix_.add_voice();
        said_ = outbound_->add_voice(OutboundLine::Kind::ahead, said_monitor_);
        arrange_ears();
    }
    sayings_.push_back(say.samples);
    const auto number = ++sayings_made_;
    log::info({"call", id()}, "saying {}: {} ms", number,
              say.samples->size() / audio::kSamplesPerMs);
    if (saying_ == 0) next_saying();
    say.told(number);
}

/// One may be over before play() returns: it is silent, or the phone's socket takes nothing.
void LiveCall::next_saying() {
    while (saying_ == 0 && !sayings_.empty() && !is_final(state_)) {
        auto samples = std::move(sayings_.front());
        sayings_.pop_front();
        over_at_once_.emplace();
        const auto id = said_->play(std::make_unique<audio::PcmSource>(std::move(samples), false));
        const auto over = *std::exchange(over_at_once_, std::nullopt);
        if (std::find(over.begin(), over.end(), id) == over.end()) saying_ = id;
    }
}

/// True if the utterance was one of these.
bool LiveCall::said(UtteranceId utterance) {
    if (over_at_once_) over_at_once_->push_back(utterance);
    if (saying_ == 0 || utterance != saying_) return false;
    saying_ = 0;
    next_saying();
    return true;
}

// --- the timeline

milliseconds LiveCall::age() const {
    return duration_cast<milliseconds>(services_.clock.now() - created_);
}

void LiveCall::note(const input::VoiceRequested& voice) {
    timeline_->note(age(), Timeline::Lane::webhook, "voice", voice.status);
}

void LiveCall::note(const input::StatusReported& status) {
    timeline_->note(age(), Timeline::Lane::webhook, "status", status.status);
}

void LiveCall::note(const input::StreamReported& report) {
    timeline_->note(age(), Timeline::Lane::webhook, "stream-status",
                    report.error.empty() ? report.event : report.event + ": " + report.error);
}

void LiveCall::note(const input::InstructionsFailed& failed) {
    timeline_->note(age(), Timeline::Lane::webhook, "fallback", failed.why);
}

void LiveCall::note(const input::MachineDetected& machine) {
    timeline_->note(age(), Timeline::Lane::webhook, "amd", machine.answered_by);
}

void LiveCall::note(const input::DialReported& report) {
    timeline_->note(age(), Timeline::Lane::webhook, "dial-result", report.status);
}

void LiveCall::note(const input::ConferenceReported& report) {
    timeline_->note(age(), Timeline::Lane::webhook, "conference", report.event);
}

void LiveCall::sample_timeline() {
    if (!line_) return;
    const auto outbound = outbound_stats();
    constexpr auto kUnknown = Timeline::kUnknown;
    const auto of_playout = [&](auto figure) {
        return playout_ ? static_cast<float>(figure(*playout_)) : kUnknown;
    };
    const bool heard = media_.frames > 0 && services_.clock.now() - heard_at_ < kFarSilent;
    timeline_->sample(
        {std::chrono::duration<std::uint32_t, std::milli>(
             static_cast<std::uint32_t>(age().count())),
         {of_playout([](const auto& playout) { return playout.depth_ms; }),
          of_playout([](const auto& playout) { return playout.jitter_ms; }),
          static_cast<float>(outbound.lead_ms), static_cast<float>(media_.lost_ms),
          heard ? far_meter_.rms_dbfs() : audio::kSilenceDbfs,
          static_cast<float>(outbound.level_dbfs), of_playout([](const auto& playout) {
              return playout.concealed_samples / audio::kSamplesPerMs;
          })}});
}

}  // namespace bridge::call
