#pragma once
// One call while it is captured: its clock stands still during each turn, and whatever comes in or
// goes out is written behind what came before.
//
//   enter ─▶ took, or a timer, or a tool: the turn's first record
//            call-outs (agent, tools, microphone, line): what comes in meanwhile is nested, with
//            the number of the call-out, so that a replay gives it at the same place
//   leave ─▶ once a second: the block goes to the disk

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "call/call.hpp"
#include "capture/capture_file.hpp"
#include "capture/records.hpp"
#include "capture/scrub.hpp"

namespace bridge::capture {

/// Thread: the call's io thread. No allocation per media frame in steady state.
class CapturedCall final : public call::CallCapture,
                           public std::enable_shared_from_this<CapturedCall> {
public:
    /// `began`: whole microseconds.
    CapturedCall(Clock& clock, Clock::Time began, CallId call, std::shared_ptr<const Scrub> scrub,
                 std::unique_ptr<CaptureWriter> writer);
    ~CapturedCall() override;

    /// First.
    void write_opening(const Opening& opening);
    /// Puts ours in place of what the call's services are.
    void replace(call::CallServices& services);

    void enter() override;
    void leave() override;
    void took(const call::CallInput& input) override;
    void opened_stream() override { note(note::StreamOpened{}); }
    std::shared_ptr<call::PhoneLine> line(std::shared_ptr<call::PhoneLine> line) override;
    void asked(std::string_view what, std::string_view detail) override {
        note(note::Asked{std::string(what), std::string(detail)});
    }
    void looks_for_microphone(audio::MicLine&) override { ++call_outs_; }
    void made_speaker_line(audio::SpeakerLine& line) override;

    /// The call has gone out of itself: what comes back in before this ends is nested.
    class CallOut {
    public:
        explicit CallOut(CapturedCall& call)
            : call_(call), before_(call.outside_), occasion_(call.occasion_) {
            call_.outside_ = true;
            call_.occasion_ = ++call_.call_outs_;
        }
        ~CallOut() {
            call_.outside_ = before_;
            call_.occasion_ = occasion_;
        }
        CallOut(const CallOut&) = delete;
        CallOut& operator=(const CallOut&) = delete;

    private:
        CapturedCall& call_;
        const bool before_;
        const std::uint64_t occasion_;
    };

    bool in_turn() const { return depth_ > 0; }
    Clock& real_clock() { return real_; }
    /// Most turns touch it: it is fetched ahead, into the cache. It need not outlive the call.
    void touches(const void* object) { touched_[touched_next_++ % touched_.size()] = object; }
    /// The call's own.
    Clock& turn_clock();
    template <class Note>
    void note(const Note& what) {
        if (writing_) encoder_.note(what, !std::exchange(fresh_, false), now(), occasion_);
    }
    void sent(std::span<const audio::AudioFrame> frames, bool taken) {
        if (writing_) encoder_.sent(frames, taken, !std::exchange(fresh_, false), now());
    }
    /// What it gives is written down from now on; its number.
    std::uint64_t watch_source(std::unique_ptr<audio::SampleSource>& source);
    /// It may be needed from now on.
    void stock_music();
    std::uint64_t next_source() { return ++sources_; }
    std::uint64_t next_run() { return ++runs_; }
    std::uint64_t next_message() { return ++messages_; }

private:
    class TurnClock;

    Clock::Time real_now() const {
        return Clock::Time(std::chrono::floor<Micros>(real_.now().time_since_epoch()));
    }
    Micros now() const { return std::chrono::duration_cast<Micros>(moment_ - began_); }
    void prefetch() const;
    void note_pulls();
    void flush();
    void stop(std::string why);

    // What each turn touches lies together.
    Clock& real_;
    const Clock::Time began_;
    Clock::Time moment_;  ///< of the turn that goes on, or that was last
    Clock::Time block_began_;
    std::uint64_t call_outs_ = 0;  ///< of this turn so far
    std::uint64_t occasion_ = 0;   ///< the number of the one that goes on, 0: none does
    std::uint64_t outsides_ = 0;   ///< `outside_` when each of the turns that nest was entered
    std::uint32_t depth_ = 0;
    bool writing_ = true;
    bool first_turn_ = true;
    bool fresh_ = false;   ///< nothing of this turn is written down yet
    bool outside_ = true;  ///< what comes now comes from outside the call
    Bytes block_;
    std::array<const void*, 2> touched_{};
    std::size_t touched_next_ = 0;
    Encoder encoder_;

    const CallId call_;
    const std::shared_ptr<const Scrub> scrub_;
    const std::unique_ptr<CaptureWriter> writer_;
    const std::unique_ptr<TurnClock> clock_;
    audio::Samples music_;  ///< null: our own, or it is written down already
    bool music_known_ = false;
    std::uint64_t sources_ = 0, runs_ = 0, messages_ = 0;
    std::shared_ptr<audio::PullLog> pulls_;  ///< null: it is not heard here
    note::Pulled pulled_;                    ///< kept for its memory
};

}  // namespace bridge::capture
