#pragma once
// The call behind call.hpp: its state and what it hears (call.cpp), what it says (call_speech.cpp),
// its dealings with the carrier (call_carrier.cpp), new instructions while it is live
// (call_control.cpp, call_transfer.cpp), ringing here and voicemail (call_answering.cpp), a machine
// that answers (call_machine.cpp), its agent (call_agent.cpp, agent_tools.cpp), who listens from
// outside (call_guests.cpp), what is said by command (call_sayings.cpp), its recording and
// transcript (call_tracks.cpp). Included by these only.

#include <array>
#include <boost/circular_buffer.hpp>
#include <deque>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "audio/level.hpp"
#include "audio/mic_line.hpp"
#include "audio/tee.hpp"
#include "base/spawn.hpp"
#include "call/call.hpp"
#include "call/carrier_time.hpp"
#include "call/ear_mix.hpp"
#include "call/heard_track.hpp"
#include "call/inbound_audio.hpp"
#include "call/outbound_line.hpp"
#include "call/playout_estimate.hpp"
#include "call/talk_queue.hpp"
#include "call/turns.hpp"

namespace bridge::call {

using std::chrono::milliseconds;

/// Instructions were fetched: the stream should be there within this time (Twilio connects at once;
/// its own connection time-out is not documented).
inline constexpr std::chrono::seconds kStreamSetup{20};
/// The voice webhook has 15 s, ringing a few seconds more than we asked for.
inline constexpr std::chrono::seconds kAnswerSlack{25};

class LiveCall final : public Call {
public:
    /// `capture`: null: it is not captured.
    LiveCall(CallSpec spec, CallServices services, std::shared_ptr<CallCapture> capture);

    ~LiveCall() override;

    const CallId& id() const override { return spec_.id; }
    const CallSid& sid() const override { return sid_; }
    const CallSpec& spec() const override { return spec_; }
    CallState state() const override { return state_; }
    bool has_stream() const override { return stream_open_; }
    bool over() const override { return ended_; }

    std::uint64_t open_stream() override {
        const CallCapture::Turn turn(capture_.get());
        if (capture_) capture_->opened_stream();
        stream_open_ = true;
        return ++stream_;
    }

    void accept(const CallInput& input) override;

    CallSnapshot snapshot() const override;
    std::size_t guests() const override { return guests_.size(); }
    const Timeline& timeline() const override { return *timeline_; }
    void list_hot(HotLines& lines) const override;

private:
    /// Of so many frames one is measured for the timeline, which wants a level once a second.
    static constexpr std::uint64_t kMeteredFrames = 5;

    /// The trunk of the listeners: whatever hears the phone hangs on the tee, the ears on the mix.
    class FromPhone final : public audio::AudioSink {
    public:
        explicit FromPhone(LiveCall& call) : call_(call) {}
        void write(const audio::AudioFrame& frame) override {
            call_.hear_own(call_.heard_at_);
            if (call_.levels_) call_.levels_->far(call_.heard_at_, frame);
            if (call_.media_.frames % kMeteredFrames == 0) call_.far_meter_.write(frame);
            if (call_.heard_track_) call_.take_down_far(frame);
            call_.hear_caller(frame);
            call_.mix_.write(EarMix::kPhone, frame, call_.heard_at_);
        }

    private:
        LiveCall& call_;
    };

    /// Both sides, for whoever takes the call down now.
    class ToTaps final : public TrackTap {
    public:
        explicit ToTaps(LiveCall& call) : call_(call) {}
        void far_end(std::uint64_t at, std::span<const std::int16_t> samples) override {
            if (call_.recording_) call_.recording_->far_end(at, samples);
            if (call_.transcription_) call_.transcription_->far_end(at, samples);
        }
        void near_end(std::uint64_t at, std::span<const std::int16_t> samples) override {
            if (call_.recording_) call_.recording_->near_end(at, samples);
            if (call_.transcription_) call_.transcription_->near_end(at, samples);
        }
        void near_known(std::uint64_t at) override {
            if (call_.recording_) call_.recording_->near_known(at);
            if (call_.transcription_) call_.transcription_->near_known(at);
        }

