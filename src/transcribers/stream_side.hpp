#pragma once
// One side of a call at a service that hears while somebody speaks (dialect.hpp). Its connection is
// opened with the first sound and opened again when it breaks; sound waits meanwhile, and what was
// not understood for good is sent again.
//
//   sound ─▶ kept ──────────▶ Dialect ─▶ WebSocket ─▶ service
//             │ not settled       ▲                      │
//             └── again after ────┴── a break     Hearing ─▶ piece on the call's timeline

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "net/websocket_client.hpp"
#include "transcribers/dialect.hpp"
#include "transcribers/side.hpp"
#include "transcribers/side_time.hpp"

namespace bridge::transcribers {

namespace asio = boost::asio;

struct StreamTimes {
    std::chrono::milliseconds first_pause{250};      ///< before it is tried again; doubles …
    std::chrono::milliseconds longest_pause{15000};  ///< … up to this
    std::chrono::milliseconds keep_alive{4000};      ///< without sound to send
    /// From the last sound to the last word, at the end.
    std::chrono::milliseconds last_words{5000};
    std::chrono::milliseconds ping{5000}, silence{15000};  ///< of the connection
};

class StreamSide final : public Side, public std::enable_shared_from_this<StreamSide> {
public:
    /// So much sound is kept for a service that is away.
    static constexpr std::size_t kMostKept = 60UL * audio::kSampleRate;

    StreamSide(asio::any_io_executor executor, call::LineEnd end,
               std::shared_ptr<const Service> service, std::shared_ptr<Teller> teller,
               StreamTimes times);

    void sound(std::uint64_t at, std::span<const std::int16_t> samples) override;
    void silence_to(std::uint64_t at) override;
    void finish() override;
    std::size_t waiting() const override;

private:
    using Socket = std::shared_ptr<net::WebSocketClient>;

    void keep(std::span<const std::int16_t> samples);
    void keep_silence(std::uint64_t samples);
    void trim();
    void begin();
    void ring();
    bool nothing_left() const { return finishing_ && waiting() == 0 && unsettled() == 0; }
    std::size_t unsettled() const;

    static asio::awaitable<void> run(std::shared_ptr<StreamSide> self);
    static asio::awaitable<bool> session(std::shared_ptr<StreamSide> self);
    static asio::awaitable<std::string> hear_all(std::shared_ptr<StreamSide> self);
    static asio::awaitable<void> send_all(std::shared_ptr<StreamSide> self);
    static asio::awaitable<void> out_of_time(std::shared_ptr<StreamSide> self);
    static asio::awaitable<void> pause(std::shared_ptr<StreamSide> self);
    net::WebSocketTarget target() const;
    bool refused(const net::ConnectFailure& failure);
    void send(const Message& message);
    void send_sound();
    std::size_t allowance();
    void take(Replies replies);
    void tell(Hearing hearing);
    void close_open_pieces();
    void lose(std::string reason);
    void fail_for_good(std::string reason);
    std::chrono::milliseconds timeline(std::chrono::milliseconds in_session) const;

    const asio::any_io_executor executor_;
    const call::LineEnd end_;
    const std::shared_ptr<const Service> service_;
    const std::shared_ptr<Teller> teller_;
    const StreamTimes times_;

    SideTime time_;
    std::deque<std::int16_t> kept_;
    std::uint64_t kept_from_ = 0;  ///< place of the first of them, in what the recognizer is given
    std::uint64_t sent_ = 0, settled_ = 0;  ///< up to these places

    Socket socket_;
    std::unique_ptr<Dialect> dialect_;
    std::uint64_t session_from_ = 0;   ///< the place where this session began to hear
    std::uint64_t pieces_before_ = 0;  ///< of the sessions before
    std::map<std::uint64_t, call::TranscriptPiece> open_;  ///< told, and not final
    std::uint64_t last_final_ = 0;
    std::uint64_t last_number_ = 0;

    bool begun_ = false, running_ = false, was_lost_ = false, finishing_ = false, done_ = false;
    int failures_ = 0;  ///< in a row
    asio::steady_timer more_, limit_;
    std::chrono::steady_clock::time_point sent_at_{}, allowance_at_{};
    double allowance_ = 0;  ///< samples
    bool said_end_ = false, heard_all_ = false;
};

}  // namespace bridge::transcribers
