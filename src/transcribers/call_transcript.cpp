#include "transcribers/call_transcript.hpp"

#include <fmt/format.h>

#include <boost/asio/post.hpp>
#include <utility>

#include "audio/frame.hpp"

namespace bridge::transcribers {

using call::LineEnd;
using call::TranscriptionStatus;
using std::chrono::milliseconds;

TranscriptFigures::TranscriptFigures(std::shared_ptr<metrics::Registry> of,
                                     const std::string& engine)
    : registry(std::move(of)),
      running(registry->gauge("agentbridge_transcript_running", "Calls that are taken down now.",
                              {{"engine", engine}})),
      pieces(registry->counter("agentbridge_transcript_pieces_total",
                               "Utterances that were understood for good.", {{"engine", engine}})),
      reconnects(registry->counter("agentbridge_transcript_reconnects_total",
                                   "Recognizers' sessions that were set up again after a break.",
                                   {{"engine", engine}})),
      redactions(registry->counter("agentbridge_transcript_redactions_total",
                                   "Places that were taken out of transcripts.",
                                   {{"engine", engine}})),
      delay(registry->histogram("agentbridge_transcript_delay_seconds",
                                "From the end of an utterance to its text.", {{"engine", engine}})),
      missed(registry->read(
          metrics::Kind::counter, "agentbridge_transcript_missed_seconds_total",
          "Sound that no recognizer understood, since it was away for too long.",
          {{"engine", engine}}, [this] {
              return static_cast<double>(missed_ms.load(std::memory_order_relaxed)) / 1000;
          })) {}

CallTranscript::CallTranscript(Parts parts) : parts_(std::move(parts)) {
    for (auto* end : {&far_, &near_})
        end->redaction = std::make_unique<SideRedaction>(*parts_.rules);
    parts_.figures->running.add(1);
    state_ = {parts_.engine, TranscriptionStatus::connecting, {}};
}

CallTranscript::~CallTranscript() {
    parts_.figures->running.add(-1);
}

void CallTranscript::start(std::shared_ptr<Side> far, std::shared_ptr<Side> near) {
    far_.side = std::move(far);
    near_.side = std::move(near);
    boost::asio::post(parts_.executor, [self = shared_from_this()] {
        if (self->state_.status == TranscriptionStatus::connecting) self->parts_.told(self->state_);
    });
}

void CallTranscript::far_end(std::uint64_t at, std::span<const std::int16_t> samples) {
    if (!far_.side) return;
    far_.side->sound(at, samples);
    passed(far_, at);
}

void CallTranscript::near_end(std::uint64_t at, std::span<const std::int16_t> samples) {
    if (near_.side) near_.side->sound(at, samples);
}

void CallTranscript::near_known(std::uint64_t at) {
    if (!near_.side) return;
    near_.side->silence_to(at);
    passed(near_, at);
}

/// Not from inside: whoever is told may be the one who calls.
void CallTranscript::passed(End& end, std::uint64_t at) {
    auto pieces = end.redaction->passed(milliseconds(at / audio::kSamplesPerMs));
    if (pieces.empty()) return;
    boost::asio::post(parts_.executor,
                      [self = shared_from_this(), pieces = std::move(pieces)]() mutable {
                          self->tell(std::move(pieces));
                      });
}

void CallTranscript::finish() {
    if (std::exchange(finishing_, true)) return;
    for (const auto* end : {&far_, &near_}) {
        if (end->side) end->side->finish();
    }
}

std::size_t CallTranscript::waiting() const {
    return (far_.side ? far_.side->waiting() : 0) + (near_.side ? near_.side->waiting() : 0);
}

void CallTranscript::piece(call::TranscriptPiece piece) {
    auto& redaction = *at(piece.speaker).redaction;
    tell(redaction.take(std::move(piece)));
}

void CallTranscript::tell(std::vector<SideRedaction::Out> pieces) {
    for (auto& [piece, spans] : pieces) {
        if (over_) return;
        if (piece.final) {
            parts_.figures->pieces.add();
            parts_.figures->redactions.add(spans.size());
            // First: whoever reads the piece must find the sound silent.
            if (!spans.empty() && parts_.redacted) parts_.redacted(std::move(spans));
        }
        parts_.told(std::move(piece));
    }
}

void CallTranscript::status(LineEnd end, TranscriptionStatus status, std::string reason) {
    if (status == TranscriptionStatus::failed) return over(status, std::move(reason));
    at(end).status = status;
    at(end).reason = std::move(reason);
    tell_status();
}

/// One word for both: the worse one.
void CallTranscript::tell_status() {
    call::TranscriptionState now{parts_.engine, TranscriptionStatus::connecting, {}};
    for (const auto* end : {&far_, &near_}) {
        if (end->status == TranscriptionStatus::lost) {
            now.status = TranscriptionStatus::lost;
            now.reason = end->reason;
        } else if (end->status == TranscriptionStatus::running &&
                   now.status == TranscriptionStatus::connecting) {
            now.status = TranscriptionStatus::running;
        }
    }
    if (over_ || now == state_) return;
    state_ = now;
    parts_.told(state_);
}

void CallTranscript::ended(LineEnd end) {
    const auto kept = std::exchange(at(end).side, nullptr);
    tell(at(end).redaction->finish());
    if (far_.side || near_.side) return;
    over(TranscriptionStatus::off, missed_ == milliseconds(0)
                                       ? std::string()
                                       : fmt::format("{:.1f} s of sound were not understood",
                                                     static_cast<double>(missed_.count()) / 1000));
}

void CallTranscript::over(TranscriptionStatus status, std::string reason) {
    if (over_) return;
    for (auto* end : {&far_, &near_}) tell(end->redaction->finish());
    over_ = true;
    finish();
    parts_.redacted = nullptr;
    state_ = {parts_.engine, status, std::move(reason)};
    parts_.told(state_);
}

void CallTranscript::missed(milliseconds sound) {
    missed_ += sound;
    parts_.figures->missed_ms.fetch_add(sound.count(), std::memory_order_relaxed);
}

void CallTranscript::took(milliseconds time) {
    parts_.figures->delay.add(time);
}

void CallTranscript::reconnected() {
    parts_.figures->reconnects.add();
}

}  // namespace bridge::transcribers
