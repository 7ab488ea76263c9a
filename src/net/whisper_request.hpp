#pragma once
// Whisper behind HTTP: an utterance goes there as a WAV file in a form, its text comes back as
// JSON. whisper.cpp's server (…/inference) and OpenAI's /v1/audio/transcriptions take the same form
// but for the model's name.

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "base/result.hpp"
#include "base/secret.hpp"
#include "net/http_client.hpp"

namespace bridge::net {

/// Hz; whisper.cpp takes no other unless it was started with --convert.
inline constexpr int kWhisperRate = 16000;

struct WhisperServer {
    std::string url;
    std::string model = "whisper-1";  ///< of OpenAI's form
    Secret key{};                     ///< sent as a bearer token, if there is one
    std::string language{};           ///< "en"; empty: the server finds out
    /// What an error message says to check; of static storage.
    std::string_view url_setting = "AGENTBRIDGE_WHISPER_URL";
    std::string_view key_setting = "AGENTBRIDGE_WHISPER_KEY";
};

/// The text alone, or with the times of its words where the server tells them.
enum class WhisperDetail { text, words };

struct WhisperWord {
    std::string text;
    std::chrono::milliseconds begin{0}, end{0};  ///< since the utterance began
    std::optional<float> confidence;
};
struct WhisperAnswer {
    std::string text;                ///< empty: no words were spoken
    std::vector<WhisperWord> words;  ///< empty: no times
};

/// `data`: 16-bit samples at kWhisperRate, the lower byte first.
HttpCall whisper_call(const WhisperServer& server, const std::string& data, WhisperDetail detail);

/// Errors: for people; they say what to check.
Result<WhisperAnswer> whisper_answer(const WhisperServer& server,
                                     const tl::expected<HttpResponse, HttpFailure>& outcome);

/// What Whisper writes where it hears no words is taken out: "[BLANK_AUDIO]", "(coughs)".
std::string without_asides(std::string_view text);

}  // namespace bridge::net
