#include "stores/postgres_connection.hpp"

#include <fmt/format.h>
#include <libpq-fe.h>

#include <array>
#include <charconv>

namespace bridge::stores {
namespace {

constexpr const char* kAdvice = "look at DATABASE_URL and at the server";

std::string on_one_line(std::string_view text) {
    std::string out;
    for (const char c : text) out += c == '\n' || c == '\t' ? ' ' : c;
    while (out.ends_with(' ')) out.pop_back();
    return out;
}

/// Whether the server, or the way to it, is gone: SQLSTATE classes 08 and 57P.
bool is_gone(PGconn* connection, const PGresult* result) {
    if (PQstatus(connection) == CONNECTION_BAD) return true;
    const auto* code = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const std::string_view state = code != nullptr ? code : "";
    return state.starts_with("08") || state.starts_with("57P");
}

}  // namespace

PgParameters& PgParameters::array(const std::vector<std::optional<std::string>>& elements) {
    std::string text = "{";
    for (const auto& element : elements) {
        if (text.size() > 1) text += ',';
        if (!element) {
            text += "NULL";
            continue;
        }
        text += '"';
        for (const char c : *element) {
            if (c == '"' || c == '\\') text += '\\';
            text += c;
        }
        text += '"';
    }
    return add(text + "}");
}

PgRows::PgRows(pg_result* rows) : rows_(rows) {}

void PgRows::Clear::operator()(pg_result* rows) const {
    PQclear(rows);
}

std::size_t PgRows::size() const {
    return static_cast<std::size_t>(PQntuples(rows_.get()));
}

bool PgRows::is_null(std::size_t row, int column) const {
    return PQgetisnull(rows_.get(), static_cast<int>(row), column) != 0;
}

std::string PgRows::text(std::size_t row, int column) const {
    const auto at = static_cast<int>(row);
    return {PQgetvalue(rows_.get(), at, column),
            static_cast<std::size_t>(PQgetlength(rows_.get(), at, column))};
}

std::int64_t PgRows::number(std::size_t row, int column) const {
    const auto written = text(row, column);
    std::int64_t value = 0;
    std::from_chars(written.data(), written.data() + written.size(), value);
    return value;
}

Result<std::unique_ptr<PgConnection>> PgConnection::open(const Secret& url) {
    // What libpq says of an address that it cannot read holds the address, password and all.
    auto* const options = PQconninfoParse(url.reveal().c_str(), nullptr);
    if (options == nullptr)
        return fail(Errc::bad_config,
                    "DATABASE_URL is not an address of PostgreSQL; write it as "
                    "postgresql://user:password@host/database");
    PQconninfoFree(options);
    // The later ones count: the address may say otherwise.
    const std::array<const char*, 7> names{"connect_timeout",
                                           "tcp_user_timeout",
                                           "keepalives_idle",
                                           "fallback_application_name",
                                           "dbname",
                                           "client_encoding",
                                           nullptr};
    const std::array<const char*, 7> values{
        "5", "10000", "10", "agentbridge", url.reveal().c_str(), "UTF8", nullptr};
    auto* const made = PQconnectdbParams(names.data(), values.data(), 1);
    std::unique_ptr<PgConnection> connection(new PgConnection(made));
    if (PQstatus(made) != CONNECTION_OK)
        return fail(Errc::unreachable, fmt::format("the PostgreSQL server of the history: {}; {}",
                                                   on_one_line(PQerrorMessage(made)), kAdvice));
    PQsetNoticeProcessor(
        made, [](void*, const char*) {}, nullptr);
    // A statement that hangs would keep everything behind it.
    if (auto set = connection->run("SET statement_timeout = '10s'"); !set)
        return tl::unexpected(std::move(set.error()));
    return connection;
}

PgConnection::~PgConnection() {
    PQfinish(connection_);
}

Result<PgRows> PgConnection::run(const std::string& sql, const PgParameters& parameters) {
    std::vector<const char*> values;
    for (const auto& value : parameters.values())
        values.push_back(value ? value->c_str() : nullptr);
    // Several statements in one text go without parameters only.
    auto* const made = values.empty()
                           ? PQexec(connection_, sql.c_str())
                           : PQexecParams(connection_, sql.c_str(), static_cast<int>(values.size()),
                                          nullptr, values.data(), nullptr, nullptr, 0);
    PgRows rows(made);
    const auto status = PQresultStatus(made);
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) return rows;
    const auto* said = made != nullptr ? PQresultErrorMessage(made) : PQerrorMessage(connection_);
    return fail(
        is_gone(connection_, made) ? Errc::unreachable : Errc::io,
        fmt::format("the PostgreSQL server of the history: {}; {}", on_one_line(said), kAdvice));
}

Result<PgTransaction> PgTransaction::begin(PgConnection& connection) {
    if (auto begun = connection.run("BEGIN"); !begun)
        return tl::unexpected(std::move(begun.error()));
    return PgTransaction(connection);
}

PgTransaction::~PgTransaction() {
    if (connection_ != nullptr) (void)connection_->run("ROLLBACK");
}

Result<> PgTransaction::commit() {
    auto done = std::exchange(connection_, nullptr)->run("COMMIT");
    if (!done) return tl::unexpected(std::move(done.error()));
    return {};
}

}  // namespace bridge::stores
