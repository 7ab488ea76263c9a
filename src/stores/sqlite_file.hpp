#pragma once
// What our SQLite files have in common: nobody else can read them, and another program of ours may
// have one open too.

#include <SQLiteCpp/Database.h>

#include <filesystem>
#include <memory>

namespace bridge::stores {

/// How long a file that another program writes is waited for.
inline constexpr int kSqliteBusyMs = 5000;

/// Opens `file` for writing, with a write-ahead log; made with mode 0600 if it is not there.
/// Throws std::exception.
std::unique_ptr<SQLite::Database> open_private_database(const std::filesystem::path& file);

}  // namespace bridge::stores
