// A Vosk server: one connection for each utterance, opened when it begins. Its protocol is in
// alphacep/vosk-server (websocket/asr_server.py, websocket-cpp/asr_server.cpp): binary frames of
// 16-bit samples, each answered by exactly one text; the end is a text that must be {"eof" : 1} to
// the byte, answered by the last result, and the server closes.

#include <algorithm>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "agents/local/speech_to_text.hpp"
#include "audio/frame.hpp"
#include "base/spawn.hpp"
#include "net/awaiting.hpp"
#include "net/websocket_client.hpp"

namespace bridge::agents::local {
namespace {

using asio::experimental::awaitable_operators::operator||;
using std::chrono::milliseconds;

constexpr std::size_t kChunk = 8 * 200 * 2;                         // bytes: 200 ms a frame
constexpr std::size_t kMostUnsent = 30UL * audio::kSampleRate * 2;  // bytes not sent yet
constexpr milliseconds kAnswer{8000};  // from the end of the utterance to its text
constexpr std::string_view kConfig = R"({"config":{"sample_rate":8000}})";
constexpr std::string_view kEnd = R"({"eof" : 1})";

/// One utterance and its connection; goes with its last coroutine.
struct Utterance {
    explicit Utterance(asio::any_io_executor executor)
        : more(executor, asio::steady_timer::time_point::max()),
          limit(executor, asio::steady_timer::time_point::max()) {}

    std::string waiting;                ///< bytes not sent yet
    std::size_t sent = 0, replies = 0;  ///< binary frames, and answers of every kind
    bool said_end = false;
    bool ended = false;
    bool dropped = false;     ///< nobody wants it any more
    asio::steady_timer more;  ///< rung when there is something to do
    asio::steady_timer limit;
    SpeechToText::Done done;
    std::optional<Result<std::string>> outcome;

