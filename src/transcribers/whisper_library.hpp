#pragma once
// libwhisper in this process (Homebrew whisper-cpp, Debian testing libwhisper-dev), where the
// program was built with it: utterances are understood here, with a model from a file.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "net/whisper_request.hpp"

namespace bridge::transcribers {

/// Thread: any; one utterance at a time, the others wait.
class WhisperLibrary {
public:
    static bool available();
    /// Reads the model, which takes seconds. Errors: bad_config (built without it, the file is
    /// none, or it does not understand the language). No language: it is guessed.
    static Result<std::shared_ptr<WhisperLibrary>> open(const std::string& model,
                                                        const std::string& language);
    virtual ~WhisperLibrary() = default;
    /// 8 kHz. Takes seconds of all cores but one.
    virtual Result<net::WhisperAnswer> understand(const std::vector<std::int16_t>& utterance) = 0;
};

}  // namespace bridge::transcribers
