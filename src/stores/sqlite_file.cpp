#include "stores/sqlite_file.hpp"

#include <sys/stat.h>

namespace bridge::stores {

std::unique_ptr<SQLite::Database> open_private_database(const std::filesystem::path& file) {
    // Made by us first, so that nobody else can ever read it.
    const auto mask = ::umask(0077);
    std::unique_ptr<SQLite::Database> database;
    try {
        database = std::make_unique<SQLite::Database>(
            file.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE, kSqliteBusyMs);
    } catch (...) {
        ::umask(mask);
        throw;
    }
    ::umask(mask);
    database->exec("PRAGMA journal_mode=WAL");
    return database;
}

}  // namespace bridge::stores
