#include "call/call.hpp"

#include <array>
#include <type_traits>
#include <utility>

#include "audio/tee.hpp"
#include "base/log.hpp"
#include "base/spawn.hpp"
#include "call/ear_mix.hpp"
#include "call/inbound_audio.hpp"

namespace bridge::call {
namespace {

using namespace std::chrono_literals;
using input::TimerKind;
using std::chrono::duration_cast;
using std::chrono::milliseconds;

/// Instructions were fetched: the stream should be there within this time (Twilio connects at once;
/// its own connection time-out is not documented).
constexpr auto kStreamSetup = 20s;
/// How long a stream may outlive the end of its call before we close it.
constexpr auto kStreamAfterEnd = 2s;
/// How long the final status callback may take before the carrier is asked.
constexpr auto kConfirmAfterStream = 3s;
constexpr auto kConfirmAfterHangUp = 1s;
constexpr auto kConfirmAgain = 2s;
constexpr int kConfirmTries = 4;
/// The voice webhook has 15 s, ringing a few seconds more than we asked for.
constexpr auto kAnswerSlack = 25s;
/// What is left in the playout buffer is at most a few hundred milliseconds.
constexpr auto kDrain = 1500ms;
constexpr auto kSpeakerPoll = 100ms;
constexpr auto kStatistics = 1s;

class LiveCall final : public Call {
public:
    LiveCall(CallSpec spec, CallServices services)
        : spec_(std::move(spec)),
          services_(std::move(services)),
          created_(services_.clock.now()),
          sid_(spec_.sid) {
        if (!services_.metrics) {
            services_.metrics =
                std::make_shared<CallMetrics>(std::make_shared<metrics::Registry>());
        }
        services_.metrics->opened(spec_.direction);
        services_.metrics->entered(state_);
        from_phone_ = std::make_shared<FromPhone>(*this);
        tee_.add(from_phone_);
    }

    ~LiveCall() override {
        services_.metrics->left(state_);
        for (auto& timer : timers_) services_.clock.cancel(timer);
        services_.clock.cancel(poll_);
        if (speaker_) services_.speaker->detach(speaker_);
    }

    const CallId& id() const override { return spec_.id; }
    const CallSid& sid() const override { return sid_; }
    const CallSpec& spec() const override { return spec_; }
    CallState state() const override { return state_; }
    bool has_stream() const override { return stream_open_; }
    bool over() const override { return ended_; }

    std::uint64_t open_stream() override {
        stream_open_ = true;
        return ++stream_;
    }

    void accept(const CallInput& input) override {
        const auto keep = shared_from_this();  // the last input may let the registry forget us
        std::visit([this](const auto& what) { on(what); }, input);
        end_if_over();
    }

    CallSnapshot snapshot() const override {
        CallSnapshot out;
        out.id = spec_.id;
        out.sid = sid_;
        out.stream_sid = stream_sid_;
        out.direction = spec_.direction;
        out.state = state_;
        out.streaming = line_ != nullptr;
        out.to = spec_.to;
        out.from = spec_.from;
        out.answered_by = answered_by_;
        out.end_reason = end_reason_;
        out.carrier_code = carrier_code_;
        out.sip_code = sip_code_;
        out.outcome_unknown = outcome_unknown_;
        out.end_confirmed = end_confirmed_;
        const auto now = services_.clock.now();
        out.age = duration_cast<milliseconds>(now - created_);
        out.streamed = duration_cast<milliseconds>(
            streamed_ + (line_ ? now - stream_up_ : Clock::Duration::zero()));
        out.billed_duration = billed_;
        out.stream_setup = stream_setup_;
        out.media = media_;
        out.playout = playout_;
        out.device = device_;
        return out;
    }

private:
    /// The trunk of the listeners: whatever hears the phone hangs on the tee, the ears on the mix.
    class FromPhone final : public audio::AudioSink {
    public:
        explicit FromPhone(LiveCall& call) : call_(call) {}
        void write(const audio::AudioFrame& frame) override {
            call_.mix_.write(EarMix::kPhone, frame, call_.services_.clock.now());
        }

