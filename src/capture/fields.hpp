#pragma once
// What is written down of each type that reaches a call, in order. Both ends of a capture file use
// these; to add, take away or change a field is to raise kFormatVersion (capture_file.hpp).

#include <system_error>
#include <type_traits>
#include <variant>

#include "call/call.hpp"
#include "capture/wire.hpp"

namespace bridge::capture {

template <>
struct LastOf<Errc> {
    static constexpr auto value = Errc::internal;
};
template <>
struct LastOf<call::Direction> {
    static constexpr auto value = call::Direction::outbound;
};
template <>
struct LastOf<call::CallState> {
    static constexpr auto value = call::CallState::canceled;
};
template <>
struct LastOf<call::Hold> {
    static constexpr auto value = call::Hold::transferred;
};
template <>
struct LastOf<call::HoldSound> {
    static constexpr auto value = call::HoldSound::silence;
};
template <>
struct LastOf<call::Track> {
    static constexpr auto value = call::Track::outbound;
};
template <>
struct LastOf<call::Instruction> {
    static constexpr auto value = call::Instruction::stream;
};
template <>
struct LastOf<call::AgentMode> {
    static constexpr auto value = call::AgentMode::taken_over;
};
template <>
struct LastOf<call::AgentEnd> {
    static constexpr auto value = call::AgentEnd::refused;
};
template <>
struct LastOf<call::Speaker> {
    static constexpr auto value = call::Speaker::agent;
};
template <>
struct LastOf<call::Side> {
    static constexpr auto value = call::Side::near;
};
template <>
struct LastOf<call::OnMachine> {
    static constexpr auto value = call::OnMachine::message;
};
template <>
struct LastOf<call::BargeIn> {
    static constexpr auto value = call::BargeIn::off;
};
template <>
struct LastOf<call::AgentCare::Fallback> {
    static constexpr auto value = call::AgentCare::Fallback::hang_up;
};
template <>
struct LastOf<call::RecordingStatus> {
    static constexpr auto value = call::RecordingStatus::failed;
};
template <>
struct LastOf<call::RecordingNotice> {
    static constexpr auto value = call::RecordingNotice::spoken;
};
template <>
struct LastOf<call::TranscriptionStatus> {
    static constexpr auto value = call::TranscriptionStatus::failed;
};
template <>
struct LastOf<call::LineEnd> {
    static constexpr auto value = call::LineEnd::near;
};
template <>
struct LastOf<call::input::TimerKind> {
    static constexpr auto value = call::input::TimerKind::machine_message;
};
template <>
struct LastOf<call::input::AgentSpeech::Kind> {
    static constexpr auto value = call::input::AgentSpeech::Kind::cancel;
};
static_assert(call::input::kTimerKinds ==
              static_cast<std::size_t>(LastOf<call::input::TimerKind>::value) + 1);

// --- errors and outcomes

/// Of codes that are not ours, the sentence alone is kept.
template <class A>
void fields(A& a, Same<Error> auto& x) {
    auto code = Errc::internal;
    if constexpr (!A::kReads) {
        if (x.code.category() == bridge_category()) code = static_cast<Errc>(x.code.value());
    }
    a(code, x.message);
    if constexpr (A::kReads) x.code = make_error_code(code);
}

template <class A, class T, class E>
void outcome_fields(A& a, T& value, E& error, bool& good) {
    a(good);
    if (good) {
        if constexpr (!std::is_same_v<std::remove_const_t<T>, std::monostate>) a(value);
    } else {
        a(error);
    }
}

template <class A, class T, class E>
void outcome(A& a, const tl::expected<T, E>& x) {
    bool good = x.has_value();
    if constexpr (std::is_void_v<T>) {
        const std::monostate nothing;
        static const E none{};
        outcome_fields(a, nothing, good ? none : x.error(), good);
    } else {
        static const T empty{};
        static const E none{};
        outcome_fields(a, good ? *x : empty, good ? none : x.error(), good);
    }
}

template <class T, class E>
void outcome(In& a, tl::expected<T, E>& x) {
    bool good = false;
    E error{};
    if constexpr (std::is_void_v<T>) {
        std::monostate nothing;
        outcome_fields(a, nothing, error, good);
        if (good) x = {};
    } else {
        T value{};
        outcome_fields(a, value, error, good);
        if (good) x = std::move(value);
    }
    if (!good) x = tl::unexpected<E>(std::move(error));
}

// --- what inputs are made of

template <class A>
void fields(A& a, Same<call::PlacedCall> auto& x) {
    a(x.sid, x.status);
}
template <class A>
void fields(A& a, Same<call::PlaceFailure> auto& x) {
    a(x.error, x.outcome_unknown, x.carrier_code, x.http_status);
}
template <class A>
void fields(A& a, Same<call::CarrierCall> auto& x) {
    a(x.sid, x.status, x.to, x.from, x.direction, x.duration, x.date_created);
}
template <class A>
void fields(A& a, Same<call::TransferState> auto& x) {
    a(x.to, x.status, x.call);
}
template <class A>
void fields(A& a, Same<call::AgentText> auto& x) {
    a(x.speaker, x.text, x.final, x.utterance);
}
template <class A>
void fields(A& a, Same<call::ToolCall> auto& x) {
    a(x.id, x.name, x.arguments);
}
template <class A>
void fields(A& a, Same<call::ToolResult> auto& x) {
    a(x.id, x.output, x.failed);
}
template <class A>
void fields(A& a, Same<call::TranscriptWord> auto& x) {
    a(x.text, x.begin, x.end, x.confidence);
}
template <class A>
void fields(A& a, Same<call::TranscriptPiece> auto& x) {
    a(x.speaker, x.number, x.final, x.begin, x.end, x.text, x.confidence, x.words);
}
template <class A>
void fields(A& a, Same<call::TranscriptionState> auto& x) {
    a(x.engine, x.status, x.reason);
}
template <class A>
void fields(A& a, Same<audio::DeviceStats> auto& x) {
    a(x.sample_rate, x.block_samples, x.channels, x.reported_latency_ms, x.callbacks, x.underflows,
      x.longest_gap_ms, x.running, x.losses, x.unheard_ms);
}
template <class A>
void fields(A&, Same<call::input::told::Ready> auto&) {}
template <class A>
void fields(A& a, Same<call::input::told::Ended> auto& x) {
    a(x.how, x.reason);
}
template <class A>
void fields(A& a, Same<call::input::told::CallerSpeaks> auto& x) {
    a(x.speaking);
}
template <class A>
void fields(A&, Same<call::input::told::GiveWay> auto&) {}
template <class A>
void fields(A& a, Same<call::input::told::Warning> auto& x) {
    a(x.text);
}
template <class A>
void fields(A& a, Same<call::tool::EndCall> auto& x) {
    a(x.reason);
}
template <class A>
void fields(A& a, Same<call::tool::TransferCall> auto& x) {
    a(x.to);
}
template <class A>
void fields(A& a, Same<call::tool::SendDigits> auto& x) {
    a(x.keys);
}
template <class A>
void fields(A& a, Same<call::tool::Hold> auto& x) {
    a(x.on);
}
template <class A>
void fields(A& a, Same<call::tool::TakeMessage> auto& x) {
    a(x.name, x.number, x.text);
}

template <class A>
void fields(A& a, Same<call::tool::Record> auto& x) {
    a(x.status);
}

/// Which of the alternatives it is, and that one.
template <class... T>
void choice(Out& out, const std::variant<T...>& x) {
    out(static_cast<std::uint64_t>(x.index()));
    std::visit([&](const auto& one) { out(one); }, x);
}

template <class... T>
void choice(In& a, std::variant<T...>& x) {
    const auto index = a.number();
    std::uint64_t at = 0;
    bool found = false;
    const auto try_one = [&]<class One>(std::type_identity<One>) {
        if (at++ != index) return;
        found = true;
        a(x.template emplace<One>());
    };
    (try_one(std::type_identity<T>{}), ...);
    if (!found) a.damaged();
}

// --- what a call is opened with

template <class A>
void fields(A& a, Same<call::CallSpec> auto& x) {
    a(x.id, x.sid, x.direction, x.to, x.from, x.ring_timeout, x.time_limit, x.listen_only,
      x.play_locally, x.focus, x.extra, x.ring, x.voicemail, x.parent, x.agent, x.on_machine,
      x.machine_message, x.record, x.transcribe);
}
template <class A>
void fields(A& a, Same<call::OutboundOptions> auto& x) {
    a(x.lead_low, x.lead_high, x.message, x.mark_every, x.live_backlog, x.ahead_backlog,
      x.send_silence);
}
template <class A>
void fields(A& a, Same<call::TurnOptions> auto& x) {
    a(x.barge_in, x.pause_after, x.min_speech, x.resume_after, x.hint_speech, x.end_of_turn,
      x.least_turn, x.protect_greeting);
}
template <class A>
void fields(A& a, Same<call::AgentCare> auto& x) {
    a(x.patience, x.first_redial, x.longest_redial, x.notice_after, x.fallback_after, x.fallback,
      x.transfer_to, x.barge_in, x.turns, x.notice, x.goodbye);
}

// --- the inputs themselves; those that hold more than data are in records.cpp

template <class A>
void fields(A& a, Same<input::MarkEchoed> auto& x) {
    a(x.stream, x.sequence, x.name);
}
template <class A>
void fields(A& a, Same<input::DtmfReceived> auto& x) {
    auto digit = static_cast<std::uint8_t>(x.digit);
    a(x.stream, x.sequence, digit);
    if constexpr (A::kReads) x.digit = static_cast<char>(digit);
}
template <class A>
void fields(A& a, Same<input::BadMessage> auto& x) {
    a(x.stream, x.reason);
}
template <class A>
void fields(A& a, Same<input::StreamStopped> auto& x) {
    a(x.stream);
}
template <class A>
void fields(A& a, Same<input::StreamClosed> auto& x) {
    a(x.stream, x.clean, x.reason);
}
template <class A>
void fields(A& a, Same<input::CreateFinished> auto& x) {
    outcome(a, x.outcome);
}
template <class A>
void fields(A& a, Same<input::HangUpFinished> auto& x) {
    outcome(a, x.outcome);
}
template <class A>
void fields(A& a, Same<input::FetchFinished> auto& x) {
    outcome(a, x.outcome);
}
template <class A>
void fields(A& a, Same<input::LostCreateLookedFor> auto& x) {
    outcome(a, x.candidates);
}
template <class A>
void fields(A& a, Same<input::InstructionsGiven> auto& x) {
    a(x.what);
    outcome(a, x.outcome);
}
template <class A>
void fields(A& a, Same<input::DialReported> auto& x) {
    a(x.leg, x.status, x.over);
}
template <class A>
void fields(A& a, Same<input::ConferenceReported> auto& x) {
    a(x.conference, x.event);
}
template <class A>
void fields(A& a, Same<input::VoiceRequested> auto& x) {
    a(x.sid, x.from, x.to, x.status, x.answered_by, x.rejected);
}
template <class A>
void fields(A& a, Same<input::StatusReported> auto& x) {
    a(x.sid, x.status, x.sequence, x.duration, x.sip_code, x.answered_by, x.error_code,
      x.error_message);
}
template <class A>
void fields(A& a, Same<input::StreamReported> auto& x) {
    a(x.stream_sid, x.event, x.error);
}
template <class A>
void fields(A& a, Same<input::InstructionsFailed> auto& x) {
    a(x.why);
}
template <class A>
void fields(A& a, Same<input::MachineDetected> auto& x) {
    a(x.answered_by, x.took);
}
template <class A>
void fields(A&, Same<input::Dial> auto&) {}
template <class A>
void fields(A& a, Same<input::Adopt> auto& x) {
    a(x.state, x.hold);
}
template <class A>
void fields(A& a, Same<input::HangUp> auto& x) {
    a(x.reason, x.after_speech);
}
template <class A>
void fields(A&, Same<input::Accept> auto&) {}
template <class A>
void fields(A&, Same<input::Reject> auto&) {}
template <class A>
void fields(A& a, Same<input::SendDigits> auto& x) {
    a(x.digits, x.in_band);
}
template <class A>
void fields(A& a, Same<input::SetMuted> auto& x) {
    a(x.on);
}
template <class A>
void fields(A& a, Same<input::SetHeld> auto& x) {
    a(x.on, x.sound);
}
template <class A>
void fields(A& a, Same<input::SetLocal> auto& x) {
    a(x.focus, x.gain, x.pan);
}
template <class A>
void fields(A& a, Same<input::Transfer> auto& x) {
    a(x.to);
}
template <class A>
void fields(A& a, Same<input::JoinConference> auto& x) {
    a(x.room);
}
template <class A>
void fields(A& a, Same<input::Play> auto& x) {
    a(x.samples, x.loop);
}
template <class A>
void fields(A&, Same<input::TakeBack> auto&) {}
template <class A>
void fields(A& a, Same<input::TransferTold> auto& x) {
    a(x.transfer);
}
template <class A>
void fields(A&, Same<input::Clear> auto&) {}
template <class A>
void fields(A& a, Same<input::SetAgent> auto& x) {
    a(x.name);
}
template <class A>
void fields(A& a, Same<input::SetAgentMode> auto& x) {
    a(x.mode);
}
template <class A>
void fields(A& a, Same<input::SetRecording> auto& x) {
    a(x.status, x.notice);
}
template <class A>
void fields(A& a, Same<input::SetTranscription> auto& x) {
    a(x.on);
}
template <class A>
void fields(A&, Same<input::LetGo> auto&) {}
template <class A>
void fields(A& a, Same<input::GuestLeaves> auto& x) {
    a(x.id);
}
template <class A>
void fields(A& a, Same<input::GuestTalks> auto& x) {
    a(x.id, x.on);
}
template <class A>
void fields(A& a, Same<input::RecordingBroke> auto& x) {
    a(x.number, x.problem);
}
template <class A>
void fields(A& a, Same<input::TranscriptTold> auto& x) {
    a(x.number);
    choice(a, x.news);
}
template <class A>
void fields(A& a, Same<input::AgentTold> auto& x) {
    a(x.session);
    choice(a, x.what);
}
template <class A>
void fields(A& a, Same<input::ToolFinished> auto& x) {
    a(x.session, x.result);
}
template <class A>
void fields(A& a, Same<input::TimerFired> auto& x) {
    a(x.kind);
}

}  // namespace bridge::capture