    private:
        LiveCall& call_;
    };

    // --- the media stream

    bool current(std::uint64_t stream) const { return stream == stream_ && stream_open_; }

    void on(const input::StreamStarted& started);

    /// Listeners before sources: the first frame finds everybody in place.
    void connect_audio();

    void on(const input::Media& media);

    void on(const input::MarkEchoed& mark);

    void on(const input::DtmfReceived& dtmf);

    void on(const input::BadMessage& bad);

    void on(const input::StreamStopped& stopped);

    void on(const input::StreamClosed& closed);

    void note_stream_end(bool clean, const std::string& reason);

    // --- what is said to the phone, and heard here (call_speech.cpp)

    void make_outbound_line();

    /// The outbound line's slot is where this stream's frames come.
    struct Step {
        milliseconds slot{-1};      ///< 0–19; -1: none of its frames has come
        milliseconds candidate{0};  ///< where most frames of late have come
        int votes = 0;              ///< how many more than have not
        int misfits = 0;            ///< how many more have come elsewhere than in the slot
        int frames = 0;  ///< how many there have been since it was chosen, up to the settled
        int early = 0;   ///< how many of them came a millisecond before it, less twice the others
    };
    void keep_step();

    /// Somebody on this side may speak to the phone.
    bool may_speak() const;

    void update_microphone();

    void pull_microphone(Clock::Time now);

    void on(const input::MicrophoneBlock& block);

    void monitor(EarMix::VoiceId voice, const audio::AudioFrame& frame, Clock::Time heard_at);
    /// What the phone was to hear from then on, and will not.
    void forget_monitored(Clock::Time from);

    void hear_own(Clock::Time now);

    void on(const input::SetLocal& local);

    void on(const input::SetMuted& muted);

    void local_changed(const LocalPart& before);

    void update_local_ear();

    void on(const input::Play& play);

    void on(const input::Clear&);

    OutboundStats outbound_stats() const;

    // --- what is said by command, and the timeline (call_sayings.cpp)

    Result<> can_say() const;
    void on(const input::Say& say);
    void next_saying();
    bool said(UtteranceId utterance);

    milliseconds age() const;
    void note(const input::VoiceRequested& voice);
    void note(const input::StatusReported& status);
    void note(const input::StreamReported& report);
    void note(const input::InstructionsFailed& failed);
    void note(const input::MachineDetected& machine);
    void note(const input::DialReported& report);
    void note(const input::ConferenceReported& report);
    /// What is not from a webhook is noted where it happens.
    void note(const auto&) {}
    void sample_timeline();

    // --- the carrier

    void on(const input::Dial&);

    static asio::awaitable<void> place(std::shared_ptr<LiveCall> call, PlaceCall request);

    void on(const input::CreateFinished& created);

    void on(const input::LostCreateLookedFor& looked);

    void look_for_create();

    static asio::awaitable<void> look(std::shared_ptr<LiveCall> call);

    void on(const input::Adopt& former);

    void settle_adopted(CallState seen);

    void on(const input::VoiceRequested& voice);

    void on(const input::StatusReported& status);

    void on(const input::StreamReported& report);

    /// The carrier took the call, and none of its webhooks ever came.
    bool unheard() const {
        return spec_.direction == Direction::outbound && !sid_.empty() && !heard_;
    }
    void on(const input::InstructionsFailed& failed);
    void on(const input::MachineDetected& machine);

    // --- new instructions while the call is live (call_control.cpp). The carrier ends what the
    // call does now, its stream with it, and that is no alarm.

