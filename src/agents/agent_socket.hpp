#pragma once
// One WebSocket session of an agent with its service: found and opened by a coroutine, then told to
// the agent by callbacks. An agent that goes away closes it and hears no more.
//
//   open ─▶ find the URL ─▶ connect ─▶ opened() ─▶ received()… ─▶ ended()

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "net/websocket_client.hpp"

namespace bridge::agents {

namespace asio = boost::asio;

/// Thread: the call's io thread, for every member.
class AgentSocket : public std::enable_shared_from_this<AgentSocket> {
public:
    /// How it ended, when it was not we who closed it.
    struct End {
        enum class How {
            unreachable,  ///< no connection: name, address, TLS, no answer
            rejected,     ///< HTTP said no: `http_status`
            closed,       ///< with a close frame: `code`, `what` is its reason
            broken,       ///< without one, or the peer broke the protocol
            stuck,        ///< it takes nothing any more: what is sent waits for seconds
        } how = How::unreachable;
        int http_status = 0;
        std::uint16_t code = 0;
        std::string what;  ///< half a sentence, "" if there is nothing to say
    };

    class Owner {
    public:
        virtual void opened() = 0;
        virtual void received(std::string_view payload, bool text) = 0;
        /// Last, and once.
        virtual void ended(const End& end) = 0;

    protected:
        ~Owner() = default;
    };

    /// Where to connect to, or why that is not known.
    using Target = tl::expected<net::WebSocketTarget, End>;

    /// Nothing is told from inside. `name` is for the log; `owner` must `close` before it goes, and
    /// before `clock` does.
    static std::shared_ptr<AgentSocket> open(asio::any_io_executor executor, Clock& clock,
                                             std::string name, asio::awaitable<Target> target,
                                             Owner& owner);
    /// A target that is known already.
    static asio::awaitable<Target> at(net::WebSocketTarget target);

    AgentSocket(asio::any_io_executor executor, Clock& clock, Owner& owner);

    /// Nothing is sent before `opened` and after the end. A peer that has not kept up for seconds
    /// is given up, which is told from inside.
    void send(std::string_view text) { send(text, true); }
    void send_binary(std::string_view bytes) { send(bytes, false); }
    /// Says goodbye (1000). Nothing is told any more. Harmless when repeated.
    void close();
    /// The same without the goodbye, for a peer that does not answer.
    void abort();

private:
    static asio::awaitable<void> run(std::shared_ptr<AgentSocket> self,
                                     asio::awaitable<Target> target);
    void begin(std::shared_ptr<net::WebSocketClient> socket);
    void send(std::string_view payload, bool text);
    void finish(const End& end);

    asio::any_io_executor executor_;
    Clock& clock_;
    asio::steady_timer closed_;  ///< rings once nobody waits for us any more
    Owner* owner_;
    std::shared_ptr<net::WebSocketClient> socket_;
    Clock::Time kept_up_{};  ///< when next to nothing was waiting to be sent
};

}  // namespace bridge::agents
