#include "stores/sqlite_calls.hpp"

#include <SQLiteCpp/Statement.h>
#include <SQLiteCpp/Transaction.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "stores/migrations.hpp"
#include "stores/search_text.hpp"
#include "stores/sqlite_file.hpp"

namespace bridge::stores {
namespace {

using call::CallQuery;
using call::StoredCall;
using Wall = std::chrono::system_clock::time_point;

/// Each brings a file one version further; the number of the last is in user_version.
///
/// A call's number is the time it was created, in microseconds, or the next one that is free: rows
/// lie in the order in which lists show them, and the index of the texts is read in that order too.
/// Documents and timelines are apart, so that a list is looked through without them.
constexpr std::array<const char*, 1> kVersions{
    "CREATE TABLE calls ("
    " number INTEGER PRIMARY KEY,"
    " call_id TEXT NOT NULL UNIQUE,"
    " call_sid TEXT NOT NULL,"
    " direction TEXT NOT NULL,"
    " to_number TEXT NOT NULL,"
    " from_number TEXT NOT NULL,"
    " state TEXT NOT NULL,"
    " reason TEXT NOT NULL,"
    " created_us INTEGER NOT NULL,"  // since 1970, UTC
    " ended_us INTEGER,"             // null: it was up when it was last heard of
    " recorded INTEGER NOT NULL,"
    " transcribed INTEGER NOT NULL,"
    " captured INTEGER NOT NULL,"
    " instance TEXT NOT NULL);"
    "CREATE INDEX calls_by_sid ON calls (call_sid) WHERE call_sid <> '';"
    "CREATE INDEX live_calls ON calls (number) WHERE ended_us IS NULL;"
    "CREATE TABLE documents ("
    " number INTEGER PRIMARY KEY REFERENCES calls ON DELETE CASCADE,"
    " document TEXT NOT NULL);"
    "CREATE TABLE timelines ("
    " number INTEGER PRIMARY KEY REFERENCES calls ON DELETE CASCADE,"
    " document TEXT NOT NULL);"
    "CREATE TABLE events ("
    " call INTEGER NOT NULL REFERENCES calls ON DELETE CASCADE,"
    " number INTEGER NOT NULL,"
    " document TEXT NOT NULL,"
    " PRIMARY KEY (call, number)) WITHOUT ROWID;"
    "CREATE TABLE pieces ("
    " call INTEGER NOT NULL REFERENCES calls ON DELETE CASCADE,"
    " speaker TEXT NOT NULL,"
    " number INTEGER NOT NULL,"
    " begin_ms INTEGER NOT NULL,"
    " end_ms INTEGER NOT NULL,"
    " text TEXT NOT NULL,"
    " confidence REAL,"
    " words TEXT NOT NULL,"
    " PRIMARY KEY (call, speaker, number)) WITHOUT ROWID;"
    "CREATE TABLE sayings ("
    " call INTEGER NOT NULL REFERENCES calls ON DELETE CASCADE,"
    " speaker TEXT NOT NULL,"
    " text TEXT NOT NULL);"
    "CREATE INDEX sayings_of_call ON sayings (call);"
    "CREATE TABLE messages ("
    " call INTEGER NOT NULL REFERENCES calls ON DELETE CASCADE,"
    " text TEXT NOT NULL);"
    "CREATE INDEX messages_of_call ON messages (call);"
    // All texts of a call that has ended, a line for each, and their index.
    "CREATE TABLE call_texts (number INTEGER PRIMARY KEY, body TEXT NOT NULL);"
    "CREATE VIRTUAL TABLE call_index USING fts5("
    " body, content='call_texts', content_rowid='number',"
    " tokenize='unicode61 remove_diacritics 2');"
    "CREATE TRIGGER text_added AFTER INSERT ON call_texts BEGIN"
    " INSERT INTO call_index(rowid, body) VALUES (new.number, new.body); END;"
    "CREATE TRIGGER text_removed AFTER DELETE ON call_texts BEGIN"
    " INSERT INTO call_index(call_index, rowid, body) VALUES ('delete', old.number, old.body); END;"
    "CREATE TRIGGER text_changed AFTER UPDATE ON call_texts BEGIN"
    " INSERT INTO call_index(call_index, rowid, body) VALUES ('delete', old.number, old.body);"
    " INSERT INTO call_index(rowid, body) VALUES (new.number, new.body); END;"};

std::int64_t to_us(Wall time) {
    return std::chrono::floor<std::chrono::microseconds>(time).time_since_epoch().count();
}

Wall from_us(std::int64_t us) {
    return Wall(std::chrono::microseconds(us));
}

constexpr const char* kColumns =
    "c.number, c.call_id, c.call_sid, c.direction, c.to_number, c.from_number, c.state, c.reason,"
    " c.created_us, c.ended_us, c.recorded, c.transcribed, c.captured, c.instance, d.document";

StoredCall stored_call(SQLite::Statement& row) {
    StoredCall call;
    call.id = CallId{row.getColumn(1).getString()};
    call.sid = CallSid{row.getColumn(2).getString()};
    call.direction = row.getColumn(3).getString() == "inbound" ? call::Direction::inbound
                                                               : call::Direction::outbound;
    call.to = row.getColumn(4).getString();
    call.from = row.getColumn(5).getString();
    // A word of a newer version counts as what it was when it began.
    call.state =
        call::parse_call_state(row.getColumn(6).getString()).value_or(call::CallState::created);
    call.reason = row.getColumn(7).getString();
    call.created = from_us(row.getColumn(8).getInt64());
    if (!row.getColumn(9).isNull()) call.ended = from_us(row.getColumn(9).getInt64());
    call.recorded = row.getColumn(10).getInt() != 0;
    call.transcribed = row.getColumn(11).getInt() != 0;
    call.captured = row.getColumn(12).getInt() != 0;
    call.instance = row.getColumn(13).getString();
    call.document = row.getColumn(14).getString();
    return call;
}

/// Texts and numbers of a statement, in the order of its question marks.
class Bound {
public:
    void add(std::string value) { values_.emplace_back(std::move(value), 0, true); }
    void add(std::int64_t value) { values_.emplace_back(std::string(), value, false); }
    void bind(SQLite::Statement& to) const {
        int place = 0;
        for (const auto& [text, number, is_text] : values_) {
            ++place;
            if (is_text) {
                to.bind(place, text);
            } else {
                to.bind(place, number);
            }
        }
    }

private:
    struct Value {
        Value(std::string t, std::int64_t n, bool is)
            : text(std::move(t)), number(n), is_text(is) {}
        std::string text;
        std::int64_t number;
        bool is_text;
    };
    std::vector<Value> values_;
};

/// `text` with the signs escaped that LIKE knows.
std::string like_part(std::string_view text) {
    std::string out = "%";
    for (const char c : text) {
        if (c == '%' || c == '_' || c == '\\') out += '\\';
        out += c;
    }
    return out + "%";
}

/// The conditions of `query` but for words and place.
std::string conditions(const CallQuery& query, Bound& bound) {
    std::string where;
    if (query.which == CallQuery::Which::ended || query.words)
        where += " AND c.ended_us IS NOT NULL";
    if (query.which == CallQuery::Which::live) where += " AND c.ended_us IS NULL";
    if (query.state) {
        where += " AND c.state = ?";
        bound.add(std::string(call::to_string(*query.state)));
    }
    if (query.direction) {
        where += " AND c.direction = ?";
        bound.add(std::string(call::to_string(*query.direction)));
    }
    if (!query.number.empty()) {
        where += " AND (c.to_number LIKE ? ESCAPE '\\' OR c.from_number LIKE ? ESCAPE '\\')";
        bound.add(like_part(query.number));
        bound.add(like_part(query.number));
    }
    return where;
}

std::optional<std::int64_t> number_of(SQLite::Database& database, const CallId& call) {
    SQLite::Statement row(database, "SELECT number FROM calls WHERE call_id = ?");
    row.bind(1, call.str());
    if (!row.executeStep()) return std::nullopt;
    return row.getColumn(0).getInt64();
}

Error unusable(const std::filesystem::path& file, std::string_view what) {
    return {make_error_code(Errc::io),
            fmt::format("the history {} cannot be used: {}. Free some space, mend its rights, or "
                        "set AGENTBRIDGE_STATE_DIR",
                        file.string(), what)};
}

}  // namespace

Result<std::unique_ptr<SqliteCalls>> SqliteCalls::open(const std::filesystem::path& file,
                                                       Open how) {
    try {
        std::unique_ptr<SQLite::Database> database;
        if (how == Open::for_writing) {
            database = open_private_database(file);
            database->exec("PRAGMA synchronous=NORMAL");
            database->exec("PRAGMA foreign_keys=ON");
            database->exec("PRAGMA secure_delete=ON");  // what is forgotten is not left on the disk
            if (auto done = migrate(*database, file, "history", kVersions); !done)
                return tl::unexpected(std::move(done.error()));
        } else {
            database = std::make_unique<SQLite::Database>(file.string(), SQLite::OPEN_READONLY,
                                                          kSqliteBusyMs);
            const auto version = database->execAndGet("PRAGMA user_version").getInt();
            if (version != static_cast<int>(kVersions.size()))
                return fail(Errc::io,
                            fmt::format("the history {} is of version {}, and this agentbridge "
                                        "reads {}; `agentbridge serve` brings an older one up to "
                                        "date",
                                        file.string(), version, kVersions.size()));
        }
        return std::unique_ptr<SqliteCalls>(new SqliteCalls(file, std::move(database)));
    } catch (const std::exception& error) {
        return tl::unexpected(unusable(file, error.what()));
    }
}

SqliteCalls::SqliteCalls(std::filesystem::path file, std::unique_ptr<SQLite::Database> database)
    : file_(std::move(file)), database_(std::move(database)) {}

template <class Work>
auto SqliteCalls::guarded(std::string_view deed, Work work) -> Result<decltype(work())> {
    try {
        if constexpr (std::is_void_v<decltype(work())>) {
            work();
            return {};
        } else {
            return work();
        }
    } catch (const std::exception& error) {
        return tl::unexpected(
            unusable(file_, fmt::format("it could not be {}: {}", deed, error.what())));
    }
}

// --- writing

/// The statements of one transaction. Throws.
class SqliteCalls::Writer {
public:
    explicit Writer(SqliteCalls& calls) : calls_(calls), database_(*calls.database_) {}

