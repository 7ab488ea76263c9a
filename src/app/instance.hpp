#pragma once
// Which copies of this program run on this machine: one file each in the state folder, locked for
// as long as its program lives. A lock dies with its process, so a file left behind by a crash, or
// another process with the same number, deceives nobody.

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/secret.hpp"

namespace bridge::app {

/// Makes the folder, and those above it, readable by nobody else. Errors: io, with the path.
Result<> prepare_state_dir(const std::filesystem::path& folder);

/// Thread: any one at a time.
class Instance {
public:
    /// Writes `<state>/instances/<pid>.json` (mode 0600) and locks it; removes those of the dead.
    /// Errors: io.
    static Result<std::unique_ptr<Instance>> claim(const std::filesystem::path& state_dir);
    /// Removes the file.
    ~Instance();
    Instance(const Instance&) = delete;
    Instance& operator=(const Instance&) = delete;

    /// "<pid>-<8 letters>": never the same twice.
    const std::string& name() const { return name_; }
    const std::filesystem::path& file() const { return file_; }
    /// What others of this user may want to know of this one; empty values are left out.
    struct About {
        std::string public_url;
        std::string control_url;
        Secret token;  ///< of the control plane
        /// What it was started for, if it takes more calls: see takes_calls_for(). Empty: it takes
        /// none.
        std::string takes_calls_for{};
    };
    /// Errors: io.
    Result<> describe(const About& about);

private:
    Instance(std::filesystem::path file, int descriptor, std::string name);
    std::filesystem::path file_;
    int descriptor_;
    std::string name_;
    std::string started_;  ///< ISO 8601, UTC
};

/// A program that runs, as its file tells.
struct RunningInstance {
    int pid = 0;
    std::string started;      ///< ISO 8601, UTC
    std::string public_url;   ///< empty: none yet
    std::string control_url;  ///< empty: it has no control plane (yet)
    Secret token;
    std::string takes_calls_for{};  ///< empty: no more calls
};
/// Those that run, the oldest first. Unreadable files are passed over.
std::vector<RunningInstance> running_instances(const std::filesystem::path& state_dir);

/// Whether the program with that name still runs.
bool is_alive(const std::filesystem::path& state_dir, std::string_view name);

}  // namespace bridge::app
