#pragma once
// From settings to the shelf of recognizers.

#include <functional>
#include <memory>
#include <string>

#include "app/config.hpp"
#include "base/metrics.hpp"
#include "transcribers/transcribers.hpp"

namespace bridge::app {

/// The transcriber as the settings have it, for a running program and for `agentbridge transcribe`.
/// `redacted`: as TranscriberOptions has it. Errors: bad_config.
Result<std::shared_ptr<transcribers::Transcribers>> open_transcribers(
    const Config& config, std::shared_ptr<metrics::Registry> metrics, const std::string& user_agent,
    std::function<transcribers::RedactionTeller(const CallId&)> redacted = {});

}  // namespace bridge::app