    void ring() { more.cancel(); }
    void settle(Result<std::string> result) {
        if (!outcome) outcome = std::move(result);
        tell();
    }
    void tell() {
        if (!done || !outcome || dropped) return;
        std::exchange(done, {})(std::move(*outcome));
    }
};
using UtterancePtr = std::shared_ptr<Utterance>;
using SocketPtr = std::shared_ptr<net::WebSocketClient>;

/// The text of {"text": "…"}; of {"alternatives": [{"text": "…"}]} the first.
std::string text_in(std::string_view reply) {
    boost::system::error_code error;
    const auto json = boost::json::parse(reply, error);
    const auto* object = error ? nullptr : json.if_object();
    if (object == nullptr) return {};
    if (const auto* list = object->if_contains("alternatives"); list && list->is_array()) {
        if (list->get_array().empty() || !list->get_array().front().is_object()) return {};
        object = &list->get_array().front().get_object();
    }
    const auto* text = object->if_contains("text");
    return text != nullptr && text->is_string() ? std::string(text->get_string()) : std::string();
}

/// Ends when the time is over or nobody wants the utterance any more.
asio::awaitable<void> out_of_time(UtterancePtr utterance) {
    auto& limit = utterance->limit;
    while (!utterance->dropped && limit.expiry() > asio::steady_timer::clock_type::now())
        co_await limit.async_wait(net::kTuple);
}

/// Sends what there is, and the end. A socket that takes no more is one whose reader knows why.
asio::awaitable<void> send_all(UtterancePtr utterance, SocketPtr socket) {
    bool good = socket->send(kConfig);
    while (!utterance->dropped) {
        auto& waiting = utterance->waiting;
        while (good && (waiting.size() >= kChunk || (utterance->ended && !waiting.empty()))) {
            const auto part = std::min(kChunk, waiting.size());
            good = socket->send_binary(std::string_view(waiting).substr(0, part));
            waiting.erase(0, part);
            ++utterance->sent;
        }
        if (good && utterance->ended && !std::exchange(utterance->said_end, true))
            good = socket->send(kEnd);
        co_await utterance->more.async_wait(net::kTuple);
    }
}

/// All the final texts, up to the answer to the end.
asio::awaitable<Result<std::string>> receive_all(UtterancePtr utterance, SocketPtr socket,
                                                 std::string url) {
    std::string words;
    while (!utterance->said_end || utterance->replies <= utterance->sent) {
        auto reply = co_await socket->receive();
        if (!reply) {
            co_return fail(Errc::connection_lost, "The speech-to-text server " + url +
                                                      " closed before its text was there (" +
                                                      reply.error().message + ")");
        }
        ++utterance->replies;
        const auto text = text_in(reply->payload);
        if (text.empty()) continue;
        if (!words.empty()) words += ' ';
        words += text;
    }
    co_return words;
}

asio::awaitable<void> transcribe(UtterancePtr utterance, std::string url, std::string ca_file) {
    net::WebSocketTarget target;
    target.url = url;
    target.ca_file = std::move(ca_file);
    auto connected = co_await (
        net::WebSocketClient::connect(utterance->more.get_executor(), std::move(target)) ||
        out_of_time(utterance));
    if (connected.index() == 1) {
        utterance->settle(
            fail(Errc::timed_out, "The speech-to-text server " + url + " was not reached in time"));
        co_return;
    }
    auto& socket = std::get<0>(connected);
    if (!socket) {
        utterance->settle(
            fail(Errc::unreachable, "The speech-to-text server " + url + " cannot be reached (" +
                                        socket.error().message + "); check AGENTBRIDGE_VOSK_URL"));
        co_return;
    }
    auto ended = co_await (receive_all(utterance, *socket, url) || send_all(utterance, *socket) ||
                           out_of_time(utterance));
    if (ended.index() == 0) {
        (*socket)->close(1000, "");
        utterance->settle(std::get<0>(std::move(ended)));
        co_return;
    }
    (*socket)->abort();
    utterance->settle(fail(Errc::timed_out,
                           "The speech-to-text server " + url + " has not answered in 8 seconds"));
}

class Vosk final : public SpeechToText {
public:
    Vosk(asio::any_io_executor executor, std::string url, std::string ca_file)
        : executor_(std::move(executor)), url_(std::move(url)), ca_file_(std::move(ca_file)) {}
    ~Vosk() override { cancel(); }

    void begin() override {
        cancel();
        now_ = std::make_shared<Utterance>(executor_);
        spawn(executor_, "speech to text", transcribe(now_, url_, ca_file_));
    }

    void hear(std::span<const std::int16_t> samples) override {
        if (!now_ || now_->ended || now_->waiting.size() > kMostUnsent) return;
        for (const auto sample : samples) {  // little-endian, whatever this machine is
            const auto bits = static_cast<std::uint16_t>(sample);
            now_->waiting += static_cast<char>(bits & 0xFF);
            now_->waiting += static_cast<char>(bits >> 8);
        }
        if (now_->waiting.size() >= kChunk) now_->ring();
    }

    void end(Done done) override {
        if (!now_) return;
        now_->ended = true;
        now_->done = std::move(done);
        now_->limit.expires_after(kAnswer);
        now_->ring();
        // It may have failed long ago; `end` itself calls nobody back.
        if (now_->outcome) asio::post(executor_, [utterance = now_] { utterance->tell(); });
    }

    void cancel() override {
        const auto utterance = std::exchange(now_, nullptr);
        if (!utterance) return;
        utterance->dropped = true;
        utterance->ring();
        utterance->limit.cancel();
    }

private:
    const asio::any_io_executor executor_;
    const std::string url_, ca_file_;
    UtterancePtr now_;
};

}  // namespace

std::unique_ptr<SpeechToText> make_vosk(asio::any_io_executor executor, std::string url,
                                        std::string ca_file) {
    return std::make_unique<Vosk>(std::move(executor), std::move(url), std::move(ca_file));
}

}  // namespace bridge::agents::local
