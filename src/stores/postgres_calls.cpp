#include "stores/postgres_calls.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <utility>

#include "stores/migrations.hpp"
#include "stores/search_text.hpp"

namespace bridge::stores {
namespace {

using call::CallQuery;
using call::StoredCall;
using Wall = std::chrono::system_clock::time_point;

/// Each brings the schema one version further; those there were are in `migrations`.
constexpr std::array<const char*, 1> kPgVersions{
    "CREATE TABLE calls ("
    " number bigint PRIMARY KEY,"
    " call_id text NOT NULL UNIQUE,"
    " call_sid text NOT NULL,"
    " direction text NOT NULL,"
    " to_number text NOT NULL,"
    " from_number text NOT NULL,"
    " state text NOT NULL,"
    " reason text NOT NULL,"
    " created_us bigint NOT NULL,"
    " ended_us bigint,"
    " recorded boolean NOT NULL,"
    " transcribed boolean NOT NULL,"
    " captured boolean NOT NULL,"
    " instance text NOT NULL);"
    "CREATE INDEX calls_by_sid ON calls (call_sid) WHERE call_sid <> '';"
    "CREATE INDEX live_calls ON calls (number) WHERE ended_us IS NULL;"
    "CREATE TABLE documents ("
    " number bigint PRIMARY KEY REFERENCES calls ON DELETE CASCADE, document text NOT NULL);"
    "CREATE TABLE timelines ("
    " number bigint PRIMARY KEY REFERENCES calls ON DELETE CASCADE, document text NOT NULL);"
    "CREATE TABLE events ("
    " call bigint NOT NULL REFERENCES calls ON DELETE CASCADE,"
    " number bigint NOT NULL, document text NOT NULL, PRIMARY KEY (call, number));"
    "CREATE TABLE pieces ("
    " call bigint NOT NULL REFERENCES calls ON DELETE CASCADE,"
    " speaker text NOT NULL, number bigint NOT NULL, begin_ms bigint NOT NULL,"
    " end_ms bigint NOT NULL, text text NOT NULL, confidence real, words text NOT NULL,"
    " PRIMARY KEY (call, speaker, number));"
    "CREATE TABLE sayings ("
    " id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
    " call bigint NOT NULL REFERENCES calls ON DELETE CASCADE,"
    " speaker text NOT NULL, text text NOT NULL);"
    "CREATE INDEX sayings_of_call ON sayings (call);"
    "CREATE TABLE messages ("
    " id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
    " call bigint NOT NULL REFERENCES calls ON DELETE CASCADE, text text NOT NULL);"
    "CREATE INDEX messages_of_call ON messages (call);"
    // The words of a call that has ended, folded as every store of ours does it.
    "CREATE TABLE call_words ("
    " number bigint PRIMARY KEY REFERENCES calls ON DELETE CASCADE, words tsvector NOT NULL);"
    "CREATE INDEX call_words_index ON call_words USING gin (words);"};

constexpr const char* kPgColumns =
    "c.number, c.call_id, c.call_sid, c.direction, c.to_number, c.from_number, c.state, c.reason,"
    " c.created_us, c.ended_us, c.recorded, c.transcribed, c.captured, c.instance, d.document";

std::int64_t microseconds_of(Wall time) {
    return std::chrono::floor<std::chrono::microseconds>(time).time_since_epoch().count();
}

Wall wall_time(std::int64_t us) {
    return Wall(std::chrono::microseconds(us));
}

call::LineEnd speaker_of(const std::string& word) {
    return word == "near" ? call::LineEnd::near : call::LineEnd::far;
}

StoredCall call_of(const PgRows& rows, std::size_t row) {
    StoredCall call;
    call.id = CallId{rows.text(row, 1)};
    call.sid = CallSid{rows.text(row, 2)};
    call.direction =
        rows.text(row, 3) == "inbound" ? call::Direction::inbound : call::Direction::outbound;
    call.to = rows.text(row, 4);
    call.from = rows.text(row, 5);
    call.state = call::parse_call_state(rows.text(row, 6)).value_or(call::CallState::created);
    call.reason = rows.text(row, 7);
    call.created = wall_time(rows.number(row, 8));
    if (!rows.is_null(row, 9)) call.ended = wall_time(rows.number(row, 9));
    call.recorded = rows.flag(row, 10);
    call.transcribed = rows.flag(row, 11);
    call.captured = rows.flag(row, 12);
    call.instance = rows.text(row, 13);
    call.document = rows.text(row, 14);
    return call;
}

std::string any_place(std::string_view text) {
    std::string out = "%";
    for (const char c : clean_text(text)) {
        if (c == '%' || c == '_' || c == '\\') out += '\\';
        out += c;
    }
    return out + "%";
}

Result<> nothing_of(Result<PgRows> rows) {
    if (!rows) return tl::unexpected(std::move(rows.error()));
    return {};
}

Result<> look_only(PgConnection& connection) {
    if (auto done = connection.run("SET search_path TO agentbridge;"
                                   "SET default_transaction_read_only TO on");
        !done)
        return tl::unexpected(std::move(done.error()));
    const auto there = connection.run("SELECT to_regclass('agentbridge.migrations') IS NOT NULL");
    if (!there) return tl::unexpected(there.error());
    const auto version = there->flag(0, 0)
                             ? connection.run("SELECT coalesce(max(version), 0) FROM migrations")
                             : connection.run("SELECT 0");
    if (!version) return tl::unexpected(version.error());
    if (version->number(0, 0) == static_cast<std::int64_t>(kPgVersions.size())) return {};
    return fail(Errc::io, fmt::format("the history on the PostgreSQL server is of version {}, and "
                                      "this agentbridge reads {}; `agentbridge serve` makes it or "
                                      "brings it up to date",
                                      version->number(0, 0), kPgVersions.size()));
}

}  // namespace

Result<std::unique_ptr<PostgresCalls>> PostgresCalls::open(const Secret& url, Open how) {
    auto connection = PgConnection::open(url);
    if (!connection) return tl::unexpected(std::move(connection.error()));
    const auto ready =
        how == Open::for_writing ? migrate(**connection, kPgVersions) : look_only(**connection);
    if (!ready) return tl::unexpected(ready.error());
    return std::unique_ptr<PostgresCalls>(new PostgresCalls(std::move(*connection)));
}

// --- writing

Result<> PostgresCalls::write(const std::vector<call::CallChange>& changes) {
    auto transaction = PgTransaction::begin(*connection_);
    if (!transaction) return tl::unexpected(std::move(transaction.error()));
    for (const auto& change : changes) {
        if (auto written = write_one(change); !written) return written;
    }
    return transaction->commit();
}

Result<> PostgresCalls::write_one(call::CallChange change) {
    clean(change);
    const auto& call = change.call;
    PgParameters row;
    row.add(microseconds_of(call.created)).add(clean_text(call.id.str()));
    for (const auto& text :
         {clean_text(call.sid.str()), std::string(call::to_string(call.direction)), call.to,
          call.from, std::string(call::to_string(call.state)), call.reason})
        row.add(text);
    if (call.ended) {
        row.add(microseconds_of(*call.ended));
    } else {
        row.null();
    }
    row.add(call.recorded).add(call.transcribed || !change.pieces.empty()).add(call.captured);
    row.add(call.instance).add(call.document);
    const auto put = connection_->run(
        "WITH call AS (INSERT INTO calls VALUES ((SELECT n FROM generate_series($1::bigint,"
        " $1::bigint + 100000) n WHERE NOT EXISTS (SELECT 1 FROM calls WHERE number = n) LIMIT 1),"
        " $2, $3, $4, $5, $6, $7, $8, $1::bigint, $9, $10, $11, $12, $13)"
        " ON CONFLICT (call_id) DO UPDATE SET call_sid = excluded.call_sid,"
        " direction = excluded.direction, to_number = excluded.to_number,"
        " from_number = excluded.from_number, state = excluded.state, reason = excluded.reason,"
        " ended_us = excluded.ended_us, recorded = excluded.recorded,"
        " transcribed = calls.transcribed OR excluded.transcribed, captured = excluded.captured,"
        " instance = excluded.instance RETURNING number),"
        " document AS (INSERT INTO documents SELECT number, $14 FROM call"
        " ON CONFLICT (number) DO UPDATE SET document = excluded.document)"
        " SELECT number FROM call",
        row);
    if (!put) return tl::unexpected(put.error());
    const auto number = put->number(0, 0);
    if (auto written = write_texts(number, change); !written) return written;
    return call.ended ? index(number, call) : Result<>{};
}

Result<> PostgresCalls::write_texts(std::int64_t number, const call::CallChange& change) {
    using Column = std::vector<std::optional<std::string>>;
    const auto put = [&](const std::string& sql, const std::vector<Column>& columns) -> Result<> {
        if (columns.front().empty()) return {};
        PgParameters parameters;
        parameters.add(number);
        for (const auto& column : columns) parameters.array(column);
        return nothing_of(connection_->run(sql, parameters));
    };
    std::vector<Column> events(2), pieces(7), sayings(2), messages(1);
    for (const auto& event : change.events) {
        events[0].emplace_back(std::to_string(event.number));
        events[1].emplace_back(event.document);
    }
    // The last one of a number counts; a statement may touch a row once.
    std::vector<const call::TranscriptPiece*> last;
    for (const auto& piece : change.pieces) {
        std::erase_if(last, [&](const auto* one) {
            return one->speaker == piece.speaker && one->number == piece.number;
        });
        last.push_back(&piece);
    }
    for (const auto* piece : last) {
        pieces[0].emplace_back(std::string(call::to_string(piece->speaker)));
        pieces[1].emplace_back(std::to_string(piece->number));
        pieces[2].emplace_back(std::to_string(piece->begin.count()));
        pieces[3].emplace_back(std::to_string(piece->end.count()));
        pieces[4].emplace_back(piece->text);
        pieces[5].push_back(piece->confidence ? std::optional(fmt::format("{}", *piece->confidence))
                                              : std::nullopt);
        pieces[6].emplace_back(format_words(piece->words));
    }
    for (const auto& saying : change.sayings) {
        sayings[0].emplace_back(std::string(call::to_string(saying.speaker)));
        sayings[1].emplace_back(saying.text);
    }
    for (const auto& message : change.messages) messages[0].emplace_back(message);
    std::vector<std::pair<const char*, const std::vector<Column>*>> all{
        {"INSERT INTO events SELECT $1::bigint, * FROM unnest($2::bigint[], $3::text[])"
         " ON CONFLICT DO NOTHING",
         &events},
        {"INSERT INTO pieces SELECT $1::bigint, * FROM unnest($2::text[], $3::bigint[],"
         " $4::bigint[], $5::bigint[], $6::text[], $7::real[], $8::text[])"
         " ON CONFLICT (call, speaker, number) DO UPDATE SET begin_ms = excluded.begin_ms,"
         " end_ms = excluded.end_ms, text = excluded.text, confidence = excluded.confidence,"
         " words = excluded.words",
         &pieces},
        {"INSERT INTO sayings (call, speaker, text)"
         " SELECT $1::bigint, * FROM unnest($2::text[], $3::text[])",
         &sayings},
        {"INSERT INTO messages (call, text) SELECT $1::bigint, * FROM unnest($2::text[])",
         &messages}};
    for (const auto& [sql, columns] : all) {
        if (auto written = put(sql, *columns); !written) return written;
    }
    if (change.timeline.empty()) return {};
    return nothing_of(
        connection_->run("INSERT INTO timelines VALUES ($1, $2) ON CONFLICT (number)"
                         " DO UPDATE SET document = excluded.document",
                         PgParameters().add(number).add(change.timeline)));
}

Result<> PostgresCalls::index(std::int64_t number, const StoredCall& call) {
    constexpr std::size_t kMostBytes = 64;       // of a word that can be searched for
    constexpr std::size_t kMostIndexed = 50000;  // a tsvector has a megabyte
    const auto texts = texts_of(number);
    if (!texts) return tl::unexpected(texts.error());
    std::vector<std::optional<std::string>> words;
    for (auto& word : words_of(searched_body(call, *texts))) {
        if (word.folded.size() <= kMostBytes) words.emplace_back(std::move(word.folded));
    }
    std::sort(words.begin(), words.end());
    words.erase(std::unique(words.begin(), words.end()), words.end());
    if (words.size() > kMostIndexed) words.resize(kMostIndexed);
    return nothing_of(
        connection_->run("INSERT INTO call_words VALUES ($1, array_to_tsvector($2::text[]))"
                         " ON CONFLICT (number) DO UPDATE SET words = excluded.words",
                         PgParameters().add(number).array(words)));
}

Result<bool> PostgresCalls::remove(const CallId& call) {
    const auto gone = connection_->run("DELETE FROM calls WHERE call_id = $1 RETURNING number",
                                       PgParameters().add(clean_text(call.str())));
    if (!gone) return tl::unexpected(gone.error());
    return gone->size() > 0;
}

// --- reading

Result<std::optional<std::int64_t>> PostgresCalls::number_of(const CallId& call) {
    const auto rows = connection_->run("SELECT number FROM calls WHERE call_id = $1",
                                       PgParameters().add(clean_text(call.str())));
    if (!rows) return tl::unexpected(rows.error());
    if (rows->size() == 0) return std::optional<std::int64_t>{};
    return std::optional(rows->number(0, 0));
}

Result<std::vector<call::FoundCall>> PostgresCalls::page(const CallQuery& query) {
    std::vector<std::string> wanted;
    if (query.words) {
        wanted = wanted_words(*query.words);
        if (wanted.empty()) return std::vector<call::FoundCall>{};
    }
    PgParameters given;
    auto sql = fmt::format("SELECT {} FROM calls c JOIN documents d USING (number)", kPgColumns);
    if (query.words) sql += " JOIN call_words w USING (number)";
    sql += " WHERE true";
    const auto also = [&](std::string_view condition) {
        sql += fmt::format(" AND {} {}", condition, given.place());
    };
    if (query.words) {
        given.add(tsquery(wanted));
        sql += fmt::format(" AND w.words @@ {}::tsquery", given.place());
    }
    if (query.which == CallQuery::Which::ended || query.words) sql += " AND c.ended_us IS NOT NULL";
    if (query.which == CallQuery::Which::live) sql += " AND c.ended_us IS NULL";
    if (query.since) {
        given.add(microseconds_of(*query.since));
        also("c.number >=");
    }
    if (query.until) {
        given.add(microseconds_of(*query.until));
        also("c.number <");
    }
    if (query.after) {
        const auto place = number_of(query.after->id);
        if (!place) return tl::unexpected(place.error());
        given.add(place->value_or(microseconds_of(query.after->created)));
        also("c.number <");
    }
    if (query.state) {
        given.add(std::string(call::to_string(*query.state)));
        also("c.state =");
    }
    if (query.direction) {
        given.add(std::string(call::to_string(*query.direction)));
        also("c.direction =");
    }
    if (!query.number.empty()) {
        given.add(any_place(query.number));
        sql += fmt::format(" AND (c.to_number LIKE {0} OR c.from_number LIKE {0})", given.place());
    }
    given.add(static_cast<std::int64_t>(query.limit));
    sql += fmt::format(" ORDER BY c.number DESC LIMIT {}", given.place());
    const auto rows = connection_->run(sql, given);
    if (!rows) return tl::unexpected(rows.error());
    std::vector<call::FoundCall> found;
    for (std::size_t row = 0; row < rows->size(); ++row) {
        call::FoundCall one{call_of(*rows, row)};
        if (query.words) {
            const auto texts = texts_of(rows->number(row, 0));
            if (!texts) return tl::unexpected(texts.error());
            one.matches = find_matches(one.call, *texts, wanted);
        }
        found.push_back(std::move(one));
    }
    return found;
}

Result<CallTexts> PostgresCalls::texts_of(std::int64_t number) {
    CallTexts texts;
    const auto of = PgParameters().add(number);
    const auto pieces = connection_->run(
        "SELECT speaker, number, begin_ms, end_ms, text, confidence, words FROM pieces"
        " WHERE call = $1",
        of);
    if (!pieces) return tl::unexpected(pieces.error());
    for (std::size_t row = 0; row < pieces->size(); ++row) {
        call::TranscriptPiece piece;
        piece.speaker = speaker_of(pieces->text(row, 0));
        piece.number = static_cast<std::uint64_t>(pieces->number(row, 1));
        piece.final = true;
        piece.begin = std::chrono::milliseconds(pieces->number(row, 2));
        piece.end = std::chrono::milliseconds(pieces->number(row, 3));
        piece.text = pieces->text(row, 4);
        if (!pieces->is_null(row, 5))
            piece.confidence = std::strtof(pieces->text(row, 5).c_str(), nullptr);
        piece.words = parse_words(pieces->text(row, 6));
        texts.pieces.push_back(std::move(piece));
    }
    std::sort(texts.pieces.begin(), texts.pieces.end(), is_said_before);
    const auto sayings =
        connection_->run("SELECT speaker, text FROM sayings WHERE call = $1 ORDER BY id", of);
    if (!sayings) return tl::unexpected(sayings.error());
    for (std::size_t row = 0; row < sayings->size(); ++row)
        texts.sayings.push_back({speaker_of(sayings->text(row, 0)), sayings->text(row, 1)});
    const auto messages =
        connection_->run("SELECT text FROM messages WHERE call = $1 ORDER BY id", of);
    if (!messages) return tl::unexpected(messages.error());
    for (std::size_t row = 0; row < messages->size(); ++row)
        texts.messages.push_back(messages->text(row, 0));
    return texts;
}

Result<std::optional<StoredCall>> PostgresCalls::find(std::string_view id_or_sid) {
    const auto rows = connection_->run(
        fmt::format("SELECT {} FROM calls c JOIN documents d USING (number) WHERE c.call_id = $1"
                    " OR (c.call_sid <> '' AND c.call_sid = $1)"
                    " ORDER BY c.call_id = $1 DESC, c.number DESC LIMIT 1",
                    kPgColumns),
        PgParameters().add(clean_text(id_or_sid)));
    if (!rows) return tl::unexpected(rows.error());
    if (rows->size() == 0) return std::optional<StoredCall>{};
    return std::optional(call_of(*rows, 0));
}

Result<std::string> PostgresCalls::timeline(const CallId& call) {
    const auto rows = connection_->run(
        "SELECT t.document FROM timelines t JOIN calls c USING (number) WHERE c.call_id = $1",
        PgParameters().add(clean_text(call.str())));
    if (!rows) return tl::unexpected(rows.error());
    return rows->size() > 0 ? rows->text(0, 0) : std::string();
}

Result<std::vector<call::StoredEvent>> PostgresCalls::events(const CallId& call) {
    const auto rows = connection_->run(
        "SELECT e.number, e.document FROM events e JOIN calls c"
        " ON c.number = e.call WHERE c.call_id = $1 ORDER BY e.number",
        PgParameters().add(clean_text(call.str())));
    if (!rows) return tl::unexpected(rows.error());
    std::vector<call::StoredEvent> events;
    for (std::size_t row = 0; row < rows->size(); ++row)
        events.push_back({static_cast<std::uint64_t>(rows->number(row, 0)), rows->text(row, 1)});
    return events;
}

Result<std::vector<call::TranscriptPiece>> PostgresCalls::transcript(const CallId& call) {
    const auto number = number_of(call);
    if (!number) return tl::unexpected(number.error());
    if (!*number) return std::vector<call::TranscriptPiece>{};
    auto texts = texts_of(**number);
    if (!texts) return tl::unexpected(std::move(texts.error()));
    return std::move(texts->pieces);
}

Result<std::vector<CallId>> PostgresCalls::ended_before(Wall time, std::size_t limit) {
    const auto rows = connection_->run(
        "SELECT call_id FROM calls WHERE number < $1::bigint AND ended_us < $1::bigint"
        " ORDER BY number LIMIT $2",
        PgParameters().add(microseconds_of(time)).add(static_cast<std::int64_t>(limit)));
    if (!rows) return tl::unexpected(rows.error());
    std::vector<CallId> found;
    for (std::size_t row = 0; row < rows->size(); ++row) found.emplace_back(rows->text(row, 0));
    return found;
}

Result<std::vector<StoredCall>> PostgresCalls::live() {
    const auto rows =
        connection_->run(fmt::format("SELECT {} FROM calls c JOIN documents d USING (number)"
                                     " WHERE c.ended_us IS NULL ORDER BY c.number",
                                     kPgColumns));
    if (!rows) return tl::unexpected(rows.error());
    std::vector<StoredCall> found;
    for (std::size_t row = 0; row < rows->size(); ++row) found.push_back(call_of(*rows, row));
    return found;
}

}  // namespace bridge::stores
