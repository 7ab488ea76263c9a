#pragma once
// What a transcript leaves out is silence in the call's recordings.

#include <chrono>
#include <functional>
#include <memory>
#include <vector>

#include "base/ids.hpp"
#include "stores/recording_silence.hpp"
#include "transcribers/redaction.hpp"

namespace bridge::stores {
class RecordingStore;
}

namespace bridge::app {

/// Recognizers' times are not exact: so much on either side of a word goes with it.
inline constexpr std::chrono::milliseconds kSilenceMargin{100};

std::vector<stores::SilentSpan> silent_spans(
    const std::vector<transcribers::RedactedSpan>& redacted);

/// Of calls that live: as TranscriberOptions has it. Null: nothing is recorded.
std::function<transcribers::RedactionTeller(const CallId&)> silence_recordings(
    std::shared_ptr<stores::RecordingStore> recordings);

}  // namespace bridge::app
