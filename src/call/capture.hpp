#pragma once
// Seam: where captures of calls go: everything that reached a call and everything that left it, so
// that the same call can be driven through the same code again.

#include <memory>
#include <span>
#include <string_view>

#include "audio/frame.hpp"
#include "base/clock.hpp"
#include "call/call_input.hpp"

namespace bridge::call {

struct CallSpec;

/// One call while it is captured; to let it go is to end it. Thread: the call's io thread; a member
/// never waits for the disk, and keeps nothing that is valid only during accept().
class CallCapture {
public:
    virtual ~CallCapture() = default;
    /// About to be accepted.
    virtual void took(Clock::Time now, const CallInput& input) = 0;
    /// What left on the media stream; `taken` as PhoneLine::send tells it.
    virtual void sent(Clock::Time now, std::span<const audio::AudioFrame> frames, bool taken) = 0;
    virtual void marked(Clock::Time now, std::string_view name, bool taken) = 0;
    virtual void cleared(Clock::Time now) = 0;
};

/// Thread: any io thread, for every member.
class CaptureShelf {
public:
    virtual ~CaptureShelf() = default;
    /// `seed`: of the call's generator. Null: it cannot be captured; that was said in the log.
    virtual std::shared_ptr<CallCapture> begin(const CallSpec& spec, std::uint64_t seed,
                                               Clock::Time now) = 0;
};

}  // namespace bridge::call