    void write(call::CallChange change) {
        clean(change);
        const auto number = put_row(change.call);
        if (!change.pieces.empty()) {
            for (const auto& piece : change.pieces) put_piece(number, piece);
            SQLite::Statement transcribed(database_,
                                          "UPDATE calls SET transcribed = 1 WHERE number = ?");
            transcribed.bind(1, number);
            transcribed.exec();
        }
        for (const auto& event : change.events) put_event(number, event);
        for (const auto& saying : change.sayings) {
            saying_.reset();
            saying_.bind(1, number);
            saying_.bind(2, std::string(call::to_string(saying.speaker)));
            saying_.bind(3, saying.text);
            saying_.exec();
        }
        for (const auto& message : change.messages) {
            message_.reset();
            message_.bind(1, number);
            message_.bind(2, message);
            message_.exec();
        }
        if (!change.timeline.empty()) put(timeline_, number, change.timeline);
        if (change.call.ended)
            put(text_, number, searched_body(change.call, calls_.texts_of(number)));
    }

private:
    std::int64_t put_row(const StoredCall& call) {
        const auto known = number_of(database_, call.id);
        const auto number = known ? *known : free_number(to_us(call.created));
        row_.reset();
        row_.bind(1, number);
        int place = 1;
        for (const auto& text :
             {call.id.str(), call.sid.str(), std::string(call::to_string(call.direction)), call.to,
              call.from, std::string(call::to_string(call.state)), call.reason})
            row_.bind(++place, text);
        row_.bind(++place, to_us(call.created));
        if (call.ended) {
            row_.bind(++place, to_us(*call.ended));
        } else {
            row_.bind(++place);
        }
        for (const bool flag : {call.recorded, call.transcribed, call.captured})
            row_.bind(++place, flag ? 1 : 0);
        row_.bind(++place, call.instance);
        row_.exec();
        put(document_, number, call.document);
        return number;
    }

