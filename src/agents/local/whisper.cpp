// The ear that asks Whisper behind HTTP: an utterance goes there when it is over.

#include <algorithm>
#include <array>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cmath>
#include <utility>
#include <vector>

#include "agents/local/speech_to_text.hpp"
#include "audio/frame.hpp"
#include "audio/resample.hpp"
#include "base/spawn.hpp"
#include "net/awaiting.hpp"
#include "net/http_client.hpp"
#include "net/whisper_request.hpp"

namespace bridge::agents::local {
namespace {

using asio::experimental::awaitable_operators::operator||;
using Outcome = tl::expected<net::HttpResponse, net::HttpFailure>;

constexpr std::size_t kLongest = 30UL * net::kWhisperRate * 2;  // bytes

struct Question {
    explicit Question(asio::any_io_executor executor)
        : stop(std::move(executor), asio::steady_timer::time_point::max()) {}
    SpeechToText::Done done;
    bool dropped = false;
    asio::steady_timer stop;  ///< rung to end the request
};

asio::awaitable<void> ask(std::shared_ptr<Question> question, WhisperOptions server,
                          asio::awaitable<Outcome> answer) {
    auto ended = co_await (std::move(answer) || question->stop.async_wait(net::kTuple));
    if (question->dropped || ended.index() != 0) co_return;
    auto heard = net::whisper_answer(server, std::get<0>(ended));
    std::exchange(question->done, {})(heard ? Result<std::string>(std::move(heard->text))
                                            : tl::unexpected(heard.error()));
}

class Whisper final : public SpeechToText {
public:
    Whisper(asio::any_io_executor executor, std::shared_ptr<net::HttpClient> http,
            WhisperOptions options)
        : executor_(std::move(executor)), options_(std::move(options)), http_(std::move(http)) {
        resampler_.prepare(audio::kSampleRate, net::kWhisperRate);
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
                const auto bits = static_cast<std::uint16_t>(sample);
                data_ += static_cast<char>(bits & 0xFF);
                data_ += static_cast<char>(bits >> 8);
            }
        }
    }

    void end(Done done) override {
        auto call = net::whisper_call(options_, data_, net::WhisperDetail::text);
        forget();

        question_ = std::make_shared<Question>(executor_);
        question_->done = std::move(done);
        spawn(executor_, "speech to text",
              ask(question_, options_, http_->request(std::move(call))));
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
