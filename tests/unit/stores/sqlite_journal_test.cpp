#include "stores/sqlite_journal.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include "tests/support/run_task.hpp"
#include "tests/unit/app/temporary_folder.hpp"

namespace bridge::stores {
namespace {

using namespace std::chrono_literals;
using call::CallState;
using call::JournalChange;
using call::JournalEntry;

JournalEntry entry(std::string id) {
    JournalEntry out;
    out.id = CallId{std::move(id)};
    out.to = "+15551234567";
    out.from = "+15005550006";
    out.asked = std::chrono::system_clock::now();
    return out;
}

class SqliteJournalTest : public testing::Test {
protected:
    std::shared_ptr<SqliteJournal> open(std::string instance = "1-a") {
        auto journal = SqliteJournal::open(
            {folder.path() / "journal.db", std::move(instance), "AC1", 24h, 10ms});
        EXPECT_TRUE(journal) << journal.error().message;
        return journal ? *journal : nullptr;
    }
    template <class T>
    T run(boost::asio::awaitable<T> task) {
        return test::run_task(loop, std::move(task));
    }

    app::TemporaryFolder folder;
    boost::asio::io_context loop;
};

TEST_F(SqliteJournalTest, KeepsAnEntryAndItsChangesForTheNextRun) {
    auto journal = open();
    ASSERT_TRUE(run(journal->begin(entry("c_1"))));
    ASSERT_TRUE(run(journal->begin(entry("c_2"))));
    JournalChange change;
    change.id = CallId{"c_1"};
    change.sid = CallSid{"CA1"};
    change.state = CallState::ringing;
    change.hold = call::Hold::held;
    journal->note(change);
    JournalChange over;
    over.id = CallId{"c_2"};
    over.ended = true;
    journal->note(over);
    EXPECT_TRUE(journal->close());
    journal.reset();

    const auto next = open("2-b");
    const auto open_calls = run(next->open_calls());
    ASSERT_TRUE(open_calls);
    ASSERT_EQ(open_calls->size(), 1U);
    const auto& kept = open_calls->front();
    EXPECT_EQ(kept.id.str(), "c_1");
    EXPECT_EQ(kept.sid.str(), "CA1");
    EXPECT_EQ(kept.state, CallState::ringing);
    EXPECT_EQ(kept.hold, call::Hold::held);
    EXPECT_EQ(kept.instance, "1-a");
    EXPECT_EQ(kept.account, "AC1");
    EXPECT_EQ(kept.to, "+15551234567");
    EXPECT_EQ(kept.direction, call::Direction::outbound);
    EXPECT_EQ(run(next->known({CallSid{"CA1"}, CallSid{"CA2"}}))->size(), 1U);
}

TEST_F(SqliteJournalTest, IsReadByAnotherProgramWhileItIsWritten) {
    const auto journal = open();
    const auto other = open("2-b");
    ASSERT_TRUE(run(journal->begin(entry("c_1"))));
    EXPECT_EQ(run(other->open_calls())->size(), 1U) << "begin returns when it is on disk";
    ASSERT_TRUE(run(other->begin(entry("c_2"))));
    EXPECT_EQ(run(journal->open_calls())->size(), 2U);
}

TEST_F(SqliteJournalTest, TakesACallOnce) {
    const auto journal = open();
    ASSERT_TRUE(run(journal->begin(entry("c_1"))));
    const auto again = run(journal->begin(entry("c_1")));
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code, Errc::exists);
}

TEST_F(SqliteJournalTest, ACallSidStaysWithTheFirstCallThatHadIt) {
    const auto journal = open();
    for (const auto* id : {"c_1", "c_2"}) {
        ASSERT_TRUE(run(journal->begin(entry(id))));
        JournalChange change;
        change.id = CallId{id};
        change.sid = CallSid{"CA1"};
        journal->note(change);
    }
    JournalChange later;
    later.id = CallId{"c_2"};
    later.state = CallState::ringing;
    journal->note(later);
    ASSERT_TRUE(run(journal->begin(entry("c_3")))) << "nothing is stuck";
    const auto calls = run(journal->open_calls());
    EXPECT_EQ((*calls)[0].sid.str(), "CA1");
    EXPECT_EQ((*calls)[1].sid.str(), "");
}

TEST_F(SqliteJournalTest, IsNobodyElsesToRead) {
    const auto journal = open();
    struct stat info {};
    ASSERT_EQ(::stat((folder.path() / "journal.db").c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600U);
}

TEST_F(SqliteJournalTest, SaysWhereItIsWhenItCannotBeOpened) {
    const auto journal = SqliteJournal::open({folder.path() / "no" / "journal.db", "1-a", "AC1"});
    ASSERT_FALSE(journal);
    EXPECT_NE(journal.error().message.find("journal.db"), std::string::npos);
    EXPECT_NE(journal.error().message.find("AGENTBRIDGE_STATE_DIR"), std::string::npos);
}

TEST_F(SqliteJournalTest, SaysSoWhenTheFileIsNone) {
    folder.write("journal.db", std::string(5000, 'x'));
    EXPECT_FALSE(SqliteJournal::open({folder.path() / "journal.db", "1-a", "AC1"}));
}

TEST_F(SqliteJournalTest, RefusesAnEntryItCannotWriteAndKeepsChangesUntilItCan) {
    const auto journal = open();
    ASSERT_TRUE(run(journal->begin(entry("c_1"))));
    // Another program holds the write lock for longer than we wait: as good as a full disk.
    auto rival = std::make_unique<SQLite::Database>((folder.path() / "journal.db").string(),
                                                    SQLite::OPEN_READWRITE);
    rival->exec("ALTER TABLE calls RENAME TO gone");
    JournalChange change;
    change.id = CallId{"c_1"};
    change.state = CallState::ringing;
    journal->note(change);
    const auto refused = run(journal->begin(entry("c_2")));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::io);
    EXPECT_GE(journal->waiting(), 1U);
    rival->exec("ALTER TABLE gone RENAME TO calls");
    const auto deadline = std::chrono::steady_clock::now() + 10s;
    while (journal->waiting() > 0 && std::chrono::steady_clock::now() < deadline)
        std::this_thread::yield();
    const auto calls = run(journal->open_calls());
    ASSERT_TRUE(calls);
    ASSERT_EQ(calls->size(), 1U);
    EXPECT_EQ(calls->front().state, CallState::ringing);
}

call::BorrowedNumber number(std::string sid) {
    call::BorrowedNumber out;
    out.sid = std::move(sid);
    out.number = "+15005550006";
    out.former = {"https://theirs.example/voice",
                  "GET",
                  "https://theirs.example/f",
                  "POST",
                  "https://theirs.example/s",
                  "POST",
                  "AP1",
                  "TK1"};
    out.bases = {"https://old.example", "https://new.example/here"};
    out.taken = call::WallTime(std::chrono::seconds(1'700'000'000));
    return out;
}

TEST_F(SqliteJournalTest, KeepsABorrowedNumberWithAllThatIsToBePutBack) {
    auto journal = open();
    ASSERT_TRUE(run(journal->borrow(number("PN1"))));
    const auto there = read_borrowed_numbers(folder.path() / "journal.db", "AC1");
    ASSERT_TRUE(there) << there.error().message;
    EXPECT_EQ(there->size(), 1U) << "on disk when borrow returns";
    EXPECT_TRUE(read_borrowed_numbers(folder.path() / "journal.db", "AC2")->empty());
    journal.reset();

    const auto next = open("2-b");
    const auto kept = run(next->borrowed());
    ASSERT_TRUE(kept);
    ASSERT_EQ(kept->size(), 1U);
    const auto& one = kept->front();
    EXPECT_EQ(one.sid, "PN1");
    EXPECT_EQ(one.number, "+15005550006");
    EXPECT_EQ(one.former, number("").former);
    EXPECT_EQ(one.bases, number("").bases);
    EXPECT_EQ(one.instance, "1-a");
    EXPECT_EQ(one.account, "AC1");
    EXPECT_EQ(one.taken, number("").taken);
}

TEST_F(SqliteJournalTest, ANumberIsForgottenOnlyByWhoHoldsIt) {
    const auto first = open();
    const auto second = open("2-b");
    ASSERT_TRUE(run(first->borrow(number("PN1"))));
    ASSERT_TRUE(run(second->borrow(number("PN1"))));
    ASSERT_EQ(run(first->borrowed())->size(), 1U) << "one row for one number";
    ASSERT_TRUE(run(first->forget_number("PN1", "1-a")));
    ASSERT_EQ(run(first->borrowed())->size(), 1U) << "the second has it by now";
    ASSERT_TRUE(run(first->forget_number("PN1", "2-b")));
    EXPECT_TRUE(run(first->borrowed())->empty());
}

TEST_F(SqliteJournalTest, AJournalOfTheFirstVersionKeepsItsCallsAndTakesNumbers) {
    {
        const auto journal = open();
        ASSERT_TRUE(run(journal->begin(entry("c_1"))));
    }
    {
        SQLite::Database old((folder.path() / "journal.db").string(), SQLite::OPEN_READWRITE);
        old.exec("DROP TABLE numbers");
        old.exec("PRAGMA user_version=1");
    }
    EXPECT_TRUE(read_borrowed_numbers(folder.path() / "journal.db", "AC1")->empty());
    const auto journal = open("2-b");
    EXPECT_EQ(run(journal->open_calls())->size(), 1U);
    ASSERT_TRUE(run(journal->borrow(number("PN1"))));
    EXPECT_EQ(run(journal->borrowed())->size(), 1U);
}

TEST_F(SqliteJournalTest, ANumberThatCannotBeWrittenDownIsToldAtOnce) {
    const auto journal = open();
    SQLite::Database rival((folder.path() / "journal.db").string(), SQLite::OPEN_READWRITE);
    rival.exec("DROP TABLE numbers");
    const auto refused = run(journal->borrow(number("PN1")));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::io);
}

TEST_F(SqliteJournalTest, AThousandCallsAtOnceAreAllKept) {
    const auto journal = open();
    int written = 0;
    for (int i = 0; i < 1000; ++i) {
        boost::asio::co_spawn(loop, journal->begin(entry("c_" + std::to_string(i))),
                              [&](std::exception_ptr, Result<> done) { written += done ? 1 : 0; });
    }
    loop.run();
    EXPECT_EQ(written, 1000);
    EXPECT_EQ(run(journal->open_calls())->size(), 1000U);
}

TEST_F(SqliteJournalTest, TellsHowLongCallsTookEvenAfterARestart) {
    const auto now = std::chrono::system_clock::now();
    const auto file = folder.path() / "journal.db";
    EXPECT_EQ(*read_time_on_calls(file, "AC1", now - 24h, now), 0ms) << "there is no journal";
    const auto placed = [&](std::string id, std::chrono::minutes ago, CallState state,
                            call::Direction direction = call::Direction::outbound) {
        auto one = entry(std::move(id));
        one.asked = now - ago;
        one.state = state;
        one.direction = direction;
        return one;
    };
    auto journal = open();
    ASSERT_TRUE(run(journal->begin(placed("c_up", 30min, CallState::in_progress))));
    ASSERT_TRUE(run(journal->begin(placed("c_old", 25h, CallState::in_progress))));
    ASSERT_TRUE(run(journal->begin(placed("c_rings", 20min, CallState::ringing))));
    ASSERT_TRUE(run(journal->begin(placed("c_busy", 20min, CallState::busy))));
    ASSERT_TRUE(run(
        journal->begin(placed("c_in", 40min, CallState::in_progress, call::Direction::inbound))));
    ASSERT_TRUE(run(journal->begin(placed("c_over", 10min, CallState::in_progress))));
    JournalChange over;
    over.id = CallId{"c_over"};
    over.state = CallState::completed;
    over.ended = true;
    journal->note(over);
    EXPECT_TRUE(journal->close());
    journal.reset();
    // Two hours later: one call is still up, the other one took ten minutes.
    const auto later = now + 2h;
    const auto took = read_time_on_calls(file, "AC1", later - 24h, later);
    ASSERT_TRUE(took) << took.error().message;
    EXPECT_NEAR(static_cast<double>(took->count()) / 60'000, 150 + 10, 0.2);
    EXPECT_EQ(*read_time_on_calls(file, "AC2", later - 24h, later), 0ms) << "another account";
}

}  // namespace
}  // namespace bridge::stores
