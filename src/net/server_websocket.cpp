// The media path's transport.
//
//   kernel -> read buffer -> FrameParser (unmasks in place) -> batch_ -> on_batch
//   send() -> outbox_ -> (end of the loop's turn) flush() -> one write -> kernel
//
// Plain callbacks, not coroutines: one wait and one read for all frames that have come, and no
// heap.

#include "net/server_websocket.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <cstddef>
#include <new>
#include <utility>
#include <vector>

#include "net/websocket_frames.hpp"
#include "net/websocket_handshake.hpp"

namespace bridge::net {
namespace {

using asio::ip::tcp;
using boost::system::error_code;

// Ten media messages of 380 bytes fit: what a stall of 200 ms leaves behind comes in one read.
constexpr std::size_t kReadBytes = 4096;
// A buffer that one large message has made bigger than this is given back when it is empty.
constexpr std::size_t kKeepBytes = 64 * 1024;
// Reads in a row before other sockets of the loop get their turn.
constexpr int kReadsInARow = 16;
constexpr std::size_t kBatchMessages = 64;

/// Room for one pending operation. Each kind of operation is pending at most once per socket, so
/// its memory is part of the socket; anything larger than expected comes from the heap.
class OperationMemory {
public:
    void* allocate(std::size_t size) {
        if (used_ || size > room_.size()) return ::operator new(size);
        used_ = true;
        return room_.data();
    }
    void release(void* memory) {
        if (memory == room_.data()) {
            used_ = false;
        } else {
            ::operator delete(memory);
        }
    }

private:
    alignas(std::max_align_t) std::array<std::byte, 256> room_{};
    bool used_ = false;
};

template <class T>
struct OperationAllocator {
    using value_type = T;
    explicit OperationAllocator(OperationMemory& from) : memory(&from) {}
    template <class U>
    OperationAllocator(const OperationAllocator<U>& other) : memory(other.memory) {}
    T* allocate(std::size_t count) { return static_cast<T*>(memory->allocate(sizeof(T) * count)); }
    void deallocate(T* pointer, std::size_t) { memory->release(pointer); }
    template <class U>
    bool operator==(const OperationAllocator<U>& other) const {
        return memory == other.memory;
    }
    OperationMemory* memory;
};

class FramedSocket final : public ServerWebSocket,
                           public std::enable_shared_from_this<FramedSocket> {
public:
    FramedSocket(Upgrade upgrade, WebSocketLimits limits)
        : socket_(std::move(upgrade.socket)),
          tls_(std::move(upgrade.tls)),
          close_timer_(socket_.get_executor()),
          limits_(limits),
          parser_(FrameParser::Side::server, limits.message_bytes),
          leftover_(std::move(upgrade.leftover)),
          last_heard_(std::chrono::steady_clock::now()) {
        error_code ignored;
        socket_.non_blocking(true, ignored);
        socket_.set_option(tcp::no_delay(true), ignored);
        batch_.reserve(kBatchMessages);
        const auto key = upgrade.head.headers.find("Sec-WebSocket-Key").value_or("");
        outbox_.reserve(1024);
        outbox_ +=
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Accept: ";
        outbox_ += accept_key(key);
        outbox_ += "\r\n\r\n";
    }

    void answer() { schedule_flush(); }

    void start(OnBatch on_batch, OnEnd on_end) override {
        on_batch_ = std::move(on_batch);
        on_end_ = std::move(on_end);
        asio::post(socket_.get_executor(), [self = shared_from_this()] { self->first_read(); });
    }

    bool send(std::string_view text) override {
        const auto bytes = frame_head_bytes(text.size()) + text.size();
        if (state_ != State::open || write_failed_ || queued() + bytes > limits_.outbox_bytes) {
            ++stats_.refused_out;
            return false;
        }
        append_frame(outbox_, Opcode::text, text);
        ++stats_.messages_out;
        stats_.bytes_out += text.size();
        schedule_flush();
        return true;
    }

    void close(std::uint16_t code, std::string_view reason) override {
        if (state_ != State::open) return;
        end_.code = code;
        end_.reason = reason;
        end_.by_peer = false;
        send_close(code, reason);
        state_ = State::closing;
        limit_close();
    }

    void ping() override {
        if (state_ != State::open) return;
        append_frame(outbox_, Opcode::ping, {});
        schedule_flush();
    }

    Clock::Time last_heard() const override { return last_heard_; }
    WebSocketStats stats() const override { return stats_; }

private:
    enum class State {
        open,
        closing,    ///< our close frame is queued; theirs has not come
        answering,  ///< both close frames are known; ours may still be on its way
        failing,  ///< the peer broke the protocol: our close frame goes out, what comes is ignored
        ended,
    };

    // The handlers are types of their own because each carries its operation's memory.
    struct OnReadable {
        std::shared_ptr<FramedSocket> self;
        using allocator_type = OperationAllocator<void>;
        allocator_type get_allocator() const { return allocator_type(self->read_memory_); }
        void operator()(const error_code& error) const {
            if (error != asio::error::operation_aborted) self->read();
        }
    };
    struct OnWritable {
        std::shared_ptr<FramedSocket> self;
        using allocator_type = OperationAllocator<void>;
        allocator_type get_allocator() const { return allocator_type(self->write_memory_); }
        void operator()(const error_code& error) const {
            self->waiting_to_write_ = false;
            if (error != asio::error::operation_aborted) self->flush();
        }
    };
    struct OnTurn {
        std::shared_ptr<FramedSocket> self;
        using allocator_type = OperationAllocator<void>;
        allocator_type get_allocator() const { return allocator_type(self->turn_memory_); }
        void operator()() const {
            self->flush_scheduled_ = false;
            self->flush();
        }
    };

    std::size_t queued() const { return sending_.size() - sent_ + outbox_.size(); }

    // ---- reading

    void first_read() {
        started_ = true;
        if (state_ == State::ended) {  // the answer could not be written
            tell_end();
            return;
        }
        buffer_.resize(std::max(kReadBytes, leftover_.size()));
        std::copy(leftover_.begin(), leftover_.end(), buffer_.begin());
        filled_ = leftover_.size();
        leftover_ = {};
        if (filled_ > 0) parse();
        wait_readable();
    }

    void wait_readable() {
        if (state_ == State::ended) return;
        if (tls_ && tls_->has_pending()) {  // decrypted already: the socket says nothing of it
            asio::post(socket_.get_executor(), [self = shared_from_this()] { self->read(); });
            return;
        }
        socket_.async_wait(read_wants_, OnReadable{shared_from_this()});
    }

    void read() {
        for (int i = 0; i < kReadsInARow && state_ != State::ended; ++i) {
            if (filled_ == buffer_.size()) buffer_.resize(buffer_.size() * 2);
            const auto room = buffer_.size() - filled_;
            error_code error;
            const auto got = receive(std::span(buffer_).subspan(filled_, room), error);
            if (error == asio::error::would_block || error == asio::error::try_again) break;
            if (error) {
                lost(error);
                return;
            }
            last_heard_ = std::chrono::steady_clock::now();
            filled_ += got;
            parse();
            if (floods(got)) break;
            if (got < room && !tls_) break;
        }
        wait_readable();
    }

    /// True if the peer sent more than it may within a second. It is told, and cut off at once:
    /// reading on to part in peace is what a flood wants.
    bool floods(std::size_t bytes) {
        if (last_heard_ - window_began_ >= std::chrono::seconds(1)) {
            window_began_ = last_heard_;
            frames_in_window_ = 0;
            bytes_in_window_ = 0;
        }
        bytes_in_window_ += bytes;
        const auto over = [](std::size_t count, std::size_t limit) {
            return limit != 0 && count > limit;
        };
        if (!over(frames_in_window_, limits_.frames_per_second) &&
            !over(bytes_in_window_, limits_.bytes_per_second)) {
            return false;
        }
        if (state_ == State::open) {
            FrameEvent flood;
            flood.kind = FrameEvent::Kind::fault;
            flood.code = close_code::policy;
            flood.payload = "more than a peer may send within a second";
            take_fault(flood);
            flush();
        }
        finish();
        return true;
    }

    std::size_t receive(std::span<char> into, error_code& error) {
        if (!tls_) return socket_.read_some(asio::buffer(into.data(), into.size()), error);
        const auto step = tls_->read(into);
        read_wants_ =
            step.wait == TlsSession::Wait::write ? tcp::socket::wait_write : tcp::socket::wait_read;
        error = step.wait == TlsSession::Wait::nothing ? step.error : asio::error::would_block;
        return step.bytes;
    }

    std::size_t transmit(std::span<const char> from, error_code& error) {
        if (!tls_) return socket_.write_some(asio::buffer(from.data(), from.size()), error);
        const auto step = tls_->write(from);
        write_wants_ =
            step.wait == TlsSession::Wait::read ? tcp::socket::wait_read : tcp::socket::wait_write;
        error = step.wait == TlsSession::Wait::nothing ? step.error : asio::error::would_block;
        return step.bytes;
    }

    /// Delivers every whole frame in the buffer and moves the rest to its front.
    void parse() {
        std::size_t used = 0;
        while (state_ == State::open || state_ == State::closing) {
            const auto event = parser_.next(std::span(buffer_).subspan(used, filled_ - used));
            used += event.consumed;
            if (event.kind == FrameEvent::Kind::need_more) break;
            ++frames_in_window_;
            take(event);
        }
        deliver();
        if (state_ == State::answering || state_ == State::failing) used = filled_;
        if (used > 0) {
            std::copy(buffer_.begin() + static_cast<std::ptrdiff_t>(used),
                      buffer_.begin() + static_cast<std::ptrdiff_t>(filled_), buffer_.begin());
            filled_ -= used;
        }
        if (filled_ == 0 && buffer_.size() > kKeepBytes) {
            buffer_.resize(kReadBytes);
            buffer_.shrink_to_fit();
        }
    }

    void take(const FrameEvent& event) {
        switch (event.kind) {
            case FrameEvent::Kind::message:
                if (state_ != State::open) return;  // we have said goodbye
                ++stats_.messages_in;
                stats_.bytes_in += event.payload.size();
                batch_.push_back({event.text, event.payload});
                if (event.assembled || batch_.size() == kBatchMessages) deliver();
                return;
            case FrameEvent::Kind::ping:
                // A peer that pings and never reads loses its pongs, not our memory.
                if (queued() + event.payload.size() + 2 > limits_.outbox_bytes) return;
                if (state_ != State::open) return;
                append_frame(outbox_, Opcode::pong, event.payload);
                schedule_flush();
                return;
            case FrameEvent::Kind::close:
                take_close(event);
                return;
            case FrameEvent::Kind::fault:
                take_fault(event);
                return;
            case FrameEvent::Kind::pong:
            case FrameEvent::Kind::fragment:
            case FrameEvent::Kind::need_more:
                return;
        }
    }

    void deliver() {
        if (batch_.empty()) return;
        if (on_batch_) on_batch_(batch_);
        batch_.clear();
    }

    void take_close(const FrameEvent& event) {
        deliver();
        if (state_ == State::open) {
            end_.code = event.code;
            end_.reason = event.payload;
            end_.by_peer = true;
            send_close(event.code, {});
        }
        state_ = State::answering;
        limit_close();
        schedule_flush();
    }

    void take_fault(const FrameEvent& event) {
        deliver();
        if (state_ == State::open) {
            end_.code = event.code;
            end_.reason = event.payload;
            end_.by_peer = true;
            send_close(event.code, event.payload);
        }
        end_.fault = event.payload;
        state_ = State::failing;
        limit_close();
        schedule_flush();
    }

    // ---- writing

    void schedule_flush() {
        if (flush_scheduled_ || waiting_to_write_ || state_ == State::ended) return;
        flush_scheduled_ = true;
        asio::post(socket_.get_executor(), OnTurn{shared_from_this()});
    }

    /// Writes what the kernel takes at once; only what is left waits for room.
    void flush() {
        while (state_ != State::ended) {
            if (sent_ == sending_.size()) {
                sending_.clear();
                sent_ = 0;
                if (sending_.capacity() > kKeepBytes) sending_.shrink_to_fit();
                std::swap(sending_, outbox_);
                if (sending_.empty()) break;
            }
            error_code error;
            sent_ += transmit(std::span<const char>(sending_).subspan(sent_), error);
            if (error == asio::error::would_block || error == asio::error::try_again) {
                waiting_to_write_ = true;
                socket_.async_wait(write_wants_, OnWritable{shared_from_this()});
                return;
            }
            if (error) {
                write_failed_ = true;
                sending_.clear();
                outbox_.clear();
                sent_ = 0;
                // The reader meets the same end, but after what the peer may have said before it.
                break;
            }
        }
        if (state_ == State::answering) finish();
        if (state_ == State::failing) {
            // Closing with unread bytes would reset the connection and could lose our close frame:
            // the peer is given `close_time` to hang up, and what it still sends is thrown away.
            error_code ignored;
            if (tls_) tls_->say_goodbye();
            socket_.shutdown(tcp::socket::shutdown_send, ignored);
        }
    }

    void send_close(std::uint16_t code, std::string_view reason) {
        append_frame(outbox_, Opcode::close, format_close_payload(code, reason));
        schedule_flush();
    }

    // ---- the end

    void limit_close() {
        if (close_limited_) return;
        close_limited_ = true;
        close_timer_.expires_after(limits_.close_time);
        close_timer_.async_wait([self = shared_from_this()](const error_code& error) {
            if (error || self->state_ == State::ended) return;
            if (self->state_ == State::closing) self->end_.code = close_code::abnormal;
            self->finish();
        });
    }

    void lost(const error_code& error) {
        if (state_ == State::open) {
            end_.code = close_code::abnormal;
            end_.by_peer = true;
            end_.reason = error == asio::error::eof ? "the peer hung up without a close frame"
                                                    : error.message();
        } else if (state_ == State::closing) {
            end_.code = close_code::abnormal;
        }
        finish();
    }

    void finish() {
        if (state_ == State::ended) return;
        state_ = State::ended;
        close_timer_.cancel();
        error_code ignored;
        if (tls_ && !write_failed_) tls_->say_goodbye();
        socket_.shutdown(tcp::socket::shutdown_both, ignored);
        socket_.close(ignored);
        if (started_) tell_end();
    }

    void tell_end() {
        // The callbacks usually hold their owner, which holds this socket: let go of both.
        const auto on_end = std::exchange(on_end_, nullptr);
        on_batch_ = nullptr;
        if (on_end) on_end(end_);
    }

    tcp::socket socket_;
    const std::unique_ptr<TlsSession> tls_;  ///< null: plain
    tcp::socket::wait_type read_wants_ = tcp::socket::wait_read;
    tcp::socket::wait_type write_wants_ = tcp::socket::wait_write;
    asio::steady_timer close_timer_;
    const WebSocketLimits limits_;
    FrameParser parser_;
    std::string leftover_;
    Clock::Time last_heard_;
    Clock::Time window_began_{};
    std::size_t frames_in_window_ = 0;
    std::size_t bytes_in_window_ = 0;

    State state_ = State::open;
    bool started_ = false;
    bool flush_scheduled_ = false;
    bool waiting_to_write_ = false;
    bool write_failed_ = false;
    bool close_limited_ = false;
    WebSocketEnd end_;
    WebSocketStats stats_;
    OnBatch on_batch_;
    OnEnd on_end_;

    std::vector<char> buffer_;
    std::size_t filled_ = 0;
    std::vector<WebSocketMessage> batch_;
    std::string outbox_;  ///< grows while `sending_` is on its way
    std::string sending_;
    std::size_t sent_ = 0;

    OperationMemory read_memory_;
    OperationMemory write_memory_;
    OperationMemory turn_memory_;
};

}  // namespace

Result<> ServerWebSocket::check(const HttpRequest& head) {
    return check_handshake(head);
}

HttpResponse ServerWebSocket::refusal(const HttpRequest& head) {
    return handshake_refusal(head);
}

std::shared_ptr<ServerWebSocket> ServerWebSocket::accept(Upgrade upgrade, WebSocketLimits limits) {
    auto socket = std::make_shared<FramedSocket>(std::move(upgrade), limits);
    socket->answer();
    return socket;
}

}  // namespace bridge::net
