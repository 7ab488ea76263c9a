#include "tests/support/speech_server.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cmath>
#include <cstdlib>
#include <stdexcept>
#include <utility>

#include "audio/mulaw.hpp"
#include "base/base64.hpp"

namespace bridge::test {

namespace json = boost::json;

namespace {

constexpr std::array<const char*, 10> kWords{"",     "one", "two",   "three", "four",
                                             "five", "six", "seven", "eight", "nine"};
constexpr std::size_t kBlock = 80;  // 10 ms
constexpr int kPause = 300;

json::array words_json(const std::vector<WordEar::Word>& words, const char* name,
                       const char* confidence) {
    json::array out;
    for (const auto& word : words)
        out.push_back(json::object{{name, word.text},
                                   {"start", word.begin / 1000.0},
                                   {"end", word.end / 1000.0},
                                   {confidence, 0.9}});
    return out;
}

std::string text_of(const std::vector<WordEar::Word>& words) {
    std::string out;
    for (const auto& word : words) out += (out.empty() ? "" : " ") + word.text;
    return out;
}

std::vector<std::int16_t> from_mulaw(std::string_view bytes) {
    std::vector<std::int16_t> out;
    for (const char c : bytes) out.push_back(audio::decode_mulaw(static_cast<std::uint8_t>(c)));
    return out;
}

}  // namespace

std::vector<std::int16_t> spoken_word(int number, int milliseconds) {
    return std::vector<std::int16_t>(static_cast<std::size_t>(milliseconds) * 8,
                                     static_cast<std::int16_t>(number * 1000));
}

std::string word_for(int number) {
    return kWords.at(static_cast<std::size_t>(number));
}

std::vector<WordEar::Event> WordEar::hear(std::span<const std::int16_t> samples) {
    std::vector<Event> out;
    rest_.insert(rest_.end(), samples.begin(), samples.end());
    std::size_t at = 0;
    for (; at + kBlock <= rest_.size(); at += kBlock) {
        // The middle sample: a block that begins in one word and ends in the next belongs to one.
        block(static_cast<int>(std::lround(rest_[at + kBlock / 2] / 1000.0)), out);
    }
    rest_.erase(rest_.begin(), rest_.begin() + static_cast<std::ptrdiff_t>(at));
    return out;
}

void WordEar::block(int level, std::vector<Event>& out) {
    const int before = std::exchange(level_, level);
    at_ += 10;
    if (level >= 1 && level <= 9) {
        quiet_ = 0;
        if (level == before) {
            words_.back().end = at_;
        } else {
            words_.push_back({kWords[static_cast<std::size_t>(level)], at_ - 10, at_});
        }
        return;
    }
    level_ = 0;
    if (words_.empty()) return;
    quiet_ += 10;
    if (quiet_ == 10) out.push_back({false, words_, at_});
    if (quiet_ < kPause) return;
    out.push_back({true, std::exchange(words_, {}), at_});
}

std::vector<WordEar::Event> WordEar::flush() {
    if (words_.empty()) return {};
    return {{true, std::exchange(words_, {}), at_}};
}

/// One connection.
class SpeechServer::Session {
public:
    Session(SpeechServer& server, std::shared_ptr<net::ServerWebSocket> socket, int fd)
        : server_(server), socket_(std::move(socket)), fd_(fd) {
        if (server_.kind_ == Kind::openai)
            say({{"type", "session.created"}, {"session", json::object{}}});
    }

    void received(std::string_view payload, bool text) {
        if (over_) return complain("a message after the end");
        switch (server_.kind_) {
            case Kind::deepgram:
                return deepgram(payload, text);
            case Kind::openai:
                return openai(payload, text);
            case Kind::vosk:
                return vosk(payload, text);
        }
    }
    void ended(const net::WebSocketEnd& end) {
        gone_ = true;
        if (end.code == 1000 && (over_ || server_.kind_ == Kind::openai)) ++server_.goodbyes;
    }
    void cut() {
        if (!gone_) ::shutdown(fd_, SHUT_RDWR);
    }
    void close() {
        if (!gone_) socket_->close(1001, "");
    }

private:
    void complain(std::string what) { server_.complaints.push_back(std::move(what)); }
    void say(const json::object& message) { socket_->send(json::serialize(message)); }
    json::object parsed(std::string_view payload) {
        boost::system::error_code error;
        const auto value = json::parse(payload, error);
        if (!error && value.is_object()) return value.get_object();
        complain("not a JSON object: " + std::string(payload.substr(0, 100)));
        return {};
    }

    // --- Deepgram