    void on(const input::SendDigits& request);
    void send_in_band(const std::string& digits);
    void on(const input::InstructionsGiven& given);
    void on(const input::TakeBack&);
    void instruct(Instruction what, std::string detail);
    static asio::awaitable<void> give(std::shared_ptr<LiveCall> call, Instruction what,
                                      std::string detail);
    void next_instruction();
    void instruction_failed(Instruction what, const std::string& why);
    void digits_done(std::string problem);
    /// Why nothing can be asked of the carrier now; empty: it can.
    std::string not_instructable() const;
    /// The end of the stream is what we asked for.
    bool stream_end_expected() const;
    void retire_stream();
    void await_stream();
    void on_stream_back();
    /// The carrier keeps the call without a stream of ours.
    bool away() const { return hold_ == Hold::held || hold_ == Hold::conference; }
    void set_hold(Hold hold);

    // --- hold and what the phone is told by tones (call_control.cpp)

    enum class Prompt { none, music, tones, ringback, greeting, comfort, to_machine };
    void on(const input::SetHeld& request);
    void speak(Prompt what, std::unique_ptr<audio::SampleSource> source);
    void hush();
    /// An utterance of ours is known to be played, cleared or lost.
    void on_spoken(UtteranceId utterance, const Heard& heard);

    // --- somebody else takes the far end (call_transfer.cpp)

    void on(const input::Transfer& request);
    void on(const input::DialReported& report);
    void dial_over(const std::string& status);
    void on(const input::JoinConference& request);
    void on(const input::ConferenceReported& report);
    void on(const input::LetGo&);
    void on(const input::MeasureLevels& measure);
    void on(const input::TransferTold& told);
    void on_transfer_deadline();
    void connected_elsewhere();
    void let_go();
    void tell_transfer(std::string status);
    bool transfer_under_way() const;
    TransferState transfer_shown() const;

    // --- ringing here, voicemail, closing words (call_answering.cpp)

    void start_ringing();
    void stop_ringing(bool accepted, std::string reason);
    void on(const input::Accept&);
    void on(const input::Reject&);
    void on_ring_deadline();
    void begin_message();
    void end_message();
    bool speech_is_over();
    /// What the end of the call puts an end to.
    void drop_control();

    // --- a machine has answered (call_machine.cpp)

    void act_on_machine();
    void speak_to_machine();
    void spoken_to_machine(SpeechOutcome outcome);

    // --- an agent, and the person here beside it (call_agent.cpp)

    /// The call's side of one agent and its session.
    class AgentLine;
    void on(const input::SetAgent& request);
    void on(const input::SetAgentMode& request);
    void on(const input::AgentTold& told);
    void on(const input::AgentSpeech& speech);
    void on(const input::ToolFinished& finished);
    void on_agent(const input::told::Ready&);
    void on_agent(const input::told::Ended& ended);
    void on_agent(const input::told::CallerSpeaks& caller);
    void on_agent(const input::told::GiveWay&);
    void on_agent(const AgentText& text);
    void on_agent(const ToolCall& tool);
    void on_agent(const input::told::Warning& warning);
    void put_agent(const std::string& name);
    AgentCall agent_call() const;
    void remove_agent();
    void start_agent_session();
    void agent_answered();
    void agent_lost(const std::string& reason);
    void agent_gone(const std::string& reason);
    void begin_outage();
    void end_outage();
    void on_agent_notice();
    void agent_fall_back(const std::string& reason);
    void agent_goodbye();
    void cut_agent_off();
    void open_turns();
    void hear_caller(const audio::AudioFrame& frame);
    void hear_hint(bool speaking);
    void follow(Turns::Action action);
    void silence_agent(bool silent);
    void update_agent_ear();
    void set_agent_state(AgentState::Status status, std::string reason);
    bool agent_hears_person() const;
    bool agent_keeps_phone() const;
    bool is_agents(UtteranceId utterance) const;
    bool agent_spoken(UtteranceId utterance, const Heard& heard);
    using ToolDone = std::function<void(Result<std::string>)>;
    void act(ToolAction action, ToolDone done);
    void act_on(tool::EndCall& end, ToolDone& done);
    void act_on(tool::TransferCall& transfer, ToolDone& done);
    void act_on(tool::SendDigits& digits, ToolDone& done);
    void act_on(tool::Hold& hold, ToolDone& done);
    void act_on(tool::TakeMessage& message, ToolDone& done);
    void act_on(tool::Record& record, ToolDone& done);
    void answer_tools(std::vector<ToolDone>& waiting, const Result<std::string>& answer);

