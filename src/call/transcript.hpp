#pragma once
// What was said in a call, as a recognizer understood it, and the seam behind which recognizers
// live.
//
//   TrackTap ─▶ Transcription (one of each call) ─▶ TranscriptPiece ─▶ event::Transcribed
//                                                         └▶ history, page, terminal, exports

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "call/track_tap.hpp"

namespace bridge::call {

enum class LineEnd {
    far,   ///< the phone
    near,  ///< this side: a person here, an agent, what is played
};
/// "far", "near".
std::string_view to_string(LineEnd end);
std::optional<LineEnd> parse_line_end(std::string_view text);

/// Times are on the call's timeline (track_tap.hpp).
struct TranscriptWord {
    std::string text;
    std::chrono::milliseconds begin{0}, end{0};
    std::optional<float> confidence;  ///< 0 to 1; nothing: the engine does not say
    bool operator==(const TranscriptWord&) const = default;
};

/// One utterance of one side, or what is known of it so far.
struct TranscriptPiece {
    LineEnd speaker = LineEnd::far;
    std::uint64_t number = 0;  ///< of the utterance, counted for each side from 1; a later piece of
                               ///< the same number takes the place of an earlier one
    bool final = false;        ///< nothing of it changes any more
    std::chrono::milliseconds begin{0}, end{0};
    std::string text;
    std::optional<float> confidence;
    std::vector<TranscriptWord> words;  ///< empty: the engine tells no times of words
    bool operator==(const TranscriptPiece&) const = default;
};

enum class TranscriptionStatus {
    none,  ///< nobody takes down what is said
    connecting,
    running,
    lost,    ///< the engine's session broke, and is set up again soon
    off,     ///< it was ended
    failed,  ///< for good
};
/// "none", "connecting", "running", "lost", "off", "failed".
std::string_view to_string(TranscriptionStatus status);
std::optional<TranscriptionStatus> parse_transcription_status(std::string_view text);

struct TranscriptionState {
    std::string engine;  ///< "deepgram", "openai", "vosk", "whisper-server", "whisper"
    TranscriptionStatus status = TranscriptionStatus::none;
    std::string reason;  ///< why it is lost or failed
    bool operator==(const TranscriptionState&) const = default;
};

/// What a recognizer tells, on the executor it was begun with.
using TranscriptNews = std::variant<TranscriptPiece, TranscriptionState>;

/// Takes one call down; to let it go is to end it: what is then under way may still be told.
/// Thread: the call's io thread.
class Transcription : public TrackTap {};

/// Thread: any io thread, for every member.
class TranscriberShelf {
public:
    virtual ~TranscriberShelf() = default;
    /// `told` runs on `executor`, also after the transcription was let go, and not after it was
    /// told that the state is off or failed. Errors: bad_config, unavailable; a sentence.
    virtual Result<std::shared_ptr<Transcription>> begin(
        const CallId& call, boost::asio::any_io_executor executor,
        std::function<void(TranscriptNews)> told) = 0;
};

}  // namespace bridge::call