    private:
        LiveCall& call_;
    };

    // --- the media stream

    bool current(std::uint64_t stream) const { return stream == stream_ && stream_open_; }

    void on(const input::StreamStarted& started) {
        if (!current(started.stream)) return;
        line_ = started.line;
        stream_sid_ = line_->stream_sid();
        stream_up_ = services_.clock.now();
        audio_.emplace(media_);
        disarm(TimerKind::stream_deadline);
        connect_audio();
        log::info({"call", id()}, "stream started stream={}", stream_sid_);
        publish(event::StreamUp{stream_sid_});
        if (is_final(state_)) {
            arm(TimerKind::stream_deadline, kStreamAfterEnd);
        } else if (hang_up_wanted_) {
            line_->close();
        } else {
            advance(CallState::in_progress, {});
        }
    }

    /// Listeners before sources: the first frame finds everybody in place.
    void connect_audio() {
        if (services_.listener && !listener_) {
            listener_ = services_.listener(id());
            mix_.add_ear(listener_);
        }
        if (!spec_.play_locally || !services_.speaker || speaker_) return;
        auto line = std::make_shared<audio::SpeakerLine>(services_.clock, services_.playout);
        if (!services_.speaker->attach(line)) {
            warn("all 64 places of the audio device are taken: this call is not heard here");
            return;
        }
        speaker_ = std::move(line);
        told_playout_ = {};
        local_ear_ = mix_.add_ear(speaker_);
        poll_speaker();
    }

    void on(const input::Media& media) {
        if (!current(media.stream) || !audio_) return;
        if (media.track == Track::outbound) {
            audio_->count(media.sequence);
            return;
        }
        const auto first = media_.frames == 0;
        audio_->media(media, services_.clock.now(),
                      [this](const audio::AudioFrame& frame) { tee_.write(frame); });
        if (first && media_.frames > 0) {
            stream_setup_ = duration_cast<milliseconds>(services_.clock.now() - asked_);
            publish(event::FirstAudio{});
        }
    }

    void on(const input::MarkEchoed& mark) {
        if (current(mark.stream) && audio_) audio_->count(mark.sequence);
    }

    void on(const input::DtmfReceived& dtmf) {
        if (!current(dtmf.stream) || !audio_ || !audio_->count(dtmf.sequence)) return;
        log::info({"call", id()}, "key {} received", dtmf.digit);
        publish(event::Digit{dtmf.digit});
    }

    void on(const input::BadMessage& bad) {
        if (!current(bad.stream)) return;
        if (media_.malformed++ == 0) {
            log::warning({"media", id()},
                         "a message could not be used: {} (further ones are only counted)",
                         bad.reason);
        }
    }

    void on(const input::StreamStopped& stopped) {
        if (current(stopped.stream))
            log::debug({"call", id()}, "stream stopped by the carrier stream={}", stream_sid_);
    }

    void on(const input::StreamClosed& closed) {
        if (!current(closed.stream)) return;
        stream_open_ = false;
        audio_.reset();
        if (line_) {
            streamed_ += services_.clock.now() - stream_up_;
            line_.reset();
            log::info(
                {"call", id()},
                "stream ended stream={} {} frames={} lost_ms={} gaps={} duplicates={} late={}",
                stream_sid_, closed.clean ? "cleanly" : "by a lost connection", media_.frames,
                media_.lost_ms, media_.gaps, media_.duplicates, media_.late);
            publish(event::StreamDown{stream_sid_, closed.clean, closed.reason});
        } else {
            log::warning({"call", id()}, "a media connection ended before it started: {}",
                         closed.reason);
        }
        if (!closed.clean && !closed.reason.empty()) warn("media stream: " + closed.reason);
        if (speaker_) {
            speaker_->end();
            arm(TimerKind::drain_deadline, kDrain);
        }
        if (!is_final(state_)) {
            // A call of ours does nothing once its stream is gone: it is over, or it must be ended.
            disarm(TimerKind::stream_deadline);
            arm(TimerKind::confirm_deadline, kConfirmAfterStream);
        } else {
            disarm(TimerKind::stream_deadline);
        }
    }

