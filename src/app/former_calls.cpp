#include "app/former_calls.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <optional>
#include <utility>

#include "app/rest_options.hpp"
#include "stores/sqlite_journal.hpp"

namespace bridge::app {

Result<Memory> open_memory(const Config& config) {
    Memory memory;
    if (auto ready = prepare_state_dir(config.state_dir); !ready)
        return tl::unexpected(ready.error());
    auto instance = Instance::claim(config.state_dir);
    if (!instance) return tl::unexpected(instance.error());
    memory.instance = std::move(*instance);

    stores::SqliteJournalOptions options;
    options.file = config.state_dir / "journal.db";
    options.instance = memory.instance->name();
    options.account = account_key(config);
    auto journal = stores::SqliteJournal::open(std::move(options));
    if (!journal) return tl::unexpected(journal.error());
    memory.journal = *journal;

    boost::asio::io_context loop;
    Result<std::vector<call::JournalEntry>> open = fail(Errc::internal, "not asked");
    boost::asio::co_spawn(loop, memory.journal->open_calls(),
                          [&](std::exception_ptr, Result<std::vector<call::JournalEntry>> read) {
                              open = std::move(read);
                          });
    loop.run();
    if (!open) return tl::unexpected(open.error());
    const auto account = account_key(config);
    for (auto& entry : *open) {
        const auto alive = [&](const std::string& name) {
            return is_alive(config.state_dir, name);
        };
        if (call::is_orphan(entry, account, alive)) {
            memory.orphans.push_back(std::move(entry));
        } else if (entry.account == account) {
            memory.held.push_back(std::move(entry));
        }
    }
    return memory;
}

}  // namespace bridge::app
