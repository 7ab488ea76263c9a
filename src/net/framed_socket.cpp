#include "net/framed_socket.hpp"

#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <stdexcept>
#include <utility>

namespace bridge::net {
namespace {

using asio::ip::tcp;

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
// What a socket sends in one turn, as a rule; more goes through memory of its own.
constexpr std::size_t kTurnBytes = 16 * 1024;

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
/// A mask must not be foreseen by whoever chose the payload (RFC 6455 section 10.3), and to ask
/// for each one would cost more than the frame.
MaskKey next_mask_key() {
    struct Supply {
        std::array<std::uint8_t, 1024> bytes{};
        std::size_t used = 1024;
    };
    static thread_local Supply supply;
    if (supply.used == supply.bytes.size()) {
        if (RAND_bytes(supply.bytes.data(), static_cast<int>(supply.bytes.size())) != 1) {
            throw std::runtime_error("the system's random generator failed");
        }
        supply.used = 0;
    }
    MaskKey key{};
    for (auto& byte : key) byte = supply.bytes[supply.used++];
    return key;
}

}  // namespace

#if !defined(__linux__)
struct FramedSocket::OnReadable {
    std::shared_ptr<FramedSocket> self;
    using allocator_type = OperationAllocator<void>;
    allocator_type get_allocator() const { return allocator_type(self->read_memory_); }
    void operator()(const error_code& error) const {
        self->read_waits_ = false;
        if (error != asio::error::operation_aborted && !self->paused_) self->read();
    }
};
#endif

struct FramedSocket::OnWritable {
    std::shared_ptr<FramedSocket> self;
    using allocator_type = OperationAllocator<void>;
    allocator_type get_allocator() const { return allocator_type(self->write_memory_); }
    void operator()(const error_code& error) const {
        if (error == asio::error::operation_aborted) return;  // another one waits, or the end
        self->waiting_to_write_ = false;
        self->unblocked();
    }
};

struct FramedSocket::OnTurn {
    std::shared_ptr<FramedSocket> self;
    using allocator_type = OperationAllocator<void>;
    allocator_type get_allocator() const { return allocator_type(self->turn_memory_); }
    void operator()() const {
        self->flush_scheduled_ = false;
        self->flush();
    }
};

// ---- what is sent in a turn

asio::execution_context::id TurnOutbox::id;

struct TurnOutbox::OnTurn {
    TurnOutbox* outbox;  // a service outlives the operations of its context
    using allocator_type = OperationAllocator<void>;
    allocator_type get_allocator() const { return allocator_type(outbox->memory_); }
    void operator()() const {
        outbox->scheduled_ = false;
        outbox->write();
    }
};

TurnOutbox::TurnOutbox(asio::execution_context& context)
    : service(context), loop_(static_cast<asio::io_context&>(context).get_executor()) {
    bytes_.reserve(kTurnBytes);
}

std::string& TurnOutbox::open_for(FramedSocket& socket) {
    if (owner_.get() != &socket) {
        write();
        owner_ = socket.shared_from_this();
        if (!std::exchange(scheduled_, true)) asio::post(loop_, OnTurn{this});
    }
    return bytes_;
}

void TurnOutbox::take_back(const FramedSocket& socket, std::string& to) {
    if (owner_.get() != &socket) return;
    to += bytes_;
    bytes_.clear();
    owner_.reset();
}

void TurnOutbox::write() {
    if (!owner_) return;
    const auto socket = std::exchange(owner_, nullptr);
    socket->write_turn(bytes_);
    bytes_.clear();
}

// ---- a socket

FramedSocket::FramedSocket(FrameParser::Side side, FramedLink link, WebSocketLimits limits)
    : socket_(std::move(link.socket)),
      turn_outbox_(asio::use_service<TurnOutbox>(socket_.get_executor().context())),
      tls_(std::move(link.tls)),
      masks_(side == FrameParser::Side::client),
      last_heard_(std::chrono::steady_clock::now()),
      parser_(side, limits.message_bytes),
      limits_(limits),
      leftover_(std::move(link.leftover)),
      close_timer_(socket_.get_executor()) {}

void FramedSocket::answer(std::string_view bytes) {
    outbox_ += bytes;
    schedule_flush();
}

void FramedSocket::start(OnBatch on_batch, OnEnd on_end) {
    on_batch_ = std::move(on_batch);
    on_end_ = std::move(on_end);
    asio::post(socket_.get_executor(), [self = shared_from_this()] { self->first_read(); });
}

bool FramedSocket::queue(Opcode opcode, std::string_view payload) {
    const auto bytes = frame_head_bytes(payload.size()) + payload.size();
    if (state_ != State::open || write_failed_ || outbox_bytes() + bytes > limits_.outbox_bytes) {
        ++stats_.refused_out;
        return false;
    }
    ++stats_.messages_out;
    stats_.bytes_out += payload.size();
    if (only_this_turn(bytes)) {
        append(turn_outbox_.open_for(*this), opcode, payload);
    } else {
        append(opcode, payload);
        schedule_flush();
    }
    return true;
}

void FramedSocket::close(std::uint16_t code, std::string_view reason) {
    if (state_ != State::open) return;
    end_.code = code;
    end_.reason = reason;
    end_.by_peer = false;
    send_close(code, reason);
    state_ = State::closing;
    limit_close();
    resume_reading();
}

void FramedSocket::ping() {
    if (state_ != State::open) return;
    append(Opcode::ping, {});
    schedule_flush();
}

void FramedSocket::pause_reading() {
    if (paused_ || state_ != State::open) return;
    paused_ = true;
#if defined(__linux__)
    socket_.unwatch();
#endif
}

void FramedSocket::resume_reading() {
    if (!std::exchange(paused_, false) || !started_) return;
    read_later();
}

void FramedSocket::abort() {
    WebSocketEnd end;
    end.by_peer = false;
    cut(std::move(end));
}

void FramedSocket::give_up(std::string why) {
    WebSocketEnd end;
    end.reason = std::move(why);
    end.silent = true;
    cut(std::move(end));
}

void FramedSocket::forget() {
    on_end_ = nullptr;
    hot_ = nullptr;
    if (!delivering_) on_batch_ = nullptr;
    forgotten_ = true;
    if (state_ == State::open) finish();
}

void FramedSocket::first_read() {
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

void FramedSocket::wait_readable() {
    if (state_ == State::ended || paused_) return;
    if (tls_ && tls_->has_pending()) {  // decrypted already: the socket says nothing of it
        read_later();
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
    if (!std::exchange(read_waits_, true)) {
        socket_.wait(read_wants_, OnReadable{shared_from_this()});
    }
#endif
}

#if defined(__linux__)
void FramedSocket::readable(bool at_end) {
    const auto self = shared_from_this();  // reading may be the end of it
    peer_done_ = peer_done_ || at_end;
    read();
    if (waiting_to_write_ && write_wants_ == tcp::socket::wait_read) {
        waiting_to_write_ = false;
        flush();
    }
}
#endif

void FramedSocket::read_later() {
    asio::post(socket_.get_executor(), [self = shared_from_this()] {
        if (!self->paused_) self->read();
    });
}

void FramedSocket::read() {
    for (int i = 0; state_ != State::ended && !paused_; ++i) {
        if (i == kReadsInARow) {
            read_later();
            return;
        }
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
        if (got < into.size() && !tls_ && !peer_done_) break;
    }
    wait_readable();
}

/// True if the peer sent more than it may within a second. It is told, and cut off at once:
/// reading on to part in peace is what a flood wants.
bool FramedSocket::floods(std::size_t bytes) {
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

std::size_t FramedSocket::receive(std::span<char> into, error_code& error) {
    if (!tls_) return socket_.read_some(into, error);
    const auto step = tls_->read(into);
    read_wants_ =
        step.wait == TlsSession::Wait::write ? tcp::socket::wait_write : tcp::socket::wait_read;
    error = step.wait == TlsSession::Wait::nothing ? step.error : asio::error::would_block;
    return step.bytes;
}

std::size_t FramedSocket::transmit(std::span<const char> from, error_code& error) {
    if (!tls_) return socket_.write_some({from.data(), from.size()}, error);
    const auto step = tls_->write(from);
    write_wants_ =
        step.wait == TlsSession::Wait::read ? tcp::socket::wait_read : tcp::socket::wait_write;
    error = step.wait == TlsSession::Wait::nothing ? step.error : asio::error::would_block;
    return step.bytes;
}

/// Puts the beginning of a frame aside.
void FramedSocket::keep(std::span<const char> rest) {
    if (rest.empty()) return;
    if (buffer_.size() < rest.size()) buffer_.resize(std::max(kOwnBytes, rest.size()));
    std::copy(rest.begin(), rest.end(), buffer_.begin());
    filled_ = rest.size();
}

void FramedSocket::parse_kept() {
    const auto used = parse(std::span(buffer_).first(filled_));
    if (used > 0) {
        std::copy(buffer_.begin() + static_cast<std::ptrdiff_t>(used),
                  buffer_.begin() + static_cast<std::ptrdiff_t>(filled_), buffer_.begin());
        filled_ -= used;
    }
    if (filled_ == 0 && buffer_.size() > kKeepBytes) buffer_ = {};
}

/// Delivers every whole frame at the front; how many bytes that was.
std::size_t FramedSocket::parse(std::span<char> bytes) {
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

void FramedSocket::take(const FrameEvent& event) {
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
            if (outbox_bytes() + event.payload.size() + 2 > limits_.outbox_bytes) return;
            if (state_ != State::open) return;
            append(Opcode::pong, event.payload);
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

void FramedSocket::deliver() {
    auto& batched = turn().batched;
    if (batched == 0) return;
    const auto count = std::exchange(batched, 0);
    if (!on_batch_ || forgotten_) return;
    delivering_ = true;
    on_batch_(std::span(turn().batch).first(count));
    delivering_ = false;
    if (forgotten_) on_batch_ = nullptr;
}

void FramedSocket::take_close(const FrameEvent& event) {
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

void FramedSocket::take_fault(const FrameEvent& event) {
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

void FramedSocket::append(std::string& out, Opcode opcode, std::string_view payload) const {
    if (masks_) {
        append_masked_frame(out, opcode, payload, next_mask_key());
    } else {
        append_frame(out, opcode, payload);
    }
}

void FramedSocket::append(Opcode opcode, std::string_view payload) {
    turn_outbox_.take_back(*this, outbox_);
    append(outbox_, opcode, payload);
}

/// True if nothing waits that has to leave before.
bool FramedSocket::only_this_turn(std::size_t bytes) const {
    return outbox_.empty() && sending_.empty() && !waiting_to_write_ &&
           turn_outbox_.size_of(*this) + bytes + sizeof(MaskKey) <= kTurnBytes;
}

void FramedSocket::write_turn(std::string_view bytes) {
    if (state_ == State::ended) return;
    error_code error;
    const auto sent = transmit(std::span<const char>(bytes), error);
    if (sent == bytes.size()) return;
    if (error && error != asio::error::would_block && error != asio::error::try_again) {
        write_failed_ = true;
        return;
    }
    outbox_.assign(bytes.substr(sent));
    schedule_flush();
}

void FramedSocket::schedule_flush() {
    if (flush_scheduled_ || waiting_to_write_ || state_ == State::ended) return;
    flush_scheduled_ = true;
    asio::post(socket_.get_executor(), OnTurn{shared_from_this()});
}

/// Writes what the kernel takes at once; only what is left waits for room.
void FramedSocket::flush() {
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

void FramedSocket::unblocked() {
#if defined(__linux__)
    // TLS had to write before it could read on.
    if (std::exchange(read_wants_, tcp::socket::wait_read) == tcp::socket::wait_write) read();
#endif
    flush();
}

void FramedSocket::wait_writable() {
#if defined(__linux__)
    // TLS may have to read before it can write: then readable() goes on with it.
    if (write_wants_ == tcp::socket::wait_write)
        socket_.wait_writable(OnWritable{shared_from_this()});
#else
    socket_.wait(write_wants_, OnWritable{shared_from_this()});
#endif
}

void FramedSocket::send_close(std::uint16_t code, std::string_view reason) {
    append(Opcode::close, format_close_payload(code, reason));
    schedule_flush();
}

void FramedSocket::limit_close() {
    if (close_limited_) return;
    close_limited_ = true;
    close_timer_.expires_after(limits_.close_time);
    close_timer_.async_wait([self = shared_from_this()](const error_code& error) {
        if (error || self->state_ == State::ended) return;
        if (self->state_ == State::closing) self->end_.code = close_code::abnormal;
        self->finish();
    });
}

void FramedSocket::lost(const error_code& error) {
    if (state_ == State::open) {
        end_.code = close_code::abnormal;
        end_.by_peer = true;
        end_.reason =
            error == asio::error::eof ? "the peer hung up without a close frame" : error.message();
    } else if (state_ == State::closing) {
        end_.code = close_code::abnormal;
    }
    finish();
}

/// Callbacks that are running now must not be thrown away: the end is told later.
void FramedSocket::cut(WebSocketEnd end) {
    if (state_ == State::ended) return;
    state_ = State::ended;
    end_ = std::move(end);
    close_timer_.cancel();
    socket_.reset();
    if (started_) {
        asio::post(socket_.get_executor(), [self = shared_from_this()] { self->tell_end(); });
    }
}

void FramedSocket::finish() {
    if (state_ == State::ended) return;
    state_ = State::ended;
    close_timer_.cancel();
    if (tls_ && !write_failed_) tls_->say_goodbye();
    socket_.close();
    if (started_ && !forgotten_) tell_end();
}

void FramedSocket::tell_end() {
    // The callbacks usually hold their owner, which holds this socket: let go of both.
    const auto on_end = std::exchange(on_end_, nullptr);
    on_batch_ = nullptr;
    hot_ = nullptr;
    if (on_end) on_end(end_);
}

}  // namespace bridge::net