    // --- the carrier

    void on(const input::Dial&) {
        if (state_ != CallState::created || dialing_) return;
        if (!services_.carrier) {
            finish(CallState::failed, "no carrier is configured");
            return;
        }
        dialing_ = true;
        asked_ = services_.clock.now();
        PlaceCall request{spec_.id,           spec_.to,         spec_.from,
                          spec_.ring_timeout, spec_.time_limit, spec_.extra};
        spawn(services_.executor, "place call",
              place(self(), services_.carrier, std::move(request)));
    }

    static asio::awaitable<void> place(std::shared_ptr<LiveCall> call,
                                       std::shared_ptr<Carrier> carrier, PlaceCall request) {
        auto outcome = co_await carrier->place_call(std::move(request));
        call->accept(input::CreateFinished{std::move(outcome)});
    }

    void on(const input::CreateFinished& created) {
        dialing_ = false;
        if (created.outcome) {
            learn(created.outcome->sid);
            advance(CallState::queued, {});
            if (!is_final(state_))
                arm(TimerKind::answer_deadline, spec_.ring_timeout + kAnswerSlack);
            if (hang_up_wanted_) start_hang_up();
            return;
        }
        const auto& failure = created.outcome.error();
        carrier_code_ = failure.carrier_code;
        if (!failure.outcome_unknown) {
            end_confirmed_ = true;  // there is nothing to end
            finish(CallState::failed, failure.error.message);
            return;
        }
        if (!sid_.empty()) return;  // its own webhook came first: it exists after all
        outcome_unknown_ = true;
        warn("it is unknown whether the call was created (" + failure.error.message +
             "); it is not asked for again. Waiting for its webhook.");
        arm(TimerKind::answer_deadline, spec_.ring_timeout + kAnswerSlack);
    }

    void on(const input::VoiceRequested& voice) {
        learn(voice.sid);
        if (asked_ == Clock::Time{}) asked_ = services_.clock.now();
        if (spec_.to.empty()) spec_.to = voice.to;
        if (spec_.from.empty()) spec_.from = voice.from;
        note_answered_by(voice.answered_by);
        if (is_final(state_)) return;
        disarm(TimerKind::answer_deadline);
        if (voice.rejected) {
            end_confirmed_ = true;  // <Reject> as the first verb: the call is never answered
            finish(CallState::canceled, "rejected by our policy");
            return;
        }
        advance(voice.status == "ringing" ? CallState::ringing : CallState::in_progress, {});
        if (hang_up_wanted_ && !hanging_up_) start_hang_up();
        if (!stream_open_) arm(TimerKind::stream_deadline, kStreamSetup);
    }

    void on(const input::StatusReported& status) {
        learn(status.sid);
        note_answered_by(status.answered_by);
        const auto reported = parse_call_state(status.status);
        if (!reported) {
            log::warning({"call", id()}, "status callback with an unknown CallStatus '{}'",
                         status.status);
            return;
        }
        if (is_final(state_)) {
            // Late or repeated: nothing moves, but the first details of the end are kept.
            if (is_final(*reported) && !billed_) billed_ = status.duration;
            if (is_final(*reported)) end_confirmed_ = true;
            return;
        }
        if (status.sip_code) sip_code_ = *status.sip_code;
        if (!is_final(*reported)) {
            advance(*reported, {});
            if (hang_up_wanted_ && !hanging_up_ && !sid_.empty()) start_hang_up();
            return;
        }
        end_confirmed_ = true;
        billed_ = status.duration;
        std::string reason = status.error_message;
        if (!status.error_code.empty())
            reason += (reason.empty() ? "error " : " (error ") + status.error_code +
                      (reason.empty() ? "" : ")");
        finish(*reported, std::move(reason));
    }