    std::int64_t free_number(std::int64_t number) {
        SQLite::Statement taken(database_, "SELECT 1 FROM calls WHERE number = ?");
        for (;; ++number) {
            taken.reset();
            taken.bind(1, number);
            if (!taken.executeStep()) return number;
        }
    }

    void put_piece(std::int64_t number, const call::TranscriptPiece& piece) {
        piece_.reset();
        piece_.bind(1, number);
        piece_.bind(2, std::string(call::to_string(piece.speaker)));
        piece_.bind(3, static_cast<std::int64_t>(piece.number));
        piece_.bind(4, static_cast<std::int64_t>(piece.begin.count()));
        piece_.bind(5, static_cast<std::int64_t>(piece.end.count()));
        piece_.bind(6, piece.text);
        if (piece.confidence) {
            piece_.bind(7, static_cast<double>(*piece.confidence));
        } else {
            piece_.bind(7);
        }
        piece_.bind(8, format_words(piece.words));
        piece_.exec();
    }

    void put_event(std::int64_t number, const call::StoredEvent& event) {
        event_.reset();
        event_.bind(1, number);
        event_.bind(2, static_cast<std::int64_t>(event.number));
        event_.bind(3, event.document);
        event_.exec();
    }

    static void put(SQLite::Statement& statement, std::int64_t number, const std::string& text) {
        statement.reset();
        statement.bind(1, number);
        statement.bind(2, text);
        statement.exec();
    }

