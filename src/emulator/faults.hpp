#pragma once
// Switches that make the emulator misbehave as a network, or Twilio itself, may.

#include <boost/json/object.hpp>
#include <chrono>

#include "base/result.hpp"

namespace bridge::emulator {

struct Faults {
    enum class Signature { ok, wrong, missing, trailing_slash, https };
    enum class Callbacks { ok, duplicate, reverse };
    enum class Create { ok, too_many, failed_before, failed_after, timeout_after };

    /// wrong and missing: every webhook and upgrade. trailing_slash and https: upgrades are signed
    /// with "/" appended, or over https:// instead of wss://.
    Signature signature = Signature::ok;
    /// duplicate: each status callback twice. reverse: all of a call's held back until its end,
    /// then sent last first.
    Callbacks callbacks = Callbacks::ok;
    /// too_many: 429 · failed_before, failed_after: 500 with no call made, or one · timeout_after:
    /// a call is made, and the request never answered.
    Create create = Create::ok;
    /// How many creates the fault hits before it turns itself off; 0: all.
    int create_times = 0;
    /// Waited before each voice webhook is sent.
    std::chrono::milliseconds voice_webhook_delay{0};

    /// Changes what `change` names and leaves the rest. Errors: bad_field with the values allowed;
    /// then nothing has changed.
    Result<> apply(const boost::json::object& change);
    boost::json::object to_json() const;
};

}  // namespace bridge::emulator
