#include "stores/sqlite_journal.hpp"

#include <SQLiteCpp/Statement.h>
#include <SQLiteCpp/Transaction.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "base/log.hpp"
#include "base/thread_name.hpp"
#include "stores/migrations.hpp"
#include "stores/sqlite_file.hpp"

namespace bridge::stores {
namespace {

namespace asio = boost::asio;
using call::BorrowedNumber;
using call::JournalChange;
using call::JournalEntry;
using call::WallTime;

constexpr const char* kSchema =
    "CREATE TABLE calls ("
    " call_id TEXT PRIMARY KEY,"
    " call_sid TEXT UNIQUE,"  // null until the carrier has told it
    " direction TEXT NOT NULL,"
    " to_number TEXT NOT NULL,"
    " from_number TEXT NOT NULL,"
    " state TEXT NOT NULL,"
    " hold TEXT NOT NULL,"
    " account TEXT NOT NULL,"
    " instance TEXT NOT NULL,"  // '': nobody holds it
    " parent TEXT NOT NULL,"
    " idempotency_key TEXT NOT NULL,"
    " asked_ms INTEGER NOT NULL,"  // since 1970, UTC
    " changed_ms INTEGER NOT NULL,"
    " ended_ms INTEGER);"  // null: not known to be over
    "CREATE INDEX open_calls ON calls (asked_ms) WHERE ended_ms IS NULL;";

constexpr const char* kNumbers =
    "CREATE TABLE numbers ("
    " account TEXT NOT NULL,"
    " number_sid TEXT NOT NULL,"
    " number TEXT NOT NULL,"
    " instance TEXT NOT NULL,"
    " bases TEXT NOT NULL,"  // one a line, newest last
    " taken_ms INTEGER NOT NULL,"
    " voice_url TEXT NOT NULL,"  // these: as they were before
    " voice_method TEXT NOT NULL,"
    " fallback_url TEXT NOT NULL,"
    " fallback_method TEXT NOT NULL,"
    " status_url TEXT NOT NULL,"
    " status_method TEXT NOT NULL,"
    " application TEXT NOT NULL,"
    " trunk TEXT NOT NULL,"
    " PRIMARY KEY (account, number_sid));";

/// Each brings the file one version further.
constexpr std::array kJournalVersions{kSchema, kNumbers};

std::int64_t to_ms(WallTime time) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

WallTime from_ms(std::int64_t ms) {
    return WallTime(std::chrono::milliseconds(ms));
}

void bind_sid(SQLite::Statement& statement, int place, const CallSid& sid) {
    if (sid.empty()) {
        statement.bind(place);
    } else {
        statement.bind(place, sid.str());
    }
}

JournalEntry entry_of(SQLite::Statement& row) {
    JournalEntry entry;
    entry.id = CallId{row.getColumn("call_id").getString()};
    entry.sid = CallSid{row.getColumn("call_sid").getString()};
    entry.direction = row.getColumn("direction").getString() == "inbound"
                          ? call::Direction::inbound
                          : call::Direction::outbound;
    entry.to = row.getColumn("to_number").getString();
    entry.from = row.getColumn("from_number").getString();
    // A word from a newer version counts as the cautious case: live, and not ending by itself.
    entry.state = call::parse_call_state(row.getColumn("state").getString())
                      .value_or(call::CallState::created);
    entry.hold =
        call::parse_hold(row.getColumn("hold").getString()).value_or(call::Hold::listen_only);
    entry.account = row.getColumn("account").getString();
    entry.instance = row.getColumn("instance").getString();
    entry.parent = CallId{row.getColumn("parent").getString()};
    entry.idempotency_key = row.getColumn("idempotency_key").getString();
    entry.asked = from_ms(row.getColumn("asked_ms").getInt64());
    return entry;
}

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    for (std::size_t at = 0; at < text.size();) {
        const auto end = std::min(text.find('\n', at), text.size());
        lines.push_back(text.substr(at, end - at));
        at = end + 1;
    }
    return lines;
}

std::vector<BorrowedNumber> borrowed_of(SQLite::Database& database, const std::string& account) {
    std::vector<BorrowedNumber> numbers;
    SQLite::Statement row(database, "SELECT * FROM numbers WHERE account = ? ORDER BY taken_ms");
    row.bind(1, account);
    while (row.executeStep()) {
        const auto text = [&](const char* name) { return row.getColumn(name).getString(); };
        BorrowedNumber number;
        number.sid = text("number_sid");
        number.number = text("number");
        number.former = {text("voice_url"),       text("voice_method"), text("fallback_url"),
                         text("fallback_method"), text("status_url"),   text("status_method"),
                         text("application"),     text("trunk")};
        number.bases = lines_of(text("bases"));
        number.account = account;
        number.instance = text("instance");
        number.taken = from_ms(row.getColumn("taken_ms").getInt64());
        numbers.push_back(std::move(number));
    }
    return numbers;
}

void merge(JournalChange& into, JournalChange&& newer) {
    if (newer.sid) into.sid = std::move(newer.sid);
    if (newer.state) into.state = newer.state;
    if (newer.hold) into.hold = newer.hold;
    if (newer.instance) into.instance = std::move(newer.instance);
    into.ended = into.ended || newer.ended;
}

/// What the journal's thread gives to a coroutine elsewhere.
template <class T>
class Answer {
public:
    explicit Answer(asio::any_io_executor executor)
        : executor_(executor), given_(executor, asio::steady_timer::time_point::max()) {}