    void deepgram(std::string_view payload, bool text) {
        if (!text) {
            if (payload.empty()) return complain("empty binary frames end a Deepgram session");
            for (const auto& event : ear_.hear(from_mulaw(payload))) deepgram_results(event);
            return;
        }
        const auto message = parsed(payload);
        const auto* type = message.if_contains("type");
        if (type != nullptr && *type == "KeepAlive") {
            ++server_.keep_alives;
        } else if (type != nullptr && *type == "CloseStream") {
            for (const auto& event : ear_.flush()) deepgram_results(event);
            say({{"type", "Metadata"},
                 {"request_id", "r"},
                 {"duration", ear_.heard() / 1000.0},
                 {"channels", 1}});
            over_ = true;
            socket_->close(1000, "");
        } else {
            complain("Deepgram does not know " + std::string(payload));
        }
    }

    void deepgram_results(const WordEar::Event& event) {
        const auto start = event.words.front().begin - 100;
        say({{"type", "Results"},
             {"channel_index", json::array{0, 1}},
             {"start", start / 1000.0},
             {"duration", (event.at - start) / 1000.0},
             {"is_final", event.final},
             {"speech_final", event.final},
             {"channel",
              json::object{{"alternatives",
                            json::array{json::object{
                                {"transcript", text_of(event.words)},
                                {"confidence", 0.9},
                                {"words", words_json(event.words, "word", "confidence")}}}}}}});
    }

    // --- OpenAI

    void openai(std::string_view payload, bool text) {
        if (!text) return complain("OpenAI takes no binary messages");
        const auto message = parsed(payload);
        const auto* type = message.if_contains("type");
        if (type == nullptr) return complain("no type");
        if (*type == "session.update") {
            check_session(message);
        } else if (*type == "input_audio_buffer.append") {
            if (!ready_) complain("sound before session.updated");
            const std::string audio(message.at("audio").as_string());
            std::vector<std::uint8_t> bytes(base64_capacity(audio.size()));
            const auto size = decode_base64(audio, bytes.data());
            if (!size) return complain("audio: not base64");
            std::vector<std::int16_t> samples;
            for (std::size_t i = 0; i < *size; ++i)
                samples.push_back(audio::decode_mulaw(bytes[i]));
            for (const auto& event : ear_.hear(samples)) openai_item(event);
        } else if (*type == "input_audio_buffer.commit") {
            const auto left = ear_.flush();
            if (left.empty())
                say({{"type", "error"},
                     {"error", json::object{{"type", "invalid_request_error"},
                                            {"code", "input_audio_buffer_commit_empty"},
                                            {"message", "buffer too small"}}}});
            for (const auto& event : left) openai_item(event);
        } else {
            complain("OpenAI does not know " + std::string(payload.substr(0, 100)));
        }
    }

    void check_session(const json::object& message) {
        const auto& session = message.at("session").as_object();
        const auto& input = session.at("audio").at("input").as_object();
        if (session.at("type") != "transcription") complain("session.type");
        if (input.at("format").at("type") != "audio/pcmu") complain("format");
        if (!input.at("transcription").at("model").is_string()) complain("model");
        if (input.at("turn_detection").at("type") != "server_vad") complain("turn_detection");
        for (const auto& field : session) {
            if (field.key() != "type" && field.key() != "audio" && field.key() != "include")
                complain("session has " + std::string(field.key()));
        }
        if (!server_.broken_session.empty()) {
            say({{"type", "error"},
                 {"error", json::object{{"type", "invalid_request_error"},
                                        {"message", server_.broken_session}}}});
            return;
        }
        ready_ = true;
        say({{"type", "session.updated"}, {"session", session}});
    }

    void openai_item(const WordEar::Event& event) {
        const auto id = "item_" + std::to_string(items_);
        if (!event.final) {
            if (!started_)
                say({{"type", "input_audio_buffer.speech_started"},
                     {"audio_start_ms", event.words.front().begin},
                     {"item_id", id}});
            started_ = true;
            return;
        }
        if (!started_)
            say({{"type", "input_audio_buffer.speech_started"},
                 {"audio_start_ms", event.words.front().begin},
                 {"item_id", id}});
        started_ = false;
        say({{"type", "input_audio_buffer.speech_stopped"},
             {"audio_end_ms", event.words.back().end},
             {"item_id", id}});
        say({{"type", "input_audio_buffer.committed"},
             {"item_id", id},
             {"previous_item_id", nullptr}});
        constexpr const char* kDelta = "conversation.item.input_audio_transcription.delta";
        constexpr const char* kDone = "conversation.item.input_audio_transcription.completed";
        say({{"type", kDelta},
             {"item_id", id},
             {"content_index", 0},
             {"delta", event.words.front().text}});
        say({{"type", kDone},
             {"item_id", id},
             {"content_index", 0},
             {"transcript", text_of(event.words)},
             {"logprobs", json::array{json::object{{"token", "x"}, {"logprob", -0.1054}}}}});
        ++items_;
    }

