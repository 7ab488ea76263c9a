#pragma once
// The folder of captures: one file for each call that is captured, for its owner's eyes alone.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "base/metrics.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"
#include "base/worker_pool.hpp"
#include "call/call.hpp"
#include "capture/scrub.hpp"

namespace bridge::capture {

struct CaptureStoreOptions {
    std::filesystem::path folder;
    std::string program;          ///< its version, for the file
    std::vector<Secret> secrets;  ///< what no capture may hold
    std::shared_ptr<metrics::Registry> metrics{};
    std::chrono::milliseconds gather{100};  ///< a second of one call waits so long for others'
};

struct CaptureEntry {
    std::filesystem::path file;
    CallId call;
    std::chrono::system_clock::time_point began;
    std::uintmax_t bytes = 0;
};

/// Thread: any, for every member; those with a Result or a list ask the disk.
class CaptureStore final : public call::CaptureShelf {
public:
    explicit CaptureStore(CaptureStoreOptions options);
    ~CaptureStore() override;

    std::shared_ptr<call::CallCapture> begin(const call::CallSpec& spec,
                                             call::CallServices& services) override;

    /// Of this and former runs, oldest first.
    std::vector<CaptureEntry> list() const;
    std::optional<CaptureEntry> find(const CallId& call) const;
    /// Success also if there is none. Errors: io.
    Result<> remove(const CallId& call);
    /// Takes away what began before then.
    void sweep(std::chrono::system_clock::time_point before);
    /// Returns when what was captured is in the files, after two seconds at the latest; nothing is
    /// taken afterwards. Not from an io thread.
    void close();
    /// Its own thread, for whoever reads captures.
    WorkerPool& pool() { return *pool_; }

private:
    const CaptureStoreOptions options_;
    const std::shared_ptr<const Scrub> scrub_;
    const std::shared_ptr<WorkerPool> pool_;
};

/// "20260131T090501Z-c_….abcap".
std::string capture_file_name(const CallId& call, std::chrono::system_clock::time_point began);

}  // namespace bridge::capture