    /// The giver keeps nothing of it: the coroutine may be over, and its loop gone, at once.
    static void give(std::shared_ptr<Answer> answer, Result<T> result) {
        const auto executor = answer->executor_;
        asio::post(executor, [answer = std::move(answer), result = std::move(result)]() mutable {
            answer->result_ = std::move(result);
            answer->given_.cancel();
        });
    }

    asio::awaitable<Result<T>> take() {
        while (!result_) {
            boost::system::error_code cancelled;
            co_await given_.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
        }
        co_return std::move(*result_);
    }

private:
    asio::any_io_executor executor_;
    asio::steady_timer given_;
    std::optional<Result<T>> result_;
};

}  // namespace

Result<std::shared_ptr<SqliteJournal>> SqliteJournal::open(SqliteJournalOptions options) {
    const auto path = options.file.string();
    try {
        auto database = open_private_database(options.file);
        database->exec("PRAGMA synchronous=FULL");
        if (auto done = migrate(*database, options.file, "journal", kJournalVersions); !done)
            return tl::unexpected(std::move(done.error()));
        SQLite::Statement old(*database, "DELETE FROM calls WHERE ended_ms < ?");
        old.bind(1, to_ms(std::chrono::system_clock::now() - options.keep_ended));
        old.exec();
        return std::shared_ptr<SqliteJournal>(
            new SqliteJournal(std::move(options), std::move(database)));
    } catch (const std::exception& error) {
        return tl::unexpected(
            Error{make_error_code(Errc::io),
                  fmt::format("the journal {} cannot be used: {}. Calls are written there before "
                              "they are made; free some space, mend its rights, or set "
                              "AGENTBRIDGE_STATE_DIR",
                              path, error.what())});
    }
}

SqliteJournal::SqliteJournal(SqliteJournalOptions options,
                             std::unique_ptr<SQLite::Database> database)
    : options_(std::move(options)), database_(std::move(database)) {
    thread_ = std::thread([this] { run(); });
}

SqliteJournal::~SqliteJournal() {
    close();
}

bool SqliteJournal::close() {
    {
        const std::scoped_lock lock(mutex_);
        closing_ = true;
    }
    wake_.notify_all();
    if (thread_.joinable()) thread_.join();
    return !lost_;
}

// --- any thread

asio::awaitable<Result<>> SqliteJournal::begin(JournalEntry entry) {
    const auto executor = co_await asio::this_coro::executor;
    auto answer = std::make_shared<Answer<void>>(executor);
    Begin work{std::move(entry), [answer](Result<> result) mutable {
                   Answer<void>::give(std::move(answer), std::move(result));
               }};
    push(std::move(work));
    auto taken = answer->take();
    co_return co_await std::move(taken);
}

void SqliteJournal::announce(JournalEntry entry) {
    push({std::move(entry), nullptr});
}

