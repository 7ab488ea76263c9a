// Schemas of one version become those of a later one, and what was in them stays.

#include "stores/migrations.hpp"

#include <SQLiteCpp/Statement.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include "stores/postgres_connection.hpp"
#include "tests/support/postgres_server.hpp"

namespace bridge::stores {
namespace {

using testing::HasSubstr;

constexpr std::array kVersions{
    "CREATE TABLE things (id INTEGER PRIMARY KEY, name TEXT NOT NULL)",
    "ALTER TABLE things ADD COLUMN size INTEGER NOT NULL DEFAULT 7",
    "CREATE TABLE places (name TEXT NOT NULL); INSERT INTO places SELECT name FROM things"};
/// As kVersions, and then something that cannot be done.
constexpr std::array kBroken{kVersions[0], kVersions[1],
                             "CREATE TABLE more (id INTEGER); NONSENSE"};

SchemaVersions first(std::size_t count) {
    return SchemaVersions(kVersions).first(count);
}

TEST(SqliteMigrations, EachOlderVersionIsBroughtToTheLast) {
    for (std::size_t from = 0; from <= kVersions.size(); ++from) {
        SQLite::Database database(":memory:", SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
        ASSERT_TRUE(migrate(database, "x.db", "shelf", first(from)));
        if (from > 0) database.exec("INSERT INTO things (id, name) VALUES (1, 'chair')");
        for (int again = 0; again < 2; ++again) {
            const auto done = migrate(database, "x.db", "shelf", kVersions);
            ASSERT_TRUE(done) << done.error().message;
        }
        EXPECT_EQ(database.execAndGet("PRAGMA user_version").getInt(), 3) << from;
        EXPECT_EQ(database.execAndGet("SELECT coalesce(sum(size), 0) FROM things").getInt(),
                  from > 0 ? 7 : 0);
        EXPECT_EQ(database.execAndGet("SELECT count(*) FROM places").getInt(),
                  from == 1 || from == 2 ? 1 : 0)
            << "the last step runs once, on what there was then";
    }
}

TEST(SqliteMigrations, AStepThatFailsLeavesAllAsItWas) {
    SQLite::Database database(":memory:", SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    ASSERT_TRUE(migrate(database, "x.db", "shelf", first(1)));
    EXPECT_THROW((void)migrate(database, "x.db", "shelf", kBroken), std::exception);
    EXPECT_EQ(database.execAndGet("PRAGMA user_version").getInt(), 1);
    EXPECT_FALSE(database.tableExists("more"));
    EXPECT_TRUE(migrate(database, "x.db", "shelf", kVersions)) << "the second step was undone too";
}

TEST(SqliteMigrations, ANewerFileIsLeftAlone) {
    SQLite::Database database(":memory:", SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    ASSERT_TRUE(migrate(database, "x.db", "shelf", kVersions));
    const auto refused = migrate(database, "x.db", "shelf", first(2));
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message, HasSubstr("the shelf x.db was written by a newer"));
    EXPECT_EQ(database.execAndGet("PRAGMA user_version").getInt(), 3);
}

TEST(PostgresMigrations, EachOlderVersionIsBroughtToTheLast) {
    if (test::PostgresServer::programs().empty())
        GTEST_SKIP() << "there is no PostgreSQL server on this machine";
    std::string problem;
    const auto server = test::PostgresServer::start(problem);
    ASSERT_TRUE(server) << problem;
    for (std::size_t from = 1; from <= kVersions.size(); ++from) {
        auto connection = PgConnection::open(Secret(server->url()));
        ASSERT_TRUE(connection) << connection.error().message;
        auto& database = **connection;
        ASSERT_TRUE(migrate(database, first(from)));
        ASSERT_TRUE(database.run("INSERT INTO things (id, name) VALUES (1, 'chair')"));
        EXPECT_FALSE(from < 3 && migrate(database, kBroken)) << "all or nothing";
        for (int again = 0; again < 2; ++again) {
            const auto done = migrate(database, kVersions);
            ASSERT_TRUE(done) << done.error().message;
        }
        EXPECT_EQ(database.run("SELECT max(version) FROM migrations")->number(0, 0), 3);
        EXPECT_EQ(database.run("SELECT size FROM things")->number(0, 0), 7);
        EXPECT_EQ(database.run("SELECT count(*) FROM places")->number(0, 0), from < 3 ? 1 : 0);
        EXPECT_FALSE(migrate(database, first(2))) << "a newer one is left alone";
        ASSERT_TRUE(database.run("DROP SCHEMA agentbridge CASCADE"));
    }
}

}  // namespace
}  // namespace bridge::stores
