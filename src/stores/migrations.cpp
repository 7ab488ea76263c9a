#include "stores/migrations.hpp"

#include <SQLiteCpp/Transaction.h>
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

#include "stores/postgres_connection.hpp"

namespace bridge::stores {
namespace {

/// What keeps two programs from bringing the schema up to date at once.
constexpr const char* kMigrationLock = "SELECT pg_advisory_xact_lock(7304251066)";

}  // namespace

Result<> migrate(SQLite::Database& database, const std::filesystem::path& file,
                 std::string_view what, SchemaVersions versions) {
    SQLite::Transaction transaction(database, SQLite::TransactionBehavior::IMMEDIATE);
    const auto version =
        static_cast<std::size_t>(std::max(database.execAndGet("PRAGMA user_version").getInt(), 0));
    if (version > versions.size())
        return fail(Errc::io,
                    fmt::format("the {} {} was written by a newer agentbridge (version {}, this "
                                "one knows {}); use that one, or set AGENTBRIDGE_STATE_DIR",
                                what, file.string(), version, versions.size()));
    for (const auto* sql : versions.subspan(version)) database.exec(sql);
    if (version < versions.size())
        database.exec(fmt::format("PRAGMA user_version={}", versions.size()));
    transaction.commit();
    return {};
}

Result<> migrate(PgConnection& connection, SchemaVersions versions) {
    auto transaction = PgTransaction::begin(connection);
    if (!transaction) return tl::unexpected(std::move(transaction.error()));
    for (const auto* sql :
         {kMigrationLock, "CREATE SCHEMA IF NOT EXISTS agentbridge",
          "SET search_path TO agentbridge",
          "CREATE TABLE IF NOT EXISTS migrations ("
          " version integer PRIMARY KEY, applied timestamptz NOT NULL DEFAULT now())"}) {
        if (auto done = connection.run(sql); !done) return tl::unexpected(std::move(done.error()));
    }
    const auto found = connection.run("SELECT coalesce(max(version), 0) FROM migrations");
    if (!found) return tl::unexpected(found.error());
    const auto version = static_cast<std::size_t>(found->number(0, 0));
    if (version > versions.size())
        return fail(Errc::io, fmt::format("the history on the PostgreSQL server was written by a "
                                          "newer agentbridge (version {}, this one knows {}); use "
                                          "that one, or another DATABASE_URL",
                                          version, versions.size()));
    for (auto next = version; next < versions.size(); ++next) {
        for (const auto& sql :
             {std::string(versions[next]),
              fmt::format("INSERT INTO migrations (version) VALUES ({})", next + 1)}) {
            if (auto done = connection.run(sql); !done)
                return tl::unexpected(std::move(done.error()));
        }
    }
    return transaction->commit();
}

}  // namespace bridge::stores
