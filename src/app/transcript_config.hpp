#pragma once
// The settings of transcripts: which engine takes calls down, and what must not be written down.
// docs/transcripts.md.

#include <string>
#include <vector>

#include "base/secret.hpp"

namespace bridge::app {

class SettingReader;

struct TranscriptConfig {
    std::string engine;       ///< as transcribers::engine_names(); empty: none
    bool every_call = false;  ///< from its first sound on
    std::string url, model, language;
    Secret key;  ///< of the engine that was chosen
    bool redact_cards = true;
    std::vector<std::string> redact_patterns;
};

/// Fills `out`; what is wrong is noted in `read`.
void check_transcripts(SettingReader& read, TranscriptConfig& out);

}  // namespace bridge::app