    // --- Vosk

    void vosk(std::string_view payload, bool text) {
        if (text && payload == R"({"eof" : 1})") {
            const auto left = ear_.flush();
            say_vosk(left.empty() ? WordEar::Event{true, {}, ear_.heard()} : left.front());
            over_ = true;
            socket_->close(1000, "");
            return;
        }
        if (text) {
            if (payload.find("config") == std::string_view::npos)
                complain("the server takes this for sound: " + std::string(payload));
            return;
        }
        if (payload.size() % 2 != 0) complain("half a sample");
        std::vector<std::int16_t> samples;
        for (std::size_t i = 0; i + 1 < payload.size(); i += 2) {
            const auto low = static_cast<unsigned char>(payload[i]);
            const auto high = static_cast<unsigned char>(payload[i + 1]);
            samples.push_back(static_cast<std::int16_t>(low | (high << 8U)));
        }
        const auto events = ear_.hear(samples);
        // One answer for each frame, whatever there is to say.
        const auto final = std::find_if(events.begin(), events.end(),
                                        [](const auto& event) { return event.final; });
        if (final != events.end()) {
            guess_.clear();
            say_vosk(*final);
        } else {
            if (!events.empty()) guess_ = text_of(events.back().words);
            say({{"partial", guess_}});
        }
    }

    void say_vosk(const WordEar::Event& event) {
        json::object out{{"text", text_of(event.words)}};
        if (!event.words.empty()) out["result"] = words_json(event.words, "word", "conf");
        say(out);
    }

    SpeechServer& server_;
    const std::shared_ptr<net::ServerWebSocket> socket_;
    const int fd_;
    WordEar ear_;
    std::string guess_;
    int items_ = 0;
    bool ready_ = false, started_ = false, over_ = false, gone_ = false;
};

SpeechServer::SpeechServer(boost::asio::any_io_executor executor, Kind kind) : kind_(kind) {
    auto server = net::HttpServer::listen(
        std::move(executor), {},
        [](net::HttpRequest) -> boost::asio::awaitable<net::HttpResponse> {
            co_return net::respond(404, "text/plain", "");
        },
        [this](net::Upgrade asked) { upgrade(std::move(asked)); });
    if (!server) throw std::runtime_error(server.error().message);
    server_ = *server;
    server_->start();
}

SpeechServer::~SpeechServer() {
    stop();
}

std::string SpeechServer::url() const {
    const auto path = kind_ == Kind::deepgram ? "/v1/listen"
                      : kind_ == Kind::openai ? "/v1/realtime"
                                              : "";
    return "ws://127.0.0.1:" + std::to_string(server_->port()) + path;
}

void SpeechServer::stop() {
    *alive_ = false;
    server_->stop();
    for (const auto& session : sessions_) session->close();
    sessions_.clear();
}

void SpeechServer::cut() {
    for (const auto& session : sessions_) session->cut();
}

int SpeechServer::judge(const net::HttpRequest& head) {
    if (refuse_with != 0) return refuse_with;
    const auto authorization = std::string(head.headers.find("Authorization").value_or(""));
    const std::string query(head.query());
    if (kind_ == Kind::deepgram) {
        if (authorization != "Token " + key) return 401;
        for (const auto* wanted : {"encoding=mulaw", "sample_rate=8000", "interim_results=true",
                                   "utterance_end_ms=1000", "model="}) {
            if (query.find(wanted) == std::string::npos) return 400;
        }
        if (head.path() != "/v1/listen") return 404;
    } else if (kind_ == Kind::openai) {
        if (authorization != "Bearer " + key) return 401;
        if (query != "intent=transcription") return 400;
    } else if (!authorization.empty()) {
        complaints.push_back("a key for a server that wants none");
    }
    return 0;
}

void SpeechServer::upgrade(net::Upgrade asked) {
    const int status = judge(asked.head);
    if (status != 0 || !net::ServerWebSocket::check(asked.head)) {
        net::refuse(std::move(asked), net::respond(status == 0 ? 400 : status, "text/plain", ""));
        return;
    }
    const int fd = asked.socket.native_handle();
    auto socket = net::ServerWebSocket::accept(std::move(asked), {});
    ++sessions;
    auto session = std::make_shared<Session>(*this, socket, fd);
    sessions_.push_back(session);
    socket->start(
        [alive = alive_, session](std::span<const net::WebSocketMessage> batch) {
            for (const auto& message : batch) {
                if (*alive) session->received(message.payload, message.text);
            }
        },
        [alive = alive_, session](const net::WebSocketEnd& end) {
            if (*alive) session->ended(end);
        });
}

}  // namespace bridge::test
