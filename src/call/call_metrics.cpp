#include "call/call_metrics.hpp"

#include <cstddef>
#include <string>

namespace bridge::call {
namespace {

struct Figure {
    const char* name;
    const char* help;
};

constexpr std::array<Figure, 9> kMedia{{
    {"agentbridge_media_messages_total", "Media messages received."},
    {"agentbridge_media_frames_total", "Frames of 20 ms passed on."},
    {"agentbridge_media_lost_seconds_total", "Audio missing by the carrier's timestamps."},
    {"agentbridge_media_gaps_total", "Times the carrier's timestamp jumped ahead."},
    {"agentbridge_media_missed_messages_total", "Sequence numbers that never came."},
    {"agentbridge_media_duplicates_total", "Messages with a sequence number seen before."},
    {"agentbridge_media_late_total", "Frames over 100 ms later than the stream's best."},
    {"agentbridge_media_stalls_total", "Times nothing arrived for over 200 ms."},
    {"agentbridge_media_bad_messages_total", "Messages that could not be used."},
}};

constexpr std::size_t kLost = 2;

constexpr std::array<Figure, 4> kPlayout{{
    {"agentbridge_playout_underruns_total", "Times a call's playout buffer ran dry."},
    {"agentbridge_playout_concealed_samples_total", "Samples (8 kHz) made up for missing ones."},
    {"agentbridge_playout_trimmed_samples_total", "Samples (8 kHz) cut out of a backlog."},
    {"agentbridge_playout_dropped_samples_total", "Samples (8 kHz) a full ring did not take."},
}};

constexpr std::array<Figure, 13> kOutbound{{
    {"agentbridge_outbound_frames_total", "Frames of 20 ms sent to phones."},
    {"agentbridge_outbound_messages_total", "Media messages they went in."},
    {"agentbridge_outbound_marks_total", "Marks sent."},
    {"agentbridge_outbound_marks_played_total", "Marks whose sound was played."},
    {"agentbridge_outbound_marks_cleared_total", "Marks whose sound was thrown away."},
    {"agentbridge_outbound_marks_lost_total", "Marks that never came back."},
    {"agentbridge_outbound_clears_total", "Times speech was cut off."},
    {"agentbridge_outbound_pauses_total", "Times speech was stopped, to go on perhaps."},
    {"agentbridge_outbound_resumes_total", "Times it went on."},
    {"agentbridge_outbound_refused_frames_total", "Frames a connection did not take."},
    {"agentbridge_outbound_dropped_live_samples_total",
     "Samples (8 kHz) of the microphone dropped after a stall."},
    {"agentbridge_outbound_starved_total", "Times speech that runs ahead was not there in time."},
    {"agentbridge_outbound_lost_utterances_total",
     "Utterances given up because too many were not over."},
}};

template <std::size_t n>
void add_new(const std::array<std::uint64_t, n>& now, std::array<std::uint64_t, n>& told,
             const std::array<metrics::Counter*, n>& counters) {
    for (std::size_t i = 0; i < n; ++i) {
        if (now[i] > told[i]) counters[i]->add(now[i] - told[i]);
    }
    told = now;
}

}  // namespace

CallMetrics::CallMetrics(std::shared_ptr<metrics::Registry> registry)
    : registry_(std::move(registry)) {
    for (const auto direction : {Direction::inbound, Direction::outbound}) {
        opened_[static_cast<std::size_t>(direction)] =
            &registry_->counter("agentbridge_calls_opened_total", "Calls begun.",
                                {{"direction", std::string(to_string(direction))}});
    }
    for (std::size_t i = 0; i < states_.size(); ++i) {
        states_[i] =
            &registry_->gauge("agentbridge_calls", "Calls that are not over.",
                              {{"state", std::string(to_string(static_cast<CallState>(i)))}});
    }
    for (std::size_t i = 0; i < ends_.size(); ++i) {
        ends_[i] = &registry_->counter(
            "agentbridge_calls_ended_total", "Calls that ended, by how.",
            {{"state", std::string(to_string(static_cast<CallState>(i + states_.size())))}});
    }
    for (std::size_t i = 0; i < kMedia.size(); ++i)
        if (i != kLost) media_[i] = &registry_->counter(kMedia[i].name, kMedia[i].help);
    media_[kLost] = &lost_ms_;
    lost_ = registry_->read(metrics::Kind::counter, kMedia[kLost].name, kMedia[kLost].help, {},
                            [this] { return static_cast<double>(lost_ms_.value()) / 1000.0; });
    for (std::size_t i = 0; i < kPlayout.size(); ++i)
        playout_[i] = &registry_->counter(kPlayout[i].name, kPlayout[i].help);
    for (std::size_t i = 0; i < kOutbound.size(); ++i)
        outbound_[i] = &registry_->counter(kOutbound[i].name, kOutbound[i].help);
    for (std::size_t i = 0; i < turn_.size(); ++i) {
        turn_[i] =
            &registry_->histogram("agentbridge_turn_latency_seconds",
                                  "Caller's last voice to the agent's answer, by leg.",
                                  {{"leg", std::string(to_string(static_cast<TurnLeg>(i)))}});
    }
    interruptions_ = &registry_->counter("agentbridge_interruptions_total",
                                         "Times a caller cut an agent's speech off.");
    false_interruptions_ = &registry_->counter("agentbridge_false_interruptions_total",
                                               "Times an agent paused for a cough and went on.");
}

void CallMetrics::opened(Direction direction) {
    opened_[static_cast<std::size_t>(direction)]->add();
}

void CallMetrics::entered(CallState state) {
    const auto index = static_cast<std::size_t>(state);
    if (is_final(state)) {
        ends_[index - states_.size()]->add();
    } else {
        states_[index]->add(1);
    }
}

void CallMetrics::left(CallState state) {
    if (!is_final(state)) states_[static_cast<std::size_t>(state)]->add(-1);
}

void CallMetrics::take(const MediaStats& now, Media& told) {
    add_new<9>({now.messages, now.frames, now.lost_ms, now.gaps, now.missed_messages,
                now.duplicates, now.late, now.stalls, now.malformed},
               told, media_);
}

void CallMetrics::take(const audio::PlayoutStats& now, Playout& told) {
    add_new<4>({now.underruns, now.concealed_samples, now.trimmed_samples, now.dropped_samples},
               told, playout_);
}

void CallMetrics::take(const OutboundStats& now, Outbound& told) {
    add_new<13>({now.frames, now.messages, now.marks, now.marks_played, now.marks_cleared,
                 now.marks_lost, now.clears, now.pauses, now.resumes, now.refused_frames,
                 now.dropped_live_samples, now.starved, now.lost_utterances},
                told, outbound_);
}

void CallMetrics::turned(const TurnLatency& latency) {
    if (latency.greeting) return;
    for (std::size_t i = 0; i < turn_.size(); ++i) {
        if (latency.legs[i]) turn_[i]->add(*latency.legs[i]);
    }
}

static_assert(static_cast<int>(CallState::completed) == 4 &&
              static_cast<int>(CallState::canceled) == 8);

}  // namespace bridge::call
