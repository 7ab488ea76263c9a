#pragma once
// One media stream as Twilio runs it: the strict client of the bridge's WebSocket.
//
//   CallLine, every 20 ms ── frame() ─▶ media messages ─▶ server
//   server ─▶ media ─▶ Playout ── play() ─▶ CallLine ─▶ phone

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "emulator/call_line.hpp"
#include "emulator/media_pace.hpp"
#include "emulator/playout_book.hpp"
#include "emulator/stream_message.hpp"

namespace bridge::net {
class BeastWebSocket;
struct ConnectFailure;
}  // namespace bridge::net

namespace bridge::emulator {

/// The URL a stream connects to: the query and fragment are dropped, as Twilio does. Errors:
/// refused for a scheme that is not wss, or ws to another host than loopback (31922); bad_field
/// (31923).
Result<std::string> stream_url(const std::string& url);

/// Thread: the emulator's io thread. Reports: `stream-started` once the server answered 101,
/// warnings any time, and last exactly one `stream-stopped` or (without `warning`) `stream-error`.
class StreamClient : public std::enable_shared_from_this<StreamClient> {
public:
    using OnReport = std::function<void(const StreamReport&)>;

    /// `frame_time`: how long 20 ms of the call take.
    StreamClient(asio::any_io_executor executor, StreamRequest request, OnReport report,
                 std::chrono::milliseconds frame_time = std::chrono::milliseconds(20));
    ~StreamClient();
    StreamClient(const StreamClient&) = delete;
    StreamClient& operator=(const StreamClient&) = delete;

    /// Begins to connect; `on_over` is called once, after the last report.
    void start(std::function<void()> on_over);
    /// Twilio's end of it: `stop`, then a close. Harmless when repeated.
    void stop();
    /// Begins what is wrong in `faults`, but for what concerns the handshake.
    void misbehave(const StreamFaults& faults);
    /// The connection breaks (31903); before it stands, it is refused (31902).
    void cut(const std::string& why);
    bool over() const { return over_; }
    const StreamRequest& request() const { return request_; }
    /// Outlives the stream for whoever asks later.
    std::shared_ptr<const PlayoutBook> playout() const { return playout_; }

    /// 20 ms passed: what the phone said and what it heard, sent as the tracks that were asked for.
    void frame(const MulawFrame& inbound, const MulawFrame& outbound);
    /// The next 20 ms for the phone; echoes the marks that are due. Call before `frame` each 20 ms.
    void play(MulawFrame& out);
    /// A key of the phone; dropped on a unidirectional stream.
    void press(char digit);

private:
    asio::awaitable<void> run(std::shared_ptr<StreamClient> self);
    asio::awaitable<void> receive_all();
    /// True: a fault has ended the stream before it stood, or keeps it from ever standing.
    asio::awaitable<bool> fail_handshake();
    void later(std::chrono::milliseconds time, std::function<void()> act);
    void bend_socket(const Fault& fault);
    void bend_pace(const Fault& fault);
    void send(std::string message);
    void send_frame(std::string message);
    std::shared_ptr<StreamClient> self() { return shared_from_this(); }
    bool open(std::shared_ptr<net::BeastWebSocket> socket);
    void handle(const std::string& text);
    void send_media(std::string_view track, const MulawFrame& frame);
    void echo(const std::vector<std::string>& marks);
    void warn_once(int code, const std::string& what);
    void fail_with(int code, const std::string& what);
    void failed_to_connect(const net::ConnectFailure& failure);
    void finish(const StreamReport& last);

    asio::any_io_executor executor_;
    StreamRequest request_;
    OnReport report_;
    std::function<void()> on_over_;
    asio::steady_timer stopped_;  ///< its wait ends when the stream is stopped while connecting
    std::shared_ptr<net::BeastWebSocket> socket_;
    StreamStart start_;
    std::shared_ptr<PlayoutBook> playout_;
    std::set<int> warned_;
    std::uint64_t sequence_ = 0;
    std::uint64_t chunk_ = 0;
    std::uint64_t frames_ = 0;  ///< the stream's timeline, in 20 ms
    bool wants_inbound_ = true, wants_outbound_ = false;
    bool open_ = false;
    bool over_ = false;

    // What faults need.
    std::vector<std::unique_ptr<asio::steady_timer>> timers_;
    std::shared_ptr<MediaPace> pace_;
    asio::steady_timer reading_;  ///< between two messages of a slow reader
    std::chrono::milliseconds read_pause_{0};
    std::string held_back_;  ///< a media message that the next one overtakes
    bool frozen_ = false;    ///< half-open: nothing is read or sent
};

}  // namespace bridge::emulator
