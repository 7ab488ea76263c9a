#pragma once
// One listener of a call at the other end of a WebSocket: what it hears goes out as 20 ms messages,
// what it says comes in. docs/control-plane.md has the messages.
//
//   Call ─ write ─▶ (backlog, 64 KiB, oldest dropped) ─▶ ServerWebSocket ─▶ browser, `listen`
//   Call ◀─ GuestTalks, GuestSpeech ─ take ◀───────────── ServerWebSocket ◀─ browser, `talk`

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/metrics.hpp"
#include "call/call.hpp"
#include "call/guest.hpp"
#include "net/server_websocket.hpp"

namespace bridge::web {

/// Messages of one size that wait for a slow socket: the oldest gives way to the newest. Takes no
/// memory until something waits.
class Backlog {
public:
    Backlog(std::size_t message_bytes, std::size_t most_bytes)
        : size_(message_bytes), most_(most_bytes / message_bytes) {}

    /// Returns how many were dropped for it: 0 or 1.
    std::size_t push(std::string_view message);
    bool empty() const { return count_ == 0; }
    std::size_t bytes() const { return count_ * size_; }
    std::string_view front() const { return {&bytes_[first_ * size_], size_}; }
    void pop();

private:
    const std::size_t size_, most_;
    std::vector<char> bytes_;
    std::size_t first_ = 0, count_ = 0;
};

/// What is asked for in the address.
struct ListenOptions {
    bool mulaw = false;  ///< else 16-bit PCM, little endian
    call::Side side = call::Side::both;
    bool talk = false;
};

/// What all listeners count together. Thread: any.
struct ListenMetrics {
    explicit ListenMetrics(metrics::Registry& registry);
    metrics::Gauge& listeners;
    metrics::Gauge& talkers;
    metrics::Counter& dropped;
    metrics::Counter& cut_off;
};

/// Thread: the call's io thread.
class ListenSocket final : public call::Guest, public std::enable_shared_from_this<ListenSocket> {
public:
    /// All that waits for the socket, in its own outbox and here.
    static constexpr std::size_t kMostWaiting = 64 * 1024;
    /// A socket that takes nothing, or a peer that does not even answer pings, for so long is
    /// closed.
    static constexpr std::chrono::seconds kPatience{5};

    ListenSocket(std::shared_ptr<net::ServerWebSocket> socket, const call::Call& call,
                 call::GuestId id, ListenOptions options, Clock& clock,
                 std::shared_ptr<ListenMetrics> metrics);
    ~ListenSocket() override;

    /// Joins the call. It keeps itself alive until the socket has ended.
    void start(call::Call& call);

    void write(const audio::AudioFrame& frame) override;
    void held(bool on) override;
    void talks(bool on) override;
    void over(const std::string& reason) override;

private:
    void take(std::span<const net::WebSocketMessage> batch);
    void take_text(std::string_view text);
    void take_sound(std::string_view bytes);
    void ended();
    void look_after_it();
    void flush();
    void close(std::uint16_t code, std::string_view reason);
    void leave();
    void mouth(bool open);

    const std::shared_ptr<net::ServerWebSocket> socket_;
    const std::weak_ptr<call::Call> call_;
    const CallId call_id_;
    const call::GuestId id_;
    const ListenOptions options_;
    Clock& clock_;
    const std::shared_ptr<ListenMetrics> metrics_;
    Backlog backlog_;
    std::uint64_t dropped_ = 0;       ///< frames
    std::uint64_t dropped_told_ = 0;  ///< of these, told
    Clock::Time took_;                ///< when the socket last had room for more
    Clock::TimerId timer_ = Clock::kNoTimer;
    bool joined_ = false, talking_ = false, closing_ = false;
};

}  // namespace bridge::web
