#pragma once
// Seam: the recordings that the API shows, plays and deletes, wherever they are kept.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "base/worker_pool.hpp"

namespace bridge::web {

struct RecordingEntry {
    std::string name;
    CallId call;
    std::chrono::system_clock::time_point began;
    std::uint64_t bytes = 0;
    std::vector<std::string> formats;  ///< "wav", "flac", "opus": in which it is there
    bool live = false;                 ///< it is being written
    // Only where one is looked into:
    std::chrono::milliseconds duration{0};
    std::chrono::milliseconds offset{0};  ///< where on the call's timeline it begins
    bool by_carrier = false;              ///< else by this program
};

struct RecordingPeaks {
    std::chrono::milliseconds duration{0};
    std::vector<float> far, near;  ///< 0 to 1
};

/// Its members block on the disk, and run on `workers`. Thread: any.
class RecordingLibrary {
public:
    virtual ~RecordingLibrary() = default;
    virtual WorkerPool& workers() const = 0;
    /// Newest first, not looked into.
    virtual std::vector<RecordingEntry> list() const = 0;
    virtual void look_into(RecordingEntry& entry) const = 0;
    /// Path of the file in that format, which is made if it is not there. Errors: not_found (a
    /// sentence), io.
    virtual Result<std::string> file(const RecordingEntry& entry,
                                     std::string_view format) const = 0;
    virtual Result<RecordingPeaks> peaks(const RecordingEntry& entry,
                                         std::size_t buckets) const = 0;
    /// Errors: not_found, refused (it is being written), io.
    virtual Result<> remove(const std::string& name) const = 0;
};

}  // namespace bridge::web