    // --- who listens from outside, and speaks (call_guests.cpp)

    struct GuestSeat {
        GuestId id = 0;
        std::shared_ptr<Guest> guest;
        Side side = Side::both;
        std::unique_ptr<TalkQueue> talk;   ///< null: it may not
        bool talking = false;              ///< its mouth is open
        bool whispers = false;             ///< … and heard by the agent alone
        std::shared_ptr<VoiceSink> mouth;  ///< on the line; null while the phone is not to hear it
        EarMix::VoiceId voice = EarMix::kNone;
        EarMix::EarId ear = 0;  ///< valid while it hears
        bool hears = false;
        bool told_held = false;
    };
    GuestSeat* guest(GuestId id);
    void on(const input::GuestJoins& joins);
    void on(const input::GuestLeaves& leaves);
    void on(const input::GuestTalks& talks);
    void on(const input::GuestSpeech& speech);
    void unseat(GuestSeat& seat);
    void pull_guests(bool whispers);
    void update_guests();
    void arrange_ears();
    void guests_changed();
    std::size_t talkers() const;
    void dismiss_guests(const std::string& reason);

    // --- what takes the call down (call_tracks.cpp)

    void take_down();
    std::uint64_t track_now() const;
    void take_down_far(const audio::AudioFrame& frame);
    void follow_heard();
    void on(const input::SetRecording& wanted);
    void begin_recording(std::optional<RecordingNotice> notice);
    void end_recording(RecordingStatus how, std::string problem);
    void on(const input::RecordingBroke& broke);
    void set_recording(RecordingState state);
    void on(const input::SetTranscription& wanted);
    void on(const input::TranscriptTold& told);
    void set_transcription(TranscriptionState state);
    void end_taking_down();

    // --- hanging up

    void on(const input::HangUp& request);

    void start_hang_up();

    static asio::awaitable<void> hang_up(std::shared_ptr<LiveCall> call,
                                         std::shared_ptr<Carrier> carrier, CallSid sid);

    void on(const input::HangUpFinished& done);

    void on(const input::FetchFinished& fetched);

    static asio::awaitable<void> fetch(std::shared_ptr<LiveCall> call,
                                       std::shared_ptr<Carrier> carrier, CallSid sid);

    void confirm_end();

    // --- time and sound

    void on(const input::SpeakerReport& report);

    void on(const input::TimerFired& timer);

    void arm(input::TimerKind kind, Clock::Duration delay);

    void disarm(input::TimerKind kind);

    bool armed(input::TimerKind kind) const {
        return timers_[static_cast<std::size_t>(kind)] != Clock::kNoTimer;
    }

    /// The sound card's side of the call enters by the same door as everything else.
    void poll_speaker();

    void drain_speaker();

    void drop_speaker();

    // --- state

    std::chrono::system_clock::time_point wall_now() const {
        return services_.wall ? services_.wall() : std::chrono::system_clock::now();
    }

    void set_state(CallState to);

    /// Hands over what is new since the last time: nothing is counted twice per frame.
    void tell_metrics();

    /// Forwards only: a late "ringing" never undoes "in-progress", and nothing undoes an end.
    void advance(CallState to, std::string reason);

    void finish(CallState to, std::string reason);

    void end_if_over();

    void learn(const CallSid& sid);

    /// What a new entry in the journal says.
    JournalEntry journal_entry() const;

    void remember(JournalChange change);

    void note_answered_by(const std::string& who);

    void warn(std::string text);

    template <class What>
    void publish(What what) {
        CallEvent event;
        event.call = spec_.id;
        event.sid = sid_;
        event.number = ++events_published_;
        event.time = wall_now();
        event.what = std::move(what);
        timeline_->take(age(), event.what);
        services_.events.publish(std::move(event));
    }

