#include "transcribers/file_transcript.hpp"

#include <fmt/format.h>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "audio/frame.hpp"
#include "audio/sound_reader.hpp"
#include "net/awaiting.hpp"

namespace bridge::transcribers {
namespace {

using call::TranscriptionStatus;
using std::chrono::milliseconds;
using Steady = std::chrono::steady_clock;
using Block = std::vector<std::vector<std::int16_t>>;

constexpr std::size_t kBlock = 4 * audio::kSampleRate;
/// More is not read ahead of the engine, for both sides together.
constexpr std::size_t kMostWaiting = 2 * kBlock;
constexpr std::chrono::seconds kMostAway{15};

/// What is told of the transcript, gathered.
struct Gathered {
    explicit Gathered(asio::any_io_executor executor)
        : changed(std::move(executor), Steady::time_point::max()) {}
    call::TranscriptPieces pieces;
    std::vector<RedactedSpan> redacted;
    call::TranscriptionState state;
    Steady::time_point lost_since{};
    std::string trouble;  ///< the last there was with the engine
    asio::steady_timer changed;

    bool over() const {
        return state.status == TranscriptionStatus::off ||
               state.status == TranscriptionStatus::failed;
    }
    bool away() const {
        return state.status == TranscriptionStatus::lost && Steady::now() - lost_since > kMostAway;
    }
    void take(call::TranscriptNews news) {
        if (const auto* piece = std::get_if<call::TranscriptPiece>(&news)) {
            pieces.take(*piece);
        } else {
            auto& next = std::get<call::TranscriptionState>(news);
            if (next.status == TranscriptionStatus::lost &&
                state.status != TranscriptionStatus::lost)
                lost_since = Steady::now();
            if (next.status == TranscriptionStatus::lost) trouble = next.reason;
            state = std::move(next);
        }
        changed.cancel();
    }
};

asio::awaitable<void> wait(std::shared_ptr<Gathered> gathered, milliseconds at_most) {
    gathered->changed.expires_after(at_most);
    co_await gathered->changed.async_wait(net::kTuple);
}

void give(Transcript& transcript, std::uint64_t at, const Block& block) {
    transcript.far_end(at, block.front());
    if (block.size() < 2) return;
    transcript.near_end(at, block.back());
    transcript.near_known(at + block.back().size());
}

}  // namespace

asio::awaitable<Result<FileTranscript>> transcribe_file(
    std::shared_ptr<Transcribers> transcribers, asio::any_io_executor executor, CallId call,
    std::filesystem::path file, milliseconds offset,
    std::function<void(const FileProgress&)> progress) {
    auto opened = audio::SoundReader::open(file);
    if (!opened) co_return tl::unexpected(opened.error());
    const std::shared_ptr<audio::SoundReader> reader = std::move(*opened);
    auto gathered = std::make_shared<Gathered>(executor);
    auto begun = transcribers->open_transcript(
        call, executor, [gathered](call::TranscriptNews news) { gathered->take(std::move(news)); },
        [gathered](const std::vector<RedactedSpan>& spans) {
            gathered->redacted.insert(gathered->redacted.end(), spans.begin(), spans.end());
        });
    if (!begun) co_return tl::unexpected(begun.error());
    auto transcript = std::move(*begun);

    const auto first = static_cast<std::uint64_t>(offset.count()) * audio::kSamplesPerMs;
    auto at = first;
    const auto next = [reader]() -> Result<Block> { return reader->read(kBlock); };
    while (!gathered->over() && !gathered->away()) {
        if (transcript->waiting() >= kMostWaiting) {
            co_await wait(gathered, milliseconds(20));
            continue;
        }
        auto reading = offload(transcribers->pool(), executor, next, asio::use_awaitable);
        auto block = co_await std::move(reading);
        if (!block) co_return tl::unexpected(block.error());
        if (block->empty()) break;
        give(*transcript, at, *block);
        at += block->front().size();
        if (progress)
            progress({milliseconds((at - first) / audio::kSamplesPerMs),
                      milliseconds(reader->samples() / audio::kSamplesPerMs)});
    }
    transcript.reset();
    while (!gathered->over() && !gathered->away()) co_await wait(gathered, milliseconds(1000));
    const auto& state = gathered->state;
    if (state.status != TranscriptionStatus::off) co_return fail(Errc::unreachable, state.reason);
    if (!state.reason.empty() && gathered->pieces.pieces().empty())
        co_return fail(Errc::unreachable,
                       gathered->trouble.empty() ? state.reason : gathered->trouble);
    FileTranscript made;
    auto& out = made.document;
    out.call = std::move(call);
    out.engine = state.engine;
    out.pieces = gathered->pieces.pieces();
    out.dropped = gathered->pieces.dropped();
    out.complete = out.dropped == 0 && state.reason.empty();
    made.redacted = std::move(gathered->redacted);
    co_return made;
}

}  // namespace bridge::transcribers
