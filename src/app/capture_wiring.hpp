#pragma once
// The captures of a running program.

#include <memory>

#include "app/session.hpp"
#include "base/metrics.hpp"
#include "capture/capture_store.hpp"
#include "web/api.hpp"

namespace bridge::app {

/// In the state folder; null for a demo, which keeps nothing.
std::shared_ptr<capture::CaptureStore> open_captures(const SessionOptions& options,
                                                     std::shared_ptr<metrics::Registry> metrics);

/// As web::ApiParts has it. `store` may be null.
web::FindCapture find_captures(std::shared_ptr<capture::CaptureStore> store);

}  // namespace bridge::app
