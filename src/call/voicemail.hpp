#pragma once
// Seam: where messages go that callers leave when nobody takes their call.

#include <chrono>
#include <memory>
#include <string>

#include "audio/call_tones.hpp"
#include "audio/frame.hpp"
#include "base/ids.hpp"
#include "base/result.hpp"

namespace bridge::call {

/// One message while it is spoken. Thread: the call's io thread; it never waits for the disk.
/// To let it go is to end it.
class VoicemailMessage : public audio::AudioSink {
public:
    /// Where it is kept.
    virtual const std::string& file() const = 0;
};

/// Thread: any io thread, for every member.
class VoicemailBox {
public:
    virtual ~VoicemailBox() = default;
    /// What the caller hears first; the beep comes after it.
    virtual audio::Samples greeting() const = 0;
    /// How long a message may be.
    virtual std::chrono::seconds limit() const = 0;
    /// Errors: io.
    virtual Result<std::shared_ptr<VoicemailMessage>> begin(const CallId& call) = 0;
};

}  // namespace bridge::call
