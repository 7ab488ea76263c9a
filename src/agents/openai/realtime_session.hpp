#pragma once
// One connection to the Realtime service, from the first byte to the last: text out, events in.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "agents/openai/realtime_events.hpp"
#include "net/websocket_client.hpp"

namespace bridge::agents {

/// Thread: the executor's, for every member.
class RealtimeSession : public std::enable_shared_from_this<RealtimeSession> {
public:
    /// How a session ended that we did not close.
    struct Loss {
        std::optional<net::ConnectFailure> connect;  ///< it never stood
        std::string reason;                          ///< a clause: "the WebSocket was cut"
    };
    /// Who is told. Any of these may close the session.
    class Listener {
    public:
        virtual void on_open(RealtimeSession& session) = 0;
        virtual void on_event(RealtimeSession& session, const RealtimeEvent& event) = 0;
        /// The last word.
        virtual void on_lost(RealtimeSession& session, Loss loss) = 0;

    protected:
        ~Listener() = default;
    };

    /// Begins to connect; `listener` hears of it until `close`.
    static std::shared_ptr<RealtimeSession> open(net::asio::any_io_executor executor,
                                                 net::WebSocketTarget target, Listener& listener);
    explicit RealtimeSession(net::asio::any_io_executor executor, Listener& listener);

    /// False: it does not stand, or the service does not read what it is sent.
    bool send(std::string_view text);
    /// Tells nothing from now on, and says goodbye to the service. Harmless when repeated.
    void close();

private:
    static net::asio::awaitable<void> run(std::shared_ptr<RealtimeSession> self,
                                          net::WebSocketTarget target);
    void lost(Loss loss);

    net::asio::any_io_executor executor_;
    Listener* listener_;              ///< null: closed
    net::asio::steady_timer closed_;  ///< cancelled by `close`, for who is still connecting
    std::shared_ptr<net::WebSocketClient> socket_;
    RealtimeEventParser parser_;
};

}  // namespace bridge::agents
