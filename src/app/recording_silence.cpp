#include "app/recording_silence.hpp"

#include <algorithm>
#include <utility>

#include "stores/recording_store.hpp"

namespace bridge::app {

std::vector<stores::SilentSpan> silent_spans(
    const std::vector<transcribers::RedactedSpan>& redacted) {
    std::vector<stores::SilentSpan> out;
    out.reserve(redacted.size());
    for (const auto& [end, begin, until] : redacted)
        out.push_back({end, std::max(begin - kSilenceMargin, std::chrono::milliseconds(0)),
                       std::max(begin, until) + kSilenceMargin});
    return out;
}

std::function<transcribers::RedactionTeller(const CallId&)> silence_recordings(
    std::shared_ptr<stores::RecordingStore> recordings) {
    if (!recordings) return {};
    return [recordings = std::move(recordings)](const CallId& call) {
        // The last words come after the call: until then its recordings stay what can be changed.
        return [recordings, call, expecting = recordings->expect_silence(call)](
                   const std::vector<transcribers::RedactedSpan>& redacted) {
            recordings->silence(call, silent_spans(redacted));
        };
    };
}

}  // namespace bridge::app
