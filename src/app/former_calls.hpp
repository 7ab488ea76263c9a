#pragma once
// What outlives this program: the journal of its calls, and the calls that a former run left in it.

#include <memory>
#include <string>
#include <vector>

#include "app/config.hpp"
#include "app/instance.hpp"
#include "call/journal.hpp"
#include "call/orphans.hpp"

namespace bridge::app {

struct Memory {
    std::unique_ptr<Instance> instance;
    std::shared_ptr<call::Journal> journal;
    std::vector<call::JournalEntry> orphans;  ///< calls of this account that nobody holds
    std::vector<call::JournalEntry> held;     ///< calls of this account that another program holds
};

/// Opens the journal of `config.state_dir` under a new instance, and looks for what a former run
/// left. Blocks on the disk. Errors: io, with the path and the setting.
Result<Memory> open_memory(const Config& config);

}  // namespace bridge::app
