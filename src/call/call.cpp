#include "call/call.hpp"

#include <type_traits>
#include <utility>

#include "base/log.hpp"
#include "base/stable_hash.hpp"
#include "call/agent_line.hpp"

namespace bridge::call {

using namespace std::chrono_literals;
using input::TimerKind;
using std::chrono::duration_cast;

namespace {

/// How long a stream may outlive the end of its call before we close it.
constexpr auto kStreamAfterEnd = 2s;
/// How long the final status callback may take before the carrier is asked.
constexpr auto kConfirmAfterStream = 3s;
/// What is left in the playout buffer is at most a few hundred milliseconds.
constexpr auto kDrain = 1500ms;
constexpr auto kSpeakerPoll = 100ms;
constexpr auto kStatistics = 1s;

}  // namespace

LiveCall::LiveCall(CallSpec spec, CallServices services, std::shared_ptr<CallCapture> capture)
    : capture_(std::move(capture)),
      spec_(std::move(spec)),
      services_(std::move(services)),
      created_(services_.clock.now()),
      sid_(spec_.sid),
      hold_(spec_.listen_only ? Hold::listen_only : Hold::stream),
      random_(static_cast<std::minstd_rand::result_type>(services_.seed ^
                                                         stable_hash(spec_.id.str()))) {
    if (!services_.metrics) {
        services_.metrics = std::make_shared<CallMetrics>(std::make_shared<metrics::Registry>());
    }
    services_.metrics->opened(spec_.direction);
    services_.metrics->entered(state_);
    local_.focus = spec_.focus;
    make_outbound_line();
}

LiveCall::~LiveCall() {
    outbound_.reset();  // tells nothing any more, whichever of its voices goes next
    turns_.reset();
    agent_.reset();
    services_.metrics->left(state_);
    for (auto& timer : timers_) services_.clock.cancel(timer);
    services_.clock.cancel(poll_);
    services_.clock.cancel(last_words_);
    if (speaker_) services_.speaker->detach(speaker_);
    if (mic_line_) services_.microphone->detach(mic_line_);
}

void LiveCall::accept(const CallInput& input) {
    const auto keep = shared_from_this();  // the last input may let the registry forget us
    const CallCapture::Turn turn(capture_.get());
    if (capture_) capture_->took(input);
    std::visit(
        [this](const auto& what) {
            note(what);
            on(what);
        },
        input);
    end_if_over();
}

void LiveCall::list_hot(HotLines& lines) const {
    lines.add_shared(this, 0);
    lines.add_between(this, &audio_);
    if (audio_) audio_->list_hot(lines);
    lines.add_between(&from_phone_, &mix_ + 1);
    lines.add(&services_.clock, sizeof(services_.clock));
    lines.add(&carrier_time_, HotLines::kLine);
    lines.add_shared(listener_.get(), HotLines::kLine);
    lines.add_shared(mic_line_.get(), sizeof(audio::MicLine));
    if (outbound_) outbound_->list_hot(lines);
}

CallSnapshot LiveCall::snapshot() const {
    CallSnapshot out;
    out.id = spec_.id;
    out.sid = sid_;
    out.stream_sid = stream_sid_;
    out.direction = spec_.direction;
    out.state = state_;
    out.streaming = line_ != nullptr;
    out.to = spec_.to;
    out.from = spec_.from;
    out.parent = spec_.parent;
    out.answered_by = answered_by_;
    out.end_reason = end_reason_;
    out.carrier_code = carrier_code_;
    out.sip_code = sip_code_;
    out.outcome_unknown = outcome_unknown_;
    out.unheard = is_final(state_) && unheard();
    out.never_heard = state_ == CallState::completed && stream_sid_.empty() &&
                      (unheard() || !stream_error_.empty());
    out.candidates = candidates_;
    out.lost_create = lost_create_;
    out.end_confirmed = end_confirmed_;
    out.handed_over = handed_over_;
    out.transfer = transfer_shown();
    out.agent = agent_state_;
    out.recording = recording_state_;
    out.transcription = transcription_state_;
    out.listeners = guests_.size();
    out.talkers = talkers();
    if (turns_) out.turns = turns_->stats();
    const auto now = services_.clock.now();
    out.age = duration_cast<milliseconds>(now - created_);
    out.created = created_at_;
    out.answered = answered_at_;
    out.ended = ended_at_;
    out.streamed = duration_cast<milliseconds>(
        streamed_ + (line_ ? now - stream_up_ : Clock::Duration::zero()));
    out.billed_duration = billed_;
    out.stream_setup = stream_setup_;
    out.media = media_;
    out.local = local_;
    out.outbound = outbound_stats();
    if (mic_voice_) out.microphone = services_.microphone->stats();
    out.playout = playout_;
    out.device = device_;
    return out;
}

void LiveCall::on(const input::StreamStarted& started) {
    if (!current(started.stream)) return;
    line_ = capture_ ? capture_->line(started.line) : started.line;
    stream_sid_ = line_->stream_sid();
    stream_up_ = services_.clock.now();
    audio_.emplace(media_);
    step_ = {};
    disarm(TimerKind::stream_deadline);
    take_down();
    connect_audio();
    if (turns_) turns_->new_stream();
    outbound_->attach(line_);
    update_microphone();
    log::info({"call", id()}, "stream started stream={}", stream_sid_);
    publish(event::StreamUp{stream_sid_});
    if (is_final(state_)) {
        arm(TimerKind::stream_deadline, kStreamAfterEnd);
    } else if (hang_up_wanted_) {
        line_->close();
    } else {
        advance(CallState::in_progress, {});
        on_stream_back();
    }
}

void LiveCall::connect_audio() {
    if (services_.listener && !listener_) {
        listener_ = services_.listener(id());
        listener_ear_ = mix_.add_ear(listener_);
    }
    if (armed(TimerKind::drain_deadline)) drop_speaker();  // it has said its last
    if (!spec_.play_locally || !services_.speaker || speaker_) return;
    auto line = std::make_shared<audio::SpeakerLine>(services_.clock, services_.playout);
    if (capture_) capture_->made_speaker_line(*line);
    if (!services_.speaker->attach(line)) {
        warn("all 64 places of the audio device are taken: this call is not heard here");
        return;
    }
    speaker_ = std::move(line);
    told_playout_ = {};
    local_ear_ = mix_.add_ear(speaker_);
    update_local_ear();
    poll_speaker();
}

void LiveCall::on(const input::Media& media) {
    if (!current(media.stream) || !audio_) return;
    if (media.track == Track::outbound) {
        audio_->count(media.sequence);
        return;
    }
    const auto first = media_.frames == 0;
    heard_at_ = services_.clock.now();
    keep_step();
    if (!heard_track_ && !carrier_time_.placed())
        carrier_time_.frame(media.timestamp, media.mulaw.size(), heard_at_);
    audio_->media(media, heard_at_, [this](const audio::AudioFrame& frame) { tee_.write(frame); });
    if (first && media_.frames > 0) {
        stream_setup_ = duration_cast<milliseconds>(heard_at_ - asked_);
        publish(event::FirstAudio{});
    }
}

void LiveCall::on(const input::MarkEchoed& mark) {
    if (!current(mark.stream) || !audio_ || !audio_->count(mark.sequence)) return;
    outbound_->mark_echoed(mark.name);
}

void LiveCall::on(const input::DtmfReceived& dtmf) {
    if (!current(dtmf.stream) || !audio_ || !audio_->count(dtmf.sequence)) return;
    log::info({"call", id()}, "key {} received", dtmf.digit);
    publish(event::Digit{dtmf.digit});
    if (agent_ && agent_->open() && !agent_->silenced) agent_->agent().dtmf(dtmf.digit);
    if (dtmf.digit == '#' && message_) {
        end_message();
        on(input::HangUp{"the message is complete"});
    }
}

void LiveCall::on(const input::BadMessage& bad) {
    if (!current(bad.stream)) return;
    if (media_.malformed++ == 0) {
        log::warning({"media", id()},
                     "a message could not be used: {} (further ones are only counted)", bad.reason);
    }
}

void LiveCall::on(const input::StreamStopped& stopped) {
    if (!current(stopped.stream)) return;
    log::debug({"call", id()}, "stream stopped by the carrier stream={}", stream_sid_);
    // The next one may be there before this one's connection is gone.
    if (stream_end_expected()) retire_stream();
}

void LiveCall::on(const input::StreamClosed& closed) {
    if (!current(closed.stream)) return;
    if (line_ && stream_end_expected()) {
        retire_stream();
        return;
    }
    stream_open_ = false;
    audio_.reset();
    stop_ringing(false, "the caller hung up");
    end_message();
    if (line_) {
        note_stream_end(closed.clean, closed.reason);
    } else {
        log::warning({"call", id()}, "a media connection ended before it started: {}",
                     closed.reason);
    }
    if (!closed.clean && !closed.reason.empty()) warn("media stream: " + closed.reason);
    drain_speaker();
    if (!is_final(state_)) {
        // A call of ours does nothing once its stream is gone: it is over, or it must be ended.
        disarm(TimerKind::stream_deadline);
        arm(TimerKind::confirm_deadline, kConfirmAfterStream);
    } else {
        disarm(TimerKind::stream_deadline);
    }
}

void LiveCall::note_stream_end(bool clean, const std::string& reason) {
    streamed_ += services_.clock.now() - stream_up_;
    line_.reset();
    outbound_->detach();
    carrier_time_.end_stream();
    update_microphone();
    log::info({"call", id()},
              "stream ended stream={} {} frames={} lost_ms={} gaps={} duplicates={} late={}",
              stream_sid_, clean ? "cleanly" : "by a lost connection", media_.frames,
              media_.lost_ms, media_.gaps, media_.duplicates, media_.late);
    publish(event::StreamDown{stream_sid_, clean, reason});
}

void LiveCall::on(const input::SpeakerReport& report) {
    playout_ = report.playout;
    device_ = report.device;
    if (report.drained && !stream_open_) drop_speaker();
}

void LiveCall::on(const input::TimerFired& timer) {
    timers_[static_cast<std::size_t>(timer.kind)] = Clock::kNoTimer;
    switch (timer.kind) {
        case TimerKind::statistics:
            tell_metrics();
            sample_timeline();
            if (heard_track_) heard_track_->advance(services_.clock.now());
            if (services_.events.statistics_wanted()) publish(event::Statistics{snapshot()});
            if (!is_final(state_)) arm(TimerKind::statistics, kStatistics);
            break;
        case TimerKind::answer_deadline:
            // No status callback reaches us: ask.
            if (state_ < CallState::in_progress) arm(TimerKind::confirm_deadline, 0ms);
            break;
        case TimerKind::lost_create:
            look_for_create();
            break;
        case TimerKind::stream_deadline:
            if (line_) {
                line_->close();
            } else if (!is_final(state_)) {
                stream_open_ = false;
                instruction_.reset();
                digits_done("the media stream did not come back");
                warn((gap_since_ ? std::string("the media stream did not come back")
                                 : std::string("the carrier fetched our instructions but its media "
                                               "stream never reached us")) +
                     (stream_error_.empty()
                          ? std::string(". Is PUBLIC_URL reachable for WebSockets? "
                                        "A trial account may strip streams.")
                          : ": " + stream_error_));
                hang_up_wanted_ = true;
                end_reason_ = "no media stream";
                if (stream_error_.empty()) stream_error_ = "it never came";
                start_hang_up();
            }
            break;
        case TimerKind::confirm_deadline:
            confirm_end();
            break;
        case TimerKind::drain_deadline:
            drop_speaker();
            break;
        case TimerKind::digits_pause:
            next_instruction();
            break;
        case TimerKind::transfer_deadline:
            on_transfer_deadline();
            break;
        case TimerKind::ring_deadline:
            on_ring_deadline();
            break;
        case TimerKind::message_limit:
            end_message();
            on(input::HangUp{"the message is as long as it may be"});
            break;
        case TimerKind::closing_words:
            if (speech_is_over()) on(input::HangUp{*closing_});
            break;
        case TimerKind::machine_message:
            spoken_to_machine(SpeechOutcome::pending);
            break;
        case TimerKind::agent_deadline:
            if (agent_)
                on_agent(input::told::Ended{AgentEnd::dropped, "it did not get ready in time"});
            break;
        case TimerKind::agent_redial:
            start_agent_session();
            break;
        case TimerKind::agent_steady:
            if (agent_) agent_->redial = services_.agent_care.first_redial;
            break;
        case TimerKind::agent_notice:
            on_agent_notice();
            break;
        case TimerKind::agent_fallback:
            agent_fall_back("it did not come back");
            break;
        case TimerKind::agent_goodbye:
            on(input::HangUp{agent_end_.value_or("the agent ended the call"), true});
            break;
    }
}

void LiveCall::arm(TimerKind kind, Clock::Duration delay) {
    disarm(kind);
    timers_[static_cast<std::size_t>(kind)] =
        // Small enough for std::function to need no heap; no timer outlives the call.
        services_.clock.after(delay, [this, kind] { accept(input::TimerFired{kind}); });
}

void LiveCall::disarm(TimerKind kind) {
    services_.clock.cancel(std::exchange(timers_[static_cast<std::size_t>(kind)], Clock::kNoTimer));
}

void LiveCall::poll_speaker() {
    poll_ = services_.clock.after(kSpeakerPoll, [this] {
        if (!speaker_) return;
        const auto line = speaker_;
        poll_speaker();
        accept(input::SpeakerReport{line->stats(), services_.speaker->stats(), line->drained()});
    });
}

/// What it holds plays out, and then it goes.
void LiveCall::drain_speaker() {
    if (!speaker_ || armed(TimerKind::drain_deadline)) return;
    speaker_->end();
    arm(TimerKind::drain_deadline, kDrain);
}

void LiveCall::drop_speaker() {
    disarm(TimerKind::drain_deadline);
    if (!speaker_) return;
    playout_ = speaker_->stats();
    device_ = services_.speaker->stats();
    tell_metrics();
    services_.speaker->detach(speaker_);
    mix_.remove_ear(local_ear_);
    services_.clock.cancel(std::exchange(poll_, Clock::kNoTimer));
    speaker_.reset();
}

void LiveCall::set_state(CallState to) {
    services_.metrics->left(state_);
    state_ = to;
    if (to == CallState::in_progress) answered_at_ = wall_now();
    if (is_final(to)) {
        ended_at_ = wall_now();
        if (services_.finished) services_.finished(id());
    }
    services_.metrics->entered(state_);
}

void LiveCall::tell_metrics() {
    services_.metrics->take(media_, told_media_);
    if (playout_) services_.metrics->take(*playout_, told_playout_);
    services_.metrics->take(outbound_stats(), told_outbound_);
}

void LiveCall::advance(CallState to, std::string reason) {
    if (is_final(state_) || to <= state_) return;
    set_state(to);
    if (!armed(TimerKind::statistics)) arm(TimerKind::statistics, kStatistics);
    JournalChange change;
    change.state = to;
    remember(std::move(change));
    log::info({"call", id()}, "{}", to_string(to));
    publish(event::StateChanged{to, std::move(reason)});
}

void LiveCall::finish(CallState to, std::string reason) {
    if (is_final(state_)) return;
    set_state(to);
    if (!reason.empty()) end_reason_ = std::move(reason);
    if (to == CallState::completed && end_reason_.empty() && stream_sid_.empty()) {
        // It was answered, and there was never a sound: that is not how a good call ends.
        if (unheard()) {
            end_reason_ = "none of the call's webhooks reached this program; is PUBLIC_URL right?";
        } else if (!stream_error_.empty()) {
            end_reason_ = "no media stream: " + stream_error_;
        }
    }
    for (const auto kind :
         {TimerKind::statistics, TimerKind::answer_deadline, TimerKind::stream_deadline,
          TimerKind::lost_create, TimerKind::confirm_deadline, TimerKind::digits_pause,
          TimerKind::transfer_deadline, TimerKind::ring_deadline, TimerKind::message_limit,
          TimerKind::closing_words, TimerKind::machine_message, TimerKind::agent_notice,
          TimerKind::agent_fallback}) {
        disarm(kind);
    }
    if (end_reason_.empty()) {
        log::info({"call", id()}, "{}", to_string(to));
    } else {
        log::info({"call", id()}, "{}: {}", to_string(to), end_reason_);
    }
    publish(event::StateChanged{to, end_reason_});
    dismiss_guests(end_reason_.empty() ? std::string(to_string(to)) : end_reason_);
    drop_control();
    if (stream_open_) {
        arm(TimerKind::stream_deadline, kStreamAfterEnd);
    } else {
        drain_speaker();
    }
}

void LiveCall::end_if_over() {
    if (ended_ || !is_final(state_) || dialing_ || hanging_up_ || fetching_ || looking_) return;
    if (line_ || (stream_open_ && armed(TimerKind::stream_deadline))) return;
    end_taking_down();
    if (speaker_ || last_words_ != Clock::kNoTimer) return;
    ended_ = true;
    JournalChange change;
    change.state = state_;
    if (end_confirmed_ || handed_over_) {
        change.ended = true;
    } else {
        change.instance.emplace();  // nobody holds it: the next run, or `reap`, sees to it
    }
    remember(std::move(change));
    tell_metrics();
    auto last = snapshot();
    if (services_.timelines) {
        // A copy: a webhook that comes late still writes into this call's own.
        services_.timelines->keep({id(), sid_, age(), std::make_shared<const Timeline>(*timeline_),
                                   std::make_shared<const CallSnapshot>(last)});
    }
    publish(event::Ended{std::move(last)});
    if (services_.ended) services_.ended(id());
}

void LiveCall::learn(const CallSid& sid) {
    if (sid.empty() || !sid_.empty()) return;
    sid_ = sid;
    outcome_unknown_ = false;
    log::info({"call", id()}, "sid={}", sid_);
    JournalChange change;
    change.sid = sid_;
    remember(std::move(change));
    if (services_.named) services_.named(id(), sid_);
}

JournalEntry LiveCall::journal_entry() const {
    JournalEntry entry;
    entry.id = spec_.id;
    entry.sid = sid_;
    entry.direction = spec_.direction;
    entry.to = spec_.to;
    entry.from = spec_.from;
    entry.state = state_;
    entry.hold = hold_;
    entry.parent = spec_.parent;
    entry.asked = create_.since;
    return entry;
}

void LiveCall::remember(JournalChange change) {
    if (!services_.journal || !journaled_) return;
    change.id = spec_.id;
    services_.journal->note(std::move(change));
}

void LiveCall::warn(std::string text) {
    log::warning({"call", id()}, "{}", text);
    publish(event::Warning{std::move(text)});
}

void LiveCall::note_answered_by(const std::string& who) {
    if (who.empty() || who == answered_by_) return;
    answered_by_ = who;
    log::info({"call", id()}, "answered by {}", who);
    publish(event::MachineDetected{who});
    act_on_machine();
}

std::shared_ptr<Call> Call::make(CallSpec spec, CallServices services) {
    if (spec.id.empty()) spec.id = new_call_id();
    std::shared_ptr<CallCapture> capture;
    if (spec.capture && services.captures) capture = services.captures->begin(spec, services);
    const CallCapture::Turn turn(capture.get());
    return std::make_shared<LiveCall>(std::move(spec), std::move(services), capture);
}

}  // namespace bridge::call
