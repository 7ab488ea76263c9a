#pragma once
// Either end of a WebSocket: our own RFC 6455 framing on a connection whose handshake is over. The
// media path's transport, and the agents'.
//
//   kernel -> read buffer -> FrameParser (unmasks in place) -> batch -> on_batch
//   send() -> TurnOutbox -> (next socket's send, or the end of the loop's turn) -> one write
//                 └─ what the kernel does not take -> outbox_ -> flush() -> ...
//
// Plain callbacks, not coroutines: one wait and one read for all frames that have come, and no
// heap.

#include <boost/asio/execution_context.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/error_code.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "net/loop_connection.hpp"
#include "net/operation_memory.hpp"
#include "net/readable_watch.hpp"
#include "net/server_websocket.hpp"
#include "net/tls.hpp"
#include "net/websocket_frames.hpp"

namespace bridge::net {

/// A connection whose handshake is over, or in progress. `leftover`: frames that came with it.
struct FramedLink {
    asio::ip::tcp::socket socket;
    std::unique_ptr<TlsSession> tls{};  ///< null: plain
    std::string leftover{};
};

class FramedSocket;

/// Where the sockets of one loop put what they send in this turn, one socket at a time: a thousand
/// calls share a few warm lines of the cache, and one operation of the loop serves them all.
/// Thread: the loop's.
class TurnOutbox final : public asio::execution_context::service {
public:
    using key_type = TurnOutbox;
    static asio::execution_context::id id;

    explicit TurnOutbox(asio::execution_context& context);

    /// The bytes of `socket`, to be added to; what another socket has here leaves first.
    std::string& open_for(FramedSocket& socket);
    /// What `socket` has here; 0 if it is another's turn.
    std::size_t size_of(const FramedSocket& socket) const {
        return owner_.get() == &socket ? bytes_.size() : 0;
    }
    /// Moves what `socket` has here to the end of `to`.
    void take_back(const FramedSocket& socket, std::string& to);

private:
    struct OnTurn;

    void shutdown() override { owner_.reset(); }
    void write();

    asio::io_context::executor_type loop_;
    std::shared_ptr<FramedSocket> owner_;
    std::string bytes_;
    bool scheduled_ = false;
    OperationMemory memory_;
};

/// Thread: the loop's. Whoever accepts sees a ServerWebSocket, whoever connects this class.
class FramedSocket final : public ServerWebSocket,
#if defined(__linux__)
                           public ReadableWatch::Reader,
#endif
                           public std::enable_shared_from_this<FramedSocket> {
public:
    FramedSocket(FrameParser::Side side, FramedLink link, WebSocketLimits limits);

    /// Sends the end of the handshake, before any frame.
    void answer(std::string_view bytes);

    void start(OnBatch on_batch, OnEnd on_end) override;
    bool send(std::string_view text) override {
        return queue(Opcode::text, text);
    }
    bool send_binary(std::string_view bytes) override {
        return queue(Opcode::binary, bytes);
    }
    void close(std::uint16_t code, std::string_view reason) override;
    void ping() override;
    Clock::Time last_heard() const override {
        return last_heard_;
    }
    WebSocketStats stats() const override {
        return stats_;
    }

    /// Nothing more is read, so that a peer which sends too fast has to wait; `close` reads again.
    void pause_reading();
    void resume_reading();
    bool reading_paused() const {
        return paused_;
    }
    /// Cuts the connection by RST, without a close frame. `on_end` comes in a later turn.
    void abort();
    /// The peer has been silent for too long: the same, and `on_end` says so.
    void give_up(std::string why);
    /// Forgets the callbacks. A close that has begun goes on, anything else is cut.
    void forget();
    void expect(const HotLines* lines) override {
        hot_ = lines;
    }
    /// Bytes queued and not yet taken by the kernel.
    std::size_t outbox_bytes() const override {
        return turn_outbox_.size_of(*this) + sending_.size() - sent_ + outbox_.size();
    }

private:
    friend class TurnOutbox;

    enum class State {
        open,
        closing,    ///< our close frame is queued; theirs has not come
        answering,  ///< both close frames are known; ours may still be on its way
        failing,  ///< the peer broke the protocol: our close frame goes out, what comes is ignored
        ended,
    };
    using error_code = boost::system::error_code;
    using WaitType = asio::ip::tcp::socket::wait_type;

    // The handlers are types of their own because each carries its operation's memory.
    struct OnReadable;
    struct OnWritable;
    struct OnTurn;

    void first_read();
    void wait_readable();
    void read_later();
#if defined(__linux__)
    void readable(bool at_end) override;
    void prefetch_list() const noexcept override {
        if (hot_) hot_->prefetch_list();
    }
    void prefetch() const noexcept override {
        if (hot_) hot_->prefetch();
    }
#endif
    void read();
    bool floods(std::size_t bytes);
    std::size_t receive(std::span<char> into, error_code& error);
    std::size_t transmit(std::span<const char> from, error_code& error);
    void keep(std::span<const char> rest);
    void parse_kept();
    std::size_t parse(std::span<char> bytes);
    void take(const FrameEvent& event);
    void deliver();
    void take_close(const FrameEvent& event);
    void take_fault(const FrameEvent& event);

    bool queue(Opcode opcode, std::string_view payload);
    void append(std::string& out, Opcode opcode, std::string_view payload) const;
    void append(Opcode opcode, std::string_view payload);
    bool only_this_turn(std::size_t bytes) const;
    void write_turn(std::string_view bytes);
    void schedule_flush();
    void flush();
    void unblocked();
    void wait_writable();
    void send_close(std::uint16_t code, std::string_view reason);

    void limit_close();
    void lost(const error_code& error);
    void cut(WebSocketEnd end);
    void finish();
    void tell_end();

    // What every frame touches lies together.
    LoopConnection socket_;
    TurnOutbox& turn_outbox_;
    const std::unique_ptr<TlsSession> tls_;  ///< null: plain
    State state_ = State::open;
    bool started_ = false;
    bool paused_ = false;
    bool peer_done_ = false;  ///< nothing follows what can be read
    bool flush_scheduled_ = false;
    bool waiting_to_write_ = false;
    bool write_failed_ = false;
    bool close_limited_ = false;
    bool delivering_ = false;
    bool forgotten_ = false;
    const bool masks_;  ///< a client does
    WaitType read_wants_ = asio::ip::tcp::socket::wait_read;
    WaitType write_wants_ = asio::ip::tcp::socket::wait_write;
    std::size_t filled_ = 0;
    Clock::Time last_heard_;
    Clock::Time window_began_{};
    std::size_t frames_in_window_ = 0;
    std::size_t bytes_in_window_ = 0;
    OnBatch on_batch_;
    const HotLines* hot_ = nullptr;
    WebSocketStats stats_;
    FrameParser parser_;
    const WebSocketLimits limits_;
    std::size_t sent_ = 0;
    std::string
        outbox_;  ///< what does not leave in this turn; grows while `sending_` is on its way
    std::string sending_;

    std::vector<char> buffer_;  ///< a frame that came in pieces; empty for most sockets, always
    std::string leftover_;
    OnEnd on_end_;
    WebSocketEnd end_;
    asio::steady_timer close_timer_;
#if !defined(__linux__)
    bool read_waits_ = false;
    OperationMemory read_memory_;
#endif
    OperationMemory write_memory_;
    OperationMemory turn_memory_;
};

}  // namespace bridge::net
