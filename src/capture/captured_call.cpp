#include "capture/captured_call.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/container/small_vector.hpp>

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
    explicit TurnClock(CapturedCall& call) : call_(call) {}
    ~TurnClock() override {
        for (const auto& timer : timers_) call_.real_.cancel(timer.real);
    }

    Time now() const override { return call_.depth_ > 0 ? call_.moment_ : call_.real_now(); }

    TimerId at(Time when, std::function<void()> fire) override {
        const auto id = ++last_;
        ids_.push_back(id);
        timers_.push_back({call_.real_.at(when, [this, id] { fired(id); }), when, std::move(fire)});
        return id;
    }

    void cancel(TimerId id) override {
        const auto found = find(id);
        if (found == ids_.size()) return;
        call_.real_.cancel(timers_[found].real);
        forget(found);
    }

private:
    static constexpr std::size_t kTimers = 16;
    struct Timer {
        TimerId real;
        Time when;
        std::function<void()> fire;
    };

    std::size_t find(TimerId id) const {
        return static_cast<std::size_t>(std::find(ids_.begin(), ids_.end(), id) - ids_.begin());
    }
    void forget(std::size_t timer) {
        if (timer + 1 != ids_.size()) {
            ids_[timer] = ids_.back();
            timers_[timer] = std::move(timers_.back());
        }
        ids_.pop_back();
        timers_.pop_back();
    }

    void fired(TimerId id) {
        const auto found = find(id);
        if (found == ids_.size()) return;
        const auto keep = call_.shared_from_this();
        const auto fire = std::move(timers_[found].fire);
        const auto when = timers_[found].when;
        forget(found);
        const Turn turn(&call_);
        call_.note(note::Fired{id, std::chrono::floor<Micros>(call_.moment_ - when)});
        fire();
    }

    CapturedCall& call_;
    TimerId last_ = kNoTimer;
    // A call has about ten; their ids, which are looked through, lie together.
    boost::container::small_vector<TimerId, kTimers> ids_;
    boost::container::small_vector<Timer, kTimers> timers_;
};

CapturedCall::CapturedCall(Clock& clock, Clock::Time began, CallId call,
                           std::shared_ptr<const Scrub> scrub,
                           std::unique_ptr<CaptureWriter> writer)
    : real_(clock),
      began_(began),
      moment_(began),
      block_began_(began),
      encoder_(block_, scrub.get()),
      call_(std::move(call)),
      scrub_(std::move(scrub)),
      writer_(std::move(writer)),
      clock_(std::make_unique<TurnClock>(*this)) {
    block_.reserve(kFirstBytes);
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
    // More than 64 deep the outermost is forgotten: a call gets nowhere near.
    outsides_ = outsides_ << 1U | (outside_ ? 1U : 0U);
    outside_ = false;
    if (depth_++ > 0) return;
    prefetch();
    moment_ = first_turn_ ? began_ : std::max(moment_, real_now());
    fresh_ = true;
    call_outs_ = 0;
    if (std::exchange(first_turn_, false)) note(note::Made{});
}

/// Other calls have pushed out of the cache what this turn will write to: it comes meanwhile.
void CapturedCall::prefetch() const {
    constexpr std::size_t kLine = 64, kMostLines = 6;
    const auto* const clock = reinterpret_cast<const std::uint8_t*>(clock_.get());
    for (std::size_t line = 0; line < 3; ++line) __builtin_prefetch(clock + line * kLine, 1);
    for (const auto* object : touched_) __builtin_prefetch(object);
    const auto* const end = block_.data() + block_.size();
    const auto lines = std::min(kMostLines, (block_.capacity() - block_.size()) / kLine);
    for (std::size_t line = 0; line <= lines; ++line) __builtin_prefetch(end + line * kLine, 1);
}

void CapturedCall::leave() {
    outside_ = (outsides_ & 1U) != 0;
    outsides_ >>= 1U;
    if (--depth_ > 0 || !writing_) return;
    if (moment_ - block_began_ >= kBlockTime || block_.size() >= kBlockBytes) flush();
}

void CapturedCall::took(const call::CallInput& taken) {
    if (!writing_) return;
    const bool from_outside = (outsides_ & 1U) != 0;
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
