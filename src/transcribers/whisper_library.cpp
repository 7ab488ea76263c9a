#include "transcribers/whisper_library.hpp"

#include <fmt/format.h>
#include <whisper.h>
#ifdef AGENTBRIDGE_GGML_PLUGINS
#include <ggml-backend.h>
#endif

#include <algorithm>
#include <exception>
#include <filesystem>
#include <mutex>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#include "audio/frame.hpp"
#include "audio/resample.hpp"
#include "net/wire_text.hpp"

namespace bridge::transcribers {
namespace {

using std::chrono::milliseconds;

/// It refuses what is shorter than a second (whisper.cpp: "input is too short").
constexpr std::size_t kLeastSamples = 17000;

/// Bytes: the filters stand before words and weights, and are as long as that.
constexpr std::uintmax_t kLeastModel = 64'000;

struct Freed {
    void operator()(whisper_context* context) const { whisper_free(context); }
};
using Context = std::unique_ptr<whisper_context, Freed>;

/// Before the first model: it writes its own log to stderr, which is not ours to fill, and where
/// its processors are plug-ins (Debian) it has none until they are loaded, and aborts without. Not
/// told their folder, it would also load what lies in the current one.
void prepare() {
    static std::once_flag once;
    std::call_once(once, [] {
        const auto nowhere = [](ggml_log_level, const char*, void*) {};
        whisper_log_set(nowhere, nullptr);
#ifdef AGENTBRIDGE_GGML_PLUGINS
        ggml_log_set(nowhere, nullptr);
        ggml_backend_load_all_from_path(AGENTBRIDGE_GGML_PLUGINS);
#endif
    });
}

/// Null: it cannot read the file. Of what is damaged it throws at some, and believes a header
/// that is cut.
Context read(const std::string& model) {
    std::error_code none;
    const auto size = std::filesystem::file_size(model, none);
    if (none || size < kLeastModel) return nullptr;
    try {
        return Context(
            whisper_init_from_file_with_params(model.c_str(), whisper_context_default_params()));
    } catch (const std::exception&) {
        return nullptr;
    }
}

class Library final : public WhisperLibrary {
public:
    Library(Context context, std::string language)
        : context_(std::move(context)), language_(std::move(language)) {}

    Result<net::WhisperAnswer> understand(const std::vector<std::int16_t>& utterance) override {
        const auto wide = audio::resample(utterance, audio::kSampleRate, net::kWhisperRate);
        std::vector<float> samples(std::max(wide.size(), kLeastSamples));
        std::transform(wide.begin(), wide.end(), samples.begin(),
                       [](std::int16_t sample) { return static_cast<float>(sample) / 32768.0F; });
        // A context has one state: its words are of the utterance that was understood last.
        const std::scoped_lock lock(mutex_);
        if (!worked(samples))
            return fail(Errc::internal, "libwhisper could not work on an utterance");
        net::WhisperAnswer out;
        std::string text;
        const int segments = whisper_full_n_segments(context_.get());
        for (int segment = 0; segment < segments; ++segment) {
            text += whisper_full_get_segment_text(context_.get(), segment);
            add_words(segment, out.words);
        }
        out.text = net::without_asides(net::valid_text(text, 64 * 1024));
        if (out.text.empty()) out.words.clear();
        return out;
    }

private:
    bool worked(const std::vector<float>& samples) const {
        try {
            return whisper_full(context_.get(), parameters(), samples.data(),
                                static_cast<int>(samples.size())) == 0;
        } catch (const std::exception&) {
            return false;  // the model lacks what it looks for
        }
    }

    whisper_full_params parameters() const {
        auto how = whisper_full_default_params(WHISPER_SAMPLING_GREEDY);
        how.n_threads = static_cast<int>(std::max(2U, std::thread::hardware_concurrency()) - 1);
        how.language = language_.c_str();
        how.no_context = true;
        how.token_timestamps = true;
        how.print_progress = false;
        how.print_realtime = false;
        how.print_timestamps = false;
        how.print_special = false;
        return how;
    }

    /// Its tokens are pieces of words; a word begins with a space.
    void add_words(int segment, std::vector<net::WhisperWord>& out) const {
        const int tokens = whisper_full_n_tokens(context_.get(), segment);
        for (int token = 0; token < tokens; ++token) {
            const auto seen = whisper_full_get_token_data(context_.get(), segment, token);
            if (seen.id >= whisper_token_eot(context_.get())) continue;  // a mark of its own
            const std::string_view piece(
                whisper_full_get_token_text(context_.get(), segment, token));
            const auto begin = milliseconds(seen.t0 * 10), end = milliseconds(seen.t1 * 10);
            if (!out.empty() && !piece.starts_with(' ')) {
                out.back().text += piece;
                out.back().end = std::max(out.back().end, end);
                out.back().confidence = std::min(out.back().confidence.value_or(1), seen.p);
            } else if (const auto first = piece.find_first_not_of(' ');
                       first != std::string_view::npos) {
                out.push_back({std::string(piece.substr(first)), begin, end, seen.p});
            }
        }
        for (auto& word : out) word.text = net::valid_text(word.text, 200);
    }

    const Context context_;
    const std::string language_;
    std::mutex mutex_;
};

}  // namespace

bool WhisperLibrary::available() {
    return true;
}

Result<std::shared_ptr<WhisperLibrary>> WhisperLibrary::open(const std::string& model,
                                                             const std::string& language) {
    prepare();
    const bool guessed = language.empty() || language == "auto";
    if (!guessed && whisper_lang_id(language.c_str()) < 0)
        return fail(Errc::bad_config,
                    fmt::format("AGENTBRIDGE_TRANSCRIBER_LANGUAGE: Whisper knows no language '{}'; "
                                "name one such as en or de, or none",
                                language));
    auto context = read(model);
    if (!context)
        return fail(Errc::bad_config,
                    fmt::format("AGENTBRIDGE_TRANSCRIBER_MODEL: '{}' is no model that libwhisper "
                                "reads; name a ggml-….bin file of whisper.cpp",
                                model));
    // Guessing works on the sound once more: not where there is nothing to guess.
    const bool english = whisper_is_multilingual(context.get()) == 0;
    if (english && !guessed && whisper_lang_id(language.c_str()) != whisper_lang_id("en"))
        return fail(Errc::bad_config,
                    fmt::format("AGENTBRIDGE_TRANSCRIBER_LANGUAGE is {}, and the model '{}' "
                                "understands English only; name one without .en",
                                language, model));
    const std::string spoken = english ? "en" : guessed ? "auto" : language;
    return std::make_shared<Library>(std::move(context), spoken);
}

}  // namespace bridge::transcribers