    /// Before the carrier is asked for something.
    void asks(std::string_view what, std::string_view detail = {}) {
        if (capture_) capture_->asked(what, detail);
    }

    std::shared_ptr<LiveCall> self() {
        return std::static_pointer_cast<LiveCall>(shared_from_this());
    }

    const std::shared_ptr<CallCapture> capture_;  ///< first: it may own the clock

    struct Monitored {
        EarMix::VoiceId voice;
        Clock::Time heard_at;
        audio::AudioFrame frame;
    };
    // --- what every frame touches lies together (a thousand calls push each other out of the
    // cache)
    CallState state_ = CallState::created;
    bool ended_ = false;
    bool stream_open_ = false;  ///< it is up or being set up
    std::uint64_t stream_ = 0;  ///< number of the current stream, 0: none so far
    Clock::Time heard_at_{};    ///< when the media message in hand came
    Step step_;
    std::optional<OutboundLine> outbound_;  ///< from the beginning to the end
    std::unique_ptr<AgentLine> agent_;      ///< null: there is none, or it is gone
    std::unique_ptr<Turns> turns_;          ///< from the first agent on
    std::shared_ptr<audio::SpeakerLine> speaker_;
    std::shared_ptr<LevelTap> levels_;          ///< null: nobody looks
    std::shared_ptr<audio::MicLine> mic_line_;  ///< while the microphone is this call's
    std::shared_ptr<VoiceSink> mic_voice_;
    EarMix::VoiceId mic_monitor_ = 0;  ///< for the ears outside
    double mouth_to_wire_ms_ = 0, mouth_to_wire_max_ms_ = 0;
    EarMix::VoiceId prompt_monitor_ = 0;  ///< what prompts say, for the ears on this side
    EarMix::VoiceId agent_monitor_ = 0;   ///< … and the agent
    std::vector<GuestSeat> guests_;
    audio::LevelMeter far_meter_;  ///< half a second of the phone
    boost::circular_buffer_space_optimized<Monitored> monitored_{128};
    std::shared_ptr<HeardTrack> heard_track_;  ///< null: nobody takes it down
    MediaStats media_;
    std::optional<InboundAudio> audio_;
    FromPhone from_phone_{*this};
    audio::Tee tee_{&from_phone_};
    EarMix mix_;

    // --- the call
    CallSpec spec_;
    CallServices services_;
    const Clock::Time created_;
    const std::chrono::system_clock::time_point created_at_ = wall_now();
    std::optional<std::chrono::system_clock::time_point> answered_at_, ended_at_;
    const std::shared_ptr<Timeline> timeline_ = std::make_shared<Timeline>(created_at_);
    Clock::Time asked_{};  ///< when the call was dialled or announced
    CallSid sid_;
    StreamSid stream_sid_;
    std::string answered_by_, end_reason_, stream_error_, create_error_;
    int carrier_code_ = 0;
    int sip_code_ = 0;
    std::optional<std::chrono::seconds> billed_;
    std::optional<milliseconds> stream_setup_;

    bool dialing_ = false, hanging_up_ = false, fetching_ = false,
         looking_ = false;  ///< a request to the carrier is under way
    bool hang_up_wanted_ = false, outcome_unknown_ = false, end_confirmed_ = false;
    int confirm_tries_ = 0, look_tries_ = 0;
    CreatedCalls create_;  ///< what the create asked for, and when
    std::vector<CallSid> candidates_;
    Hold hold_ = Hold::stream;
    bool journaled_ = false;  ///< the journal has an entry
    bool lost_create_ = false;
    bool heard_ = false;     ///< a webhook of this call has come
    bool adopting_ = false;  ///< the carrier has not told yet what became of it

    std::shared_ptr<PhoneLine> line_;
    Clock::Time stream_up_{};
    Clock::Duration streamed_{0};

