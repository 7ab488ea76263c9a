#pragma once
// One phone call, from the moment we mean to make it (or Twilio announces it) to the moment
// everything it held is let go. It is ours before the carrier knows it: CallId first, CallSid and
// StreamSids later.

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "audio/call_tones.hpp"
#include "audio/device.hpp"
#include "audio/microphone.hpp"
#include "base/clock.hpp"
#include "base/hot_lines.hpp"
#include "base/ids.hpp"
#include "call/call_input.hpp"
#include "call/call_metrics.hpp"
#include "call/capture.hpp"
#include "call/carrier.hpp"
#include "call/event.hpp"
#include "call/event_bus.hpp"
#include "call/journal.hpp"
#include "call/messages.hpp"
#include "call/outbound_line.hpp"
#include "call/timeline.hpp"
#include "call/turns.hpp"
#include "call/voicemail.hpp"

namespace bridge::call {

/// What is done when the carrier's detection says that a machine has answered.
enum class OnMachine {
    ignore,   ///< nothing
    hang_up,  ///< at once
    message,  ///< `CallSpec::machine_message` is spoken, and then it is hung up
};

/// What is asked for when a call is opened.
struct CallSpec {
    CallId id;    ///< empty: a new one is made
    CallSid sid;  ///< known already for an inbound call
    Direction direction = Direction::outbound;
    std::string to, from;
    std::chrono::seconds ring_timeout{30};
    std::chrono::seconds time_limit{14400};
    bool listen_only = false;  ///< <Start><Stream>: the phone is heard, nothing can be said
    bool play_locally = true;  ///< the local speaker hears it
    bool focus = true;         ///< the microphone is this call's until the desk says otherwise
    std::map<std::string, std::string> extra;  ///< carrier parameters passed through
    /// An inbound call rings here for `ring_timeout` until somebody takes it (input::Accept).
    bool ring = false;
    /// Nobody took it: it may leave a message; else it is hung up.
    bool voicemail = false;
    CallId parent{};  ///< the call this one is made for, if any
    /// Who speaks for this side ("openai", "ws://…"); empty: the person here. With `ring`: if
    /// nobody takes it in time.
    std::string agent{};
    OnMachine on_machine = OnMachine::ignore;
    audio::Samples machine_message{};
    bool record = false;      ///< from the first sound on
    bool transcribe = false;  ///< the same
    bool capture = false;     ///< from its beginning to its end
};

/// What is done for a caller whose agent does not speak.
struct AgentCare {
    /// A session that is not ready after this long is tried again.
    std::chrono::milliseconds patience{10000};
    /// Between two tries; each is twice as long as the one before, and varies by a fifth.
    std::chrono::milliseconds first_redial{250}, longest_redial{5000};
    /// The caller is told so long after an agent was lost, or should have been there …
    std::chrono::milliseconds notice_after{1500};
    /// … and so long after it the fallback acts.
    std::chrono::milliseconds fallback_after{15000};
    enum class Fallback {
        person,    ///< the person here has the call
        transfer,  ///< it goes to `transfer_to`; nobody there: hung up
        hang_up,   ///< after a few words
    } fallback = Fallback::hang_up;
    std::string transfer_to{};
    std::optional<BargeIn> barge_in{};  ///< nothing: as fits the agent
    TurnOptions turns{};
    audio::Samples notice{};   ///< null: a comfort sound only
    audio::Samples goodbye{};  ///< before a hang-up; null: none
};

/// The clock of a call: its shard's, unless something else is put in its place.
class ClockRef {
public:
    ClockRef(Clock& clock) : clock_(&clock) {}  // NOLINT: as a reference would be made
    operator Clock&() const { return *clock_; }
    Clock::Time now() const { return clock_->now(); }
    Clock::TimerId at(Clock::Time when, std::function<void()> fire) const {
        return clock_->at(when, std::move(fire));
    }
    Clock::TimerId after(Clock::Duration delay, std::function<void()> fire) const {
        return clock_->after(delay, std::move(fire));
    }
    void cancel(Clock::TimerId timer) const { clock_->cancel(timer); }

private:
    Clock* clock_;
};

/// What a call uses and does not own. Everything outlives it.
struct CallServices {
    ClockRef clock;                         ///< of the home shard
    boost::asio::any_io_executor executor;  ///< of the home shard
    EventBus& events;
    std::shared_ptr<Carrier> carrier;  ///< null: nothing can be dialled or hung up by REST
    std::shared_ptr<audio::AudioDevice> speaker;  ///< null: no local sound
    audio::PlayoutOptions playout;
    std::shared_ptr<Journal> journal{};               ///< null: nothing is remembered
    std::uint64_t seed = 0;                           ///< of the call's own random generator
    std::shared_ptr<CallMetrics> metrics{};           ///< null: nobody looks
    std::shared_ptr<audio::Microphone> microphone{};  ///< null: nobody here speaks
    OutboundOptions outbound{};
    /// Makes one more ear for a call when its stream starts; the call keeps it until it is over.
    std::function<std::shared_ptr<audio::AudioSink>(const CallId&)> listener{};
    audio::Samples hold_music{};                ///< null: audio::hold_music()
    std::shared_ptr<VoicemailBox> voicemail{};  ///< null: nobody can leave a message
    std::shared_ptr<AgentShelf> agents{};       ///< null: there are none
    AgentCare agent_care{};
    std::shared_ptr<MessageBox> messages{};  ///< null: an agent can take none
    /// Asked before a call is handed on, whoever wants it. Empty: to anybody. Errors: refused; a
    /// sentence. Thread: any.
    std::function<Result<>(const std::string& to)> may_transfer{};
    std::shared_ptr<RecordingShelf> recordings{};      ///< null: nothing can be recorded
    std::shared_ptr<TranscriberShelf> transcribers{};  ///< null: nothing is taken down
    std::shared_ptr<CaptureShelf> captures{};          ///< null: nothing is captured
    std::shared_ptr<TimelineShelf> timelines{};        ///< null: a call's goes with it
    /// The time of day, for people. Empty: the system's.
    std::function<std::chrono::system_clock::time_point()> wall{};
    /// Whether another call has this CallSid.
    std::function<bool(const CallSid&)> claimed{};
    /// The call learnt its CallSid.
    std::function<void(const CallId&, const CallSid&)> named{};
    /// The call has reached its final state; its last sound may still be played.
    std::function<void(const CallId&)> finished{};
    /// The call is over (event::Ended was published): whoever owns it may let it go.
    std::function<void(const CallId&)> ended{};
};

/// Thread: its home shard's io thread, for every member, from construction to destruction.
class Call : public std::enable_shared_from_this<Call> {
public:
    virtual ~Call() = default;
    static std::shared_ptr<Call> make(CallSpec spec, CallServices services);

    /// The one door. Never throws; an input that makes no sense in the present state is ignored.
    virtual void accept(const CallInput& input) = 0;

    virtual const CallId& id() const = 0;
    virtual const CallSid& sid() const = 0;
    virtual const CallSpec& spec() const = 0;
    virtual CallState state() const = 0;
    /// A stream is up or being set up: a second one is refused.
    virtual bool has_stream() const = 0;
    /// A number for the stream about to be set up, to be used in its inputs. A stream that never
    /// sends StreamStarted must still send StreamClosed.
    virtual std::uint64_t open_stream() = 0;
    /// Nothing is left to do: final state, no stream, no sound left to play.
    virtual bool over() const = 0;
    virtual CallSnapshot snapshot() const = 0;
    /// Those who listen from outside.
    virtual std::size_t guests() const = 0;
    virtual const Timeline& timeline() const = 0;
    /// Adds what the next frame, of the phone or of a voice, will touch.
    virtual void list_hot(HotLines& lines) const = 0;
};

}  // namespace bridge::call