    SqliteCalls& calls_;
    SQLite::Database& database_;
    SQLite::Statement row_{
        database_,
        "INSERT INTO calls VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT (call_id) DO UPDATE SET"
        " call_sid = excluded.call_sid, direction = excluded.direction,"
        " to_number = excluded.to_number, from_number = excluded.from_number,"
        " state = excluded.state, reason = excluded.reason, ended_us = excluded.ended_us,"
        " recorded = excluded.recorded, transcribed = max(transcribed, excluded.transcribed),"
        " captured = excluded.captured, instance = excluded.instance"};
    SQLite::Statement document_{database_, "INSERT OR REPLACE INTO documents VALUES (?,?)"};
    SQLite::Statement timeline_{database_, "INSERT OR REPLACE INTO timelines VALUES (?,?)"};
    SQLite::Statement event_{database_, "INSERT OR IGNORE INTO events VALUES (?,?,?)"};
    SQLite::Statement piece_{database_, "INSERT OR REPLACE INTO pieces VALUES (?,?,?,?,?,?,?,?)"};
    SQLite::Statement saying_{database_, "INSERT INTO sayings VALUES (?,?,?)"};
    SQLite::Statement message_{database_, "INSERT INTO messages VALUES (?,?)"};
    SQLite::Statement text_{database_,
                            "INSERT INTO call_texts VALUES (?,?) ON CONFLICT (number) DO UPDATE SET"
                            " body = excluded.body WHERE body <> excluded.body"};
};

Result<> SqliteCalls::write(const std::vector<call::CallChange>& changes) {
    return guarded("written", [&] {
        SQLite::Transaction transaction(*database_, SQLite::TransactionBehavior::IMMEDIATE);
        {
            Writer writer(*this);
            for (const auto& change : changes) writer.write(change);
        }
        transaction.commit();
    });
}

Result<bool> SqliteCalls::remove(const CallId& call) {
    return guarded("written", [&] {
        SQLite::Transaction transaction(*database_, SQLite::TransactionBehavior::IMMEDIATE);
        const auto number = number_of(*database_, call);
        if (!number) return false;
        for (const auto* sql : {"DELETE FROM call_texts WHERE number = ?",
                                "DELETE FROM calls WHERE number = ?"}) {  // the rest goes with it
            SQLite::Statement gone(*database_, sql);
            gone.bind(1, *number);
            gone.exec();
        }
        transaction.commit();
        return true;
    });
}

// --- reading

Result<std::vector<call::FoundCall>> SqliteCalls::page(const CallQuery& query) {
    std::vector<std::string> wanted;
    if (query.words) {
        wanted = wanted_words(*query.words);
        if (wanted.empty()) return std::vector<call::FoundCall>{};
    }
    return guarded("read", [&] {
        Bound bound;
        const bool search = !wanted.empty();
        // The index is the outer loop, and the row's number its order: it stops at the limit.
        const std::string number = search ? "call_index.rowid" : "c.number";
        auto sql = fmt::format(
            "SELECT {} FROM {} JOIN documents d ON d.number = c.number WHERE {}", kColumns,
            search ? "call_index CROSS JOIN calls c ON c.number = call_index.rowid" : "calls c",
            search ? "call_index MATCH ?" : "1");
        if (search) bound.add(fts5_query(*query.words));
        if (query.since) {
            sql += fmt::format(" AND {} >= ?", number);
            bound.add(to_us(*query.since));
        }
        if (query.until) {
            sql += fmt::format(" AND {} < ?", number);
            bound.add(to_us(*query.until));
        }
        if (query.after) {
            sql += fmt::format(" AND {} < ?", number);
            bound.add(number_of(*database_, query.after->id).value_or(to_us(query.after->created)));
        }
        sql += conditions(query, bound);
        sql += fmt::format(" ORDER BY {} DESC LIMIT ?", number);
        bound.add(static_cast<std::int64_t>(query.limit));
        SQLite::Statement row(*database_, sql);
        bound.bind(row);
        std::vector<call::FoundCall> found;
        while (row.executeStep()) {
            call::FoundCall one{stored_call(row)};
            if (search) {
                const auto texts = texts_of(row.getColumn(0).getInt64());
                one.matches = find_matches(one.call, texts, wanted);
            }
            found.push_back(std::move(one));
        }
        return found;
    });
}

CallTexts SqliteCalls::texts_of(std::int64_t number) {
    CallTexts texts;
    SQLite::Statement pieces(
        *database_,
        "SELECT speaker, number, begin_ms, end_ms, text, confidence, words FROM pieces"
        " WHERE call = ? ORDER BY begin_ms, speaker, number");
    pieces.bind(1, number);
    while (pieces.executeStep()) {
        call::TranscriptPiece piece;
        piece.speaker =
            pieces.getColumn(0).getString() == "near" ? call::LineEnd::near : call::LineEnd::far;
        piece.number = static_cast<std::uint64_t>(pieces.getColumn(1).getInt64());
        piece.final = true;
        piece.begin = std::chrono::milliseconds(pieces.getColumn(2).getInt64());
        piece.end = std::chrono::milliseconds(pieces.getColumn(3).getInt64());
        piece.text = pieces.getColumn(4).getString();
        if (!pieces.getColumn(5).isNull())
            piece.confidence = static_cast<float>(pieces.getColumn(5).getDouble());
        piece.words = parse_words(pieces.getColumn(6).getString());
        texts.pieces.push_back(std::move(piece));
    }
    SQLite::Statement sayings(*database_,
                              "SELECT speaker, text FROM sayings WHERE call = ? ORDER BY rowid");
    sayings.bind(1, number);
    while (sayings.executeStep()) {
        texts.sayings.push_back(
            {sayings.getColumn(0).getString() == "near" ? call::LineEnd::near : call::LineEnd::far,
             sayings.getColumn(1).getString()});
    }
    SQLite::Statement messages(*database_,
                               "SELECT text FROM messages WHERE call = ? ORDER BY rowid");
    messages.bind(1, number);
    while (messages.executeStep()) texts.messages.push_back(messages.getColumn(0).getString());
    return texts;
}

Result<std::optional<StoredCall>> SqliteCalls::find(std::string_view id_or_sid) {
    return guarded("read", [&]() -> std::optional<StoredCall> {
        for (const auto* by : {"c.call_id = ?", "c.call_sid <> '' AND c.call_sid = ?"}) {
            SQLite::Statement row(
                *database_,
                fmt::format("SELECT {} FROM calls c JOIN documents d ON d.number = c.number"
                            " WHERE {} ORDER BY c.number DESC LIMIT 1",
                            kColumns, by));
            row.bind(1, std::string(id_or_sid));
            if (row.executeStep()) return stored_call(row);
        }
        return std::nullopt;
    });
}

Result<std::string> SqliteCalls::timeline(const CallId& call) {
    return guarded("read", [&]() -> std::string {
        SQLite::Statement row(
            *database_,
            "SELECT t.document FROM timelines t JOIN calls c USING (number) WHERE c.call_id = ?");
        row.bind(1, call.str());
        return row.executeStep() ? row.getColumn(0).getString() : std::string();
    });
}

Result<std::vector<call::StoredEvent>> SqliteCalls::events(const CallId& call) {
    return guarded("read", [&] {
        std::vector<call::StoredEvent> events;
        SQLite::Statement row(*database_,
                              "SELECT e.number, e.document FROM events e JOIN calls c"
                              " ON c.number = e.call WHERE c.call_id = ? ORDER BY e.number");
        row.bind(1, call.str());
        while (row.executeStep()) {
            events.push_back({static_cast<std::uint64_t>(row.getColumn(0).getInt64()),
                              row.getColumn(1).getString()});
        }
        return events;
    });
}

Result<std::vector<call::TranscriptPiece>> SqliteCalls::transcript(const CallId& call) {
    return guarded("read", [&] {
        const auto number = number_of(*database_, call);
        return number ? texts_of(*number).pieces : std::vector<call::TranscriptPiece>{};
    });
}

Result<std::vector<CallId>> SqliteCalls::ended_before(Wall time, std::size_t limit) {
    return guarded("read", [&] {
        std::vector<CallId> found;
        // A call ends after it was created: the number alone leaves most rows out.
        SQLite::Statement row(*database_,
                              "SELECT call_id FROM calls WHERE number < ?1 AND ended_us < ?1"
                              " ORDER BY number LIMIT ?2");
        row.bind(1, to_us(time));
        row.bind(2, static_cast<std::int64_t>(limit));
        while (row.executeStep()) found.emplace_back(row.getColumn(0).getString());
        return found;
    });
}

Result<std::vector<StoredCall>> SqliteCalls::live() {
    return guarded("read", [&] {
        std::vector<StoredCall> found;
        SQLite::Statement row(*database_,
                              fmt::format("SELECT {} FROM calls c JOIN documents d USING (number)"
                                          " WHERE c.ended_us IS NULL ORDER BY c.number",
                                          kColumns));
        while (row.executeStep()) found.push_back(stored_call(row));
        return found;
    });
}

}  // namespace bridge::stores
