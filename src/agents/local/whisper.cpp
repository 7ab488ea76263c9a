// Whisper behind HTTP: an utterance goes there as a WAV file in a form, its text comes back as
// JSON. whisper.cpp's server and OpenAI's /v1/audio/transcriptions take the same form but for the
// model's name.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <chrono>
#include <cmath>
#include <string_view>
#include <utility>
#include <vector>

#include "agents/local/speech_to_text.hpp"
#include "audio/frame.hpp"
#include "audio/resample.hpp"
#include "base/spawn.hpp"
#include "net/awaiting.hpp"
#include "net/http_client.hpp"

namespace bridge::agents::local {
namespace {

using asio::experimental::awaitable_operators::operator||;
using std::chrono::milliseconds;
using Outcome = tl::expected<net::HttpResponse, net::HttpFailure>;

constexpr int kRate = 16000;  // whisper.cpp takes no other unless it was started with --convert
constexpr std::size_t kLongest = 30UL * kRate * 2;  // bytes
constexpr std::string_view kBoundary = "----agentbridge-7d1e0c5b2f934a86";

void put(std::string& out, std::uint32_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) out += static_cast<char>((value >> (8 * i)) & 0xFF);
}

/// `data`: samples of 16 bits, the lower byte first.
std::string wav_of(const std::string& data) {
    const auto size = static_cast<std::uint32_t>(data.size());
    std::string out = "RIFF";
    put(out, 36 + size, 4);
    out += "WAVEfmt ";
    put(out, 16, 4);
    put(out, 1, 2);  // linear PCM
    put(out, 1, 2);  // one channel
    put(out, kRate, 4);
    put(out, kRate * 2, 4);
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

/// What Whisper writes where it hears no words: "[BLANK_AUDIO]", "(coughs)", "[ Silence ]".
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

Result<std::string> text_of(const Outcome& outcome, const std::string& url) {
    if (!outcome) {
        return fail(outcome.error().error.code, "The speech-to-text server cannot be used (" +
                                                    outcome.error().error.message +
                                                    "); check AGENTBRIDGE_WHISPER_URL");
    }
    const auto where = "The speech-to-text server " + url.substr(0, url.find('?'));
    if (outcome->status == 401 || outcome->status == 403)
        return fail(Errc::unauthorized, where + " refuses the key; check AGENTBRIDGE_WHISPER_KEY");
    if (outcome->status != 200)
        return fail(Errc::refused, fmt::format("{} answers with status {}; check "
                                               "AGENTBRIDGE_WHISPER_URL",
                                               where, outcome->status));
    boost::system::error_code error;
    const auto json = boost::json::parse(outcome->body, error);
    const auto* object = error ? nullptr : json.if_object();
    const auto* text = object == nullptr ? nullptr : object->if_contains("text");
    if (text == nullptr || !text->is_string())
        return fail(Errc::protocol, where + " answers without a \"text\"");
    return without_asides(std::string_view(text->get_string()));
}

struct Question {
    explicit Question(asio::any_io_executor executor)
        : stop(std::move(executor), asio::steady_timer::time_point::max()) {}
    SpeechToText::Done done;
    bool dropped = false;
    asio::steady_timer stop;  ///< rung to end the request
};

asio::awaitable<void> ask(std::shared_ptr<Question> question, std::string url,
                          asio::awaitable<Outcome> answer) {
    auto ended = co_await (std::move(answer) || question->stop.async_wait(net::kTuple));
    if (question->dropped || ended.index() != 0) co_return;
    std::exchange(question->done, {})(text_of(std::get<0>(ended), url));
}

class Whisper final : public SpeechToText {
public:
    Whisper(asio::any_io_executor executor, std::shared_ptr<net::HttpClient> http,
            WhisperOptions options)
        : executor_(std::move(executor)), options_(std::move(options)), http_(std::move(http)) {
        resampler_.prepare(audio::kSampleRate, kRate);
    }
    ~Whisper() override { cancel(); }

    void begin() override { cancel(); }

    /// At the other rate at once, while there is time: the whole would take the io thread too long.
    void hear(std::span<const std::int16_t> samples) override {
        while (!samples.empty() && data_.size() < kLongest) {
            std::array<float, audio::kFrameSamples> in;
            std::array<float, 2 * audio::kFrameSamples> out;
            const auto part = std::min(in.size(), samples.size());
            std::copy_n(samples.begin(), part, in.begin());
            samples = samples.subspan(part);
            resampler_.push(std::span(in).first(part));
            const auto got = resampler_.pull(out);
            for (const float value : std::span(out).first(got)) {
                const auto sample = std::lrint(std::clamp(value, -32768.0F, 32767.0F));
                put(data_, static_cast<std::uint16_t>(sample), 2);
            }
        }
    }

    void end(Done done) override {
        std::vector<std::pair<std::string, std::string>> fields{{"response_format", "json"},
                                                                {"temperature", "0"}};
        if (!options_.url.ends_with("/inference")) fields.emplace_back("model", options_.model);
        net::HttpCall call;
        call.method = "POST";
        call.url = options_.url;
        call.headers.add("Content-Type",
                         fmt::format("multipart/form-data; boundary={}", kBoundary));
        if (!options_.key.empty())
            call.headers.add("Authorization", "Bearer " + options_.key.reveal());
        call.body = form_of(fields, wav_of(data_));
        call.total_timeout = milliseconds(15000);
        call.response_bytes = 256 * 1024;
        forget();

        question_ = std::make_shared<Question>(executor_);
        question_->done = std::move(done);
        spawn(executor_, "speech to text",
              ask(question_, options_.url, http_->request(std::move(call))));
    }

    void cancel() override {
        forget();
        const auto question = std::exchange(question_, nullptr);
        if (!question) return;
        question->dropped = true;
        question->stop.cancel();
    }

private:
    void forget() {
        data_.clear();
        resampler_.reset();
    }

    const asio::any_io_executor executor_;
    const WhisperOptions options_;
    const std::shared_ptr<net::HttpClient> http_;
    audio::Resampler resampler_;
    std::string data_;  ///< the utterance so far, as it is sent
    std::shared_ptr<Question> question_;
};

}  // namespace

std::unique_ptr<SpeechToText> make_whisper(asio::any_io_executor executor,
                                           std::shared_ptr<net::HttpClient> http,
                                           WhisperOptions options) {
    return std::make_unique<Whisper>(std::move(executor), std::move(http), std::move(options));
}

}  // namespace bridge::agents::local