void SqliteJournal::push(Begin begin) {
    if (begin.entry.instance.empty()) begin.entry.instance = options_.instance;
    if (begin.entry.account.empty()) begin.entry.account = options_.account;
    {
        const std::scoped_lock lock(mutex_);
        if (!closing_) {
            begins_.push_back(std::move(begin));
            wake_.notify_one();
            return;
        }
    }
    if (begin.done) begin.done(fail(Errc::cancelled, "the journal is closed"));
}

void SqliteJournal::note(JournalChange change) {
    const std::scoped_lock lock(mutex_);
    if (closing_) return;
    const auto [place, added] = changes_.try_emplace(change.id, change);
    if (!added) merge(place->second, std::move(change));
    wake_.notify_one();
}

template <class T>
asio::awaitable<Result<T>> SqliteJournal::ask(std::function<T(SQLite::Database&)> work) {
    const auto executor = co_await asio::this_coro::executor;
    auto answer = std::make_shared<Answer<T>>(executor);
    Task task = [this, answer, work = std::move(work)](SQLite::Database& database) mutable {
        Result<T> result = fail(Errc::internal, "not asked");
        try {
            result = work(database);
        } catch (const std::exception& error) {
            result = tl::unexpected(failure(error));
        }
        Answer<T>::give(std::move(answer), std::move(result));
    };
    {
        const std::scoped_lock lock(mutex_);
        if (closing_) co_return fail(Errc::cancelled, "the journal is closed");
        tasks_.push_back(std::move(task));
        wake_.notify_one();
    }
    auto taken = answer->take();
    co_return co_await std::move(taken);
}

asio::awaitable<Result<std::vector<JournalEntry>>> SqliteJournal::open_calls() {
    std::function<std::vector<JournalEntry>(SQLite::Database&)> work = [](auto& database) {
        std::vector<JournalEntry> entries;
        SQLite::Statement rows(database,
                               "SELECT * FROM calls WHERE ended_ms IS NULL ORDER BY asked_ms");
        while (rows.executeStep()) entries.push_back(entry_of(rows));
        return entries;
    };
    return ask(std::move(work));
}

asio::awaitable<Result<std::vector<CallSid>>> SqliteJournal::known(std::vector<CallSid> sids) {
    std::function<std::vector<CallSid>(SQLite::Database&)> work =
        [sids = std::move(sids)](auto& database) {
            std::vector<CallSid> found;
            SQLite::Statement row(database, "SELECT 1 FROM calls WHERE call_sid = ?");
            for (const auto& sid : sids) {
                row.reset();
                row.bind(1, sid.str());
                if (row.executeStep()) found.push_back(sid);
            }
            return found;
        };
    return ask(std::move(work));
}

asio::awaitable<Result<>> SqliteJournal::tell(std::function<void(SQLite::Database&)> work) {
    std::function<bool(SQLite::Database&)> asked = [work = std::move(work)](auto& database) {
        SQLite::Transaction transaction(database, SQLite::TransactionBehavior::IMMEDIATE);
        work(database);
        transaction.commit();
        return true;
    };
    auto asking = ask(std::move(asked));
    auto done = co_await std::move(asking);
    if (!done) co_return tl::unexpected(std::move(done.error()));
    co_return Result<>{};
}

asio::awaitable<Result<>> SqliteJournal::borrow(BorrowedNumber number) {
    if (number.instance.empty()) number.instance = options_.instance;
    if (number.account.empty()) number.account = options_.account;
    std::function<void(SQLite::Database&)> work = [number = std::move(number)](auto& database) {
        const std::string bases = fmt::format("{}", fmt::join(number.bases, "\n"));
        SQLite::Statement row(
            database, "INSERT OR REPLACE INTO numbers VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)");
        int place = 0;
        for (const auto* text :
             {&number.account, &number.sid, &number.number, &number.instance, &bases})
            row.bind(++place, *text);
        row.bind(++place, to_ms(number.taken));
        const auto& former = number.former;
        for (const auto* text : {&former.voice_url, &former.voice_method, &former.fallback_url,
                                 &former.fallback_method, &former.status_url, &former.status_method,
                                 &former.application, &former.trunk})
            row.bind(++place, *text);
        row.exec();
    };
    return tell(std::move(work));
}

