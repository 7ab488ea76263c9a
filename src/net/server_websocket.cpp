// The media path's transport.
//
//   kernel -> read buffer -> FrameParser (unmasks in place) -> batch_ -> on_batch
//   send() -> outbox_ -> (end of the loop's turn) flush() -> one write -> kernel
//
// Plain callbacks, not coroutines: one wait and one read for all frames that have come, and no
// heap.

#include "net/server_websocket.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <cstddef>
#include <new>
#include <stdexcept>
#include <utility>
#include <vector>

#include "net/readable_watch.hpp"
#include "net/websocket_frames.hpp"
#include "net/websocket_handshake.hpp"

namespace bridge::net {
namespace {

using asio::ip::tcp;
using boost::system::error_code;

/// The loop's own executor instead of a type-erased one: what Asio does around each wait becomes a
/// few inlined instructions.
using Loop = asio::io_context::executor_type;
using LoopSocket = asio::basic_stream_socket<tcp, Loop>;

Loop loop_of(tcp::socket& socket) {
    const auto executor = socket.get_executor();
    if (const auto* const loop = executor.target<Loop>()) return *loop;
    throw std::logic_error("a WebSocket is served on an io_context, not on a strand");
}

#if defined(__linux__)

/// The connection, taken out of Asio's hands: a ReadableWatch says when there is something to read.
/// Only a peer that does not read is waited for with Asio, on a second descriptor. Thread: the
/// loop's.
class Connection {
public:
    explicit Connection(tcp::socket from)
        : loop_(loop_of(from)), writable_(loop_), watch_(watch_of(loop_)) {
        error_code error;
        descriptor_ = from.release(error);
        if (error) {
            descriptor_ = -1;
            return;
        }
        const int on = 1;
        ::setsockopt(descriptor_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        // A TLS session reads and writes the descriptor itself.
        ::fcntl(descriptor_, F_SETFL, ::fcntl(descriptor_, F_GETFL) | O_NONBLOCK);
    }
    ~Connection() {
        if (descriptor_ >= 0) ::close(descriptor_);
    }
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    Loop get_executor() const { return loop_; }

    std::size_t read_some(std::span<char> into, error_code& error) {
        const auto got = ::recv(descriptor_, into.data(), into.size(), MSG_DONTWAIT);
        if (got == 0) error = asio::error::eof;
        return counted(got, error);
    }
    std::size_t write_some(std::string_view from, error_code& error) {
        return counted(::send(descriptor_, from.data(), from.size(), MSG_DONTWAIT | MSG_NOSIGNAL),
                       error);
    }

    /// False: it cannot be watched; a read would say why.
    bool watch(std::shared_ptr<ReadableWatch::Reader> reader) {
        return watched_ || (watched_ = watch_.add(descriptor_, std::move(reader)));
    }
    void unwatch() {
        if (std::exchange(watched_, false)) watch_.remove(descriptor_);
    }
    template <class Handler>
    void wait_writable(Handler handler) {
        error_code error;
        writable_.close(error);
        const int second = ::fcntl(descriptor_, F_DUPFD_CLOEXEC, 0);
        if (second >= 0) writable_.assign(tcp::v4(), second, error);
        writable_.async_wait(tcp::socket::wait_write, std::move(handler));
    }
    void stop_sending() { ::shutdown(descriptor_, SHUT_WR); }
    void close() {
        error_code ignored;
        writable_.close(ignored);
        if (descriptor_ < 0) return;
        if (watched_) watch_.remove(descriptor_);
        ::shutdown(descriptor_, SHUT_RDWR);
        ::close(std::exchange(descriptor_, -1));
    }

private:
    static ReadableWatch& watch_of(const Loop& loop) {
        return asio::use_service<ReadableWatch>(loop.context());
    }
    static std::size_t counted(ssize_t done, error_code& error) {
        if (done >= 0) return static_cast<std::size_t>(done);
        error = errno == EINTR ? error_code(asio::error::would_block)
                               : error_code(errno, boost::system::system_category());
        return 0;
    }

    Loop loop_;
    LoopSocket writable_;
    ReadableWatch& watch_;
    int descriptor_ = -1;
    bool watched_ = false;
};

#else

/// The connection on its loop's own executor. Not open if it has been reset already.
class Connection {
public:
    explicit Connection(tcp::socket from) : socket_(loop_of(from)) {
        error_code error;
        const auto local = from.local_endpoint(error);
        if (error) return;
        const auto descriptor = from.release(error);
        if (!error) socket_.assign(local.protocol(), descriptor, error);
        socket_.non_blocking(true, error);
        socket_.set_option(tcp::no_delay(true), error);
    }

