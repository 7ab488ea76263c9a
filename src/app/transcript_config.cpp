#include "app/transcript_config.hpp"

#include <fmt/format.h>

#include <fstream>
#include <iterator>
#include <sstream>

#include "app/setting_reader.hpp"
#include "app/settings.hpp"
#include "transcribers/redaction.hpp"

namespace bridge::app {
namespace {

constexpr std::size_t kMostBytes = 100'000;

/// One pattern, or, after an @, a file with one on each line.
std::vector<std::string> read_patterns(SettingReader& read, std::string_view name) {
    const auto& written = read.text(name);
    std::vector<std::string> out;
    if (written.empty()) return out;
    if (!written.starts_with('@')) return {written};
    std::ifstream in(written.substr(1), std::ios::binary);
    std::string text(std::istreambuf_iterator<char>(in), {});
    if (!in.is_open() || in.bad()) {
        read.wrong(name, "names a file that cannot be read", "write @ and the path of a text file");
    } else if (text.size() > kMostBytes) {
        read.wrong(name, fmt::format("names a file of over {} bytes", kMostBytes),
                   "make it shorter");
    } else {
        std::istringstream lines(text);
        for (std::string line; std::getline(lines, line);) {
            const auto pattern = trimmed(line);
            if (!pattern.empty() && !pattern.starts_with('#')) out.push_back(pattern);
        }
    }
    return out;
}

}  // namespace

void check_transcripts(SettingReader& read, TranscriptConfig& out) {
    constexpr std::string_view kUrl = "AGENTBRIDGE_TRANSCRIBER_URL";
    if (const auto engine = read.choice("AGENTBRIDGE_TRANSCRIBER"))
        out.engine = *engine == "off" ? std::string() : *engine;
    if (const auto word = read.choice("AGENTBRIDGE_TRANSCRIBE")) out.every_call = *word == "on";
    if (!read.text(kUrl).empty()) {
        const bool http = out.engine == "whisper-server";
        // Servers of one's own machine or network mostly speak without TLS; keys never go that way.
        const bool own = http || out.engine == "vosk";
        const auto url =
            own ? read.url(kUrl, {http ? "https" : "wss", http ? "http" : "ws"}, {},
                           http ? "http://127.0.0.1:8081/inference" : "ws://127.0.0.1:2700")
                : read.url(kUrl, {"wss"}, {"ws"}, "wss://api.deepgram.com/v1/listen",
                           SettingReader::Query::allowed);
        out.url = url.value_or("");
    }
    out.model = read.text("AGENTBRIDGE_TRANSCRIBER_MODEL");
    out.language = read.text("AGENTBRIDGE_TRANSCRIBER_LANGUAGE");
    const auto key_of = out.engine == "deepgram" ? "DEEPGRAM_API_KEY"
                        : out.engine == "openai" ? "OPENAI_API_KEY"
                                                 : "AGENTBRIDGE_TRANSCRIBER_KEY";
    out.key = Secret(read.text(key_of));
    if (out.every_call && out.engine.empty() && !read.problem_about("AGENTBRIDGE_TRANSCRIBER"))
        read.wrong("AGENTBRIDGE_TRANSCRIBE", "needs a transcriber",
                   "set AGENTBRIDGE_TRANSCRIBER to vosk or whisper-server (run the server on this "
                   "machine), or to deepgram or openai (with a key)");
    if (const auto word = read.choice("AGENTBRIDGE_REDACT")) out.redact_cards = *word == "cards";
    constexpr std::string_view kPatterns = "AGENTBRIDGE_REDACT_PATTERNS";
    out.redact_patterns = read_patterns(read, kPatterns);
    if (const auto rules =
            transcribers::RedactionRules::make(out.redact_cards, out.redact_patterns);
        !rules)
        read.wrong(kPatterns, "cannot be used: " + rules.error().message,
                   "write Perl's regular expressions, such as \\b\\d{3}-\\d{2}-\\d{4}\\b");
}

}  // namespace bridge::app
