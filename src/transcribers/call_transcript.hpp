#pragma once
// The transcript of one call while it is made: both sides at their recognizers, redaction, and what
// is told of it.

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/metrics.hpp"
#include "call/transcript.hpp"
#include "transcribers/redaction.hpp"
#include "transcribers/side.hpp"

namespace bridge::transcribers {

/// What the transcripts of all calls are counted in.
struct TranscriptFigures {
    TranscriptFigures(std::shared_ptr<metrics::Registry> of, const std::string& engine);

    const std::shared_ptr<metrics::Registry> registry;
    metrics::Gauge& running;
    metrics::Counter& pieces;
    metrics::Counter& reconnects;
    metrics::Counter& redactions;
    metrics::Histogram& delay;
    std::atomic<std::int64_t> missed_ms{0};
    metrics::Registry::Reading missed;  ///< last: reads `missed_ms`
};

/// Thread: the call's io thread.
class CallTranscript final : public Side::Teller,
                             public std::enable_shared_from_this<CallTranscript> {
public:
    struct Parts {
        CallId call;
        std::string engine;
        boost::asio::any_io_executor executor;
        std::function<void(call::TranscriptNews)> told;
        std::shared_ptr<const RedactionRules> rules;
        std::shared_ptr<TranscriptFigures> figures;
        RedactionTeller redacted;  ///< may be empty
    };
    explicit CallTranscript(Parts parts);
    ~CallTranscript() override;

    /// Before any sound.
    void start(std::shared_ptr<Side> far, std::shared_ptr<Side> near);
    void far_end(std::uint64_t at, std::span<const std::int16_t> samples);
    void near_end(std::uint64_t at, std::span<const std::int16_t> samples);
    void near_known(std::uint64_t at);
    void finish();
    std::size_t waiting() const;

    void piece(call::TranscriptPiece piece) override;
    void status(call::LineEnd end, call::TranscriptionStatus status, std::string reason) override;
    void ended(call::LineEnd end) override;
    void missed(std::chrono::milliseconds sound) override;
    void took(std::chrono::milliseconds time) override;
    void reconnected() override;

private:
    struct End {
        std::shared_ptr<Side> side;  ///< null: it has said its last word
        std::unique_ptr<SideRedaction> redaction;
        call::TranscriptionStatus status = call::TranscriptionStatus::connecting;
        std::string reason;
    };

    End& at(call::LineEnd end) { return end == call::LineEnd::far ? far_ : near_; }
    void passed(End& end, std::uint64_t at);
    void tell(std::vector<SideRedaction::Out> pieces);
    void tell_status();
    void over(call::TranscriptionStatus status, std::string reason);

    Parts parts_;
    End far_, near_;
    call::TranscriptionState state_;
    std::chrono::milliseconds missed_{0};
    bool finishing_ = false, over_ = false;
};

}  // namespace bridge::transcribers