    void on(const input::StreamReported& report) {
        if (report.event != "stream-error") return;
        stream_error_ = report.error;
        warn("the carrier reports a stream error: " + report.error);
    }

    void on(const input::MachineDetected& machine) { note_answered_by(machine.answered_by); }

    // --- hanging up

    void on(const input::HangUp& request) {
        if (is_final(state_)) {
            if (line_) line_->close();
            return;
        }
        if (std::exchange(hang_up_wanted_, true)) return;
        end_reason_ = request.reason;
        if (dialing_) return;  // as soon as we know its CallSid
        if (sid_.empty()) {
            if (outcome_unknown_) {
                finish(CallState::failed,
                       "hung up while it was unknown whether the call was created");
            } else {
                end_confirmed_ = true;
                finish(CallState::canceled, request.reason);
            }
            return;
        }
        start_hang_up();
    }

    void start_hang_up() {
        if (std::exchange(hanging_up_, true)) return;
        if (!services_.carrier) {
            if (line_) line_->close();
            arm(TimerKind::confirm_deadline, kConfirmAfterHangUp);
            return;
        }
        spawn(services_.executor, "hang up", hang_up(self(), services_.carrier, sid_));
    }

    static asio::awaitable<void> hang_up(std::shared_ptr<LiveCall> call,
                                         std::shared_ptr<Carrier> carrier, CallSid sid) {
        auto outcome = co_await carrier->hang_up(std::move(sid));
        call->accept(input::HangUpFinished{std::move(outcome)});
    }

    void on(const input::HangUpFinished& done) {
        hanging_up_ = false;
        if (done.outcome) {
            end_confirmed_ = true;
            // Its final status callback, with the duration, usually follows at once.
            if (!is_final(state_)) arm(TimerKind::confirm_deadline, kConfirmAfterHangUp);
            return;
        }
        warn("the carrier could not be asked to end the call: " + done.outcome.error().message);
        // With <Connect><Stream> and nothing after it, the end of the stream is the end of the
        // call.
        if (line_) line_->close();
        if (!is_final(state_)) arm(TimerKind::confirm_deadline, kConfirmAfterHangUp);
    }

    void on(const input::FetchFinished& fetched) {
        fetching_ = false;
        if (is_final(state_)) return;
        if (fetched.outcome) {
            const auto seen = parse_call_state(fetched.outcome->status);
            if (seen && is_final(*seen)) {
                end_confirmed_ = true;
                billed_ = fetched.outcome->duration;
                finish(*seen, {});
                return;
            }
            // It lives on with nobody at this end: end it.
            if (!stream_open_) start_hang_up();
        } else if (fetched.outcome.error().code == Errc::not_found) {
            end_confirmed_ = true;
            finish(CallState::failed, "the carrier does not know this call");
            return;
        }
        arm(TimerKind::confirm_deadline, kConfirmAgain);
    }

    static asio::awaitable<void> fetch(std::shared_ptr<LiveCall> call,
                                       std::shared_ptr<Carrier> carrier, CallSid sid) {
        auto outcome = co_await carrier->fetch(std::move(sid));
        call->accept(input::FetchFinished{std::move(outcome)});
    }

    void confirm_end() {
        if (is_final(state_) || fetching_) return;
        if (hanging_up_) {  // its answer is still to come
            arm(TimerKind::confirm_deadline, kConfirmAfterHangUp);
            return;
        }
        if (end_confirmed_) {
            finish(state_ >= CallState::in_progress ? CallState::completed : CallState::canceled,
                   end_reason_);
            return;
        }
        if (!services_.carrier || sid_.empty() || confirm_tries_++ >= kConfirmTries) {
            finish(CallState::completed, "its end could not be confirmed with the carrier");
            return;
        }
        fetching_ = true;
        spawn(services_.executor, "fetch call", fetch(self(), services_.carrier, sid_));
    }

