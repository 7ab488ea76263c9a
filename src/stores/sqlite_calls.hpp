#pragma once
// The calls of the past in a file: SQLite, with an index of all that was said (FTS5).

#include <SQLiteCpp/Database.h>

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "call/call_store.hpp"
#include "stores/call_texts.hpp"

namespace bridge::stores {

/// What write() has accepted outlives a kill of this program; a power cut may take the last moments
/// (WAL, synchronous=NORMAL).
class SqliteCalls final : public call::CallStore {
public:
    enum class Open {
        for_writing,  ///< made with mode 0600 if it is not there, and brought up to date
        for_reading,  ///< while another program may be writing; it must be there
    };
    /// Errors: io, with the path and what to do.
    static Result<std::unique_ptr<SqliteCalls>> open(const std::filesystem::path& file,
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
    class Writer;
    SqliteCalls(std::filesystem::path file, std::unique_ptr<SQLite::Database> database);
    /// Runs `work`, which may throw. Errors: io.
    template <class Work>
    auto guarded(std::string_view deed, Work work) -> Result<decltype(work())>;
    CallTexts texts_of(std::int64_t number);

    const std::filesystem::path file_;
    const std::unique_ptr<SQLite::Database> database_;
};

}  // namespace bridge::stores
