#include "net/whisper_request.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <cstdint>
#include <utility>

#include "net/wire_text.hpp"

namespace bridge::net {
namespace {

using std::chrono::milliseconds;

constexpr std::string_view kBoundary = "----agentbridge-7d1e0c5b2f934a86";
constexpr std::size_t kMostWords = 1000;

void put(std::string& out, std::uint32_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) out += static_cast<char>((value >> (8 * i)) & 0xFF);
}

std::string wav_of(const std::string& data) {
    const auto size = static_cast<std::uint32_t>(data.size());
    std::string out = "RIFF";
    put(out, 36 + size, 4);
    out += "WAVEfmt ";
    put(out, 16, 4);
    put(out, 1, 2);  // linear PCM
    put(out, 1, 2);  // one channel
    put(out, kWhisperRate, 4);
    put(out, kWhisperRate * 2, 4);
    put(out, 2, 2);
    put(out, 16, 2);
    out += "data";
    put(out, size, 4);
    return out + data;
}

std::string form_of(const std::vector<std::pair<std::string, std::string>>& fields,
                    const std::string& wav) {
    std::string out;
    for (const auto& [name, value] : fields)
        out += fmt::format("--{}\r\nContent-Disposition: form-data; name=\"{}\"\r\n\r\n{}\r\n",
                           kBoundary, name, value);
    out += fmt::format(
        "--{}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"utterance.wav\"\r\n"
        "Content-Type: audio/wav\r\n\r\n",
        kBoundary);
    out += wav;
    out += fmt::format("\r\n--{}--\r\n", kBoundary);
    return out;
}

milliseconds time_of(const boost::json::object& word, std::string_view name) {
    const auto seconds = std::clamp(number_field(word, name).value_or(0), 0.0, 3600.0);
    return milliseconds(static_cast<std::int64_t>(seconds * 1000 + 0.5));
}

/// whisper.cpp tells pieces of words, those that begin one with a space before them; OpenAI's form
/// tells whole words.
void add_words(const boost::json::array& list, bool pieces, std::vector<WhisperWord>& out) {
    for (const auto& entry : list) {
        const auto* word = entry.if_object();
        if (word == nullptr || out.size() == kMostWords) return;
        const auto written = valid_text(text_field(*word, "word"), 200);
        if (written.empty() || written.starts_with("[_")) continue;  // a mark of its own
        const auto end = time_of(*word, "end");
        const auto sure = number_field(*word, "probability");
        if (pieces && !out.empty() && written.front() != ' ') {
            out.back().text += written;
            out.back().end = std::max(out.back().end, end);
            if (sure && out.back().confidence)
                out.back().confidence = std::min(*out.back().confidence, static_cast<float>(*sure));
            continue;
        }
        const auto first = written.find_first_not_of(' ');
        if (first == std::string::npos) continue;
        WhisperWord made{written.substr(first), time_of(*word, "start"), end, std::nullopt};
        if (sure) made.confidence = static_cast<float>(std::clamp(*sure, 0.0, 1.0));
        out.push_back(std::move(made));
    }
}

}  // namespace

std::string without_asides(std::string_view text) {
    std::string out;
    char closes = 0;
    for (const char c : text) {
        if (closes != 0) {
            if (c == closes) closes = 0;
        } else if (c == '[' || c == '(') {
            closes = c == '[' ? ']' : ')';
        } else {
            const bool space = static_cast<unsigned char>(c) <= ' ';
            if (space && (out.empty() || out.back() == ' ')) continue;
            out += space ? ' ' : c;
        }
    }
    while (!out.empty() && out.back() == ' ') out.pop_back();
    return out;
}

HttpCall whisper_call(const WhisperServer& server, const std::string& data, WhisperDetail detail) {
    const bool own = server.url.ends_with("/inference");
    // OpenAI's newer models tell no times.
    const bool words =
        detail == WhisperDetail::words && (own || server.model.starts_with("whisper"));
    std::vector<std::pair<std::string, std::string>> fields{
        {"response_format", words ? "verbose_json" : "json"}, {"temperature", "0"}};
    if (!own) fields.emplace_back("model", server.model);
    if (words && !own) fields.emplace_back("timestamp_granularities[]", "word");
    if (!server.language.empty()) fields.emplace_back("language", server.language);
    HttpCall call;
    call.method = "POST";
    call.url = server.url;
    call.headers.add("Content-Type", fmt::format("multipart/form-data; boundary={}", kBoundary));
    if (!server.key.empty()) call.headers.add("Authorization", "Bearer " + server.key.reveal());
    call.body = form_of(fields, wav_of(data));
    call.total_timeout = milliseconds(15000);
    call.response_bytes = 256 * 1024;
    return call;
}

Result<WhisperAnswer> whisper_answer(const WhisperServer& server,
                                     const tl::expected<HttpResponse, HttpFailure>& outcome) {
    if (!outcome) {
        return fail(outcome.error().error.code,
                    fmt::format("The speech-to-text server cannot be used ({}); check {}",
                                outcome.error().error.message, server.url_setting));
    }
    const auto where = "The speech-to-text server " + server.url.substr(0, server.url.find('?'));
    if (outcome->status == 401 || outcome->status == 403)
        return fail(Errc::unauthorized,
                    fmt::format("{} refuses the key; check {}", where, server.key_setting));
    if (outcome->status != 200)
        return fail(Errc::refused, fmt::format("{} answers with status {}; check {}", where,
                                               outcome->status, server.url_setting));
    const auto json = parse_object(outcome->body);
    const auto* text = json ? json->if_contains("text") : nullptr;
    if (text == nullptr || !text->is_string())
        return fail(Errc::protocol, where + " answers without a \"text\"");
    WhisperAnswer out;
    out.text = without_asides(valid_text(text_field(*json, "text"), 64 * 1024));
    if (const auto* whole = array_field(*json, "words")) {
        add_words(*whole, false, out.words);
    } else if (const auto* segments = array_field(*json, "segments")) {
        for (const auto& segment : *segments) {
            const auto* object = segment.if_object();
            const auto* words = object == nullptr ? nullptr : array_field(*object, "words");
            if (words != nullptr) add_words(*words, true, out.words);
        }
    }
    if (out.text.empty()) out.words.clear();
    return out;
}

}  // namespace bridge::net