    // --- time and sound

    void on(const input::SpeakerReport& report) {
        playout_ = report.playout;
        device_ = report.device;
        if (report.drained && !stream_open_) drop_speaker();
    }

    void on(const input::TimerFired& timer) {
        timers_[static_cast<std::size_t>(timer.kind)] = Clock::kNoTimer;
        switch (timer.kind) {
            case TimerKind::statistics:
                tell_metrics();
                publish(event::Statistics{snapshot()});
                if (!is_final(state_)) arm(TimerKind::statistics, kStatistics);
                break;
            case TimerKind::answer_deadline:
                if (outcome_unknown_ && sid_.empty()) {
                    finish(CallState::failed,
                           "no webhook came for a call whose creation was uncertain");
                } else if (state_ < CallState::in_progress) {
                    arm(TimerKind::confirm_deadline, 0ms);  // no status callback reaches us: ask
                }
                break;
            case TimerKind::stream_deadline:
                if (line_) {
                    line_->close();
                } else if (!is_final(state_)) {
                    stream_open_ = false;
                    warn(
                        "the carrier fetched our instructions but its media stream never reached "
                        "us" +
                        (stream_error_.empty()
                             ? std::string(". Is PUBLIC_URL reachable for WebSockets? "
                                           "A trial account may strip streams.")
                             : ": " + stream_error_));
                    hang_up_wanted_ = true;
                    end_reason_ = "no media stream";
                    start_hang_up();
                }
                break;
            case TimerKind::confirm_deadline:
                confirm_end();
                break;
            case TimerKind::drain_deadline:
                drop_speaker();
                break;
        }
    }

    void arm(TimerKind kind, Clock::Duration delay) {
        disarm(kind);
        timers_[static_cast<std::size_t>(kind)] =
            services_.clock.after(delay, [weak = weak_from_this(), kind] {
                if (const auto call = weak.lock()) call->accept(input::TimerFired{kind});
            });
    }

    void disarm(TimerKind kind) {
        services_.clock.cancel(
            std::exchange(timers_[static_cast<std::size_t>(kind)], Clock::kNoTimer));
    }

    /// The sound card's side of the call enters by the same door as everything else.
    void poll_speaker() {
        poll_ = services_.clock.after(kSpeakerPoll, [weak = weak_from_this()] {
            const auto call = std::static_pointer_cast<LiveCall>(weak.lock());
            if (!call || !call->speaker_) return;
            const auto line = call->speaker_;
            call->poll_speaker();
            call->accept(input::SpeakerReport{line->stats(), call->services_.speaker->stats(),
                                              line->drained()});
        });
    }

