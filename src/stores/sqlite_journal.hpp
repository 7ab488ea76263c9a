#pragma once
// The journal in a file: SQLite, one thread of its own, every commit on disk before it counts.

#include <SQLiteCpp/Database.h>

#include <condition_variable>
#include <deque>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>

#include "call/journal.hpp"

namespace bridge::stores {

struct SqliteJournalOptions {
    std::filesystem::path file;  ///< made if it is not there, with mode 0600
    std::string instance;        ///< written into entries that have none
    std::string account;         ///< likewise
    /// Entries that ended longer ago are deleted when the journal is opened.
    std::chrono::hours keep_ended{24 * 30};
    /// How long a change that could not be written waits before it is tried again.
    std::chrono::milliseconds retry{1000};
};

/// Queue: "journal". Changes that wait for the disk are kept one for each call (a newer one is
/// merged into it), so the queue is as long as there are live calls and nothing is dropped; when
/// the disk is full they wait until it is not. What waits goes to the disk in one transaction.
class SqliteJournal final : public call::Journal {
public:
    /// Errors: io, with the path and what to do.
    static Result<std::shared_ptr<SqliteJournal>> open(SqliteJournalOptions options);
    /// Writes what waits (one try), then ends the thread.
    ~SqliteJournal() override;
    SqliteJournal(const SqliteJournal&) = delete;
    SqliteJournal& operator=(const SqliteJournal&) = delete;

    const std::string& instance() const override { return options_.instance; }
    boost::asio::awaitable<Result<>> begin(call::JournalEntry entry) override;
    void announce(call::JournalEntry entry) override;
    void note(call::JournalChange change) override;
    bool close() override;
    boost::asio::awaitable<Result<std::vector<call::JournalEntry>>> open_calls() override;
    boost::asio::awaitable<Result<std::vector<CallSid>>> known(std::vector<CallSid> sids) override;
    boost::asio::awaitable<Result<>> borrow(call::BorrowedNumber number) override;
    boost::asio::awaitable<Result<>> forget_number(std::string sid, std::string instance) override;
    boost::asio::awaitable<Result<std::vector<call::BorrowedNumber>>> borrowed() override;

    /// Changes and entries that are not on disk yet.
    std::size_t waiting() const;

private:
    struct Begin {
        call::JournalEntry entry;
        std::function<void(Result<>)> done;
    };
    using Task = std::function<void(SQLite::Database&)>;

    SqliteJournal(SqliteJournalOptions options, std::unique_ptr<SQLite::Database> database);
    void run();
    /// Writes `begins` and `changes` in one transaction. Thread: the journal's.
    Result<> write(const std::vector<Begin>& begins,
                   const std::vector<call::JournalChange>& changes);
    void insert(const call::JournalEntry& entry);
    void update(const call::JournalChange& change);
    void push(Begin begin);
    Error failure(const std::exception& error) const;
    /// Runs `work` on the journal's thread and gives its result to the awaiting coroutine.
    template <class T>
    boost::asio::awaitable<Result<T>> ask(std::function<T(SQLite::Database&)> work);
    /// The same for what only writes.
    boost::asio::awaitable<Result<>> tell(std::function<void(SQLite::Database&)> work);

    const SqliteJournalOptions options_;
    std::unique_ptr<SQLite::Database> database_;  ///< touched by the journal's thread only
    mutable std::mutex mutex_;                    // guards what follows; never held while writing
    std::condition_variable wake_;
    std::deque<Begin> begins_;
    std::deque<Task> tasks_;
    std::unordered_map<CallId, call::JournalChange> changes_;
    std::size_t writing_ = 0;
    bool closing_ = false;
    bool lost_ = false;  ///< closed with changes that could not be written
    std::thread thread_;
};

/// The numbers of `account` that the journal in `file` holds, without opening it for writing.
/// Nothing when there is no journal, or it is of a version that holds none. Errors: io.
Result<std::vector<call::BorrowedNumber>> read_borrowed_numbers(const std::filesystem::path& file,
                                                                const std::string& account);

/// How long the calls took together that `account` placed since `since`, those that are still up
/// until `now`; from the request on, so a few seconds of ringing are in it. Calls that nobody
/// answered do not count. Zero when there is no journal. Errors: io.
Result<std::chrono::milliseconds> read_time_on_calls(const std::filesystem::path& file,
                                                     const std::string& account,
                                                     call::WallTime since, call::WallTime now);

}  // namespace bridge::stores
