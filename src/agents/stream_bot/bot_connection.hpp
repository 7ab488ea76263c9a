#pragma once
// One Media Stream to a bot: its socket from the connection to the close, what is sent over it and
// what comes back. A call that is redirected gets another one, as Twilio does it.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agents/stream_bot/bot_messages.hpp"
#include "agents/stream_bot/mark_book.hpp"
#include "agents/stream_bot/stream_bot_agent.hpp"
#include "net/websocket_client.hpp"

namespace bridge::agents {

/// Thread: the one of its executor. Lives until its socket has ended, whoever else lets go of it.
class BotConnection final : public std::enable_shared_from_this<BotConnection> {
public:
    /// What it tells; nothing after `leave`, and nothing after `ended`.
    struct Hooks {
        std::function<void()> open;
        std::function<void(call::AgentEnd, std::string)> ended;
        std::function<void(std::string)> warning;
    };

    BotConnection(StreamBotOptions options, std::shared_ptr<call::VoiceSink> voice, Hooks hooks);

    void connect(boost::asio::any_io_executor executor);
    /// The phone is there: `start` is sent, now or as soon as the socket is open.
    void begin(const call::AgentCall& call);
    /// Whether `begin` was called.
    bool begun() const { return !stream_.stream_sid.empty(); }
    const std::string& stream_sid() const { return stream_.stream_sid; }

    void hear(const audio::AudioFrame& frame);
    void dtmf(char digit);
    void over(call::UtteranceId utterance, bool lost) { book_.over(utterance, lost); }
    /// Says `stop` and closes. `forget`: what the bot said and nobody heard yet is thrown away.
    void leave(bool forget);

private:
    static boost::asio::awaitable<void> run(std::shared_ptr<BotConnection> self,
                                            boost::asio::any_io_executor executor);
    net::WebSocketTarget target() const;
    void opened(std::shared_ptr<net::WebSocketClient> socket);
    void send_start();
    void take(const net::WebSocketMessage& message);
    void speak(std::span<const std::uint8_t> mulaw);
    void set_mark(std::string_view name);
    void echo(std::string_view name);
    bool send();
    void warn_once(int code, std::string_view what);
    void failed(const net::ConnectFailure& failure);
    void closed(const net::WebSocketEnd& close);
    void end(call::AgentEnd how, std::string reason);

    const StreamBotOptions options_;
    const std::string where_;  ///< the bot's host, for people
    Hooks hooks_;
    std::shared_ptr<net::WebSocketClient> socket_;
    bool left_ = false;
    bool streaming_ = false;  ///< `start` was sent, `stop` was not
    BotStream stream_;
    BotMessageWriter writer_;
    BotMessageReader reader_;
    MarkBook book_;
    std::string text_;                                  ///< the message that is sent, used again
    std::vector<std::string> early_marks_;              ///< due before `start`
    std::optional<std::chrono::milliseconds> started_;  ///< the first frame's time
    std::chrono::milliseconds latest_{0};               ///< timestamp, never runs backwards
    std::string fault_;                                 ///< why we cut the connection
    std::vector<int> warned_;                           ///< Twilio's codes, each once
};

}  // namespace bridge::agents
