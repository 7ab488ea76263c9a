#pragma once
// What the stand-in for libwhisper answers, and what it was asked.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace bridge::testing {

inline constexpr int kEndOfText = 50256;  ///< marks have this number or a higher one

struct ScriptToken {
    std::string text;
    std::int64_t begin = 0, end = 0;  ///< hundredths of a second
    float sure = 1;
    int id = 1;
};

struct ScriptSegment {
    std::string text;
    std::vector<ScriptToken> tokens;
};
/// Its text is that of its tokens, marks left out.
ScriptSegment segment_of(std::vector<ScriptToken> tokens);

struct WhisperScript {
    enum class Opening { works, fails, throws };
    Opening opening = Opening::works;
    bool multilingual = true;
    std::vector<ScriptSegment> segments;
    /// Instead of `segments`: what is understood in these samples.
    std::function<std::vector<ScriptSegment>(const std::vector<float>&)> understands;
    int failure = 0;  ///< what whisper_full returns
    bool throws = false;

    // What it was asked.
    std::string path;
    std::string language;
    std::vector<float> samples;
    int threads = 0;
    bool times = false, context = true, prints = true;
    int open_contexts = 0;
};
/// The one of this process. Opened libraries are gone before it is made anew.
WhisperScript& whisper_script();

/// The folder whose plug-ins were loaded, and how often in this process.
const std::string& loaded_plugins();
int plugin_loads();

}  // namespace bridge::testing
