#pragma once
// A connection to a PostgreSQL server (libpq), for one thread that may wait for it.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "base/secret.hpp"

struct pg_conn;
struct pg_result;

namespace bridge::stores {

/// Texts that go with a statement, for $1, $2, …
class PgParameters {
public:
    PgParameters& add(std::string text) {
        values_.emplace_back(std::move(text));
        return *this;
    }
    PgParameters& add(std::int64_t number) { return add(std::to_string(number)); }
    PgParameters& add(bool flag) { return add(std::string(flag ? "t" : "f")); }
    PgParameters& add(const char* text) = delete;
    PgParameters& null() {
        values_.emplace_back();
        return *this;
    }
    /// An array of text, or of what its elements are cast to.
    PgParameters& array(const std::vector<std::optional<std::string>>& elements);
    /// "$3": the place of the newest.
    std::string place() const { return "$" + std::to_string(values_.size()); }
    const std::vector<std::optional<std::string>>& values() const { return values_; }

private:
    std::vector<std::optional<std::string>> values_;
};

/// Rows that a statement gave.
class PgRows {
public:
    explicit PgRows(pg_result* rows);
    std::size_t size() const;
    bool is_null(std::size_t row, int column) const;
    std::string text(std::size_t row, int column) const;
    std::int64_t number(std::size_t row, int column) const;
    bool flag(std::size_t row, int column) const { return text(row, column) == "t"; }

private:
    struct Clear {
        void operator()(pg_result* rows) const;
    };
    std::unique_ptr<pg_result, Clear> rows_;
};

class PgConnection {
public:
    /// Waits up to five seconds, unless `url` says otherwise. Errors: bad_config (no such address),
    /// unreachable. The message never holds the password.
    static Result<std::unique_ptr<PgConnection>> open(const Secret& url);
    ~PgConnection();
    PgConnection(const PgConnection&) = delete;
    PgConnection& operator=(const PgConnection&) = delete;

    /// Errors: unreachable (the connection is lost: open another), io (the server says no).
    Result<PgRows> run(const std::string& sql, const PgParameters& parameters = {});

private:
    explicit PgConnection(pg_conn* connection) : connection_(connection) {}
    pg_conn* connection_;
};

/// What is begun with it is undone unless it was committed.
class PgTransaction {
public:
    static Result<PgTransaction> begin(PgConnection& connection);
    PgTransaction(PgTransaction&& other) noexcept
        : connection_(std::exchange(other.connection_, nullptr)) {}
    PgTransaction& operator=(PgTransaction&&) = delete;
    ~PgTransaction();
    Result<> commit();

private:
    explicit PgTransaction(PgConnection& connection) : connection_(&connection) {}
    PgConnection* connection_;  ///< null: over
};

}  // namespace bridge::stores
