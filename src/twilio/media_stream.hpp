#pragma once
// One media WebSocket of a call. handle() is the place where Twilio's JSON becomes input of the
// call, and send() the one where the call's speech becomes Twilio's JSON.

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/metrics.hpp"
#include "call/call.hpp"
#include "call/phone_line.hpp"
#include "net/server_websocket.hpp"
#include "twilio/wire/media_message.hpp"

namespace bridge::twilio {

/// Buffers that all streams of one io thread take turns with. Thread: that one.
struct MediaScratch {
    MediaMessageParser parser;
    std::string out;
    std::vector<std::uint8_t> mulaw;
};

struct MediaStreamOptions {
    std::chrono::seconds start_time{10};  ///< from the upgrade to `start`
    std::chrono::seconds stop_time{5};    ///< from `stop` to the end of the connection
    /// Media comes every 20 ms, also of a phone that is silent; a peer without media still answers
    /// a ping. So this long without a byte means that nobody is there.
    std::chrono::seconds ping_after{5};    ///< of silence
    std::chrono::seconds close_after{10};  ///< of silence
    std::size_t bad_messages = 100;        ///< then the stream is closed
    /// Pinged when nothing was sent for so long: proxies cut a connection on which this side is
    /// silent. 0: never.
    std::chrono::seconds ping_every{0};
};

/// Thread: the call's io thread. Lives until its connection has ended.
class MediaStream final : public call::PhoneLine, public std::enable_shared_from_this<MediaStream> {
public:
    /// `stream` is what call->open_stream() gave; `expected` is the only CallSid `start` may name.
    MediaStream(std::shared_ptr<call::Call> call, CallSid expected, std::uint64_t stream,
                std::shared_ptr<net::ServerWebSocket> socket, Clock& clock,
                std::shared_ptr<MediaScratch> scratch, MediaStreamOptions options,
                std::shared_ptr<metrics::Registry> metrics = {});

    /// Starts reading. The call is told of everything, last of StreamClosed, exactly once.
    void start();

    const StreamSid& stream_sid() const override { return stream_sid_; }
    bool can_send() const override { return started_ && !stopped_ && !hung_up_ && !listen_only_; }
    bool send(std::span<const audio::AudioFrame> frames) override;
    bool mark(std::string_view name) override;
    bool clear() override;
    void close() override;

private:
    bool may_send() const { return can_send() && !closing_; }
    void handle(std::string_view text);
    void on_message(const message::Connected& connected);
    void on_message(const message::Start& start);
    void on_message(const message::Media& media);
    void on_message(const message::Dtmf& dtmf);
    void on_message(const message::Mark& mark);
    void on_message(const message::Stop& stop);
    bool belongs(std::string_view event, std::string_view stream_sid);
    void bad(std::string reason);
    void refuse(const char* cause, std::string_view reason);
    void count_end(const net::WebSocketEnd& end, const net::WebSocketStats& stats);
    void sweep();
    void schedule_sweep();
    void list_hot();
    void end(const net::WebSocketEnd& end);

    // What every message touches lies together.
    std::shared_ptr<call::Call> call_;
    std::shared_ptr<net::ServerWebSocket> socket_;
    std::shared_ptr<MediaScratch> scratch_;
    const std::uint64_t stream_;
    StreamSid stream_sid_;
    const bool listen_only_;
    bool started_ = false;  // `start` came and was right
    bool stopped_ = false;  // `stop` came
    bool hung_up_ = false;  // the call closed it
    bool closing_ = false;  // we asked for the end, or it is there

    bool ended_ = false;
    const CallSid expected_;
    Clock& clock_;
    const MediaStreamOptions options_;
    const std::shared_ptr<metrics::Registry> metrics_;
    const Clock::Time opened_;
    Clock::TimerId sweep_timer_ = Clock::kNoTimer;
    Clock::Time stopped_at_{};
    Clock::Time pinged_at_{};
    Clock::Time quiet_since_{};  // this side sends nothing
    std::uint64_t sent_ = 0;     // messages, when last looked
    std::size_t bad_ = 0;
    std::size_t unknown_events_ = 0;
    const char* refusal_ = nullptr;  // its name in the metrics
    std::string refused_because_;
    HotLines hot_;
};

}  // namespace bridge::twilio
