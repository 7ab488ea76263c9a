#pragma once
// The calls of the past on a PostgreSQL server, in a schema of their own ("agentbridge"): for those
// who have such a server, and for several machines that share one history.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.hpp"
#include "call/call_store.hpp"
#include "stores/call_texts.hpp"
#include "stores/postgres_connection.hpp"

namespace bridge::stores {

/// As SqliteCalls: a row's number is the time of the call, so that lists lie in order. When the
/// connection is lost every member fails with `unreachable`: open another.
class PostgresCalls final : public call::CallStore {
public:
    enum class Open {
        for_writing,  ///< the schema is made, and brought up to date
        for_reading,  ///< it must be there
    };
    /// `url`: postgresql://user:password@host/database. Errors: bad_config, unreachable, io.
    static Result<std::unique_ptr<PostgresCalls>> open(const Secret& url,
                                                       Open how = Open::for_writing);

    Result<> write(const std::vector<call::CallChange>& changes) override;
    Result<std::vector<call::FoundCall>> page(const call::CallQuery& query) override;
    Result<std::optional<call::StoredCall>> find(std::string_view id_or_sid) override;
    Result<std::string> timeline(const CallId& call) override;
    Result<std::vector<call::StoredEvent>> events(const CallId& call) override;
    Result<std::vector<call::TranscriptPiece>> transcript(const CallId& call) override;
    Result<bool> remove(const CallId& call) override;
    Result<std::vector<CallId>> ended_before(std::chrono::system_clock::time_point time,
                                             std::size_t limit) override;
    Result<std::vector<call::StoredCall>> live() override;

private:
    explicit PostgresCalls(std::unique_ptr<PgConnection> connection)
        : connection_(std::move(connection)) {}
    Result<> write_one(call::CallChange change);
    Result<> write_texts(std::int64_t number, const call::CallChange& change);
    Result<> index(std::int64_t number, const call::StoredCall& call);
    Result<std::optional<std::int64_t>> number_of(const CallId& call);
    Result<CallTexts> texts_of(std::int64_t number);

    const std::unique_ptr<PgConnection> connection_;
};

}  // namespace bridge::stores