    // --- control
    std::optional<Instruction> instruction_;  ///< asked for, and what it leads to is not there yet
    bool asking_ = false;                     ///< a request for it is under way
    Clock::Time unsure_until_{};  ///< a request got no answer: it may yet be carried out
    std::string digits_sent_, digits_waiting_, in_band_sent_, in_band_waiting_;
    std::optional<std::string> transfer_waiting_;
    bool take_back_waiting_ = false;
    std::optional<Clock::Time> gap_since_;  ///< the stream is gone, and comes back
    TransferState transfer_;
    TransferState warm_;  ///< what a warm transfer told last; the room it uses is its own affair
    HoldSound hold_sound_ = HoldSound::music;
    Prompt prompt_job_ = Prompt::none;
    UtteranceId prompt_utterance_ = 0;
    bool rang_ = false;         ///< an inbound call has rung here, and does not any more
    bool given_up_ = false;     ///< … and nobody took it: nobody here hears or speaks to it
    bool handed_over_ = false;  ///< it goes on without us
    std::shared_ptr<VoicemailMessage> message_;
    std::uint64_t message_began_ = 0;  ///< media_.frames then
    bool machine_ = false;  ///< a machine gets our message: nobody else speaks to it any more
    std::optional<std::string> closing_;      ///< hang up for this reason once all is said
    std::optional<Clock::Time> closing_end_;  ///< and then at the latest

    EarMix::EarId local_ear_ = 0;
    std::shared_ptr<audio::AudioSink> listener_;
    EarMix::EarId listener_ear_ = 0;
    std::optional<audio::PlayoutStats> playout_;
    std::optional<audio::DeviceStats> device_;

    std::shared_ptr<VoiceSink> prompt_;  ///< tones, music, greetings
    std::uint64_t mic_dropped_ = 0;      ///< samples, after stalls
    LocalPart local_;
    std::shared_ptr<VoiceSink> said_;     ///< from the first saying on
    std::deque<audio::Samples> sayings_;  ///< that wait
    UtteranceId saying_ = 0;              ///< the one that is being said
    std::uint64_t sayings_made_ = 0;
    /// What is over while one begins; nothing: none does.
    std::optional<std::vector<UtteranceId>> over_at_once_;
    EarMix::VoiceId said_monitor_ = 0;  ///< what is said by command, for the ears on this side

    // --- what takes the call down
    CarrierTime carrier_time_;
    ToTaps to_taps_{*this};
    std::shared_ptr<CallRecording> recording_;  ///< null: it is not recorded now
    std::uint64_t recordings_made_ = 0;
    RecordingState recording_state_;
    std::optional<RecordingNotice> record_notice_;  ///< asked for before the first stream
    std::shared_ptr<Transcription> transcription_;  ///< null: nobody takes it down now
    std::uint64_t transcriptions_made_ = 0;
    TranscriptionState transcription_state_;
    Clock::TimerId last_words_ = Clock::kNoTimer;  ///< the end waits for what was said last

    // --- the agent
    AgentState agent_state_;
    std::uint64_t agent_session_ = 0;            ///< number of the one that is open, or was last
    std::shared_ptr<VoiceSink> agent_voice_;     ///< made for the first agent, and kept
    EarMix::VoiceId person_ = 0;                 ///< the microphone, for the agent's ear
    std::vector<UtteranceId> agent_utterances_;  ///< not over yet, in order
    std::optional<Clock::Time> outage_since_;    ///< nobody speaks to the caller
    std::optional<std::string> agent_end_;       ///< it wants to end the call for this reason
    bool fallback_transfer_ = false;
    std::vector<ToolDone> transfer_asked_, digits_asked_;  ///< tools that wait for the outcome
    bool agent_utterance_open_ = false;
    bool agent_answer_due_ = false;  ///< the first sample of an answer has not come yet
    Clock::Time agent_heard_until_{};
    std::minstd_rand random_;

    std::array<Clock::TimerId, input::kTimerKinds> timers_{};
    Clock::TimerId poll_ = Clock::kNoTimer;
    std::uint64_t events_published_ = 0;
    CallMetrics::Media told_media_{};  ///< what the metrics know already
    CallMetrics::Playout told_playout_{};
    CallMetrics::Outbound told_outbound_{};
};

}  // namespace bridge::call