    Loop get_executor() { return socket_.get_executor(); }
    std::size_t read_some(std::span<char> into, error_code& error) {
        return socket_.read_some(asio::buffer(into.data(), into.size()), error);
    }
    std::size_t write_some(std::string_view from, error_code& error) {
        return socket_.write_some(asio::buffer(from.data(), from.size()), error);
    }
    template <class Handler>
    void wait(tcp::socket::wait_type what, Handler handler) {
        socket_.async_wait(what, std::move(handler));
    }
    void stop_sending() {
        error_code ignored;
        socket_.shutdown(tcp::socket::shutdown_send, ignored);
    }
    void close() {
        error_code ignored;
        socket_.shutdown(tcp::socket::shutdown_both, ignored);
        socket_.close(ignored);
    }

private:
    LoopSocket socket_;
};

#endif

// Twenty media messages of 380 bytes fit: what a stall of 400 ms leaves behind comes in one read.
// Limits are looked at after each read, so it should not be much more.
constexpr std::size_t kReadBytes = 8 * 1024;
// The least a socket keeps for itself, once a frame has come in pieces.
constexpr std::size_t kOwnBytes = 4096;
// A buffer that one large message has made bigger than this is given back when it is empty.
constexpr std::size_t kKeepBytes = 64 * 1024;
// Reads in a row before other sockets of the loop get their turn.
constexpr int kReadsInARow = 16;
constexpr std::size_t kBatchMessages = 64;

/// What the sockets of one thread take turns with: bytes lie here from the read to the callback, so
/// a thousand calls share a few warm lines of the cache. Only a frame that is not whole yet is
/// kept in memory of its socket.
struct Turn {
    std::array<char, kReadBytes> bytes;
    std::array<WebSocketMessage, kBatchMessages> batch;
    std::size_t batched = 0;
};

Turn& turn() {
    static thread_local const auto made = std::make_unique<Turn>();
    return *made;
}

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
#if defined(__linux__)
                           public ReadableWatch::Reader,
#endif
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
        const auto key = upgrade.head.headers.find("Sec-WebSocket-Key").value_or("");
        outbox_.reserve(1024);
        outbox_ +=
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Accept: ";
        outbox_ += accept_key(key);
        outbox_ += "\r\n\r\n";
    }

    void answer() {
        schedule_flush();
    }

    void start(OnBatch on_batch, OnEnd on_end) override {
        on_batch_ = std::move(on_batch);
        on_end_ = std::move(on_end);
        asio::post(socket_.get_executor(), [self = shared_from_this()] { self->first_read(); });
    }

    bool send(std::string_view text) override { return queue(Opcode::text, text); }
    bool send_binary(std::string_view bytes) override { return queue(Opcode::binary, bytes); }