asio::awaitable<Result<>> SqliteJournal::forget_number(std::string sid, std::string instance) {
    std::function<void(SQLite::Database&)> work = [account = options_.account, sid = std::move(sid),
                                                   instance = std::move(instance)](auto& database) {
        SQLite::Statement row(
            database, "DELETE FROM numbers WHERE account = ? AND number_sid = ? AND instance = ?");
        row.bind(1, account);
        row.bind(2, sid);
        row.bind(3, instance);
        row.exec();
    };
    return tell(std::move(work));
}

asio::awaitable<Result<std::vector<BorrowedNumber>>> SqliteJournal::borrowed() {
    std::function<std::vector<BorrowedNumber>(SQLite::Database&)> work =
        [account = options_.account](auto& database) { return borrowed_of(database, account); };
    return ask(std::move(work));
}

std::size_t SqliteJournal::waiting() const {
    const std::scoped_lock lock(mutex_);
    return begins_.size() + changes_.size() + writing_;
}

// --- the journal's thread

void SqliteJournal::run() {
    name_this_thread("journal");
    bool failing = false;
    for (;;) {
        std::vector<Begin> begins;
        std::vector<JournalChange> changes;
        std::deque<Task> tasks;
        bool last = false;
        {
            std::unique_lock lock(mutex_);
            const auto something = [this] {
                return closing_ || !begins_.empty() || !changes_.empty() || !tasks_.empty();
            };
            if (failing) {
                // What could not be written waits; whoever asks now is answered now.
                wake_.wait_for(lock, options_.retry, [this] {
                    return closing_ || !tasks_.empty() ||
                           std::any_of(begins_.begin(), begins_.end(),
                                       [](const Begin& begin) { return begin.done != nullptr; });
                });
            } else {
                wake_.wait(lock, something);
            }
            last = closing_;
            std::move(begins_.begin(), begins_.end(), std::back_inserter(begins));
            begins_.clear();
            for (auto& [id, change] : changes_) changes.push_back(std::move(change));
            changes_.clear();
            tasks.swap(tasks_);
            writing_ = begins.size() + changes.size();
        }
        if (!begins.empty() || !changes.empty()) {
            const auto written = write(begins, changes);
            const std::scoped_lock lock(mutex_);
            writing_ = 0;
            if (!written) {
                if (!std::exchange(failing, true)) {
                    log::error("journal", "{}; it is tried again", written.error().message);
                }
                // In front of what came meanwhile: newer changes win.
                for (auto& change : changes) {
                    const auto [place, added] = changes_.try_emplace(change.id, change);
                    if (!added) {
                        merge(change, std::move(place->second));
                        place->second = std::move(change);
                    }
                }
                std::erase_if(begins, [](const Begin& begin) { return begin.done != nullptr; });
                begins_.insert(begins_.begin(), std::make_move_iterator(begins.begin()),
                               std::make_move_iterator(begins.end()));
                if (last) lost_ = !changes_.empty() || !begins_.empty();
            } else if (std::exchange(failing, false)) {
                log::info("journal", "written again");
            }
        }
        for (const auto& task : tasks) task(*database_);
        if (last) return;
    }
}

Result<> SqliteJournal::write(const std::vector<Begin>& begins,
                              const std::vector<JournalChange>& changes) {
    Result<> outcome;
    std::vector<bool> inserted(begins.size(), false);
    try {
        SQLite::Transaction transaction(*database_, SQLite::TransactionBehavior::IMMEDIATE);
        for (std::size_t i = 0; i < begins.size(); ++i) {
            insert(begins[i].entry);
            inserted[i] = database_->getChanges() > 0;
        }
        for (const auto& change : changes) update(change);
        transaction.commit();
    } catch (const std::exception& error) {
        outcome = tl::unexpected(failure(error));
    }
    for (std::size_t i = 0; i < begins.size(); ++i) {
        if (!begins[i].done) continue;
        if (!outcome) {
            begins[i].done(outcome);
        } else if (!inserted[i]) {
            begins[i].done(fail(Errc::exists, fmt::format("the call {} is in the journal already",
                                                          begins[i].entry.id)));
        } else {
            begins[i].done({});
        }
    }
    return outcome;
}

