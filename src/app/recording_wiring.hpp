#pragma once
// Recordings of calls, from the settings to the store that makes them.

#include <memory>

#include "app/config.hpp"
#include "app/session.hpp"
#include "base/metrics.hpp"
#include "stores/recording_store.hpp"
#include "web/recordings.hpp"

namespace bridge::app {

/// Also brings in order what a killed run left. Failures: configuration (the folder cannot be
/// written).
Outcome<std::shared_ptr<stores::RecordingStore>> open_recordings(
    const Config& config, const std::shared_ptr<metrics::Registry>& metrics);

/// What the API shows of them. The store outlives it.
std::shared_ptr<web::RecordingLibrary> recording_library(const stores::RecordingStore& store);

}  // namespace bridge::app