    void drop_speaker() {
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

    // --- state

    void set_state(CallState to) {
        services_.metrics->left(state_);
        state_ = to;
        services_.metrics->entered(state_);
    }

    /// Hands over what is new since the last time: nothing is counted twice per frame.
    void tell_metrics() {
        services_.metrics->take(media_, told_media_);
        if (playout_) services_.metrics->take(*playout_, told_playout_);
    }

    /// Forwards only: a late "ringing" never undoes "in-progress", and nothing undoes an end.
    void advance(CallState to, std::string reason) {
        if (is_final(state_) || to <= state_) return;
        set_state(to);
        if (timers_[static_cast<std::size_t>(TimerKind::statistics)] == Clock::kNoTimer) {
            arm(TimerKind::statistics, kStatistics);
        }
        log::info({"call", id()}, "{}", to_string(to));
        publish(event::StateChanged{to, std::move(reason)});
    }

    void finish(CallState to, std::string reason) {
        if (is_final(state_)) return;
        set_state(to);
        if (!reason.empty()) end_reason_ = std::move(reason);
        for (const auto kind : {TimerKind::statistics, TimerKind::answer_deadline,
                                TimerKind::stream_deadline, TimerKind::confirm_deadline}) {
            disarm(kind);
        }
        if (end_reason_.empty()) {
            log::info({"call", id()}, "{}", to_string(to));
        } else {
            log::info({"call", id()}, "{}: {}", to_string(to), end_reason_);
        }
        publish(event::StateChanged{to, end_reason_});
        if (stream_open_) arm(TimerKind::stream_deadline, kStreamAfterEnd);
    }

    void end_if_over() {
        if (ended_ || !is_final(state_) || dialing_ || hanging_up_ || fetching_) return;
        if (line_ ||
            (stream_open_ &&
             timers_[static_cast<std::size_t>(TimerKind::stream_deadline)] != Clock::kNoTimer)) {
            return;
        }
        if (speaker_) return;
        ended_ = true;
        tell_metrics();
        publish(event::Ended{snapshot()});
        if (services_.ended) services_.ended(id());
    }

    void learn(const CallSid& sid) {
        if (sid.empty() || !sid_.empty()) return;
        sid_ = sid;
        outcome_unknown_ = false;
        log::info({"call", id()}, "sid={}", sid_);
        if (services_.named) services_.named(id(), sid_);
    }

    void note_answered_by(const std::string& who) {
        if (who.empty() || who == answered_by_) return;
        answered_by_ = who;
        log::info({"call", id()}, "answered by {}", who);
        publish(event::MachineDetected{who});
    }

    void warn(std::string text) {
        log::warning({"call", id()}, "{}", text);
        publish(event::Warning{std::move(text)});
    }

    template <class What>
    void publish(What what) {
        CallEvent event;
        event.call = spec_.id;
        event.sid = sid_;
        event.number = ++events_published_;
        event.time = std::chrono::system_clock::now();
        event.what = std::move(what);
        services_.events.publish(std::move(event));
    }

    std::shared_ptr<LiveCall> self() {
        return std::static_pointer_cast<LiveCall>(shared_from_this());
    }

    CallSpec spec_;
    CallServices services_;
    const Clock::Time created_;
    Clock::Time asked_{};  ///< when the call was dialled or announced
    CallSid sid_;
    StreamSid stream_sid_;
    CallState state_ = CallState::created;
    std::string answered_by_, end_reason_, stream_error_;
    int carrier_code_ = 0;
    int sip_code_ = 0;
    std::optional<std::chrono::seconds> billed_;
    std::optional<milliseconds> stream_setup_;

    bool dialing_ = false, hanging_up_ = false,
         fetching_ = false;  ///< a request to the carrier is under way
    bool hang_up_wanted_ = false, outcome_unknown_ = false, end_confirmed_ = false, ended_ = false;
    int confirm_tries_ = 0;

    std::uint64_t stream_ = 0;  ///< number of the current stream, 0: none so far
    bool stream_open_ = false;  ///< it is up or being set up
    std::shared_ptr<PhoneLine> line_;
    Clock::Time stream_up_{};
    Clock::Duration streamed_{0};

    MediaStats media_;
    CallMetrics::Media told_media_;  ///< what the metrics know already
    CallMetrics::Playout told_playout_;
    std::optional<InboundAudio> audio_;
    audio::Tee tee_;
    std::shared_ptr<FromPhone> from_phone_;
    EarMix mix_;
    std::shared_ptr<audio::SpeakerLine> speaker_;
    EarMix::EarId local_ear_ = 0;
    std::shared_ptr<audio::AudioSink> listener_;
    std::optional<audio::PlayoutStats> playout_;
    std::optional<audio::DeviceStats> device_;

    std::array<Clock::TimerId, input::kTimerKinds> timers_{};
    Clock::TimerId poll_ = Clock::kNoTimer;
    std::uint64_t events_published_ = 0;
};

}  // namespace

std::shared_ptr<Call> Call::make(CallSpec spec, CallServices services) {
    if (spec.id.empty()) spec.id = new_call_id();
    return std::make_shared<LiveCall>(std::move(spec), std::move(services));
}

}  // namespace bridge::call
