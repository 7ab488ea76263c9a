#include "stores/sqlite_calls.hpp"

#include <SQLiteCpp/Statement.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/unit/app/temporary_folder.hpp"

namespace bridge::stores {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

call::CallChange kept_call(const char* id) {
    call::CallChange change;
    change.call.id = CallId{id};
    change.call.created = std::chrono::system_clock::time_point(1h);
    change.call.ended = std::chrono::system_clock::time_point(2h);
    change.call.document = "{}";
    change.messages = {"keep this"};
    return change;
}

class SqliteCallsTest : public testing::Test {
protected:
    std::unique_ptr<SqliteCalls> open(SqliteCalls::Open how = SqliteCalls::Open::for_writing) {
        auto opened = SqliteCalls::open(file, how);
        EXPECT_TRUE(opened) << opened.error().message;
        return opened ? std::move(*opened) : nullptr;
    }
    app::TemporaryFolder folder;
    const std::filesystem::path file = folder.path() / "history.db";
};

TEST_F(SqliteCallsTest, OnlyItsOwnerCanReadTheFile) {
    auto store = open();
    ASSERT_TRUE(store->write({kept_call("c_1")}));
    for (const auto* name : {"history.db", "history.db-wal", "history.db-shm"}) {
        struct stat found {};
        ASSERT_EQ(::stat((folder.path() / name).c_str(), &found), 0) << name;
        EXPECT_EQ(found.st_mode & 0777U, 0600U) << name;
    }
}

TEST_F(SqliteCallsTest, WhatWasKeptIsThereTheNextTime) {
    ASSERT_TRUE(open()->write({kept_call("c_1")}));
    const auto store = open();
    EXPECT_TRUE(*store->find("c_1"));
    call::CallQuery query;
    query.words = "keep";
    EXPECT_EQ(store->page(query)->size(), 1u);
}

TEST_F(SqliteCallsTest, IsReadWhileAnotherProgramWrites) {
    auto writer = open();
    ASSERT_TRUE(writer->write({kept_call("c_1")}));
    const auto reader = open(SqliteCalls::Open::for_reading);
    EXPECT_TRUE(*reader->find("c_1"));
    ASSERT_TRUE(writer->write({kept_call("c_2")}));
    EXPECT_TRUE(*reader->find("c_2"));
    EXPECT_FALSE(reader->write({kept_call("c_3")}));
}

TEST_F(SqliteCallsTest, TheFileOfANewerVersionIsLeftAlone) {
    open().reset();
    { SQLite::Database(file.string(), SQLite::OPEN_READWRITE).exec("PRAGMA user_version=77"); }
    for (const auto how : {SqliteCalls::Open::for_writing, SqliteCalls::Open::for_reading}) {
        const auto opened = SqliteCalls::open(file, how);
        ASSERT_FALSE(opened);
        EXPECT_THAT(opened.error().message, HasSubstr("version 77"));
    }
    SQLite::Database after(file.string());
    EXPECT_EQ(after.execAndGet("PRAGMA user_version").getInt(), 77);
}

TEST_F(SqliteCallsTest, AnEmptyFileBecomesAHistory) {
    folder.write("history.db", "");
    EXPECT_TRUE(open()->write({kept_call("c_1")}));
}

TEST_F(SqliteCallsTest, WhatIsNoDatabaseIsSaidToBeNone) {
    folder.write("history.db", std::string(4096, 'x'));
    const auto opened = SqliteCalls::open(file);
    ASSERT_FALSE(opened);
    EXPECT_THAT(opened.error().message, HasSubstr(file.string()));
    EXPECT_THAT(opened.error().message, HasSubstr("AGENTBRIDGE_STATE_DIR"));
}

TEST_F(SqliteCallsTest, TheIndexHoldsNothingOfWhatWasForgotten) {
    auto store = open();
    ASSERT_TRUE(store->write({kept_call("c_1"), kept_call("c_2")}));
    auto changed = kept_call("c_1");
    changed.messages = {"and that"};
    ASSERT_TRUE(store->write({changed}));
    ASSERT_TRUE(*store->remove(CallId{"c_1"}));
    ASSERT_TRUE(*store->remove(CallId{"c_2"}));
    store.reset();
    SQLite::Database database(file.string(), SQLite::OPEN_READWRITE);
    // Throws when the index and the texts differ.
    database.exec("INSERT INTO call_index(call_index, rank) VALUES ('integrity-check', 1)");
    for (const auto* table : {"calls", "documents", "messages", "call_texts"})
        EXPECT_EQ(database.execAndGet(std::string("SELECT count(*) FROM ") + table).getInt(), 0);
}

}  // namespace
}  // namespace bridge::stores
