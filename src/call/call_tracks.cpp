// What takes a call down on one timeline: its recording and its transcript (track_tap.hpp).

#include <fmt/format.h>

#include <array>
#include <utility>

#include "base/log.hpp"
#include "call/live_call.hpp"

namespace bridge::call {

namespace {

/// Recognizers say their last word within it (transcribers/stream_side.hpp, cut_side.hpp).
constexpr std::chrono::seconds kLastWords{10};

template <class Enum, std::size_t N>
std::optional<Enum> parse_word(std::string_view text, const std::array<Enum, N>& all) {
    for (const auto one : all) {
        if (text == to_string(one)) return one;
    }
    return std::nullopt;
}

}  // namespace

std::string_view to_string(RecordingStatus status) {
    switch (status) {
        case RecordingStatus::none:
            return "none";
        case RecordingStatus::recording:
            return "recording";
        case RecordingStatus::paused:
            return "paused";
        case RecordingStatus::stopped:
            return "stopped";
        case RecordingStatus::failed:
            return "failed";
    }
    return "none";
}

std::optional<RecordingStatus> parse_recording_status(std::string_view text) {
    using enum RecordingStatus;
    return parse_word(text, std::array{none, recording, paused, stopped, failed});
}

std::string_view to_string(RecordingNotice notice) {
    switch (notice) {
        case RecordingNotice::none:
            return "none";
        case RecordingNotice::beep:
            return "beep";
        case RecordingNotice::spoken:
            return "spoken";
    }
    return "none";
}

std::optional<RecordingNotice> parse_recording_notice(std::string_view text) {
    using enum RecordingNotice;
    return parse_word(text, std::array{none, beep, spoken});
}

std::string_view to_string(LineEnd end) {
    return end == LineEnd::far ? "far" : "near";
}

std::optional<LineEnd> parse_line_end(std::string_view text) {
    return parse_word(text, std::array{LineEnd::far, LineEnd::near});
}

std::string_view to_string(TranscriptionStatus status) {
    switch (status) {
        case TranscriptionStatus::none:
            return "none";
        case TranscriptionStatus::connecting:
            return "connecting";
        case TranscriptionStatus::running:
            return "running";
        case TranscriptionStatus::lost:
            return "lost";
        case TranscriptionStatus::off:
            return "off";
        case TranscriptionStatus::failed:
            return "failed";
    }
    return "none";
}

std::optional<TranscriptionStatus> parse_transcription_status(std::string_view text) {
    using enum TranscriptionStatus;
    return parse_word(text, std::array{none, connecting, running, lost, off, failed});
}

/// What the call was opened with, from the first stream on.
void LiveCall::take_down() {
    const bool first = !carrier_time_.began();
    carrier_time_.begin_stream(services_.clock.now());
    if (!first) return;
    if (spec_.record) on(input::SetRecording{RecordingStatus::recording, record_notice_});
    if (spec_.transcribe) on(input::SetTranscription{true});
}

/// The place on the call's timeline that is now.
std::uint64_t LiveCall::track_now() const {
    return carrier_time_.now(services_.clock.now());
}

/// The line and the phone's frames are followed while somebody takes the call down.
void LiveCall::follow_heard() {
    const bool wanted = recording_ || transcription_;
    if (wanted == (heard_track_ != nullptr)) return;
    heard_track_ = wanted ? std::make_shared<HeardTrack>(carrier_time_, to_taps_) : nullptr;
    outbound_->follow(heard_track_);
}

void LiveCall::take_down_far(const audio::AudioFrame& frame) {
    const auto at = carrier_time_.frame(frame.at, frame.pcm.size(), heard_at_);
    if (at) to_taps_.far_end(*at, frame.pcm);
    heard_track_->advance(heard_at_);
}

void LiveCall::on(const input::SetRecording& wanted) {
    if (wanted.status == RecordingStatus::stopped) {
        if (recording_) end_recording(RecordingStatus::stopped, {});
        return;
    }
    if (is_final(state_)) return;
    if (!carrier_time_.began()) {  // nothing is heard yet: with the first stream
        spec_.record = wanted.status == RecordingStatus::recording;
        record_notice_ = wanted.notice;
        return;
    }
    if (!recording_) {
        if (wanted.status != RecordingStatus::recording) return;
        begin_recording(wanted.notice);
        return;
    }
    if (recording_state_.status == wanted.status) return;
    if (wanted.status == RecordingStatus::paused) {
        recording_->pause(track_now());
    } else {
        recording_->resume(track_now());
    }
    set_recording({wanted.status, recording_->file(), {}});
}

void LiveCall::begin_recording(std::optional<RecordingNotice> notice) {
    Result<std::shared_ptr<CallRecording>> begun = fail(Errc::refused, "nothing can be recorded");
    if (services_.recordings) {
        const std::weak_ptr<Call> weak = weak_from_this();
        begun = services_.recordings->begin(
            id(), track_now(), services_.executor,
            [weak, number = ++recordings_made_](std::string problem) {
                if (const auto call = weak.lock())
                    call->accept(input::RecordingBroke{number, std::move(problem)});
            });
    }
    if (!begun) {
        warn("the call is not recorded: " + begun.error().message);
        set_recording({RecordingStatus::failed, {}, begun.error().message});
        return;
    }
    recording_ = std::move(*begun);
    follow_heard();
    set_recording({RecordingStatus::recording, recording_->file(), {}});
    if (const auto sound = services_.recordings->notice(notice)) on(input::Play{sound, false});
}

void LiveCall::end_recording(RecordingStatus how, std::string problem) {
    auto file = recording_->file();
    recording_.reset();
    follow_heard();
    set_recording({how, std::move(file), std::move(problem)});
}

void LiveCall::on(const input::RecordingBroke& broke) {
    if (!recording_ || broke.number != recordings_made_) return;
    warn("the recording has ended, the call goes on: " + broke.problem);
    end_recording(RecordingStatus::failed, broke.problem);
}

void LiveCall::set_recording(RecordingState state) {
    if (recording_state_ == state) return;
    recording_state_ = std::move(state);
    log::info({"call", id()}, "recording: {} {}", to_string(recording_state_.status),
              recording_state_.file);
    publish(event::RecordingChanged{recording_state_});
}

void LiveCall::on(const input::SetTranscription& wanted) {
    if (!wanted.on) {
        transcription_.reset();  // it tells when it has said its last
        follow_heard();
        spec_.transcribe = false;
        return;
    }
    if (transcription_ || is_final(state_)) return;
    spec_.transcribe = true;
    if (!carrier_time_.began()) return;  // with the first stream
    Result<std::shared_ptr<Transcription>> begun =
        fail(Errc::bad_config, "no transcriber is set up");
    if (services_.transcribers) {
        const std::weak_ptr<Call> weak = weak_from_this();
        begun = services_.transcribers->begin(
            id(), services_.executor, [weak, number = ++transcriptions_made_](TranscriptNews news) {
                if (const auto call = weak.lock())
                    call->accept(input::TranscriptTold{number, std::move(news)});
            });
    }
    if (!begun) {
        warn("the call is not transcribed: " + begun.error().message);
        set_transcription({{}, TranscriptionStatus::failed, begun.error().message});
        return;
    }
    transcription_ = std::move(*begun);
    follow_heard();
}

void LiveCall::on(const input::TranscriptTold& told) {
    if (told.number != transcriptions_made_) return;
    if (const auto* piece = std::get_if<TranscriptPiece>(&told.news)) {
        publish(event::Transcribed{*piece});
        return;
    }
    const auto& state = std::get<TranscriptionState>(told.news);
    if (state.status == TranscriptionStatus::off || state.status == TranscriptionStatus::failed)
        services_.clock.cancel(std::exchange(last_words_, Clock::kNoTimer));
    if (state.status == TranscriptionStatus::failed) {
        warn(fmt::format("the transcript has ended, the call goes on: {}", state.reason));
        transcription_.reset();
        follow_heard();
    }
    set_transcription(state);
}

void LiveCall::set_transcription(TranscriptionState state) {
    if (transcription_state_ == state) return;
    transcription_state_ = std::move(state);
    publish(event::TranscriptionChanged{transcription_state_});
}

/// Nothing more comes. What was said last is not understood yet: the call's end waits for it.
void LiveCall::end_taking_down() {
    if (heard_track_) heard_track_->stream_ended(services_.clock.now());
    const auto status = transcription_state_.status;
    const bool words_come = transcription_ || status == TranscriptionStatus::connecting ||
                            status == TranscriptionStatus::running ||
                            status == TranscriptionStatus::lost;
    if (words_come && last_words_ == Clock::kNoTimer) {
        last_words_ = services_.clock.after(kLastWords, [this] {
            last_words_ = Clock::kNoTimer;
            accept(input::TranscriptTold{
                transcriptions_made_,
                TranscriptionState{transcription_state_.engine, TranscriptionStatus::off,
                                   "the last words were not understood in time"}});
        });
    }
    transcription_.reset();
    if (recording_) end_recording(RecordingStatus::stopped, {});
    follow_heard();
}

}  // namespace bridge::call
