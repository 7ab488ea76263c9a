#pragma once
// Stand-ins for services that understand speech while it is spoken: Deepgram's streaming
// recognition, OpenAI's transcription sessions and a Vosk server, each as strict as its own,
// written from their references. They understand a language of their own: a word is a level that is
// held, its number in thousands (2000: "two"), and 300 ms of silence end an utterance. So a test
// knows to 10 ms what must be understood when.

#include <boost/asio/any_io_executor.hpp>
#include <boost/json/object.hpp>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "net/http_server.hpp"
#include "net/server_websocket.hpp"

namespace bridge::test {

/// Samples of a word: `number` 1 to 9.
std::vector<std::int16_t> spoken_word(int number, int milliseconds);
std::string word_for(int number);

/// Understands the language of the tests, 10 ms at a time.
class WordEar {
public:
    struct Word {
        std::string text;
        int begin = 0, end = 0;  ///< milliseconds
    };
    struct Event {
        bool final = false;
        std::vector<Word> words;  ///< of the utterance, so far or all of it
        int at = 0;               ///< milliseconds that were heard
    };
    std::vector<Event> hear(std::span<const std::int16_t> samples);
    std::vector<Event> flush();
    int heard() const { return at_; }

private:
    void block(int level, std::vector<Event>& out);

    std::vector<std::int16_t> rest_;
    std::vector<Word> words_;
    int level_ = 0, quiet_ = 0, at_ = 0;
};

/// Thread: the loop's, for every member.
class SpeechServer {
public:
    enum class Kind { deepgram, openai, vosk };

    SpeechServer(boost::asio::any_io_executor executor, Kind kind);
    ~SpeechServer();
    SpeechServer(const SpeechServer&) = delete;
    SpeechServer& operator=(const SpeechServer&) = delete;

    std::string url() const;
    void stop();
    /// Every session's TCP connection ends without a close frame.
    void cut();

    std::string key = "k3y";
    int refuse_with = 0;  ///< HTTP status for handshakes; 0: none
    int sessions = 0;     ///< that were begun
    int goodbyes = 0;     ///< that the client ended as it should
    int keep_alives = 0;
    std::vector<std::string> complaints;  ///< what the service would not have taken
    std::string broken_session;  ///< OpenAI: the error that answers session.update; empty: none

    class Session;

private:
    void upgrade(net::Upgrade asked);
    int judge(const net::HttpRequest& head);

    const Kind kind_;
    std::shared_ptr<net::HttpServer> server_;
    std::vector<std::shared_ptr<Session>> sessions_;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace bridge::test
