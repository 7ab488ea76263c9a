#include "transcribers/transcribers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "audio/resample.hpp"
#include "transcribers/cut_side.hpp"

namespace bridge::transcribers {
namespace {

constexpr std::string_view kWhisperServer = "whisper-server";

/// To let it go is to end it; what is under way lives on in its coroutines.
class Tap final : public Transcript {
public:
    explicit Tap(std::shared_ptr<CallTranscript> transcript) : transcript_(std::move(transcript)) {}
    ~Tap() override { transcript_->finish(); }

    void far_end(std::uint64_t at, std::span<const std::int16_t> samples) override {
        transcript_->far_end(at, samples);
    }
    void near_end(std::uint64_t at, std::span<const std::int16_t> samples) override {
        transcript_->near_end(at, samples);
    }
    void near_known(std::uint64_t at) override { transcript_->near_known(at); }
    std::size_t waiting() const override { return transcript_->waiting(); }

private:
    const std::shared_ptr<CallTranscript> transcript_;
};

/// An utterance as a Whisper server takes it.
std::string wide_bytes(const std::vector<std::int16_t>& utterance) {
    std::string out;
    for (const auto sample : audio::resample(utterance, audio::kSampleRate, net::kWhisperRate)) {
        const auto bits = static_cast<std::uint16_t>(sample);
        out += static_cast<char>(bits & 0xFF);
        out += static_cast<char>(bits >> 8);
    }
    return out;
}

asio::awaitable<Result<net::WhisperAnswer>> ask_server(std::shared_ptr<net::HttpClient> http,
                                                       net::WhisperServer server, WorkerPool* pool,
                                                       asio::any_io_executor executor,
                                                       std::vector<std::int16_t> utterance) {
    const auto make = [utterance = std::move(utterance)]() -> Result<std::string> {
        return wide_bytes(utterance);
    };
    auto bytes = co_await offload(*pool, executor, make, asio::use_awaitable);
    if (!bytes) co_return tl::unexpected(bytes.error());
    auto call = net::whisper_call(server, *bytes, net::WhisperDetail::words);
    auto asking = http->request(std::move(call));
    auto outcome = co_await std::move(asking);
    co_return net::whisper_answer(server, outcome);
}

asio::awaitable<Result<net::WhisperAnswer>> ask_library(std::shared_ptr<WhisperLibrary> library,
                                                        WorkerPool* pool,
                                                        asio::any_io_executor executor,
                                                        std::vector<std::int16_t> utterance) {
    const auto make = [library, utterance = std::move(utterance)] {
        return library->understand(utterance);
    };
    co_return co_await offload(*pool, executor, make, asio::use_awaitable);
}

WorkerPoolOptions pool_options(const TranscriberOptions& options) {
    WorkerPoolOptions out;
    out.name = "transcript";
    out.threads = 1;
    out.metrics = options.metrics;
    return out;
}

Result<> check(const TranscriberOptions& options) {
    const auto& engine = options.engine;
    const auto& names = engine_names();
    if (std::find(names.begin(), names.end(), engine) == names.end())
        return fail(Errc::bad_config, std::string(how_to_get_an_engine()));
    if (engine == "deepgram" && options.service.key.empty())
        return fail(Errc::bad_config,
                    "DEEPGRAM_API_KEY is not set; make a key at console.deepgram.com");
    if (engine == "openai" && options.service.key.empty())
        return fail(Errc::bad_config,
                    "OPENAI_API_KEY is not set; make a key at platform.openai.com");
    if (engine == "whisper" && options.service.model.empty())
        return fail(Errc::bad_config,
                    "AGENTBRIDGE_TRANSCRIBER_MODEL is not set; name a ggml-….bin file of "
                    "whisper.cpp");
    return {};
}

}  // namespace

const std::vector<std::string>& engine_names() {
    static const std::vector<std::string> names{"deepgram", "openai", "vosk",
                                                std::string(kWhisperServer), "whisper"};
    return names;
}

std::string_view how_to_get_an_engine() {
    return "no transcriber is set up; set AGENTBRIDGE_TRANSCRIBER to vosk or whisper-server (run "
           "the server on this machine), or to deepgram or openai (with a key); see "
           "docs/transcripts.md";
}

Transcribers::Transcribers(TranscriberOptions options)
    : options_(std::move(options)), pool_(pool_options(options_)) {}

Result<std::shared_ptr<Transcribers>> Transcribers::open(TranscriberOptions options) {
    if (auto good = check(options); !good) return tl::unexpected(good.error());
    auto rules = RedactionRules::make(options.redact_cards, options.redact_patterns);
    if (!rules) return tl::unexpected(rules.error());
    if (!options.metrics) options.metrics = std::make_shared<metrics::Registry>();
    std::shared_ptr<Transcribers> out(new Transcribers(std::move(options)));
    const auto& made = out->options_;
    out->rules_ = std::make_shared<const RedactionRules>(std::move(*rules));
    out->figures_ = std::make_shared<TranscriptFigures>(made.metrics, made.engine);
    if (made.engine == "deepgram") {
        out->service_ = std::make_shared<const Service>(deepgram_service(made.service));
    } else if (made.engine == "openai") {
        out->service_ = std::make_shared<const Service>(openai_service(made.service));
    } else if (made.engine == "vosk") {
        out->service_ = std::make_shared<const Service>(vosk_service(made.service));
    } else if (made.engine == "whisper") {
        auto library = WhisperLibrary::open(made.service.model, made.service.language);
        if (!library) return tl::unexpected(library.error());
        out->library_ = std::move(*library);
    }
    return out;
}

Result<std::shared_ptr<call::Transcription>> Transcribers::begin(
    const CallId& call, boost::asio::any_io_executor executor,
    std::function<void(call::TranscriptNews)> told) {
    RedactionTeller redacted;
    if (options_.redacted && rules_->any()) redacted = options_.redacted(call);
    return open_transcript(call, std::move(executor), std::move(told), std::move(redacted));
}

Result<std::shared_ptr<Transcript>> Transcribers::open_transcript(
    const CallId& call, boost::asio::any_io_executor executor,
    std::function<void(call::TranscriptNews)> told, RedactionTeller redacted) {
    auto transcript = std::make_shared<CallTranscript>(CallTranscript::Parts{
        call, options_.engine, executor, std::move(told), rules_, figures_, std::move(redacted)});
    std::shared_ptr<net::HttpClient> http;
    if (options_.engine == kWhisperServer) {
        net::HttpClientOptions client;
        client.ca_file = options_.service.ca_file;
        client.user_agent = options_.user_agent;
        http = net::HttpClient::make(executor, std::move(client));
    }
    transcript->start(side(executor, call::LineEnd::far, transcript, http),
                      side(executor, call::LineEnd::near, transcript, http));
    return std::make_shared<Tap>(std::move(transcript));
}

std::shared_ptr<Side> Transcribers::side(const boost::asio::any_io_executor& executor,
                                         call::LineEnd end,
                                         const std::shared_ptr<CallTranscript>& of,
                                         const std::shared_ptr<net::HttpClient>& http) {
    if (service_) return std::make_shared<StreamSide>(executor, end, service_, of, options_.times);
    if (library_) {
        return std::make_shared<CutSide>(
            executor, end,
            [library = library_, pool = &pool_, executor](std::vector<std::int16_t> utterance) {
                return ask_library(library, pool, executor, std::move(utterance));
            },
            of);
    }
    net::WhisperServer server;
    server.url =
        options_.service.url.empty() ? "http://127.0.0.1:8081/inference" : options_.service.url;
    if (!options_.service.model.empty()) server.model = options_.service.model;
    server.key = options_.service.key;
    server.language = options_.service.language;
    server.url_setting = "AGENTBRIDGE_TRANSCRIBER_URL";
    server.key_setting = "AGENTBRIDGE_TRANSCRIBER_KEY";
    return std::make_shared<CutSide>(
        executor, end,
        [http, server, pool = &pool_, executor](std::vector<std::int16_t> utterance) {
            return ask_server(http, server, pool, executor, std::move(utterance));
        },
        of);
}

}  // namespace bridge::transcribers
