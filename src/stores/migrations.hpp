#pragma once
// How a schema is brought up to date: a list of versions, each of which is the SQL that makes it of
// the one before. What was released is never changed; a new version is added at the end.

#include <SQLiteCpp/Database.h>

#include <filesystem>
#include <span>
#include <string_view>

#include "base/result.hpp"

namespace bridge::stores {

class PgConnection;
using SchemaVersions = std::span<const char* const>;

/// Brings a file to the last of `versions`, all or nothing; `what` it is: "history". Errors: io (a
/// newer program wrote it). Throws what SQLite does.
Result<> migrate(SQLite::Database& database, const std::filesystem::path& file,
                 std::string_view what, SchemaVersions versions);

/// The same for the schema `agentbridge` of a PostgreSQL server, which becomes the connection's.
/// One program at a time. Errors: io (likewise), and as PgConnection::run has them.
Result<> migrate(PgConnection& connection, SchemaVersions versions);

}  // namespace bridge::stores