void SqliteJournal::insert(const JournalEntry& entry) {
    SQLite::Statement row(*database_,
                          "INSERT OR IGNORE INTO calls VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,NULL)");
    row.bind(1, entry.id.str());
    bind_sid(row, 2, entry.sid);
    row.bind(3, std::string(call::to_string(entry.direction)));
    row.bind(4, entry.to);
    row.bind(5, entry.from);
    row.bind(6, std::string(call::to_string(entry.state)));
    row.bind(7, std::string(call::to_string(entry.hold)));
    row.bind(8, entry.account);
    row.bind(9, entry.instance);
    row.bind(10, entry.parent.str());
    row.bind(11, entry.idempotency_key);
    row.bind(12, to_ms(entry.asked));
    row.bind(13, to_ms(entry.asked));
    row.exec();
}

void SqliteJournal::update(const JournalChange& change) {
    // IGNORE: a CallSid that belongs to another call already stays there.
    SQLite::Statement row(*database_,
                          "UPDATE OR IGNORE calls SET call_sid = coalesce(?, call_sid),"
                          " state = coalesce(?, state), hold = coalesce(?, hold),"
                          " instance = coalesce(?, instance), changed_ms = ?,"
                          " ended_ms = coalesce(?, ended_ms) WHERE call_id = ?");
    bind_sid(row, 1, change.sid.value_or(CallSid{}));
    if (change.state) row.bind(2, std::string(call::to_string(*change.state)));
    if (change.hold) row.bind(3, std::string(call::to_string(*change.hold)));
    if (change.instance) row.bind(4, *change.instance);
    const auto now = to_ms(std::chrono::system_clock::now());
    row.bind(5, now);
    if (change.ended) row.bind(6, now);
    row.bind(7, change.id.str());
    row.exec();
}

Error SqliteJournal::failure(const std::exception& error) const {
    return {make_error_code(Errc::io), fmt::format("the journal {} could not be written: {}",
                                                   options_.file.string(), error.what())};
}

Result<std::vector<BorrowedNumber>> read_borrowed_numbers(const std::filesystem::path& file,
                                                          const std::string& account) {
    std::error_code ignored;
    if (!std::filesystem::exists(file, ignored)) return std::vector<BorrowedNumber>{};
    try {
        SQLite::Database database(file.string(), SQLite::OPEN_READONLY, kSqliteBusyMs);
        if (!database.tableExists("numbers")) return std::vector<BorrowedNumber>{};
        return borrowed_of(database, account);
    } catch (const std::exception& error) {
        return fail(Errc::io, fmt::format("the journal {} could not be read: {}", file.string(),
                                          error.what()));
    }
}

Result<std::chrono::milliseconds> read_time_on_calls(const std::filesystem::path& file,
                                                     const std::string& account, WallTime since,
                                                     WallTime now) {
    std::error_code ignored;
    if (!std::filesystem::exists(file, ignored)) return std::chrono::milliseconds(0);
    try {
        SQLite::Database database(file.string(), SQLite::OPEN_READONLY, kSqliteBusyMs);
        SQLite::Statement sum(
            database,
            "SELECT COALESCE(SUM(MAX(COALESCE(ended_ms, ?1) - asked_ms, 0)), 0) FROM calls"
            " WHERE account = ?2 AND direction = ?3 AND asked_ms >= ?4 AND asked_ms <= ?1"
            " AND state IN (?5, ?6)");
        sum.bind(1, to_ms(now));
        sum.bind(2, account);
        sum.bind(3, std::string(to_string(call::Direction::outbound)));
        sum.bind(4, to_ms(since));
        sum.bind(5, std::string(to_string(call::CallState::in_progress)));
        sum.bind(6, std::string(to_string(call::CallState::completed)));
        sum.executeStep();
        return std::chrono::milliseconds(sum.getColumn(0).getInt64());
    } catch (const std::exception& error) {
        return fail(Errc::io, fmt::format("the journal {} could not be read: {}", file.string(),
                                          error.what()));
    }
}

}  // namespace bridge::stores
