#pragma once
// The captures of a running program.

#include <atomic>
#include <memory>

#include "app/session.hpp"
#include "base/metrics.hpp"
#include "base/worker_pool.hpp"
#include "capture/capture_store.hpp"
#include "web/api.hpp"

namespace bridge::app {

/// In the state folder; null for a demo, which keeps nothing.
std::shared_ptr<capture::CaptureStore> open_captures(const SessionOptions& options,
                                                     std::shared_ptr<metrics::Registry> metrics);

/// As web::ApiParts has it. `store` may be null.
web::FindCapture find_captures(std::shared_ptr<capture::CaptureStore> store);

/// Does captured calls again, to tell what became of their sound; on a thread of its own, so that
/// the captures of calls that live are written meanwhile.
class CaptureReports : public std::enable_shared_from_this<CaptureReports> {
public:
    CaptureReports(std::shared_ptr<capture::CaptureStore> store,
                   std::shared_ptr<metrics::Registry> metrics);
    /// As web::ApiParts has it.
    web::ReportCapture reports();
    /// Returns when nothing is being done any more, which is soon. Thread: main.
    void stop();

private:
    const std::shared_ptr<capture::CaptureStore> store_;
    std::atomic<bool> stopping_{false};
    WorkerPool pool_;
};

}  // namespace bridge::app
