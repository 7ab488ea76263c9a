#pragma once
// What an OpenAI Realtime agent may be told. The defaults suit a telephone call.

#include <chrono>
#include <string>

#include "base/result.hpp"
#include "base/secret.hpp"

namespace bridge::agents {

/// Who decides that the caller has finished speaking.
enum class TurnDetection {
    server_vad,    ///< the service, by silence
    semantic_vad,  ///< the service, by what was said
    none,          ///< nobody: the agent answers when a key is pressed
};

struct OpenAiOptions {
    Secret key;
    /// Without a `model=` or `deployment=` of its own the model is added to its query.
    std::string url = "wss://api.openai.com/v1/realtime";
    /// A header that carries the key as it is (Azure: "api-key"). Empty: Authorization: Bearer.
    std::string key_header;
    std::string ca_file;  ///< extra trust, PEM
    /// The older shape of the protocol (header OpenAI-Beta: realtime=v1), which some compatible
    /// services still speak.
    bool beta = false;

    std::string model = "gpt-realtime";
    std::string voice = "marin";
    double speed = 1.0;  ///< 0.25 to 1.5; not in the older shape
    std::string instructions;
    std::string greeting;  ///< said first, while the phone still rings; empty: the caller begins
    int max_output_tokens = 0;  ///< of one response, 1 to 4096; 0: no cap

    std::string transcription_model = "gpt-4o-mini-transcribe";  ///< empty: no caller's words
    std::string language;         ///< a hint for the transcription: "en", "de"
    std::string noise_reduction;  ///< "near_field", "far_field"; empty: none

    TurnDetection turns = TurnDetection::server_vad;
    double vad_threshold = 0.5;                  ///< server_vad: 0 to 1
    std::chrono::milliseconds vad_prefix{300};   ///< server_vad: kept from before the first sound
    std::chrono::milliseconds vad_silence{500};  ///< server_vad: this much ends a turn
    std::string eagerness = "auto";              ///< semantic_vad: low, medium, high, auto
    /// True: the service stops the agent itself as soon as its detector hears the caller. False:
    /// the call's detector decides, which can take a cough back.
    bool service_interrupts = false;

    /// A session is replaced by a fresh one in the first pause after this; the service ends it
    /// after 60 minutes.
    std::chrono::seconds session_limit{std::chrono::minutes(55)};
    std::chrono::seconds pause_patience{30};    ///< then without a pause
    std::chrono::seconds setup_timeout{10};     ///< from the first byte to `session.updated`
    std::chrono::seconds response_timeout{10};  ///< without a word about a response that is due
    /// Nothing at all from the service, pings unanswered as well.
    std::chrono::milliseconds idle_timeout{15000};
};

/// Errors: bad_config, one sentence that names every setting that is missing or out of range.
Result<> check_openai_options(const OpenAiOptions& options);

/// Where to connect: `url` with the model in its query.
std::string realtime_url(const OpenAiOptions& options);

}  // namespace bridge::agents
