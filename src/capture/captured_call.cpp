#include "capture/captured_call.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.hpp"

namespace bridge::capture {

using namespace std::chrono_literals;

namespace {

constexpr auto kBlockTime = 1s;
/// A block is full before its second is over.
constexpr std::size_t kBlockBytes = 512 * 1024;
constexpr std::size_t kFirstBytes = 64 * 1024;

}  // namespace

/// The call's clock. Between turns it goes on; a timer's turn begins when it fires.
class CapturedCall::TurnClock final : public Clock {
public:
    explicit TurnClock(CapturedCall& call) : call_(call) { timers_.reserve(32); }
    ~TurnClock() override {
        for (const auto& timer : timers_) call_.real_.cancel(timer.real);
    }

    Time now() const override { return call_.depth_ > 0 ? call_.moment_ : call_.real_now(); }

    TimerId at(Time when, std::function<void()> fire) override {
        const auto id = ++last_;
        timers_.push_back(
            {id, call_.real_.at(when, [this, id] { fired(id); }), when, std::move(fire)});
        return id;
    }

    void cancel(TimerId id) override {
        const auto found = find(id);
        if (found == timers_.end()) return;
        call_.real_.cancel(found->real);
        forget(found);
    }

private:
    struct Timer {
        TimerId id, real;
        Time when;
        std::function<void()> fire;
    };
    using Timers = std::vector<Timer>;

    Timers::iterator find(TimerId id) {
        return std::find_if(timers_.begin(), timers_.end(),
                            [&](const auto& timer) { return timer.id == id; });
    }
    void forget(Timers::iterator timer) {
        if (timer != timers_.end() - 1) *timer = std::move(timers_.back());
        timers_.pop_back();
    }

    void fired(TimerId id) {
        const auto found = find(id);
        if (found == timers_.end()) return;
        const auto keep = call_.shared_from_this();
        const auto fire = std::move(found->fire);
        const auto when = found->when;
        forget(found);
        const Turn turn(&call_);
        call_.note(note::Fired{id, std::chrono::floor<Micros>(call_.moment_ - when)});
        fire();
    }

    CapturedCall& call_;
    Timers timers_;  ///< a call has about ten
    TimerId last_ = kNoTimer;
};

CapturedCall::CapturedCall(Clock& clock, Clock::Time began, CallId call,
                           std::shared_ptr<const Scrub> scrub,
                           std::unique_ptr<CaptureWriter> writer)
    : real_(clock),
      began_(began),
      call_(std::move(call)),
      scrub_(std::move(scrub)),
      writer_(std::move(writer)),
      clock_(std::make_unique<TurnClock>(*this)),
      encoder_(block_, scrub_.get()),
      block_began_(began),
      moment_(began) {
    block_.reserve(kFirstBytes);
    outsides_.reserve(16);
}

Clock& CapturedCall::turn_clock() {
    return *clock_;
}

CapturedCall::~CapturedCall() {
    if (writing_) flush();
}

void CapturedCall::write_opening(const Opening& opening) {
    encode(opening, scrub_.get(), block_);
    flush();
}

void CapturedCall::enter() {
    outsides_.push_back(outside_);
    outside_ = false;
    if (depth_++ > 0) return;
    moment_ = first_turn_ ? began_ : std::max(moment_, real_now());
    fresh_ = true;
    call_outs_ = 0;
    if (std::exchange(first_turn_, false)) note(note::Made{});
}

void CapturedCall::leave() {
    outside_ = outsides_.back();
    outsides_.pop_back();
    if (--depth_ > 0 || !writing_) return;
    if (moment_ - block_began_ >= kBlockTime || block_.size() >= kBlockBytes) flush();
}

void CapturedCall::took(const call::CallInput& taken) {
    if (!writing_) return;
    const bool from_outside = outsides_.back();
    if (std::holds_alternative<input::SpeakerReport>(taken)) note_pulls();
    const bool microphone = std::holds_alternative<input::MicrophoneBlock>(taken);
    // What the call gives itself it will give itself again, but for these.
    const bool kept = from_outside || std::holds_alternative<input::TimerFired>(taken) ||
                      std::holds_alternative<input::SpeakerReport>(taken) || microphone;
    std::uint64_t source = 0;
    if (const auto* speech = std::get_if<input::AgentSpeech>(&taken); speech && speech->source)
        source = watch_source(*speech->source);
    if (kept)
        encoder_.input(taken, !std::exchange(fresh_, false), now(),
                       microphone ? call_outs_ : occasion_, source);
    const auto* held = std::get_if<input::SetHeld>(&taken);
    if (held && held->on) stock_music();
}

void CapturedCall::made_speaker_line(audio::SpeakerLine& line) {
    note_pulls();
    pulls_ = std::make_shared<audio::PullLog>();
    line.log_pulls(pulls_);
}

void CapturedCall::note_pulls() {
    if (!pulls_ || !writing_) return;
    pulled_.pulls.clear();
    audio::Pull pull;
    while (pulled_.pulls.size() < 1000 && pulls_->pop(pull)) pulled_.pulls.push_back(pull);
    pulled_.dropped = pulls_->dropped();
    if (!pulled_.pulls.empty()) note(pulled_);
}

void CapturedCall::stock_music() {
    if (std::exchange(music_known_, true) || !music_) return;
    note(note::Stocked{Stock::hold_music, music_, {}});
}

void CapturedCall::flush() {
    if (block_.empty()) return;
    block_began_ = moment_;
    if (!writer_->write(block_)) {
        stop(writer_->problem());
        return;
    }
    block_.reserve(kFirstBytes);
    encoder_.begin_block();
}

void CapturedCall::stop(std::string why) {
    writing_ = false;
    log::warning({"capture", call_}, "the capture ends here, the call goes on: {}", why);
    block_.clear();
    encoder_.begin_block();
    encoder_.note(note::Stopped{std::move(why)}, false, now());
    writer_->write(block_);
    block_ = {};
}

}  // namespace bridge::capture
