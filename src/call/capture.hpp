#pragma once
// Seam: where captures of calls go: everything that reached a call and everything that left it, so
// that the same call can be driven through the same code again; and how that drive looks to the
// call, which does not know whether it is captured or replayed.
//
//   accept, timers, open_stream ─▶ Turn: one moment of the call's clock
//   input ─▶ took ─▶ … the call … ─▶ line, asked, services ─▶ what left

#include <memory>
#include <string_view>

#include "audio/mic_line.hpp"
#include "audio/speaker_line.hpp"
#include "base/clock.hpp"
#include "call/call_input.hpp"
#include "call/phone_line.hpp"

namespace bridge::call {

struct CallSpec;
struct CallServices;

/// One call while it is captured, or replayed; to let it go is to end it. Thread: the call's io
/// thread; a member never waits for the disk, and keeps nothing that is valid only during accept().
class CallCapture {
public:
    virtual ~CallCapture() = default;
    /// Whatever the call does until `leave` happens at one moment of its clock: what it does then
    /// depends on its state, that moment, and what it is given. They nest; the outermost counts.
    virtual void enter() = 0;
    virtual void leave() = 0;
    /// About to be accepted.
    virtual void took(const CallInput& input) = 0;
    /// A number for a stream about to be set up was asked for.
    virtual void opened_stream() = 0;
    /// What the call is to speak into in place of `line`.
    virtual std::shared_ptr<PhoneLine> line(std::shared_ptr<PhoneLine> line) = 0;
    /// The carrier is asked for something; its answer is an input.
    virtual void asked(std::string_view what, std::string_view detail) = 0;
    /// The call is about to look for 20 ms there.
    virtual void looks_for_microphone(audio::MicLine& line) = 0;
    /// The line to the sound card was made, and is not attached yet.
    virtual void made_speaker_line(audio::SpeakerLine& line) = 0;

    /// From `enter` to `leave`; of no capture, nothing.
    class Turn {
    public:
        explicit Turn(CallCapture* capture) : capture_(capture) {
            if (capture_) capture_->enter();
        }
        ~Turn() {
            if (capture_) capture_->leave();
        }
        Turn(const Turn&) = delete;
        Turn& operator=(const Turn&) = delete;

    private:
        CallCapture* const capture_;
    };
};

/// Thread: any io thread, for every member.
class CaptureShelf {
public:
    virtual ~CaptureShelf() = default;
    /// Puts what the call's services tell it during a turn on record as well, by putting others in
    /// their place; its clock among them, which stands still during a turn. Null: the call cannot
    /// be captured, that was said in the log, and `services` are as they were.
    virtual std::shared_ptr<CallCapture> begin(const CallSpec& spec, CallServices& services) = 0;
};

}  // namespace bridge::call