    bool queue(Opcode opcode, std::string_view payload) {
        const auto bytes = frame_head_bytes(payload.size()) + payload.size();
        if (state_ != State::open || write_failed_ || queued() + bytes > limits_.outbox_bytes) {
            ++stats_.refused_out;
            return false;
        }
        append_frame(outbox_, opcode, payload);
        ++stats_.messages_out;
        stats_.bytes_out += payload.size();
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

    Clock::Time last_heard() const override {
        return last_heard_;
    }
    WebSocketStats stats() const override {
        return stats_;
    }

private:
    enum class State {
        open,
        closing,    ///< our close frame is queued; theirs has not come
        answering,  ///< both close frames are known; ours may still be on its way
        failing,  ///< the peer broke the protocol: our close frame goes out, what comes is ignored
        ended,
    };

    // The handlers are types of their own because each carries its operation's memory.
#if !defined(__linux__)
    struct OnReadable {
        std::shared_ptr<FramedSocket> self;
        using allocator_type = OperationAllocator<void>;
        allocator_type get_allocator() const { return allocator_type(self->read_memory_); }
        void operator()(const error_code& error) const {
            if (error != asio::error::operation_aborted) self->read();
        }
    };
#endif
    struct OnWritable {
        std::shared_ptr<FramedSocket> self;
        using allocator_type = OperationAllocator<void>;
        allocator_type get_allocator() const { return allocator_type(self->write_memory_); }
        void operator()(const error_code& error) const {
            if (error == asio::error::operation_aborted) return;  // another one waits, or the end
            self->waiting_to_write_ = false;
            self->unblocked();
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

    std::size_t queued() const {
        return sending_.size() - sent_ + outbox_.size();
    }

    // ---- reading

    void first_read() {
        started_ = true;
        if (state_ == State::ended) {  // the answer could not be written
            tell_end();
            return;
        }
        keep(leftover_);
        leftover_ = {};
        if (filled_ > 0) parse_kept();
        wait_readable();
    }

    void wait_readable() {
        if (state_ == State::ended) return;
        if (tls_ && tls_->has_pending()) {  // decrypted already: the socket says nothing of it
            asio::post(socket_.get_executor(), [self = shared_from_this()] { self->read(); });
            return;
        }
#if defined(__linux__)
        if (read_wants_ == tcp::socket::wait_write) {
            socket_.unwatch();  // what waits to be read would be told again and again
            socket_.wait_writable(OnWritable{shared_from_this()});
            return;
        }
        if (socket_.watch(shared_from_this())) return;
        asio::post(socket_.get_executor(),
                   [self = shared_from_this()] { self->lost(asio::error::no_memory); });
#else
        socket_.wait(read_wants_, OnReadable{shared_from_this()});
#endif
    }

#if defined(__linux__)
    void readable() override {
        const auto self = shared_from_this();  // reading may be the end of it
        read();
        if (waiting_to_write_ && write_wants_ == tcp::socket::wait_read) {
            waiting_to_write_ = false;
            flush();
        }
    }
#endif

    void read() {
        for (int i = 0; i < kReadsInARow && state_ != State::ended; ++i) {
            if (filled_ > 0 && filled_ == buffer_.size()) buffer_.resize(buffer_.size() * 2);
            const auto into =
                filled_ > 0 ? std::span(buffer_).subspan(filled_) : std::span<char>(turn().bytes);
            error_code error;
            const auto got = receive(into, error);
            if (error == asio::error::would_block || error == asio::error::try_again) break;
            if (error) {
                lost(error);
                return;
            }
            last_heard_ = std::chrono::steady_clock::now();
            if (filled_ > 0) {
                filled_ += got;
                parse_kept();
            } else {
                const auto bytes = into.first(got);
                keep(bytes.subspan(parse(bytes)));
            }
            if (floods(got)) break;
            if (got < into.size() && !tls_) break;
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
        if (!tls_) return socket_.read_some(into, error);
        const auto step = tls_->read(into);
        read_wants_ =
            step.wait == TlsSession::Wait::write ? tcp::socket::wait_write : tcp::socket::wait_read;
        error = step.wait == TlsSession::Wait::nothing ? step.error : asio::error::would_block;
        return step.bytes;
    }

    std::size_t transmit(std::span<const char> from, error_code& error) {
        if (!tls_) return socket_.write_some({from.data(), from.size()}, error);
        const auto step = tls_->write(from);
        write_wants_ =
            step.wait == TlsSession::Wait::read ? tcp::socket::wait_read : tcp::socket::wait_write;
        error = step.wait == TlsSession::Wait::nothing ? step.error : asio::error::would_block;
        return step.bytes;
    }

    /// Puts the beginning of a frame aside.
    void keep(std::span<const char> rest) {
        if (rest.empty()) return;
        if (buffer_.size() < rest.size()) buffer_.resize(std::max(kOwnBytes, rest.size()));
        std::copy(rest.begin(), rest.end(), buffer_.begin());
        filled_ = rest.size();
    }

    void parse_kept() {
        const auto used = parse(std::span(buffer_).first(filled_));
        if (used > 0) {
            std::copy(buffer_.begin() + static_cast<std::ptrdiff_t>(used),
                      buffer_.begin() + static_cast<std::ptrdiff_t>(filled_), buffer_.begin());
            filled_ -= used;
        }
        if (filled_ == 0 && buffer_.size() > kKeepBytes) buffer_ = {};
    }

    /// Delivers every whole frame at the front; how many bytes that was.
    std::size_t parse(std::span<char> bytes) {
        std::size_t used = 0;
        while (state_ == State::open || state_ == State::closing) {
            const auto event = parser_.next(bytes.subspan(used));
            used += event.consumed;
            if (event.kind == FrameEvent::Kind::need_more) break;
            ++frames_in_window_;
            take(event);
        }
        deliver();
        if (state_ == State::answering || state_ == State::failing) used = bytes.size();
        return used;
    }

    void take(const FrameEvent& event) {
        switch (event.kind) {
            case FrameEvent::Kind::message:
                if (state_ != State::open) return;  // we have said goodbye
                ++stats_.messages_in;
                stats_.bytes_in += event.payload.size();
                turn().batch[turn().batched++] = {event.text, event.payload};
                if (event.assembled || turn().batched == kBatchMessages) deliver();
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
        auto& batched = turn().batched;
        if (batched == 0) return;
        const auto count = std::exchange(batched, 0);
        if (on_batch_) on_batch_(std::span(turn().batch).first(count));
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
                wait_writable();
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
            if (tls_) tls_->say_goodbye();
            socket_.stop_sending();
        }
    }

    void unblocked() {
#if defined(__linux__)
        // TLS had to write before it could read on.
        if (std::exchange(read_wants_, tcp::socket::wait_read) == tcp::socket::wait_write) read();
#endif
        flush();
    }

    void wait_writable() {
#if defined(__linux__)
        // TLS may have to read before it can write: then readable() goes on with it.
        if (write_wants_ == tcp::socket::wait_write)
            socket_.wait_writable(OnWritable{shared_from_this()});
#else
        socket_.wait(write_wants_, OnWritable{shared_from_this()});
#endif
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
        if (tls_ && !write_failed_) tls_->say_goodbye();
        socket_.close();
        if (started_) tell_end();
    }

    void tell_end() {
        // The callbacks usually hold their owner, which holds this socket: let go of both.
        const auto on_end = std::exchange(on_end_, nullptr);
        on_batch_ = nullptr;
        if (on_end) on_end(end_);
    }

    Connection socket_;
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

    std::vector<char> buffer_;  ///< a frame that came in pieces; empty for most sockets, always
    std::size_t filled_ = 0;
    std::string outbox_;  ///< grows while `sending_` is on its way
    std::string sending_;
    std::size_t sent_ = 0;

#if !defined(__linux__)
    OperationMemory read_memory_;
#endif
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
