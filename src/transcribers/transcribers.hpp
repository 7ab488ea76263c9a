#pragma once
// The shelf of recognizers: which engine takes calls down, and with what settings.
// docs/transcripts.md.

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/metrics.hpp"
#include "base/worker_pool.hpp"
#include "call/transcript.hpp"
#include "net/http_client.hpp"
#include "transcribers/call_transcript.hpp"
#include "transcribers/dialect.hpp"
#include "transcribers/redaction.hpp"
#include "transcribers/stream_side.hpp"
#include "transcribers/whisper_library.hpp"

namespace bridge::transcribers {

struct TranscriberOptions {
    std::string engine;  ///< one of engine_names()
    ServiceOptions service;
    bool redact_cards = true;
    std::vector<std::string> redact_patterns;
    std::string user_agent;
    std::shared_ptr<metrics::Registry> metrics;  ///< null: one of its own
    /// Whom to tell what is taken out of a call that is taken down while it lives; asked only if
    /// anything may be. Thread: the call's io thread.
    std::function<RedactionTeller(const CallId&)> redacted;
    StreamTimes times;
};

/// "deepgram", "openai", "vosk", "whisper-server", "whisper".
const std::vector<std::string>& engine_names();
/// One line for who has none: how to get one.
std::string_view how_to_get_an_engine();

/// A transcription that says how far behind its recognizers are, for who gives it a whole file.
class Transcript : public call::Transcription {
public:
    /// Samples of both sides.
    virtual std::size_t waiting() const = 0;
};

/// Thread: any io thread for `begin`, main for the others.
class Transcribers final : public call::TranscriberShelf {
public:
    /// Errors: bad_config, with the setting that is missing or wrong.
    static Result<std::shared_ptr<Transcribers>> open(TranscriberOptions options);
    ~Transcribers() override { stop(); }

    Result<std::shared_ptr<call::Transcription>> begin(
        const CallId& call, boost::asio::any_io_executor executor,
        std::function<void(call::TranscriptNews)> told) override;
    Result<std::shared_ptr<Transcript>> open_transcript(
        const CallId& call, boost::asio::any_io_executor executor,
        std::function<void(call::TranscriptNews)> told, RedactionTeller redacted);
    const std::string& engine() const { return options_.engine; }
    /// For what an io thread has no time for.
    WorkerPool& pool() { return pool_; }
    /// Before the loops of the io threads go.
    void stop() { pool_.stop(); }

private:
    explicit Transcribers(TranscriberOptions options);
    std::shared_ptr<Side> side(const boost::asio::any_io_executor& executor, call::LineEnd end,
                               const std::shared_ptr<CallTranscript>& of,
                               const std::shared_ptr<net::HttpClient>& http);

    const TranscriberOptions options_;
    std::shared_ptr<const RedactionRules> rules_;
    std::shared_ptr<TranscriptFigures> figures_;
    std::shared_ptr<const Service> service_;   ///< null: utterances are cut here
    std::shared_ptr<WhisperLibrary> library_;  ///< null: another engine
    WorkerPool pool_;
};

}  // namespace bridge::transcribers
